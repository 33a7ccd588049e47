"""A case's record as features: one column a predictor, row by row; nothing is learned from other rows."""

from __future__ import annotations

import pandas as pd

from outcome.dictionary import Availability, DataDictionary, Variable, VariableKind
from outcome.features.columns import FeatureColumn
from outcome.types import InputSet

BLOCKS = {Availability.PREOPERATIVE: "clinical", Availability.PLANNED: "plan"}


def clinical_features(variables: pd.DataFrame, dictionary: DataDictionary) -> tuple[pd.DataFrame, list[FeatureColumn]]:
    """The predictors of a coded frame as `clinical:<name>` (preoperative), `plan:<name>` (planned), or
    `<block>:<name>` where the dictionary names a block.

    `variables` is indexed by case_id. Numbers and yes/no become float64, categories str; a variable the frame lacks
    is missing in every case. The order is the dictionary's; the frame is not changed.
    """
    columns = [feature_column(variable) for variable in dictionary.predictors(InputSet.WITH_PLAN)]
    sources = dictionary.predictors(InputSet.WITH_PLAN)
    values = {column.name: _values(variables, variable) for column, variable in zip(columns, sources, strict=True)}
    return pd.DataFrame(values, index=variables.index), columns


def feature_column(variable: Variable) -> FeatureColumn:
    """The description of a predictor's feature column."""
    block = variable.block or BLOCKS[variable.availability]
    return FeatureColumn(
        name=f"{block}:{variable.name}",
        block=block,
        kind=variable.kind.value,
        availability=variable.availability.value,
        choices=variable.codes,
        choice_labels=tuple(choice.label for choice in variable.choices),
        label=variable.label or variable.name,
        unit=variable.unit,
        ordered=variable.ordered,
    )


def _values(variables: pd.DataFrame, variable: Variable) -> pd.Series:
    categorical = variable.kind is VariableKind.CATEGORICAL
    if variable.name not in variables.columns:
        return pd.Series([None] * len(variables), index=variables.index, dtype=object if categorical else float)
    column = variables[variable.name]
    if not categorical:
        return column.astype(float, copy=False)  # the frame of all columns copies them, once
    return pd.Series([None if pd.isna(v) else str(v) for v in column], index=column.index, dtype=object)
