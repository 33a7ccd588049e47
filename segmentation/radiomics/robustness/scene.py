"""One region with the tissue around it, cut out once, and its outline redrawn, its noise measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segmentation.errors import ImageRefusal
from segmentation.images.grids import locate
from segmentation.radiomics.region import label_boxes
from segmentation.types import Grid, Mask, Volume, Window

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Matrix = npt.NDArray[np.float64]

CONTOUR_SMOOTH_MM = 3.0  # Gaussian width of the random displacement: neighbouring parts of an outline err alike
_CUT_OFF = 3.0  # spreads
_MEDIAN_TO_SPREAD = 0.6744897501960817  # of a normal distribution
_SECOND_DIFFERENCES = 6.0  # spread of (1 -2 1) along two axes of unit noise


@dataclass(frozen=True)
class Margin:
    """What must surround a region so that nothing leaves the crop: mm, voxels, the largest turn and growth."""

    mm: float = 0.0
    voxels: float = 0.0
    turn: float = 0.0  # radians
    growth: float = 0.0  # share of the volume


@dataclass(frozen=True, eq=False)
class Scene:
    """A crop (I, J, K) of image and mask; `held` is the part of it that the image really holds."""

    voxels: Floats | None
    inside: Bools
    held: Window
    affine: Matrix  # (4, 4), index of the crop -> RAS mm
    region: tuple[str, int]  # name and label
    modality: str

    @property
    def grid(self) -> Grid:
        i, j, k = self.inside.shape
        return Grid((i, j, k), self.affine)

    @property
    def spacing(self) -> tuple[float, float, float]:
        return self.grid.spacing_mm

    @cached_property
    def depth(self) -> Floats:
        """Distance to the outline, mm: below 0 inside, above 0 outside; the outline runs between voxel centres."""
        half = min(self.spacing) / 2
        out = ndimage.distance_transform_edt(~self.inside, sampling=self.spacing).astype(np.float32)
        within = ndimage.distance_transform_edt(self.inside, sampling=self.spacing).astype(np.float32)
        return np.where(self.inside, half - within, out - half)

    @cached_property
    def centre(self) -> Matrix:
        """The middle of the region's box in the index of the crop, (3,)."""
        return _middle(self.inside)

    def as_pair(self, voxels: Floats | None, inside: Bools) -> tuple[Volume | None, Mask]:
        """Image and mask as typed objects; CT numbers are whole."""
        name, label = self.region
        mask = Mask(inside * np.min_scalar_type(label).type(label), self.affine, {name: label})
        if voxels is None:
            return None, mask
        whole = np.rint(voxels) if self.modality == "CT" else voxels
        return Volume(whole, self.affine, self.modality), mask


def cut_scene(image: Volume | None, mask: Mask, region: str, margin: Margin) -> Scene:
    """The region with `margin` around it; beyond the image its outermost voxels are repeated.

    Raises ImageRefusal for an unknown or empty region, an image on another grid and voxels that are not finite.
    """
    label = _label(mask, region)
    box = _box(mask, region, label)
    whole = mask.grid if image is None else image.grid
    shift = np.array([part.start for part in locate(mask.grid, whole)])
    spare = _spare_voxels(box, np.array(whole.spacing_mm), int(np.count_nonzero(mask.labels == label)), margin)
    low, high = box[:, 0] + shift - spare, box[:, 1] + shift + spare
    start, stop = np.maximum(low, 0), np.minimum(high, whole.shape)
    window = _window(start, stop)
    affine = whole.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ low
    inside = np.zeros(tuple(high - low), dtype=bool)
    inside[_window(box[:, 0] + shift - low, box[:, 1] + shift - low)] = mask.labels[_window(*box.T)] == label
    voxels = None if image is None else _padded(image, window, start - low, high - stop)
    held = _window(start - low, stop - low)
    return Scene(voxels, inside, held, affine, (region, label), "" if image is None else image.modality)


def redrawn(scene: Scene, contour_mm: float, growth: float, rng: np.random.Generator) -> Bools:
    """The region as another hand might outline it, then grown by a share of its volume: at least one voxel.

    Voxels join or leave in the order of their distance to the outline, ties by chance, until the volume is right.
    """
    if not contour_mm and not growth:
        return scene.inside
    depth = scene.depth[scene.held]
    if contour_mm:
        depth = depth + _displacement(scene, contour_mm, rng)[scene.held]
    count = round(max(1, int((depth < 0).sum())) * (1 + growth))
    inside = np.zeros_like(scene.inside)
    inside[scene.held] = _lowest(depth, min(max(count, 1), depth.size), rng)
    return inside


