"""What may not change a block of tissue: the order and direction of a file's axes, where the patient lay, padding."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.crops import crop_grid, region_crop
from segmentation.phantoms import PhantomSpec, phantom
from segmentation.types import Mask, Volume

LAW = settings(deadline=None, max_examples=12)
VOLUME, MASK, _ = phantom(np.random.default_rng(1), PhantomSpec(shape=(40, 36, 30), tumour_ml=12, texture_hu=20))
Patient = tuple[Volume, Mask]
blocks = st.fixed_dictionaries(
    {
        "region": st.sampled_from(["tumor", "kidney"]),
        "size": st.tuples(*[st.integers(8, 20)] * 3),
        "extent": st.tuples(*[st.floats(20, 160)] * 3),
        "scale": st.sampled_from(["hu", "z_score"]),
    }
)


def stored(order: list[int], mirrored: tuple[bool, ...], move: tuple[float, ...] = (0, 0, 0)) -> Patient:
    """The patient in a file whose axes stand in another order and direction, perhaps moved by some mm."""
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    for new, old in enumerate(order):
        n = VOLUME.array.shape[old]
        turn[old, new], turn[old, 3] = (-1, n - 1) if mirrored[new] else (1, 0)
    cut = tuple(slice(None, None, -1 if flip else 1) for flip in mirrored)
    affine = VOLUME.affine @ turn
    affine[:3, 3] += move
    image, labels = (np.asfortranarray(a.transpose(order)[cut]) for a in (VOLUME.array, MASK.labels))
    return Volume(image, affine), Mask(labels, affine, MASK.regions)


@LAW
@given(blocks, st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))
def test_the_axes_of_the_file_change_nothing(
    block: dict[str, Any], order: list[int], mirrored: tuple[bool, ...]
) -> None:
    there = region_crop(*stored(order, mirrored), **block)
    np.testing.assert_allclose(there, region_crop(VOLUME, MASK, **block), atol=1e-4)


@LAW
@given(blocks, st.tuples(*[st.integers(-9, 9)] * 3))
def test_where_the_patient_lay_changes_nothing(block: dict[str, Any], voxels: tuple[int, ...]) -> None:
    move = tuple(n * step for n, step in zip(voxels, VOLUME.grid.spacing_mm, strict=True))
    there = region_crop(*stored([0, 1, 2], (False, False, False), move), **block)
    np.testing.assert_allclose(there, region_crop(VOLUME, MASK, **block), atol=1e-4)


@LAW
@given(blocks, st.tuples(*[st.integers(0, 6)] * 3), st.tuples(*[st.integers(0, 6)] * 3))
def test_air_around_a_ct_changes_nothing(
    block: dict[str, Any], before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    width = list(zip(before, after, strict=True))
    affine = VOLUME.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ np.array(before)
    padded = Volume(np.pad(VOLUME.array, width, constant_values=-1000), affine)
    there = region_crop(padded, Mask(np.pad(MASK.labels, width), affine, MASK.regions), **(block | {"scale": "hu"}))
    np.testing.assert_allclose(there, region_crop(VOLUME, MASK, **(block | {"scale": "hu"})), atol=1e-4)


@LAW
@given(blocks)
def test_brightness_and_contrast_of_mr_change_nothing(block: dict[str, Any]) -> None:
    """z-scores take both out, as long as the background stays 0."""
    body = np.where(VOLUME.array == 0, 1, VOLUME.array).astype(np.float64)
    first = region_crop(Volume(body, VOLUME.affine), MASK, **(block | {"scale": "z_score"}))
    second = region_crop(Volume(2 * body, VOLUME.affine), MASK, **(block | {"scale": "z_score"}))
    np.testing.assert_allclose(second, first, atol=1e-4)


@LAW
@given(st.tuples(*[st.floats(-0.4, 0.4)] * 3), st.tuples(*[st.integers(8, 12)] * 3))
def test_an_oblique_file_is_read_at_the_patients_places(angles: tuple[float, ...], size: tuple[int, int, int]) -> None:
    """An image that is a plane in the patient's space keeps its values in the block, whatever the file's tilt."""
    affine = _tilted(angles)
    labels = np.zeros((30, 30, 30), dtype=np.uint8)
    labels[13:18, 12:16, 14:17] = 1
    mask = Mask(labels, affine, {"tumor": 1})
    index = np.indices(labels.shape).reshape(3, -1)
    slope = np.array([2.0, -3.0, 1.5])
    values = (slope @ (mask.affine[:3, :3] @ index + mask.affine[:3, 3:])).reshape(labels.shape)
    extent = tuple(0.9 * n for n in size)  # as fine as the file: nothing is smoothed, and the block stays inside
    crop = region_crop(Volume(values, mask.affine), mask, region="tumor", size=size, extent=extent, scale="hu")
    grid = crop_grid(mask, region="tumor", size=size, extent=extent)
    places = grid.affine[:3, :3] @ np.indices(size).reshape(3, -1) + grid.affine[:3, 3:]
    expected = np.clip((slope @ places - 40) / 200, -1, 1).reshape(size)
    np.testing.assert_allclose(crop[0], expected, atol=1e-4)


def _tilted(angles: tuple[float, ...]) -> np.ndarray:
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        i, j = (n for n in range(3) if n != axis)
        step = np.eye(3)
        step[[i, j], [i, j]], step[i, j], step[j, i] = np.cos(angle), -np.sin(angle), np.sin(angle)
        turn = turn @ step
    affine = np.eye(4)
    affine[:3, :3] = turn * [0.9, 1.0, 1.2]
    affine[:3, 3] = (-12.0, 7.0, 3.0)
    return affine
