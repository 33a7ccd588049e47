"""Into which part of the reference cases' order does a new value fall? The part is all that is read of a case.

Reference cases are put in order, ties by lot, and cut at fixed ranks. If a new case is exchangeable with them, it falls
into a part with a chance known exactly, whatever the distribution: the gaps of the part over n + 1 (David & Nagaraja
2003, doi:10.1002/0471722162, chapter 2). A cut is one value and one lot; a bundle can hold it where it holds no case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.types import BoolArray, FloatArray

IntArray = npt.NDArray[np.int64]
SHARES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)  # fixed beforehand: the chances above hold for no chosen ranks
FEWEST_IN_A_PART = 5  # the suppression limit: no part is smaller


@dataclass(frozen=True, eq=False)
class Cuts:
    """`n` reference cases, cut at `ranks` (k - 1, rising, from 1); each cut is the `value` and `lot` at its rank."""

    n: int
    ranks: tuple[int, ...]
    values: FloatArray  # (k - 1,)
    lots: FloatArray  # (k - 1,), in [0, 1]

    @property
    def gaps(self) -> FloatArray:
        """How many of the n + 1 gaps between reference cases each part has, (k,)."""
        return np.diff([0, *self.ranks, self.n + 1]).astype(float)

    def parts(self, values: FloatArray, lots: FloatArray) -> IntArray:
        """The part, 0 to k - 1, of each value (n,) with its lot; values without NaN."""
        below = self.values < values[:, None]
        tied = (self.values == values[:, None]) & (self.lots < lots[:, None])
        return (below | tied).sum(axis=1)

    def to_json(self) -> dict[str, Any]:
        return {"n": self.n, "ranks": list(self.ranks), "values": self.values.tolist(), "lots": self.lots.tolist()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cuts:
        values, lots = (np.array(data[name], dtype=float) for name in ("values", "lots"))
        return cls(int(data["n"]), tuple(int(rank) for rank in data["ranks"]), values, lots)


def cuts_of(values: FloatArray, lots: FloatArray) -> Cuts | None:
    """The cuts of reference values (n,) without NaN; None with fewer than two parts of 5 cases."""
    n = len(values)
    ranks = fitting_ranks(n)
    if not ranks:
        return None
    order = np.lexsort((lots, values))[np.array(ranks) - 1]
    return Cuts(n, ranks, values[order], lots[order])


def at_cuts(values: FloatArray) -> BoolArray:
    """Which of the reference values (n,) are those of a cut; their lots alone say on which side they fall."""
    ranks = np.array(fitting_ranks(len(values)), dtype=int)
    return np.isin(values, np.sort(values)[ranks - 1]) if len(ranks) else np.zeros(len(values), dtype=bool)


def fitting_ranks(n: int) -> tuple[int, ...]:
    """The ranks nearest to SHARES among n that leave 5 cases in every part, from the middle outwards."""
    kept: list[int] = []
    for share in sorted(SHARES, key=lambda share: (abs(share - 0.5), share)):
        rank = round(share * (n + 1))
        if all(b - a >= FEWEST_IN_A_PART for a, b in _neighbours([0, *sorted([*kept, rank]), n])):
            kept.append(rank)
    return tuple(sorted(kept))


def _neighbours(ranks: Sequence[int]) -> list[tuple[int, int]]:
    return list(pairwise(ranks))


def lots_of(case_ids: Sequence[str], about: str) -> FloatArray:
    """A number in [0, 1) for each case, the same for the same case and column whatever stands beside it."""
    key = hashlib.sha256(about.encode()).hexdigest()[:16]
    hashed = pd.util.hash_array(np.array(case_ids, dtype=object), hash_key=key, categorize=False)
    return np.asarray(hashed, dtype=np.uint64).astype(float) / 2.0**64
