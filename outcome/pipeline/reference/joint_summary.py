"""How do the development cases' columns go together? Means and covariances for a membership model without patients.

Numbers as they are, one 0/1 column a told category; missing numbers take the mean, a missing category is in none. Left
out is what could give a small cell away: columns known in too few cases, rare values, pairs of columns of which a few
cases alone are known or fall together, and, against a near-empty table, whatever exceeds a fifth of the cases or 40.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any

import numpy as np
import pandas as pd

from outcome.evaluation.shift.membership import independent_columns
from outcome.features.columns import IMAGE, FeatureColumn
from outcome.pipeline.reference.population import SUPPRESSION_LIMIT, column_summary, has_rare_value, two_halves
from outcome.types import BoolArray, FloatArray

MOST_COLUMNS = 40  # their covariances make 30 kB of JSON
CASES_A_COLUMN = 5
RECORD = ("clinical", "plan")


@dataclass(frozen=True, eq=False)
class _Candidate:
    name: str
    source: str
    level: str | None
    value: FloatArray  # (n,), NaN where missing

    @cached_property
    def known(self) -> BoolArray:
        return ~np.isnan(self.value)

    @cached_property
    def halves(self) -> tuple[BoolArray, ...]:
        """The cases with either value of a column of two; empty for others."""
        return two_halves(self.value)


def joint_summary(frame: pd.DataFrame, columns: Sequence[FeatureColumn]) -> dict[str, Any]:
    """`names`, `mean`, `covariance` (divisor n - 1), `n`, and by name the `sources`: feature and, if any, category."""
    most = min(MOST_COLUMNS, len(frame) // CASES_A_COLUMN)
    kept: list[_Candidate] = []
    for candidate in _in_turn(frame, columns):
        if len(kept) < most and all(_tells_no_few(candidate, other) for other in kept):
            kept.append(candidate)
    if not kept:
        return {"withheld": "no column of the development cases can be told without pointing at a few of them"}
    sources = [{"column": one.source, "level": one.level} for one in kept]
    X = np.column_stack([one.value for one in kept])
    mean = np.nanmean(X, axis=0)
    covariance = np.atleast_2d(np.cov(np.where(np.isnan(X), mean, X), rowvar=False))
    return {
        "names": [one.name for one in kept],
        "sources": sources,
        "mean": mean.tolist(),
        "covariance": covariance.tolist(),
        "n": len(frame),
    }


def joint_matrix(frame: pd.DataFrame, sources: Iterable[Mapping[str, Any]], mean: FloatArray) -> FloatArray:
    """The same columns of other cases, (n, p); a missing number takes the development mean, an absent column too."""
    values = [
        _values(frame[source["column"]], source["level"]) if source["column"] in frame else np.full(len(frame), np.nan)
        for source in sources
    ]
    X = np.column_stack(values)
    return np.where(np.isnan(X), mean, X)


def _in_turn(frame: pd.DataFrame, columns: Sequence[FeatureColumn]) -> Iterator[_Candidate]:
    """The record and the plan, then the other blocks in turn, of each first what its own columns do not say twice."""
    blocks: dict[str, list[_Candidate]] = {}
    for column in columns:
        if column.kind != IMAGE:
            made = (one for one in _candidates(frame[column.name], column) if _varies(one))
            blocks.setdefault(column.block, []).extend(made)
    for block in RECORD:
        yield from blocks.pop(block, [])
    for row in zip_longest(*(_by_news(block) for block in blocks.values())):
        yield from (one for one in row if one is not None)


def _by_news(block: list[_Candidate]) -> list[_Candidate]:
    if not block:
        return []
    X = np.column_stack([np.where(one.known, one.value, np.nanmean(one.value)) for one in block])
    return [block[at] for at in independent_columns(np.atleast_2d(np.cov(X, rowvar=False)))]


def _candidates(values: pd.Series, column: FeatureColumn) -> Iterator[_Candidate]:
    if int(values.notna().sum()) < 4 * SUPPRESSION_LIMIT:
        return
    if column.kind != "categorical":
        x = _values(values, None)
        if not has_rare_value(x):
            yield _Candidate(column.name, column.name, None, x)
        return
    counts = column_summary(values).get("counts", {})
    told = [level for level, count in counts.items() if count]
    # the last category follows from the others where all of them are told
    for level in told[1:] if len(told) == len(counts) else told:
        yield _Candidate(f"{column.name}={level}", column.name, level, _values(values, level))


def _values(values: pd.Series, level: str | None) -> FloatArray:
    if level is not None:
        return np.asarray(values.to_numpy(dtype=object) == level, dtype=float)
    x = values.to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(x), x, np.nan)


def _varies(candidate: _Candidate) -> bool:
    known = candidate.value[candidate.known]
    return bool(known.std() > 1e-9 * max(1.0, float(np.abs(known).max())))


def _tells_no_few(one: _Candidate, other: _Candidate) -> bool:
    """Whether the pair's covariance speaks of nobody or of enough cases, wherever it speaks of a group."""
    together = one.known & other.known
    if not _nobody_or(int(together.sum()), 4 * SUPPRESSION_LIMIT):
        return False
    cells = [half & other.known for half in one.halves] + [half & one.known for half in other.halves]
    cells += [a & b for a in one.halves for b in other.halves]
    return all(_nobody_or(int(cell.sum()), SUPPRESSION_LIMIT) for cell in cells)


def _nobody_or(count: int, least: int) -> bool:
    return count == 0 or count >= least
