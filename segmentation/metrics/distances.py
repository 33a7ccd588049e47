"""How far the surfaces of two regions lie apart, mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from segmentation.metrics.pair import RegionPair
from segmentation.metrics.surfels import AREA, Floats, Ints, surface


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """From every surface element of one region to the nearest of the other, both ways, with the elements' weights."""

    from_truth: Floats  # mm
    truth_weights: Floats
    from_drawn: Floats  # mm
    drawn_weights: Floats

    def hausdorff(self, percent: float = 100.0) -> float:
        """The distance that this share of each surface does not exceed, the larger of the two ways, mm.

        The quantile is the smallest distance that holds the share: no interpolation between elements.
        """
        ways = ((self.from_truth, self.truth_weights), (self.from_drawn, self.drawn_weights))
        return max(_quantile(distances, weights, percent / 100.0) for distances, weights in ways)

    def average(self) -> float:
        """Mean distance over both surfaces together (average symmetric surface distance), mm."""
        total = float(self.from_truth @ self.truth_weights + self.from_drawn @ self.drawn_weights)
        return total / float(self.truth_weights.sum() + self.drawn_weights.sum())

    def share_within(self, tolerance_mm: float) -> float:
        """Share of both surfaces that lies within a tolerance of the other (surface Dice), in [0, 1]."""
        near = float(self.truth_weights[self.from_truth <= tolerance_mm].sum())
        near += float(self.drawn_weights[self.from_drawn <= tolerance_mm].sum())
        return near / float(self.truth_weights.sum() + self.drawn_weights.sum())


def surface_distances(pair: RegionPair, kind: str = AREA) -> SurfaceDistances:
    """Distances between the surfaces of a pair, of which neither may be empty.

    Axes along which the whole image is one voxel long are left out: a single slice has an outline, not a top and a
    bottom.
    """
    axes = [axis for axis, size in enumerate(pair.shape) if size > 1] or [0]
    flat = tuple(axis for axis in range(3) if axis not in axes)
    spacing = tuple(pair.spacing_mm[axis] for axis in reversed(axes))  # of the transposed array: memory in C order
    truth, truth_weights = surface(pair.truth.squeeze(flat).T, spacing, kind)
    drawn, drawn_weights = surface(pair.drawn.squeeze(flat).T, spacing, kind)
    if not len(truth) or not len(drawn):
        raise ValueError("an empty region has no surface")
    steps = np.asarray(spacing)
    return SurfaceDistances(
        _to_nearest(truth, drawn, steps), truth_weights, _to_nearest(drawn, truth, steps), drawn_weights
    )


def _to_nearest(places: Ints, others: Ints, steps: Floats) -> Floats:
    """mm from each place to the nearest of the others, from whole steps, so that equal distances are equal numbers.

    A tree of the surface alone is exact, and many times as fast as a distance transform of the whole box.
    """
    _, nearest = cKDTree(others * steps, balanced_tree=False).query(places * steps)
    found: Floats = np.sqrt((((places - others[nearest]) * steps) ** 2).sum(axis=1))
    return found


def _quantile(distances: Floats, weights: Floats, share: float) -> float:
    order = np.argsort(distances, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(distances[order][min(int(np.searchsorted(reached, share)), len(order) - 1)])
