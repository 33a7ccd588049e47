"""Which model columns to keep: not too rare ones, not two that say the same, perhaps those that go with the outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from outcome.features.exposure import outcome_rank_value
from outcome.types import FloatArray, Target

EXACT_RANKS = 2**23  # cases whose ranks single precision tells apart
ROWS = 16_384  # in double precision at a time


def too_rare(x: FloatArray, rare_below: int) -> str:
    """Why a filled column carries too little to learn from, or ""."""
    counts = np.unique(x, return_counts=True)[1]
    others = len(x) - int(counts.max())
    if others == 0:
        return "constant in the training cases"
    return f"fewer than {rare_below} training cases off the commonest value" if others < rare_below else ""


def skewness(x: FloatArray) -> float:
    """The third standardised moment; 0 where the spread is lost in rounding."""
    away = x - x.mean()
    spread = float(np.sqrt(np.mean(away**2)))
    return float(np.mean((away / spread) ** 3)) if spread > 1e-12 * max(1.0, abs(float(x.mean()))) else 0.0


def redundant_with(X: FloatArray, limit: float) -> dict[int, int]:
    """Which columns repeat an earlier kept one: {column: the earlier column}.

    Repeats means |Spearman correlation| > `limit`. `X` is (n, p), no NaN, no constant column. The first stays.
    """
    return redundant_among(iter(X.T), X.shape, limit)


def redundant_among(columns: Iterable[FloatArray], shape: tuple[int, int], limit: float) -> dict[int, int]:
    """The same of columns that come one by one, `shape` (n, p) in all: the matrix itself is never held."""
    if shape[1] < 2:
        return {}
    correlation = _rank_correlation(columns, shape)
    kept: list[int] = []
    found: dict[int, int] = {}
    for j in range(shape[1]):
        close = [i for i in kept if correlation[i, j] > limit]
        if close:
            found[j] = close[0]
        else:
            kept.append(j)
    return found


def _rank_correlation(columns: Iterable[FloatArray], shape: tuple[int, int]) -> FloatArray:
    """|Spearman correlation| of every two columns, (p, p); a matrix of their ranks in single precision is held.

    Ranks are halves of whole numbers, and single precision holds those of eight million cases exactly.
    """
    n, p = shape
    ranks = np.empty(shape, dtype=np.float32 if n < EXACT_RANKS else np.float64)
    for j, column in enumerate(columns):
        ranks[:, j] = rankdata(column)
    mean, squares = (n + 1) / 2, np.zeros(p)
    for part in _parts(ranks):
        squares += np.einsum("ij,ij->j", part - mean, part - mean)
    size, products = np.sqrt(squares), np.zeros((p, p))
    for part in _parts(ranks):
        scaled = (part - mean) / size
        products += scaled.T @ scaled
    return np.abs(products)


def _parts(ranks: npt.NDArray[np.floating]) -> Iterator[FloatArray]:
    """Some rows at a time, in double precision."""
    for first in range(0, len(ranks), ROWS):
        yield ranks[first : first + ROWS].astype(float)


def strongest(X: FloatArray, target: Target, count: int) -> list[int]:
    """The `count` columns whose |Spearman correlation| with the outcome is largest, in column order.

    It looks at the outcome, so it may only ever see training rows. Ties go to the earlier column; fewer columns
    than `count`: all of them.
    """
    if X.shape[1] <= count:
        return list(range(X.shape[1]))
    outcome = rankdata(outcome_rank_value(target))
    if np.all(outcome == outcome[0]):
        return list(range(count))
    ranks = rankdata(X, axis=0)
    centred, other = ranks - ranks.mean(axis=0), outcome - outcome.mean()
    size = np.sqrt((centred**2).sum(axis=0) * (other**2).sum())
    strength = np.abs(other @ centred) / np.where(size > 0, size, 1.0)
    return sorted(np.argsort(-strength, kind="stable")[:count].tolist())
