"""A long line of numbers some at a time, in full precision: sums without a second copy of the region."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CHUNK = 16_384


def chunks(values: npt.NDArray[Any], size: int = CHUNK) -> Iterator[Floats]:
    """The numbers of `values` (n,) in order, `size` at a time, as float64."""
    for start in range(0, len(values), size):
        yield values[start : start + size].astype(np.float64)


def sums(values: npt.NDArray[Any], of: Callable[[Floats], tuple[Floats, ...]]) -> tuple[float, ...]:
    """Over all numbers of `values` (n,), n > 0, the sums of what `of` makes of some of them."""
    parts = [[float(part.sum()) for part in of(some)] for some in chunks(values)]
    return tuple(sum(part) for part in zip(*parts, strict=True))
