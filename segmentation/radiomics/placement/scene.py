"""The lesion, the organ that holds it, and the frame they are measured in.

The organ's outline before the lesion grew is not known. As readers do on axial slices, its convex hull in each slice
stands for it.
A mask may hold two organs under one label (both kidneys) and several lesions: the largest lesion is measured, in the
organ that it touches, or in the nearest one. Files with fine voxels are read at every n-th voxel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segmentation.types import Mask

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

COARSEST_MM = 2.0  # voxels are left out while the steps that remain are no longer than this
_TOUCHING = np.ones((3, 3, 3), dtype=bool)

NO_LESION = "the lesion has no voxel"
NO_ORGAN = "the organ has no voxel"


@dataclass(frozen=True)
class Placement:
    """Which region is the lesion, which the organ, and which further regions belong to the organ (its cysts)."""

    lesion: str
    organ: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Scene:
    """All on one block of voxels, (I, J, K). `organ` leaves the lesion out; `outline` is its hull, slice by slice.

    `outward` is +1 or -1 along the patient's x axis, away from the organ's counterpart; None where there is one organ.
    """

    lesion: Bools
    organ: Bools
    outline: Bools
    others: Bools  # what is neither: further lesions
    affine: Floats  # (4, 4), index in the block -> RAS mm
    spacing: Floats  # (3,), mm
    outward: float | None

    def millimetres(self, voxels: Bools) -> Floats:
        """Centres of these voxels in RAS mm, (n, 3)."""
        return np.asarray(np.argwhere(voxels) @ self.affine[:3, :3].T + self.affine[:3, 3])

    def centre(self, voxels: Bools) -> Floats:
        """Their mean, (3,)."""
        return np.asarray(self.millimetres(voxels).mean(axis=0))


def scene_of(mask: Mask, asked: Placement) -> Scene | str:
    """The scene, or why there is none."""
    if not (mask.labels == mask.regions[asked.lesion]).any():
        return NO_LESION
    labels, affine = _coarse(mask, mask.regions[asked.lesion])
    lesions = labels == mask.regions[asked.lesion]
    organs = np.isin(labels, [mask.regions[name] for name in (asked.organ, *asked.parts)])
    if not (labels == mask.regions[asked.organ]).any():
        return NO_ORGAN
    lesion = _largest(lesions)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    host = _host(lesion, lesions, organs, spacing)
    window = _box(host | lesion)
    block = tuple(np.ascontiguousarray(part[window]) for part in (lesion, host, lesions & ~lesion))
    outline = _outline(block[1], [ras for ras, _ in mask.grid.axes].index(2))
    corner = affine.copy()
    corner[:3, 3] = affine[:3, :3] @ [part.start for part in window] + affine[:3, 3]
    outward = _outward(organs & ~host, host, affine)
    return Scene(block[0], block[1], outline, block[2], corner, spacing, outward)


def _coarse(mask: Mask, lesion: int) -> tuple[npt.NDArray[Any], Floats]:
    """The labels at every n-th voxel, within the box of what is named, and their affine; at every one where the lesion
    would be lost between them."""
    window = _box(np.isin(mask.labels, list(mask.regions.values())))
    steps = np.maximum(1, np.floor(COARSEST_MM / np.array(mask.grid.spacing_mm))).astype(int)
    labels = mask.labels[window]
    if (labels[tuple(slice(None, None, int(step)) for step in steps)] != lesion).all():
        steps = np.ones(3, dtype=int)
    affine = np.array(mask.affine, dtype=float)
    affine[:3, 3] += affine[:3, :3] @ [axis.start for axis in window]
    affine[:3, :3] = affine[:3, :3] * steps
    return labels[tuple(slice(None, None, int(step)) for step in steps)], affine


def _box(voxels: Bools) -> tuple[slice, ...]:
    found = ndimage.find_objects(voxels.astype(np.uint8))
    return tuple(found[0]) if found else (slice(0, 1),) * 3


def _largest(voxels: Bools) -> Bools:
    pieces, _ = ndimage.label(voxels, _TOUCHING)
    return np.asarray(pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:])))


def _host(lesion: Bools, lesions: Bools, organs: Bools, spacing: Floats) -> Bools:
    """The organ's voxels that hang together with the lesion; where it touches none, the nearest piece."""
    pieces, _ = ndimage.label(lesions | organs, _TOUCHING)
    host = organs & (pieces == pieces[tuple(np.argwhere(lesion)[0])])
    if host.any():
        return np.asarray(host)
    away = ndimage.distance_transform_edt(~lesion, sampling=spacing)
    nearest = np.unravel_index(np.argmin(np.where(organs, away, np.inf)), organs.shape)
    return np.asarray(organs & (pieces == pieces[nearest]))


def _outline(organ: Bools, up: int) -> Bools:
    """The hull of the organ in every slice across the array axis `up`."""
    from skimage.morphology import convex_hull_image  # scikit-image takes a second to import

    outline = np.zeros_like(organ)
    for here, there in zip(np.moveaxis(organ, up, 0), np.moveaxis(outline, up, 0), strict=True):
        if here.any():
            there[:] = convex_hull_image(here)
    return outline


def _outward(others: Bools, host: Bools, affine: Floats) -> float | None:
    """Away from the other organ; pieces below a fifth of the host's size are crumbs, not organs."""
    if np.count_nonzero(others) * 5 < np.count_nonzero(host):
        return None
    here, there = (float((affine[0, :3] * np.argwhere(part).mean(axis=0)).sum()) for part in (host, others))
    return 1.0 if here > there else -1.0
