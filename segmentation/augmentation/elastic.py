"""A smooth bending of a patch: cubic B-splines between control points that move at random, never folding.

Control points move less than 0.4 of their distance, below which such a field is one-to-one (Choi Y, Lee S. Graph
Models 2000;62:411-427. doi:10.1006/gmod.2000.0531).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from segmentation.augmentation.variation import Matrix, Triple, Variation
from segmentation.types import Shape

PIECES = 3  # of the spline along each axis of a patch
_MOST = 0.4  # of the distance between control points

Bending = torch.Tensor | None


def bending(variation: Variation, size: Shape, spacing_mm: Triple, dimensions: int) -> Bending:
    """How far each voxel of a patch is taken from, (x, y, z, 3) in voxels of the image; None where nothing bends.

    A 2-D network's patch bends within the slice, all its neighbours alike. Spacing in mm.
    """
    if not variation.elastic_mm:
        return None
    sides = size if dimensions == 3 else (size[0], size[1], 1)
    points_mm = control_points(variation, sides, spacing_mm)
    weights = [spline_weights(n) for n in sides]
    field = np.stack([along_axes(points_mm[..., axis], weights) for axis in range(3)], axis=-1) / spacing_mm
    if dimensions == 2:
        field[..., 2] = 0
    return torch.from_numpy(field.astype(np.float32)).expand(*size, 3)


def control_points(variation: Variation, size: Shape, spacing_mm: Triple) -> Matrix:
    """By how many mm each control point moves, (points along x, y, z, 3); the same for the same seed."""
    counts = [PIECES + 3 if n > 1 else 1 for n in size]
    apart = [n * step / PIECES for n, step in zip(size, spacing_mm, strict=True) if n > 1]
    drawn = np.random.default_rng(variation.elastic_seed).normal(0, variation.elastic_mm, (*counts, 3))
    most = _MOST * min(apart)
    return np.clip(drawn, -most, most)


def along_axes(points: Matrix, weights: Sequence[Matrix]) -> Matrix:
    """A field (x, y, z) from its control points (a, b, c) by one table of weights an axis, (x, a), (y, b), (z, c).

    Sums in one order on any number of cores: plain loops, not a library's matrix products.
    """
    x, y, z = weights
    return np.asarray(np.einsum("xyc,zc->xyz", np.einsum("xbc,yb->xyc", np.einsum("abc,xa->xbc", points, x), y), z))


def spline_weights(n: int) -> Matrix:
    """What each of n voxels takes of each control point along an axis, (n, points); rows sum to 1."""
    if n == 1:
        return np.ones((1, 1))
    place = (np.arange(n) + 0.5) / n * PIECES
    first = np.minimum(place.astype(int), PIECES - 1)
    t = place - first
    pieces = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    weights = np.zeros((n, PIECES + 3))
    for shift, piece in enumerate(pieces):
        weights[np.arange(n), first + shift] = piece / 6
    return weights
