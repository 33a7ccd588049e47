"""What the notebooks share: the cases of a store beside their predictions, in groups, measured and drawn by the program.

Every number comes from `outcome.evaluation`, every figure from `outcome.report`; nothing is computed here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import SVG, Markdown, display

from outcome.cohort.endpoints import endpoint_target
from outcome.cohort.subgroups import subgroup_labels
from outcome.config import Subgroup
from outcome.dictionary import DataDictionary
from outcome.evaluation import evaluate_target
from outcome.evaluation.kinds import PRIMARY_METRIC
from outcome.report.entries import ModelEntry
from outcome.report.figures import forest_svg
from outcome.report.numbers import format_estimate, format_number
from outcome.report.tables import subgroup_rows
from outcome.report.wording import metric_of, partition_title
from outcome.store import read_json, read_parquet
from outcome.types import EndpointKind

GIVEN, MISSING = "given", "missing"


@dataclass(frozen=True, eq=False)
class StudyCases:
    """One evaluated study of a store; frames have the index case_id."""

    folder: Path
    metrics: Mapping[str, Any]
    cases: pd.DataFrame
    variables: pd.DataFrame
    features: pd.DataFrame
    endpoints: pd.DataFrame
    predictions: pd.DataFrame
    dictionary: DataDictionary

    @property
    def blocks(self) -> dict[str, list[str]]:
        """The columns of each block of inputs."""
        found: dict[str, list[str]] = {}
        for column in read_json(self.folder / "features" / "columns.json"):
            found.setdefault(column["block"], []).append(column["name"])
        return found


def studies(variable: str = "OUTCOME_STORE") -> dict[str, StudyCases]:
    """Every evaluated study of the store that the environment variable names, by its name."""
    root = os.environ.get(variable)
    if not root:
        raise SystemExit(f"set {variable} to the folder of a store (`outcome run` or `outcome demo` writes one)")
    found = sorted(Path(root).glob("*/evaluate/*/metrics.json"))
    if not found:
        raise SystemExit(f"{variable} names a folder without an evaluated study")
    return {path.parents[2].name: _read(path) for path in found}


def _read(path: Path) -> StudyCases:
    folder, bundle = path.parents[2], path.parent.name
    tables = [folder / "predict" / bundle / "predictions.parquet", folder / "train" / "out_of_fold.parquet"]
    predictions = [table for table in (read_parquet(p) for p in tables if p.exists()) if len(table)]
    cohort = folder / "cohort"
    indexed = {name: read_parquet(cohort / f"{name}.parquet").set_index("case_id") for name in ("cases", "variables")}
    return StudyCases(
        folder=folder,
        metrics=read_json(path),
        features=read_parquet(folder / "features" / "features.parquet").set_index("case_id"),
        endpoints=read_parquet(cohort / "endpoints.parquet"),
        predictions=pd.concat(predictions, ignore_index=True),
        dictionary=DataDictionary.load(cohort / "dictionary.csv"),
        **indexed,
    )


def by_variables(study: StudyCases, groups: Sequence[Subgroup]) -> pd.DataFrame:
    """Labels by variables of the record, one row a case; those the study does not have are left out and named."""
    absent = [group.variable for group in groups if group.variable not in study.variables.columns]
    if absent:
        display(Markdown(f"Not in this study's record: {', '.join(absent)}."))
    present = [group for group in groups if group.variable not in absent]
    return subgroup_labels(study.variables, study.cases.assign(site=""), present, study.dictionary)


def by_hospital(study: StudyCases) -> pd.DataFrame:
    """The site of each case; no groups where there is one site alone."""
    if study.cases["site"].nunique() == 1:
        display(Markdown("One hospital alone in this study."))
        return pd.DataFrame(index=study.cases.index)
    return pd.DataFrame({"hospital": study.cases["site"].astype(str)})


def by_missing_block(study: StudyCases) -> pd.DataFrame:
    """Whether each block of inputs is there; a block that all cases have, or none, forms no groups and is named."""
    empty = {block: study.features[names].isna().all(axis=1) for block, names in study.blocks.items()}
    alike = [block for block, gone in empty.items() if gone.nunique() == 1]
    if alike:
        words = ", ".join(f"{block} ({MISSING if empty[block].all() else GIVEN} in all)" for block in alike)
        display(Markdown(f"No groups to compare: {words}."))
    labels = {block: gone.map({True: MISSING, False: GIVEN}) for block, gone in empty.items() if block not in alike}
    return pd.DataFrame(labels, index=study.features.index)


def measured(study: StudyCases, partition: str, endpoint: str, inputs: str, labels: pd.DataFrame) -> ModelEntry:
    """One model's numbers in every group, as an entry of metrics.json: by the rules that `outcome evaluate` keeps."""
    rows = study.predictions
    rows = rows[(rows["endpoint"] == endpoint) & (rows["inputs"] == inputs) & (rows["rung"] == "chosen")]
    rows = rows[rows["partition"] == partition].sort_values(["case_id", "horizon_days"]).drop_duplicates("case_id")
    facts = study.metrics["partitions"][partition]["endpoints"][endpoint]
    model, ids = facts["models"][inputs], rows["case_id"].tolist()
    found = evaluate_target(
        endpoint_target(study.endpoints, endpoint, EndpointKind(facts["kind"]), ids),
        rows["risk"].to_numpy(),
        rows["score"].to_numpy(),
        horizon_days=facts["horizon_days"],
        threshold=(model["threshold"] or {}).get("value"),
        groups={str(name): column.loc[ids].to_numpy(dtype=object) for name, column in labels.items()},
    )
    return ModelEntry(partition, study.metrics["partitions"][partition], endpoint, facts, inputs, found.to_json())


