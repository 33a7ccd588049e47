"""Stage `features`: one row a case, one column a feature. Row-wise only: nothing here is learned from other rows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from outcome.dictionary import DataDictionary
from outcome.features.clinical import clinical_features
from outcome.features.columns import FeatureColumn
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


def join_blocks(
    variables: pd.DataFrame, dictionary: DataDictionary, radiomics: pd.DataFrame
) -> tuple[pd.DataFrame, list[FeatureColumn]]:
    """Every block side by side for the cohort's cases; a case that lacks a block has missing values there."""
    clinical, columns = clinical_features(variables, dictionary)
    named = radiomics.add_prefix("radiomics:").reindex(clinical.index)
    columns = [*columns, *(radiomics_column(name) for name in named.columns)]
    return pd.concat([clinical, named], axis=1), columns


def radiomics_column(name: str) -> FeatureColumn:
    """The description of one radiomic feature, `radiomics:<region>.<tag>`."""
    label = name.removeprefix("radiomics:").replace(".", " ").replace("_", " ")
    return FeatureColumn(
        name=name, block="radiomics", kind="numeric", availability="preoperative", choices=(), label=label, unit=""
    )
