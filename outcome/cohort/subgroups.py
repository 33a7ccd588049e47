"""Which subgroup each case belongs to: the levels of a categorical variable, or the ranges of a number."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from outcome.config import Subgroup
from outcome.dictionary import DataDictionary

UNKNOWN = "unknown"


def subgroup_labels(
    variables: pd.DataFrame, cases: pd.DataFrame, subgroups: Sequence[Subgroup], dictionary: DataDictionary
) -> pd.DataFrame:
    """One column a subgroup variable (by its label), one row a case, text labels; missing values are "unknown".

    `variables` and `cases` are indexed by case_id; more than one site adds the site.
    """
    columns = {_title(group, dictionary): _labels(variables[group.variable], group, dictionary) for group in subgroups}
    if cases["site"].nunique() > 1:
        columns["site"] = cases["site"].astype(str)
    return pd.DataFrame(columns, index=variables.index)


def _title(group: Subgroup, dictionary: DataDictionary) -> str:
    return group.label or dictionary[group.variable].label


def _labels(values: pd.Series, group: Subgroup, dictionary: DataDictionary) -> pd.Series:
    if group.cut:
        return _ranges(values, group.cut, dictionary[group.variable].unit)
    choices = {choice.code: choice.label for choice in dictionary[group.variable].choices}
    if pd.api.types.is_numeric_dtype(values):  # a boolean, coded 0 and 1
        return values.map({0.0: "no", 1.0: "yes"}).fillna(UNKNOWN)
    return values.map(lambda code: choices.get(code, code) if isinstance(code, str) else UNKNOWN)


def _ranges(values: pd.Series, cut: Sequence[float], unit: str) -> pd.Series:
    """`cut` points become the lower, inclusive ends of ranges: 65 gives "< 65" and "≥ 65"."""
    ends = sorted(cut)
    names = [f"< {ends[0]:g}", *(f"{a:g} to < {b:g}" for a, b in pairwise(ends)), f"≥ {ends[-1]:g}"]
    suffix = f" {unit}" if unit else ""
    which = np.searchsorted(ends, values.to_numpy(dtype=float), side="right")
    labels = [
        UNKNOWN if np.isnan(v) else names[i] + suffix for v, i in zip(values.to_numpy(dtype=float), which, strict=True)
    ]
    return pd.Series(labels, index=values.index, dtype=object)
