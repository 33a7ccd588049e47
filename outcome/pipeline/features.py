"""Stage `features`: one row a case, one column a feature. Row-wise only: nothing here is learned from other rows."""

from __future__ import annotations

from pathlib import Path

from outcome.dictionary import DataDictionary
from outcome.features.blocks import join_blocks
from outcome.pipeline.stage import Made, Run, StageResult, Work, perform, upstream
from outcome.store import read_parquet, write_json, write_parquet

STAGE = "features"


def run_features(run: Run) -> StageResult:
    """Make the features stage of a study: the clinical and plan blocks beside the radiomics block."""
    inputs = {f"stage:{name}": upstream(run.store, name) for name in ("cohort", "radiomics")}
    return perform(run, Work(STAGE, {}, inputs), lambda folder: _produce(run, folder))


def _produce(run: Run, folder: Path) -> Made:
    cohort = run.store.stage("cohort")
    dictionary = DataDictionary.load(cohort / "dictionary.csv")
    variables = read_parquet(cohort / "variables.parquet").set_index("case_id")
    radiomics = read_parquet(run.store.stage("radiomics") / "radiomics.parquet").set_index("case_id")
    features, columns = join_blocks(variables, dictionary, radiomics)
    write_parquet(folder / "features.parquet", features.reset_index())
    write_json(folder / "columns.json", [column.to_json() for column in columns])
    return Made({"cases": len(features), "features": len(columns), "with_radiomics": len(radiomics)})
