"""Who the model was learned from, in numbers: columns, blocks and outcomes; no cell below the suppression limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from outcome.features.crops import IMAGE_PREFIX
from outcome.types import EndpointKind

SUPPRESSION_LIMIT = 5
_WITH_EVENTS = (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT)
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def reference_summary(frame: pd.DataFrame, endpoints: pd.DataFrame, kinds: Mapping[str, str]) -> dict[str, Any]:
    """The training population in numbers, with no cell below the suppression limit: for checks of shift."""
    summary = {str(name): column_summary(frame[name]) for name in frame.columns}
    outcomes = {
        str(name): outcome_summary(group, kinds[str(name)]) for name, group in endpoints.groupby("endpoint", sort=True)
    }
    return {
        "n": len(frame),
        "suppression_limit": SUPPRESSION_LIMIT,
        "features": summary,
        "blocks": block_summaries(frame),
        "endpoints": outcomes,
    }


def column_summary(column: pd.Series) -> dict[str, Any]:
    """How many know a column, and its quantiles, mean and standard deviation, or the count of each category.

    With fewer than 20 known values only the counts are told. A number of two values, one of them rare, is no more than
    a count: its mean would give the rare one away.
    """
    known = column.dropna()
    n, missing = suppressed_parts([len(known), len(column) - len(known)])
    summary: dict[str, Any] = {"n": n, "missing": missing}
    if len(known) < 4 * SUPPRESSION_LIMIT or str(column.name).startswith(IMAGE_PREFIX):
        return summary
    if pd.api.types.is_numeric_dtype(column):
        return {**summary, **_number_summary(known.to_numpy(dtype=float))}
    counts = known.value_counts().sort_index()
    # the missing are one more part of the same total, which the categories alone would give away
    shown = suppressed_parts([*counts.tolist(), len(column) - len(known)])[:-1]
    return {**summary, "counts": dict(zip(map(str, counts.index), shown, strict=True))}


def _number_summary(known: np.ndarray) -> dict[str, Any]:
    if has_rare_value(known):
        return {}
    levels = [float(q) for q in np.quantile(known, _QUANTILES)]
    quantiles = dict(zip(map(str, _QUANTILES), levels, strict=True))
    return {"quantiles": quantiles, "mean": float(known.mean()), "sd": float(known.std(ddof=1))}


def has_rare_value(known: np.ndarray) -> bool:
    """Whether a column holds two values and one of them in fewer cases than the limit."""
    return any(int(half.sum()) < SUPPRESSION_LIMIT for half in two_halves(known))


def two_halves(x: np.ndarray) -> tuple[np.ndarray, ...]:
    """The rows with either value of a column that holds two (NaN apart), as masks; empty for other columns."""
    known = x[~np.isnan(x)]
    if not known.size:
        return ()
    low, high = known.min(), known.max()
    if low == high or not np.all((known == low) | (known == high)):
        return ()
    return x == low, x == high


def block_summaries(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Of each block of columns: how many cases have anything of it (`n`), and how many nothing (`missing`)."""
    names: dict[str, list[str]] = {}
    for name in map(str, frame.columns):
        names.setdefault(name.rpartition(":")[0], []).append(name)
    found = {}
    for block, columns in names.items():
        absent = int(frame[columns].isna().all(axis=1).sum())
        found[block] = dict(zip(("n", "missing"), suppressed_parts([len(frame) - absent, absent]), strict=True))
    return found


def outcome_summary(rows: pd.DataFrame, kind: str) -> dict[str, Any]:
    """Known outcomes and, where the kind of endpoint has them, events; a lone small cell is not left to arithmetic."""
    known = int((rows["value"].notna() | (rows["event"].notna() & rows["time_days"].notna())).sum())
    n = None if suppressed(len(rows) - known) is None else known
    if kind not in _WITH_EVENTS:
        return {"n": n, "n_events": None}
    events = int((rows["value"] == 1).sum() + ((rows["event"] == 1) & rows["time_days"].notna()).sum())
    told = n is None or suppressed(known - events) is not None
    return {"n": n, "n_events": suppressed(events) if told else None}


def suppressed_parts(parts: list[int]) -> list[int | None]:
    """Counts that add up to a total a reader knows: one small cell alone would follow from the others.

    With one part suppressed the smallest of the rest goes too.
    """
    shown = [suppressed(count) for count in parts]
    rest = [i for i, count in enumerate(shown) if count]
    if rest and len(rest) == len([count for count in parts if count]) - 1:
        shown[min(rest, key=lambda i: parts[i])] = None
    return shown


def suppressed(count: int) -> int | None:
    """A count, or None where it is small enough to point at somebody."""
    return None if 0 < count < SUPPRESSION_LIMIT else count