def show(entry: ModelEntry) -> None:
    """The primary measure in every group, as a figure and a table, and whether the groups differ."""
    rows = subgroup_rows(entry)
    if not rows:
        display(Markdown("No groups to compare here."))
        return
    metric, label = metric_of(entry.metric)
    overall = entry.model["metrics"].get(entry.metric)
    title = f"{label}: {entry.label}, {partition_title(entry.partition_name, entry.partition)}"
    figure = forest_svg(rows, overall, metric.null, title)
    if figure:
        display(SVG(data=figure))
    table = [(row.variable, row.group, row.events, row.value) for row in rows]
    display(pd.DataFrame(table, columns=["by", "group", "events / cases", f"{label} (95 % interval)"]))
    show_differences(entry.model["subgroup_analysis"])


def show_differences(analysis: Mapping[str, Any] | None) -> None:
    """The tests of whether groups differ, adjusted for their number; a test that cannot be had says why."""
    tests = (analysis or {}).get("interaction_tests") or []
    rows = [
        (test["variable"], metric_of(test["metric"])[1], test["withheld"] or format_number(test["p_value"], 3),
         "" if test["withheld"] else format_number(test["holm"], 3))
        for test in tests
    ]  # fmt: skip
    if rows:
        display(pd.DataFrame(rows, columns=["by", "do groups differ in", "p", "p, Holm"]))
        display(Markdown(f"*Adjusted together: {analysis['family']}.*"))


def side_by_side(found: Mapping[str, StudyCases], endpoint: str, inputs: str) -> pd.DataFrame:
    """The same model in each group of cases of a store: hospitals, batches; from their metrics.json as they stand."""
    rows = []
    for study in found.values():
        for name, partition in study.metrics["partitions"].items():
            facts = partition["endpoints"].get(endpoint) or {}
            metrics = (facts.get("models", {}).get(inputs) or {}).get("metrics") or {}
            primary = PRIMARY_METRIC[EndpointKind(facts["kind"])] if facts else ""
            for metric in (primary, "oe_ratio", "oe_ratio_t"):
                if metric in metrics:
                    rows.append((partition_title(name, partition), facts["n"], facts["n_events"],
                                 metric_of(metric)[1], format_estimate(metrics[metric])))  # fmt: skip
    return pd.DataFrame(rows, columns=["cases", "n", "events", "measure", "value (95 % interval)"])
