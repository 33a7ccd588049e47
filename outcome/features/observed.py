"""Everything that is looked at of a case beside what models read: images at a glance, and days between dates.

Columns `scan:<image>.<what>` (`outcome.cases.glance_case`) and `interval:<date>` (days from that date to surgery).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from outcome.dictionary import DataDictionary, VariableKind
from outcome.features.columns import FeatureColumn
from outcome.types import FloatArray

SCAN, INTERVAL = "scan", "interval"
_WORDS = {"x": "right-left", "y": "front-back", "z": "bottom-top"}
_EARLY = ("preoperative", "planned")


def observed_frame(
    features: pd.DataFrame, scans: pd.DataFrame, variables: pd.DataFrame, dictionary: DataDictionary, start: str | None
) -> pd.DataFrame:
    """The features (index case_id) with the other columns beside them; `start` names the date of surgery, if any.

    The features themselves where there are no others.
    """
    parts = [scans.add_prefix(f"{SCAN}:").reindex(features.index)] if len(scans.columns) else []
    for name in early_dates(dictionary, start):
        if name in variables and start in variables:
            days = days_before(variables[name].reindex(features.index), variables[start].reindex(features.index))
            parts.append(pd.DataFrame({f"{INTERVAL}:{name}": days}, index=features.index))
    return pd.concat([features, *parts], axis=1) if parts else features  # a copy of a large table is as large again


def dates_read(dictionary: DataDictionary, start: str | None) -> list[str]:
    """The variables that `observed_frame` looks at."""
    early = early_dates(dictionary, start)
    return [*early, start] if early and start is not None else []


def early_dates(dictionary: DataDictionary, start: str | None) -> list[str]:
    """The dates that are known before surgery; none without a date of surgery to count from."""
    if start is None:
        return []
    dated = [variable for variable in dictionary if variable.kind is VariableKind.DATE and variable.name != start]
    return [variable.name for variable in dated if variable.availability in _EARLY]


def days_before(dates: pd.Series, start: pd.Series) -> FloatArray:
    """Days from each date to the start of surgery (n,), NaN where either is not known."""
    there, then = (pd.to_datetime(series, errors="coerce", format="ISO8601") for series in (dates, start))
    return np.asarray((then - there).dt.total_seconds() / 86400.0, dtype=float)


def observed_columns(names: Sequence[str], dictionary: DataDictionary) -> list[FeatureColumn]:
    """What the columns beside the features are, for readers."""
    return [_column(name, dictionary) for name in names]


def _column(name: str, dictionary: DataDictionary) -> FeatureColumn:
    block, _, rest = name.partition(":")
    if block == INTERVAL:
        label = f"Days from {dictionary[rest].label or rest} to surgery" if rest in dictionary else rest
        return FeatureColumn(name, block, "numeric", "preoperative", label=label, unit="days")
    image, _, what = rest.partition(".")
    last = what.rpartition(".")[2]
    words = what.replace(".", " ").replace("_", " ")
    place = f"{words} ({_WORDS[last]})" if last in _WORDS and "." in what else words
    return FeatureColumn(name, block, "numeric", "preoperative", label=f"{image} {place}", unit=_unit(last))


def _unit(what: str) -> str:
    if what.startswith(("spacing", "extent")):
        return "mm"
    return {"volume": "ml"}.get(what, "")
