"""Which cases of a fit a network learns nothing from: equally many of those with the event and of those without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outcome.types import BoolArray


def left_aside(cases: Sequence[str], event: BoolArray, share: float, rng: np.random.Generator) -> BoolArray:
    """(n,) which rows: this share of the cases with the event and of those without; rows of a case together."""
    ids, first, member = np.unique(np.array(cases, dtype=str), return_index=True, return_inverse=True)
    order = rng.permutation(len(ids))
    dealt = order[np.argsort(~event[first][order], kind="stable")]
    chosen = np.zeros(len(ids), dtype=bool)
    chosen[dealt[:: round(1 / share)]] = True
    return np.asarray(chosen[member])
