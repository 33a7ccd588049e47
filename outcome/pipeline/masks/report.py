"""What metrics.json says of learned masks: who drew them in each partition, and how they agree with given ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from outcome.evaluation.masks import mask_agreement
from outcome.pipeline.masks.agreement import FILE
from outcome.pipeline.outlines import KINDS, TABLE
from outcome.pipeline.recipe import SEGMENTER
from outcome.pipeline.stage import Run
from outcome.store import read_json, read_parquet

_SOURCE = {True: "cross_fitted", False: "final network"}


def learned_masks(run: Run, cases: pd.DataFrame, predicted: Path) -> dict[str, dict[str, Any]]:
    """{partition: {"masks": ...}} for the partitions (of `cases`, index case_id); empty where masks were given.

    `predicted` is the folder of the predictions, where ranges over other outlines may stand.
    """
    segment = run.store.stage("segment")
    if not (segment / SEGMENTER).exists():
        return {}
    network = read_json(segment / SEGMENTER)["name"]
    drawn = cases.loc[cases.index.isin(list(read_json(segment / "index.json")))]
    table = read_parquet(segment / FILE).join(cases[["patient_id", "partition"]], on="case_id")
    learned_from = {name for name, part in run.study.partitions.items() if part.relation == "development"}
    return {
        str(name): {
            "masks": {
                "source": _SOURCE[name in learned_from],
                "network": network,
                "n_drawn": len(rows),
                "regions": mask_agreement(table[table["partition"] == name]),
                **outline_kinds(predicted, rows.index),
            }
        }
        for name, rows in drawn.groupby("partition", sort=False)
    }


def outline_kinds(predicted: Path, case_ids: pd.Index) -> dict[str, dict[str, int]]:
    """{"outlines": {kind: how many of these cases have a range over such outlines}}; {} where none was asked for."""
    if not (predicted / TABLE).exists():
        return {}
    table = read_parquet(predicted / TABLE).drop_duplicates("case_id").set_index("case_id")
    kinds = table.loc[table.index.isin(case_ids), "kind"]
    return {"outlines": {kind: int((kinds == kind).sum()) for kind in KINDS}}
