"""A curve that bends in the middle and is straight in the tails: Harrell's restricted cubic spline with three knots.

Harrell 2015, doi:10.1007/978-3-319-19425-7 (chapter 2.4.5).
"""

from __future__ import annotations

import numpy as np

from outcome.types import FloatArray

KNOT_QUANTILES = (0.1, 0.5, 0.9)
# Knots nearer than this (in log odds or log hazard) leave no room for a bend.
MIN_KNOT_GAP = 1e-6


def spline_knots(x: FloatArray) -> FloatArray | None:
    """The 10th, 50th and 90th percentile of x, shape (3,); None where ties make two of them one."""
    knots = np.quantile(x, KNOT_QUANTILES)
    return knots if np.min(np.diff(knots)) > MIN_KNOT_GAP else None


def spline_columns(x: FloatArray, knots: FloatArray) -> FloatArray:
    """x itself and its bend, linear beyond the outer knots and scaled by their squared distance; shape (n, 2)."""
    first, middle, last = knots
    cubes = [np.maximum(x - k, 0) ** 3 for k in knots]
    bend = cubes[0] - cubes[1] * (last - first) / (last - middle) + cubes[2] * (middle - first) / (last - middle)
    return np.column_stack([x, bend / (last - first) ** 2])