def noise_level(scene: Scene) -> float:
    """Spread of the noise in the crop, in image units; 0 without an image or where most of it is flat.

    Second differences along both axes of the slices (the two with the finest spacing) cancel planes and straight
    edges; their median size is turned into a spread. Raises ImageRefusal for fewer than 3 voxels along such an axis.
    """
    if scene.voxels is None:
        return 0.0
    seen = scene.voxels[scene.held]
    across = 2 - int(np.argmax(scene.spacing[::-1]))
    axes = [axis for axis in range(3) if axis != across]
    if min(seen.shape[axis] for axis in axes) < 3:
        raise ImageRefusal(
            "too_thin",
            "The image is too small to tell its noise.",
            expected="3 voxels or more along both axes of a slice",
            found=str(seen.shape),
            next_step="leave noise out of the perturbations",
        )
    rough = np.diff(np.diff(seen, 2, axis=axes[0]), 2, axis=axes[1])
    return float(np.median(np.abs(rough))) / (_SECOND_DIFFERENCES * _MEDIAN_TO_SPREAD)


def _label(mask: Mask, region: str) -> int:
    if region not in mask.regions:
        raise ImageRefusal("no_regions", "Unknown region.", expected=f"one of {sorted(mask.regions)}", found=region)
    return int(mask.regions[region])


def _box(mask: Mask, region: str, label: int) -> npt.NDArray[np.int64]:
    """First and one past the last index along I, J, K, (3, 2)."""
    boxes, counts = label_boxes(mask)
    if not counts[label]:
        raise ImageRefusal(
            "empty_region",
            "A region without a voxel cannot be perturbed.",
            expected="one voxel or more",
            found=f"none in {region!r}",
            next_step="leave the case out of the repeats",
        )
    return boxes[label].reshape(3, 2)[::-1]


def _spare_voxels(box: npt.NDArray[np.int64], spacing: Matrix, n_voxels: int, margin: Margin) -> npt.NDArray[np.int64]:
    """Margin along each axis. Growing by d makes a volume at least that of a ball grown by d (Brunn-Minkowski)."""
    radius = (3 * n_voxels * float(np.prod(spacing)) / (4 * np.pi)) ** (1 / 3)
    growth = radius * ((1 + max(margin.growth, 0.0)) ** (1 / 3) - 1)
    around = margin.mm + growth
    corner = float(np.linalg.norm((box[:, 1] - box[:, 0]) * spacing)) / 2 + around
    return np.ceil((around + 2 * np.sin(margin.turn / 2) * corner) / spacing + margin.voxels).astype(np.int64) + 2


def _padded(image: Volume, window: Window, before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]) -> Floats:
    part = np.asarray(image.array[window], dtype=np.float32)
    if not np.isfinite(part).all():
        step = "fill the missing voxels in the source, or leave the image out"
        raise ImageRefusal("non_finite", "The image has holes.", expected="finite voxels", found="none", next_step=step)
    return np.pad(part, np.stack([before, after], axis=1), mode="edge")


def _window(start: npt.NDArray[np.int64], stop: npt.NDArray[np.int64]) -> Window:
    i, j, k = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return i, j, k


def _middle(inside: Bools) -> Matrix:
    spans = [np.flatnonzero(inside.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    return np.array([(span[0] + span[-1]) / 2 for span in spans])


def _displacement(scene: Scene, contour_mm: float, rng: np.random.Generator) -> Floats:
    """A smooth random field with spread `contour_mm`, cut off at three spreads."""
    field = rng.standard_normal(scene.inside.shape, dtype=np.float32)
    spread = 1.0
    for axis, step in enumerate(scene.spacing):
        width = CONTOUR_SMOOTH_MM / step
        field = ndimage.gaussian_filter1d(field, width, axis=axis, mode="wrap", truncate=3.0)
        pulse = np.zeros(field.shape[axis])
        pulse[0] = 1.0
        spread *= float(np.linalg.norm(ndimage.gaussian_filter1d(pulse, width, mode="wrap", truncate=3.0)))
    return np.clip(field / np.float32(spread), -_CUT_OFF, _CUT_OFF) * np.float32(contour_mm)


def _lowest(depth: Floats, count: int, rng: np.random.Generator) -> Bools:
    """The `count` lowest voxels; which of equal ones is left to chance."""
    flat = depth.ravel()
    limit = np.partition(flat, count - 1)[count - 1]
    chosen = flat < limit
    equal = np.flatnonzero(flat == limit)
    chosen[rng.permutation(equal)[: count - int(chosen.sum())]] = True
    return chosen.reshape(depth.shape)
