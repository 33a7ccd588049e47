"""What metrics.json says of learned masks: who drew them in each partition, and how they agree with given ones."""

from __future__ import annotations

from typing import Any

import pandas as pd

from outcome.evaluation.masks import mask_agreement
from outcome.pipeline.mask_agreement import FILE
from outcome.pipeline.recipe import SEGMENTER
from outcome.pipeline.stage import Run
from outcome.store import read_json, read_parquet

_SOURCE = {True: "cross_fitted", False: "final network"}


def learned_masks(run: Run, cases: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """{partition: {"masks": ...}} for the partitions (of `cases`, index case_id); empty where masks were given."""
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
            }
        }
        for name, rows in drawn.groupby("partition", sort=False)
    }
