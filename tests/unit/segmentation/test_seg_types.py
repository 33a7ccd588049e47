"""Wrong grids, masks and regions cannot be built; orientation and spacing come out of the affine."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.types import Finding, Grid, Mask, Volume


def _axes(letters: str, spacing: tuple[float, float, float]) -> np.ndarray:
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for axis, (letter, step) in enumerate(zip(letters, spacing, strict=True)):
        affine["RLAPSI".index(letter) // 2, axis] = step if letter in "RAS" else -step
    return affine


@pytest.mark.parametrize("letters", ["RAS", "LPS", "PIR", "ILP", "SRA"])
def test_orientation_and_spacing_are_read_off_the_affine(letters: str) -> None:
    grid = Grid((4, 5, 6), _axes(letters, (0.5, 2.0, 3.0)))
    assert grid.orientation == letters
    assert grid.spacing_mm == (0.5, 2.0, 3.0)
    assert grid.voxel_ml == pytest.approx(0.003)


def test_an_oblique_grid_takes_each_patient_axis_once() -> None:
    # 50 degrees about z: both first axes lie nearest to y, only one may have it.
    turn = np.radians(50)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    assert sorted(axis for axis, _ in Grid((3, 3, 3), affine).axes) == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda a: a.__setitem__((0, 0), np.nan), "bad_affine"),
        (lambda a: a.__setitem__((3, 3), 2), "bad_affine"),
        (lambda a: a.__setitem__((slice(0, 3), 0), 0), "bad_spacing"),
        (lambda a: a.__setitem__((1, 0), 0.3), "affine_shear"),
    ],
)
def test_an_affine_that_places_nothing_is_refused(change, code: str) -> None:  # type: ignore[no-untyped-def]
    affine = np.eye(4)
    change(affine)
    with pytest.raises(ImageRefusal) as refusal:
        Grid((2, 2, 2), affine)
    assert refusal.value.code == code


def test_a_part_of_a_grid_starts_where_its_first_voxel_lies() -> None:
    grid = Grid((10, 10, 10), _axes("LPS", (2.0, 2.0, 5.0)))
    part = grid.part((slice(3, 5), slice(1, 9), slice(4, 5)))
    assert part.shape == (2, 8, 1)
    assert part.affine[:3, 3].tolist() == [-6.0, -2.0, 20.0]


@pytest.mark.parametrize("array", [np.zeros((3, 3)), np.zeros((2, 2, 2, 2))])
def test_a_volume_has_three_axes(array: np.ndarray) -> None:
    with pytest.raises(ImageRefusal, match="three axes"):
        Volume(array, np.eye(4))


@pytest.mark.parametrize(
    ("labels", "regions", "code"),
    [
        (np.zeros((2, 2, 2)), {"a": 1}, "mask_not_integer"),
        (np.full((2, 2, 2), -1), {"a": 1}, "bad_label"),
        (np.full((2, 2, 2), 70000), {"a": 1}, "bad_label"),
        (np.zeros((2, 2, 2), int), {}, "no_regions"),
        (np.zeros((2, 2, 2), int), {"a": 0}, "bad_label"),
        (np.zeros((2, 2, 2), int), {"a": 1, "b": 1}, "bad_label"),
    ],
)
def test_a_wrong_mask_cannot_be_built(labels: np.ndarray, regions: dict[str, int], code: str) -> None:
    with pytest.raises(ImageRefusal) as refusal:
        Mask(labels, np.eye(4), regions)
    assert refusal.value.code == code


def test_a_mask_keeps_its_input_unchanged_and_its_own_copy_of_the_regions() -> None:
    regions, labels = {"a": 1}, np.array([[[0, 1]], [[1, 300]]])
    mask = Mask(labels, np.eye(4), regions)
    regions["b"] = 2
    assert mask.regions == {"a": 1}
    assert mask.labels.dtype == np.uint16
    assert mask.labels.flags.f_contiguous
    assert labels.dtype == np.int64


def test_a_finding_has_a_known_level() -> None:
    with pytest.raises(ValueError, match="level must be one of"):
        Finding("x", "fatal", "m")


def test_a_refusal_crosses_processes_whole() -> None:
    error = pickle.loads(pickle.dumps(ImageRefusal("c", "m", expected="e", found="f", next_step="n")))  # noqa: S301
    assert (error.code, error.message, error.expected, error.found, error.next_step) == ("c", "m", "e", "f", "n")
    assert str(error).splitlines() == ["m", "  expected: e", "  found: f", "  next step: n"]
