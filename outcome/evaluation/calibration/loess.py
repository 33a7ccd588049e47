"""What is the typical outcome near each value? Cleveland's local regression, as R's `loess` computes it.

Above `MAX_POINTS` cases are first joined to `MAX_POINTS` groups of neighbouring values, of sizes that differ by one at
most, each standing with its mean; a curve that uses three quarters of all cases at every point does not notice.
Where there are `MAX_DISTINCT` values or fewer (a score's few classes), no polynomial can be fitted between them and
none is needed: `local_curve` takes the mean outcome at each.
Cleveland, Devlin & Grosse 1988, doi:10.1016/0304-4076(88)90077-2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skmisc.loess import loess

from outcome.types import FloatArray

SPAN = 0.75
DEGREE = 2
MAX_POINTS = 20_000
MAX_DISTINCT = 10


@dataclass(frozen=True)
class Loess:
    """How local and how curved: the share of cases used at every point, and the degree of the local polynomial.

    The surface is interpolated between the cells of a k-d tree, and one pass is made (no robustness), R's defaults.
    """

    span: float = SPAN
    degree: int = DEGREE

    def __post_init__(self) -> None:
        if not 0 < self.span <= 1 or self.degree not in (1, 2):
            raise ValueError(f"span in (0, 1] and degree 1 or 2, found {self.span} and {self.degree}")

    def name(self, n: int) -> str:
        """The definition in words, for n cases."""
        text = f"loess, span {self.span:g}, degree {self.degree}"
        return text if n <= MAX_POINTS else f"{text}, on {MAX_POINTS} groups of neighbouring cases"

    def fitted(self, x: FloatArray, y: FloatArray, where: FloatArray | None = None) -> FloatArray | None:
        """The polynomials' curve at every x, or at `where` (k,), not cut to any range; `x` and `y` (n,), finite.

        Beyond the outermost points the curve keeps their height. None where it does not exist: ties fill the span of
        some point, so that fewer values are left there than the polynomial has coefficients.
        """
        points, heights, sizes = grouped(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
        # The library crashes where the span holds no case, and has no answer where it holds too few.
        if int(points.size * self.span) <= self.degree + 1 or points.min() == points.max():
            return None
        model = loess(points, heights, sizes, span=self.span, degree=self.degree, trace_hat="approximate")
        wanted = np.clip(x if where is None else where, points.min(), points.max())
        try:
            model.fit()
            found = np.array(model.predict(wanted).values, dtype=float)
        except ValueError:
            # The library has no other way to tell a singular local fit.
            return None
        return found if np.all(np.isfinite(found)) else None


def local_curve(x: FloatArray, y: FloatArray, how: Loess, where: FloatArray | None = None) -> FloatArray | None:
    """The typical y at every x, or at `where`: by loess, or the mean at each of at most `MAX_DISTINCT` values.

    Between such values the means are joined by straight lines. None for a single value, or as `Loess.fitted`.
    """
    if not has_few_values(x):
        return how.fitted(x, y, where)
    values, place = np.unique(x, return_inverse=True)
    if values.size < 2:
        return None
    means = np.bincount(place, weights=y) / np.bincount(place)
    return means[place] if where is None else np.interp(where, values, means)


def local_name(x: FloatArray, how: Loess) -> str:
    """What `local_curve` does with these values, in words."""
    return f"mean at each of {np.unique(x).size} distinct risks" if has_few_values(x) else how.name(len(x))


def has_few_values(x: FloatArray) -> bool:
    """Are there at most `MAX_DISTINCT` different values?"""
    # A thousand of them settle it for most; only where these repeat need all be sorted.
    if np.unique(x[:: len(x) // 1000 + 1]).size > MAX_DISTINCT:
        return False
    return bool(np.unique(x).size <= MAX_DISTINCT)


def grouped(x: FloatArray, y: FloatArray, max_points: int = MAX_POINTS) -> tuple[FloatArray, FloatArray, FloatArray]:
    """At most `max_points` groups of neighbours: their mean x, mean y and size. The cases themselves where fewer."""
    if x.size <= max_points:
        return x, y, np.ones(x.size)
    if not _in_order(x, y):
        order = np.lexsort((y, x))
        x, y = x[order], y[order]
    starts = np.arange(max_points) * x.size // max_points
    sizes = np.diff(np.append(starts, x.size)).astype(float)
    points = np.add.reduceat(x, starts) / sizes
    # A mean of equal values may differ from them by rounding, which would make two points of one.
    same = x[starts] == x[np.append(starts[1:], x.size) - 1]
    points = np.where(same, x[starts], points)
    return points, np.add.reduceat(y, starts) / sizes, sizes


def _in_order(x: FloatArray, y: FloatArray) -> bool:
    # Resamples of sorted cases arrive sorted: looking costs a twentieth of sorting again.
    step = np.diff(x)
    return bool(np.all((step > 0) | ((step == 0) & (np.diff(y) >= 0))))
