"""Stage `predict`: the frozen bundle on the cases it was not learned from."""

from __future__ import annotations

from pathlib import Path

from outcome.bundle import read_bundle
from outcome.features.crops import open_crops
from outcome.pipeline.stage import Made, Run, StageResult, Work, perform, upstream
from outcome.serving import RiskModel
from outcome.store import read_parquet, write_parquet
from outcome.types import PREDICTION_COLUMNS

STAGE = "predict"
DEVELOPMENT = "development"


def run_predict(run: Run) -> StageResult:
    """Predict every case outside the development partition by the chosen model and every rung; nothing is fitted."""
    model = RiskModel(read_bundle(run.store.bundle))
    inputs = {f"stage:{name}": upstream(run.store, name) for name in ("cohort", "features")}
    work = Work(STAGE, {"bundle": model.id}, inputs, part=model.id)
    return perform(run, work, lambda folder: _produce(run, model, folder))


def _produce(run: Run, model: RiskModel, folder: Path) -> Made:
    cases = read_parquet(run.store.stage("cohort") / "cases.parquet").set_index("case_id")
    learned = [name for name, part in run.study.partitions.items() if part.relation == DEVELOPMENT]
    chosen = sorted(cases.index[~cases["partition"].isin(learned)])
    features = run.store.stage("features")
    frame = read_parquet(features / "features.parquet").set_index("case_id").loc[chosen]
    table = model.predict_frame(frame, open_crops(features), every_rung=True)
    table = table.assign(partition=table["case_id"].map(cases["partition"]), source="bundle")
    write_parquet(folder / "predictions.parquet", table[list(PREDICTION_COLUMNS)])
    return Made({"cases": len(chosen), "predictions": len(table)})
