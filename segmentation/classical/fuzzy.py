"""Fuzzy c-means: every voxel belongs to every cluster by a degree, and goes to the one it belongs to most.

Reference: Bezdek JC, Ehrlich R, Full W. Comput Geosci 1984;10:191-203. doi:10.1016/0098-3004(84)90020-7
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segmentation.classical.clustering import Fitted, Values, by_brightness, clusters_of
from segmentation.classical.layers import by_levels
from segmentation.classical.rule import Levels, Numbers
from segmentation.classical.scene import Scene
from segmentation.classical.settings import ClassicalSettings, option

_ROUNDS, _STILL = 100, 1e-4
_LEAST_FUZZINESS = 1.05  # at 1 the exponent below is infinite


def memberships(values: Values, centres: Values, fuzziness: float) -> Values:
    """How far each value belongs to each centre, (n, centres), rows add up to 1: the nearer, the more; the larger
    `fuzziness` (above 1), the more evenly. A value on a centre is that centre's."""
    squared = ((values[:, None] - centres[None]) ** 2).sum(axis=2)
    # Relative to the nearest, so that no power overflows.
    nearest = np.maximum(squared.min(axis=1, keepdims=True), np.finfo(float).tiny)
    weight = (nearest / np.maximum(squared, nearest)) ** (1 / (fuzziness - 1))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def fuzzy_centres(values: Values, start: Values, fuzziness: float) -> Values:
    """The centres, (centres, channels), at which the memberships' powers weigh the squared distances least: found in
    turns from `start` until none moves by more than 1e-4, at most 100 times."""
    centres = start
    for _ in range(_ROUNDS):
        weight = memberships(values, centres, fuzziness) ** fuzziness
        found = weight.T @ values / weight.sum(axis=0)[:, None]
        if np.abs(found - centres).max() <= _STILL:
            return np.asarray(found)
        centres = found
    return centres


def _by_fuzzy(scene: Scene, _: Numbers, settings: ClassicalSettings) -> Levels:
    fuzziness = max(_LEAST_FUZZINESS, float(option("fuzzy_c_means", settings, "fuzziness")))

    def fit(values: Values, start: Values) -> Fitted:
        centres = fuzzy_centres(values, start, fuzziness)
        return centres, lambda every: _nearest(every, centres)

    return by_brightness(scene, settings, fit, clusters_of("fuzzy_c_means")(settings))


def _nearest(values: Values, centres: Values) -> npt.NDArray[np.int64]:
    """The centre that a value belongs to most: the nearest, whatever the fuzziness."""
    best, found = np.full(len(values), np.inf), np.zeros(len(values), dtype=np.int64)
    for number, centre in enumerate(centres):
        squared = ((values - centre) ** 2).sum(axis=1)
        wins = squared < best
        best[wins], found[wins] = squared[wins], number
    return found


FUZZY = by_levels(_by_fuzzy, count=clusters_of("fuzzy_c_means"))
