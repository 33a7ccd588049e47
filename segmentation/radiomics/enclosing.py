"""How well a region fills the smallest turned box and the smallest ellipsoid around it.

IBSI gives these four features a definition but no consensus values, so programs may differ.

References: O'Rourke 1985, doi:10.1007/BF00991005 (boxes); Todd & Yildirim 2007, doi:10.1016/j.dam.2007.02.013
(ellipsoids); definitions arXiv:1612.07003, 3.1.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from segmentation.radiomics.hull import Hull
from segmentation.radiomics.region import RegionVoxels
from segmentation.radiomics.shape import ellipsoid_area

Floats = npt.NDArray[np.float64]

_SAME = 1e-9
# Relative error of the ellipsoid's squared axes; the third digit of a density needs no more.
_ELLIPSOID_TOLERANCE = 1e-6
_MAX_STEPS = 20_000
_FACES_TOGETHER = 32


def enclosing_features(region: RegionVoxels) -> dict[str, float]:
    """The densities of the oriented box and of the enclosing ellipsoid by tag; pure numbers, 1 fills it all.

    Formula, unit and IBSI code of each: `segmentation features morph_vol_dens_`.
    """
    volume, area = region.mesh
    a, b, c = smallest_box(region.hull)
    half_axes = smallest_ellipsoid(region.hull.corners)
    return {
        "morph_vol_dens_ombb": volume / (a * b * c),
        "morph_area_dens_ombb": area / (2 * (a * b + b * c + a * c)),
        "morph_vol_dens_mvee": volume / (4 / 3 * math.pi * math.prod(half_axes)),
        "morph_area_dens_mvee": area / ellipsoid_area(*half_axes),
    }


def smallest_box(hull: Hull) -> tuple[float, float, float]:
    """Edges of the box of least volume around a hull that has a face in common with it.

    Where we depart from the optimum: the least box of all may touch the hull with edges only; it is rarely smaller by
    more than a few percent. Faces are tried in the order of a lower bound, the height across a face times the hull's
    shadow on it, until no face can win.
    """
    normals = np.unique(np.round(hull.outward * np.where(hull.outward[:, :1] < 0, -1, 1), 9), axis=0)
    height, shadow = _height_and_shadow(hull, normals)
    across = _across(normals)
    best = (math.inf, math.inf, (0.0, 0.0, 0.0))
    for face in np.argsort(height * shadow, kind="stable"):
        if height[face] * shadow[face] > best[0] * (1 + _SAME):
            break
        a, b = _smallest_rectangle(hull.corners @ across[face])
        c = float(height[face])
        found = (a * b * c, a * b + b * c + a * c, (a, b, c))
        # Boxes of one volume differ in area: the lesser one, so that no order of the faces decides.
        if found[0] < best[0] * (1 - _SAME) or (found[0] < best[0] * (1 + _SAME) and found[1] < best[1]):
            best = found
    return best[2]


def _height_and_shadow(hull: Hull, normals: Floats) -> tuple[Floats, Floats]:
    """Along each unit vector (n, 3) the hull's extent and the area of its shadow, (n,) each.

    Some faces at a time: a round hull has thousands, and their products would outgrow the image.
    """
    height, shadow = np.empty(len(normals)), np.empty(len(normals))
    for start in range(0, len(normals), _FACES_TOGETHER):
        some = slice(start, start + _FACES_TOGETHER)
        height[some] = np.ptp(hull.corners @ normals[some].T, axis=0)
        shadow[some] = np.abs(normals[some] @ hull.outward.T) @ hull.triangle_areas / 2
    return height, shadow


def _across(normals: Floats) -> Floats:
    """For each unit vector (n, 3) two more across it, (n, 3, 2)."""
    first = np.cross(normals, np.eye(3)[np.abs(normals).argmin(axis=1)])
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return np.stack([first, np.cross(normals, first)], axis=2)


def _smallest_rectangle(points: Floats) -> tuple[float, float]:
    """Sides of the rectangle of least area around points (n, 2): one side lies along an edge of their hull."""
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]
    chain = np.empty((2 * len(points), 2))
    return _turn_rectangle(chain[: _outline(ordered, chain)])


@numba.njit(cache=True)
def _outline(points: Floats, chain: Floats) -> int:  # pragma: no cover - compiled
    """Corners of the hull of points sorted by their first coordinate (monotone chains); their number."""
    n = 0
    for way in range(2):
        first = n
        for m in range(points.shape[0]):
            p = points[m] if way == 0 else points[points.shape[0] - 1 - m]
            while n - first >= 2:
                a, b = chain[n - 2], chain[n - 1]
                if (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0:
                    break
                n -= 1
            chain[n] = p
            n += 1
        n -= 1  # the last point of a chain begins the next
    return n


@numba.njit(cache=True)
def _turn_rectangle(corners: Floats) -> tuple[float, float]:  # pragma: no cover - compiled
    best, width, depth = np.inf, 0.0, 0.0
    for m in range(corners.shape[0]):
        edge = corners[(m + 1) % corners.shape[0]] - corners[m]
        length = np.sqrt(edge[0] ** 2 + edge[1] ** 2)
        if length == 0.0:
            continue
        along = (corners[:, 0] * edge[0] + corners[:, 1] * edge[1]) / length
        across = (corners[:, 1] * edge[0] - corners[:, 0] * edge[1]) / length
        w, d = along.max() - along.min(), across.max() - across.min()
        if w * d < best:
            best, width, depth = w * d, w, d
    return width, depth


def smallest_ellipsoid(points: Floats) -> tuple[float, float, float]:
    """Half axes, longest first, of the ellipsoid of least volume around points (n, 3) that spread in three directions.

    Khachiyan's weights with steps away from points that do not matter.
    """
    size = float(np.abs(points - points.mean(axis=0)).max())
    lifted = np.column_stack([(points - points.mean(axis=0)) / size, np.ones(len(points))])
    weight: Floats = np.full(len(points), 1 / len(points))
    _spread_weight(lifted, weight, _ELLIPSOID_TOLERANCE, _MAX_STEPS)
    centre = weight @ lifted[:, :3]
    scatter = (weight * lifted[:, :3].T) @ lifted[:, :3] - np.outer(centre, centre)
    c, b, a = (size * np.sqrt(3 * np.linalg.eigvalsh(scatter))).tolist()
    return a, b, c


@numba.njit(cache=True)
def _spread_weight(points: Floats, weight: Floats, tolerance: float, steps: int) -> None:  # pragma: no cover - compiled
    """Moves weight between points (n, 4), in place, until none lies farther out than the tolerance allows."""
    for _ in range(steps):
        moment = np.zeros((4, 4))
        for m in range(points.shape[0]):
            for p in range(4):
                for q in range(p + 1):
                    moment[p, q] += weight[m] * points[m, p] * points[m, q]
        for p in range(4):
            for q in range(p + 1, 4):
                moment[p, q] = moment[q, p]
        far, near, farthest, nearest = _extremes(points, weight, np.linalg.inv(moment))
        if farthest - 4 <= 4 * tolerance:
            return
        _shift_weight(weight, far, near, farthest, nearest)


@numba.njit(cache=True)
def _extremes(
    points: Floats, weight: Floats, inverse: npt.NDArray[Any]
) -> tuple[int, int, float, float]:  # pragma: no cover - compiled
    """The point farthest out, the point with weight farthest in, and how far out they are."""
    far, near, farthest, nearest = 0, 0, -np.inf, np.inf
    for m in range(points.shape[0]):
        reach = 0.0
        for p in range(4):
            for q in range(4):
                reach += points[m, p] * inverse[p, q] * points[m, q]
        if reach > farthest:
            far, farthest = m, reach
        if weight[m] > 0 and reach < nearest:
            near, nearest = m, reach
    return far, near, farthest, nearest


@numba.njit(cache=True)
def _shift_weight(
    weight: Floats, far: int, near: int, farthest: float, nearest: float
) -> None:  # pragma: no cover - compiled
    """One step, in place: weight to the point farthest out, or away from the one farthest in, whichever gains more."""
    if farthest - 4 >= 4 - nearest:
        step = (farthest - 4) / (4 * (farthest - 1))
        weight *= 1 - step
        weight[far] += step
        return
    most = weight[near] / (1 - weight[near])
    step = most
    if nearest > 1:
        step = min((4 - nearest) / (4 * (nearest - 1)), most)
    weight *= 1 + step
    weight[near] = 0.0 if step == most else weight[near] - step
