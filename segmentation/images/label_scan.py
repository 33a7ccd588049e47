"""Which labels a block of a mask holds, how often and where: one pass, in compiled code."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


@numba.njit(cache=True)
def scan_labels(
    block: npt.NDArray[Any], wanted: npt.NDArray[np.bool_], counts: Counts, bounds: Counts
) -> None:  # pragma: no cover - compiled
    """Count every label above 0 into `counts` and widen `bounds` to the box of the wanted ones.

    `block` (A, B, C) C-contiguous unsigned; `wanted` and `counts` are indexed by label; `bounds` holds
    a0, a1, b0, b1, c0, c1 (half-open), started at (large, -1) pairs.
    """
    for a in range(block.shape[0]):
        for b in range(block.shape[1]):
            row = block[a, b]
            highest = row[0]
            for c in range(row.shape[0]):
                highest = max(highest, row[c])
            if highest == 0:
                continue
            first, last = row.shape[0], -1
            for c in range(row.shape[0]):
                label = row[c]
                if label != 0:
                    counts[label] += 1
                    if wanted[label]:
                        first, last = min(first, c), c
            if last >= 0:
                bounds[0], bounds[1] = min(bounds[0], a), max(bounds[1], a + 1)
                bounds[2], bounds[3] = min(bounds[2], b), max(bounds[3], b + 1)
                bounds[4], bounds[5] = min(bounds[4], first), max(bounds[5], last + 1)


@numba.njit(cache=True)
def scan_boxes(block: npt.NDArray[Any], boxes: Counts, counts: Counts) -> None:  # pragma: no cover - compiled
    """Count every label into `counts` (n,) and its box into `boxes` (n, 6), as `scan_labels` does for one box."""
    for a in range(block.shape[0]):
        for b in range(block.shape[1]):
            row = block[a, b]
            for c in range(row.shape[0]):
                label = row[c]
                if label != 0:
                    counts[label] += 1
                    box = boxes[label]
                    box[0], box[1] = min(box[0], a), max(box[1], a + 1)
                    box[2], box[3] = min(box[2], b), max(box[3], b + 1)
                    box[4], box[5] = min(box[4], c), max(box[5], c + 1)


def empty_bounds(n: int | None = None) -> Counts:
    """Bounds before anything was seen: `(6,)`, or `(n, 6)`."""
    start = np.array([np.iinfo(np.int64).max, -1] * 3, dtype=np.int64)
    return start if n is None else np.tile(start, (n, 1))
