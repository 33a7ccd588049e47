"""What a pixel classifier sees of a voxel: smoothed intensity, edges, blobs and ridges at several scales, and place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segmentation.classical.scene import Example, Floats, Scene
from segmentation.classical.settings import ClassicalSettings, option
from segmentation.errors import ImageRefusal

_LEAST_VOXELS = 0.3  # a narrower Gaussian than this, in voxels, has nothing to average
# Dice forgives a voxel too many more than one too few: rare classes weigh a little more than their share.
_EVENING = 0.8


@dataclass(frozen=True)
class Sample:
    """Voxels drawn from training cases: features (n, features), classes (n,) and how many voxels each stands for."""

    features: Floats
    classes: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.float64]


def features_of(scene: Scene, scales_mm: tuple[float, ...], position: bool) -> Floats:
    """One row a voxel (C order of X, Y, Z): of each channel the intensity itself and, at each scale (mm), its Gaussian,
    gradient magnitude, Laplacian and the eigenvalues of the Hessian in falling order; then x, y, z from 0 to 1."""
    maps: list[npt.NDArray[Any]] = []
    for channel in scene.image:
        flat = scene.flat(channel)
        maps.append(flat)
        for scale in scales_mm:
            maps += _at_scale(flat, [max(_LEAST_VOXELS, scale / step) for step in scene.steps_mm()] or [1.0])
    if position:
        maps += [np.broadcast_to(axis, scene.shape) for axis in scene.positions()]
    return np.stack([np.asarray(one, dtype=np.float32).ravel() for one in maps], axis=1)


def every_feature(scene: Scene, name: str, settings: ClassicalSettings) -> Iterator[Floats]:
    """The features of a scene's voxels, an axial slice at a time where the settings have two dimensions."""
    scales, position = option(name, settings, "scales_mm"), option(name, settings, "position")
    if settings.dimensions == 3:
        yield features_of(scene, scales, position)
        return
    for z in range(scene.shape[2]):
        yield features_of(scene.plane(z), scales, position)


def draw_sample(examples: Iterable[Example], name: str, settings: ClassicalSettings) -> Sample:
    """Up to `voxels` of each region a case and twice as many of the background, `most` of all, by the seed and the
    case's turn.

    Raises ImageRefusal (`nothing_to_learn`) where no case holds a region.
    """
    parts = []
    for turn, example in enumerate(examples):
        rng = np.random.default_rng([settings.seed, turn])
        picked, weights = _picked(_order(example.classes, settings), int(option(name, settings, "voxels")), rng)
        rows = np.concatenate(list(every_feature(example.scene, name, settings)))[picked]
        parts.append((rows, _order(example.classes, settings)[picked], weights))
    features, classes, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not classes.any():
        step = "check the labels of the regions"
        raise ImageRefusal("nothing_to_learn", "No mask holds a region.", expected="one", found="none", next_step=step)
    most = int(option(name, settings, "most"))
    kept = np.sort(np.random.default_rng(settings.seed).permutation(len(classes))[:most])
    evened = weights[kept] ** _EVENING
    return Sample(features[kept], classes[kept], evened / evened.mean())


def in_place(classes: npt.NDArray[Any], scene: Scene, settings: ClassicalSettings) -> npt.NDArray[np.uint8]:
    """The inverse of how `every_feature` puts voxels in order."""
    x, y, z = scene.shape
    shaped = classes.reshape(x, y, z) if settings.dimensions == 3 else classes.reshape(z, x, y).transpose(1, 2, 0)
    return np.ascontiguousarray(shaped, dtype=np.uint8)


def _order(classes: npt.NDArray[np.uint8], settings: ClassicalSettings) -> npt.NDArray[np.uint8]:
    return classes.ravel() if settings.dimensions == 3 else classes.transpose(2, 0, 1).ravel()


def _picked(
    classes: npt.NDArray[np.uint8], voxels: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    picked, weights = [], []
    for number in np.unique(classes):
        places = np.flatnonzero(classes == number)
        some = rng.permutation(places)[: voxels * (2 if number == 0 else 1)]
        picked.append(some)
        weights.append(np.full(len(some), len(places) / len(some)))
    return np.concatenate(picked), np.concatenate(weights)


def _at_scale(image: Floats, sigma: list[float]) -> list[Floats]:
    """Derivatives of the smoothed image in units of the scale, so that scales compare."""
    axes = range(image.ndim)
    smooth = ndimage.gaussian_filter(image, sigma)
    slope = [_slope(smooth, axis, sigma) for axis in axes]
    hessian = np.empty((*image.shape, image.ndim, image.ndim), dtype=np.float32)
    for i in axes:
        for j in range(i, image.ndim):
            hessian[..., i, j] = hessian[..., j, i] = _slope(slope[i], j, sigma)
    steep = np.sqrt(np.square(np.stack(slope)).sum(axis=0))
    values = np.linalg.eigvalsh(hessian)
    return [smooth, steep, np.trace(hessian, axis1=-2, axis2=-1), *(values[..., n] for n in reversed(axes))]


def _slope(image: Floats, axis: int, sigma: list[float]) -> Floats:
    """Change along an axis for a way of one standard deviation."""
    return np.asarray(np.gradient(image, axis=axis) * np.float32(sigma[axis]), dtype=np.float32)
