"""Which way two grids differ, and where a part lies in a whole."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.images.grids import check_grids, grid_differences, locate
from segmentation.types import Grid

AFFINE = np.diag([0.8, 0.8, 3.0, 1.0])


def _moved(**entries: tuple[int, int, float]) -> np.ndarray:
    affine = AFFINE.copy()
    for row, col, value in entries.values():
        affine[row, col] = value
    return affine


def test_the_same_grid_has_no_finding_even_with_float_noise() -> None:
    noisy = AFFINE + np.where(AFFINE > 0, 1e-6, 0)
    noisy[3, 3] = 1
    assert check_grids(Grid((4, 4, 4), AFFINE), Grid((4, 4, 4), noisy)) == []


@pytest.mark.parametrize(
    ("shape", "affine", "word"),
    [
        ((4, 4, 5), AFFINE, "shape (4, 4, 5) against (4, 4, 4)"),
        ((4, 4, 4), _moved(a=(0, 3, 1.25)), "origin 1.250 mm apart"),
        ((4, 4, 4), _moved(a=(2, 2, 2.5)), "spacing 0.8 x 0.8 x 2.5 against 0.8 x 0.8 x 3 mm"),
        ((4, 4, 4), _moved(a=(0, 0, -0.8)), "direction LAS against RAS"),
    ],
)
def test_each_difference_is_named_with_its_size(shape: tuple[int, int, int], affine: np.ndarray, word: str) -> None:
    differences = grid_differences(Grid(shape, affine), Grid((4, 4, 4), AFFINE))
    assert len(differences) == 1
    assert word in differences[0]
    (finding,) = check_grids(Grid(shape, affine), Grid((4, 4, 4), AFFINE), "ct")
    assert (finding.code, finding.level) == ("grid_mismatch", "reject")


def test_a_part_is_found_where_it_was_cut() -> None:
    whole = Grid((20, 30, 40), _moved(a=(0, 3, -100.3), b=(1, 3, 7.7)))
    window = (slice(2, 5), slice(10, 30), slice(39, 40))
    assert locate(whole.part(window), whole) == window


@pytest.mark.parametrize("shift", [(0.4, 0, 0), (0, 0, 1.5), (-2.4, 0, 0), (13.0, 0, 0)])
def test_a_part_between_voxels_or_outside_is_refused(shift: tuple[float, float, float]) -> None:
    whole = Grid((20, 20, 20), AFFINE)
    affine = AFFINE.copy()
    affine[:3, 3] = shift
    with pytest.raises(ImageRefusal, match="does not lie on the grid"):
        locate(Grid((5, 5, 5), affine), whole)


def test_a_mirrored_part_is_refused() -> None:
    with pytest.raises(ImageRefusal):
        locate(Grid((5, 5, 5), _moved(a=(0, 0, -0.8), b=(0, 3, 4.0))), Grid((20, 20, 20), AFFINE))
