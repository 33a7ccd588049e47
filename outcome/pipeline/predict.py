"""Stage `predict`: the frozen bundle on the cases it was not learned from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from outcome.bundle import read_bundle
from outcome.dictionary import DataDictionary
from outcome.features.crops import Crops, open_crops
from outcome.features.frames import only_rows
from outcome.features.observed import dates_read, observed_frame
from outcome.pipeline.harmonising import NOT_ENTERED, batch_report, entering_cases
from outcome.pipeline.outlines import (
    outline_config,
    outline_counts,
    outline_inputs,
    refuse_more_than_kept,
    write_outlines,
)
from outcome.pipeline.stage import Made, Run, StageResult, Work, perform, upstream
from outcome.serving import ENTERED, RiskModel
from outcome.store import read_parquet, write_json, write_parquet
from outcome.types import DETAIL_COLUMNS, INFORMATION_COLUMNS, PREDICTION_COLUMNS

STAGE = "predict"
DEVELOPMENT = "development"
WARNINGS = "warnings.parquet"


def run_predict(run: Run) -> StageResult:
    """Predict every case outside the development partition by the chosen model and every rung; nothing is fitted.

    With `run.harmonise_with` batches that harmonised rungs do not know enter by some of their cases, without outcomes.
    With `run.outlines` every case is measured by so many other outlines too, and the range of its risks written. Raises
    ConfigRefusal where more are asked for than the segment stage kept of each case.
    """
    refuse_more_than_kept(run.study, run.outlines)
    model = RiskModel(read_bundle(run.store.bundle))
    inputs = {f"stage:{name}": upstream(run.store, name) for name in ("cohort", "features")} | outline_inputs(run)
    entering = {"harmonise_with": run.harmonise_with} if run.harmonise_with else {}
    work = Work(STAGE, {"bundle": model.id, **entering, **outline_config(run)}, inputs, part=model.id)
    return perform(run, work, lambda folder: _produce(run, model, folder))


def _produce(run: Run, model: RiskModel, folder: Path) -> Made:
    cases = read_parquet(run.store.stage("cohort") / "cases.parquet").set_index("case_id")
    learned = [name for name, part in run.study.partitions.items() if part.relation == DEVELOPMENT]
    chosen = sorted(cases.index[~cases["partition"].isin(learned)])
    features = run.store.stage("features")
    frame = only_rows(read_parquet(features / "features.parquet").set_index("case_id"), chosen)
    counts, entering = {}, entering_cases(run, model, frame) if model.harmonises else {}
    if model.harmonises:
        write_json(folder / ENTERED, batch_report(run, model, frame, entering))
        counts["entered"] = {batch: list(ids) for batch, ids in entering.items()}
    table = _predicted(model, frame, open_crops(features), entering)
    table = table.assign(partition=table["case_id"].map(cases["partition"]), source="bundle")
    write_parquet(folder / "predictions.parquet", table[list(PREDICTION_COLUMNS)])
    told = _told(model, frame, entering)
    details = told.details_frame(frame, open_crops(features))
    details = details.assign(partition=details["case_id"].map(cases["partition"]), source="bundle")
    write_parquet(folder / "details.parquet", details[list(DETAIL_COLUMNS)])
    information = told.information_frame(frame)
    information = information.assign(partition=information["case_id"].map(cases["partition"]), source="bundle")
    write_parquet(folder / "information.parquet", information[list(INFORMATION_COLUMNS)])
    write_parquet(folder / WARNINGS, model.unlike_training(_observed(run, frame)))
    failed = write_outlines(run, told, frame, open_crops(features), folder)
    return Made({"cases": len(chosen), "predictions": len(table), **counts, **outline_counts(folder)}, failed)


def _observed(run: Run, frame: pd.DataFrame) -> pd.DataFrame:
    """The features with images at a glance and days between dates beside them."""
    cohort = run.store.stage("cohort")
    scans = read_parquet(run.store.stage("radiomics") / "images.parquet").set_index("case_id")
    dictionary = DataDictionary.load(cohort / "dictionary.csv")
    dates = dates_read(dictionary, run.study.index_time)
    variables = read_parquet(cohort / "variables.parquet", ["case_id", *dates]).set_index("case_id")
    return observed_frame(frame, scans, variables, dictionary, run.study.index_time)


def _told(model: RiskModel, frame: pd.DataFrame, entering: Mapping[str, list[str]]) -> RiskModel:
    """The model with the batches that enter."""
    return model.entered({batch: frame.loc[ids] for batch, ids in entering.items()}) if entering else model


def _predicted(model: RiskModel, frame: pd.DataFrame, crops: Crops, entering: Mapping[str, list[str]]) -> pd.DataFrame:
    """Every rung's predictions; where batches enter, those of harmonised rungs without entering stand beside them."""
    table = model.predict_frame(frame, crops, every_rung=True)
    if not entering:
        return table
    told = _told(model, frame, entering)
    harmonised = {(u.endpoint, u.inputs.value, fit.rung.name) for u in model.units.values() for fit in u.harmonised}
    keys = zip(table["endpoint"], table["inputs"], table["rung"], strict=True)
    before = table[[key in harmonised for key in keys]]
    before = before.assign(rung=before["rung"] + NOT_ENTERED)
    return pd.concat([told.predict_frame(frame, crops, every_rung=True), before], ignore_index=True)
