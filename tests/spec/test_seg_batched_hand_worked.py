"""What is counted on the device, on regions small enough to count on paper, two at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segmentation.radiomics.batched.boxes import Boxes, directions, neighbours
from segmentation.radiomics.batched.levels import LevelBoxes, lay_levels
from segmentation.radiomics.batched.lines import pairs, runs
from segmentation.radiomics.batched.statistics import intensity_statistics
from segmentation.radiomics.batched.surface import volumes_and_areas
from segmentation.radiomics.batched.tables import Tables
from segmentation.radiomics.batched.zones import border_distance, find_zones, zones_by
from segmentation.radiomics.texture.tally import Cells

# A row of seven with a gap, and a square of four: levels 1 and 2.
ROW = np.array([[[1, 1, 1, 0, 2, 2, 1]]])
SQUARE = np.array([[[1, 2], [2, 1]]])


@pytest.fixture
def levels() -> LevelBoxes:
    return lay_levels([ROW, SQUARE], [2, 2], 1, "cpu")


def _cells(cells: Cells) -> dict[tuple[int, int], int]:
    """Counts by row and column, all matrices added up."""
    found: dict[tuple[int, int], int] = {}
    for row, column, count in zip(cells.row.tolist(), cells.column.tolist(), cells.counts.tolist(), strict=True):
        found[row, column] = found.get((row, column), 0) + count
    return found


def _by_direction(cells: Cells, move: tuple[int, int, int]) -> dict[tuple[int, int], int]:
    here = cells.matrix == directions(False).index(move)
    return _cells(Cells(cells.keys[here], cells.counts[here], cells.shape, cells.voxels))


def test_boxes_lie_one_after_another_with_a_border_of_their_own(levels: LevelBoxes) -> None:
    assert levels.boxes.starts.tolist() == [0, 3 * 3 * 9, 3 * 3 * 9 + 3 * 4 * 4]
    assert levels.voxels.case.tolist() == [0] * 6 + [1] * 4
    assert levels.level.tolist() == [1, 1, 1, 2, 2, 1, 1, 2, 2, 1]


def test_moves_are_half_of_all_neighbours() -> None:
    assert [len(neighbours(1, flat)) for flat in (True, False)] == [8, 26]
    assert len(neighbours(2, False)) == 124
    both = {tuple(sign * n for n in move) for move in directions(False) for sign in (1, -1)}
    assert both == set(neighbours(1, False))


def test_pairs_stop_at_the_gap_and_at_the_border(levels: LevelBoxes) -> None:
    row, square = pairs(levels, False)
    assert _cells(row) == {(1, 1): 2, (2, 2): 1, (1, 2): 1}
    assert _by_direction(row, (0, 0, 1)) == _cells(row)
    assert _by_direction(square, (0, 0, 1)) == _by_direction(square, (0, 1, 0)) == {(1, 2): 2}
    assert _by_direction(square, (0, 1, 1)) == {(1, 1): 1}
    assert _by_direction(square, (0, 1, -1)) == {(2, 2): 1}


def test_runs_along_and_across(levels: LevelBoxes) -> None:
    row, square = runs(levels, False)
    assert _by_direction(row, (0, 0, 1)) == {(1, 3): 1, (2, 2): 1, (1, 1): 1}
    assert _by_direction(row, (1, 0, 0)) == {(1, 1): 4, (2, 1): 2}
    assert _by_direction(square, (0, 1, 1)) == {(1, 2): 1, (2, 1): 2}


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33])
def test_a_run_of_any_length_is_one_run(length: int) -> None:
    (cells,) = runs(lay_levels([np.ones((1, 1, length), dtype=int)], [1], 1, "cpu"), False)
    assert _by_direction(cells, (0, 0, 1)) == {(1, length): 1}


def test_zones_touch_by_corners_and_their_distance_is_the_least(levels: LevelBoxes) -> None:
    outline = levels.boxes.filled([ROW > 0, SQUARE > 0], np.uint8)
    zones = find_zones(levels, outline, False)
    row, square = zones_by(levels, zones, zones.size, False)
    assert _cells(row) == {(1, 3): 1, (2, 2): 1, (1, 1): 1}
    assert _cells(square) == {(1, 2): 1, (2, 2): 1}
    assert zones.distance.tolist() == [1] * 5


def test_a_winding_zone_is_one_zone() -> None:
    snake = np.ones((1, 9, 9), dtype=int)
    snake[0, 1::4, :-1] = snake[0, 3::4, 1:] = 2
    levels = lay_levels([snake], [2], 1, "cpu")
    zones = find_zones(levels, (levels.line > 0).to(torch.uint8), True)
    assert sorted(zip(zones.level.tolist(), zones.size.tolist(), strict=True)) == [
        (1, 49),
        (2, 8),
        (2, 8),
        (2, 8),
        (2, 8),
    ]


@pytest.mark.parametrize(("flat", "centre"), [(True, 3), (False, 2)])
def test_distance_to_the_border(flat: bool, centre: int) -> None:
    boxes = Boxes(np.array([[3, 5, 5]]), 1, "cpu")
    outline = boxes.filled([np.ones((3, 5, 5))], np.uint8)
    distance = border_distance(boxes.voxels(outline), outline, flat).reshape(5, 7, 7)
    assert distance[2, 3].tolist() == [0, 1, min(2, centre), centre, min(2, centre), 1, 0]
    assert distance[0].max() == 0


def test_a_voxel_has_the_volume_and_area_of_an_octahedron() -> None:
    boxes = Boxes(np.array([[1, 1, 1], [1, 1, 2]]), 2, "cpu")
    outline = boxes.filled([np.ones((1, 1, 1)), np.ones((1, 1, 2))], np.uint8)
    (volume, area), (longer, _) = volumes_and_areas(boxes, outline, [np.ones(3), np.ones(3)])
    assert (volume, area) == pytest.approx((1 / 6, 3**0.5))
    assert longer > 2 * volume


def test_sparse_and_full_counting_give_each_region_its_own_cells() -> None:
    keys = torch.tensor([0, 3, 3, 4, 9])
    full = Tables([(1, 2, 2), (1, 1, 6)], "cpu").tally(keys)
    assert [(k.tolist(), n.tolist()) for k, n in full] == [([0, 3], [1, 2]), ([0, 5], [1, 1])]
    vast = Tables([(1, 2, 2), (1, 1, 2**40)], "cpu").tally(keys)
    assert [(k.tolist(), n.tolist()) for k, n in vast] == [([0, 3], [1, 2]), ([0, 5], [1, 1])]


def test_statistics_of_five_values() -> None:
    features, missing = intensity_statistics(torch.tensor([1.0, 2.0, 3.0, 4.0, 10.0], dtype=torch.float64))
    assert missing == {}
    assert features["stat_mean"] == 4
    assert features["stat_var"] == 10
    assert features["stat_skew"] == pytest.approx((-27 - 8 - 1 + 216) / 5 / 10**1.5)
    assert (features["stat_p10"], features["stat_p90"]) == pytest.approx((1.4, 7.6))
    assert features["stat_rmad"] == pytest.approx(2 / 3)
    assert features["stat_medad"] == pytest.approx(11 / 5)
    assert features["stat_energy"] == 130
