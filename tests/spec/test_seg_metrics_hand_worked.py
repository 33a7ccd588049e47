"""Every measure of agreement on masks small enough to count."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.metrics import METRICS, Measured, Settings, compare, region_pair
from segmentation.metrics.by_size import by_size
from segmentation.metrics.catalogue import NEITHER, NO_DRAWN, NO_OUTSIDE, NO_SPACING, NO_TRUTH
from segmentation.metrics.distances import surface_distances
from segmentation.metrics.estimates import PatientDraws
from segmentation.metrics.surfels import VOXEL, element_sizes, surface
from segmentation.types import Mask

REGIONS = {"a": 1, "b": 2}


def _mask(shape: tuple[int, int, int], box: tuple[slice, ...] | None, spacing: tuple[float, ...] = (1, 1, 1)) -> Mask:
    labels = np.zeros(shape, dtype=np.uint8)
    if box is not None:
        labels[box] = 1
    return Mask(labels, np.diag([*spacing, 1.0]), REGIONS)


def _line(first: int, last: int) -> Mask:
    return _mask((12, 1, 1), (slice(first, last + 1),), (2, 1, 1))


def test_overlap_of_two_cubes() -> None:
    """Cubes of 2 x 2 x 2 in 1,000 voxels of 0.006 ml, half of each shared: 4 in both, 988 in neither."""
    cube = slice(2, 4)
    truth = _mask((10, 10, 10), (cube, cube, cube), (1, 2, 3))
    drawn = _mask((10, 10, 10), (slice(3, 6), cube, cube), (1, 2, 3))
    found = {name: one.value for name, one in compare(truth, drawn, 1).items()}
    assert found["dice"] == found["f1"] == pytest.approx(8 / 20)
    assert found["jaccard"] == pytest.approx(4 / 16)
    assert found["precision"] == pytest.approx(4 / 12)
    assert found["sensitivity"] == pytest.approx(4 / 8)
    assert found["accuracy"] == pytest.approx((4 + 984) / 1000)
    assert found["specificity"] == pytest.approx(984 / 992)
    assert found["volume_difference_ml"] == pytest.approx(4 * 0.006)
    assert found["relative_volume_error"] == pytest.approx(0.5)


def test_distances_of_two_lines() -> None:
    """Steps of 2 mm. Truth ends at corners 2 and 6, drawn at 4 and 9: 2, 2 steps one way, 2, 3 the other."""
    truth, drawn = _line(2, 5), _line(4, 8)
    found = {name: one.value for name, one in compare(truth, drawn, 1, Settings(tolerance_mm=4)).items()}
    assert found["hausdorff_mm"] == found["hausdorff_95_mm"] == 6
    assert found["average_surface_distance_mm"] == pytest.approx((4 + 4 + 4 + 6) / 4)
    assert found["surface_dice"] == pytest.approx(3 / 4)
    assert compare(truth, drawn, 1, Settings(tolerance_mm=3.9))["surface_dice"].value == 0
    distances = surface_distances(region_pair(truth, drawn, 1))
    assert distances.hausdorff(50) == 4, "half of either surface lies within 4 mm"


def test_the_95_percent_distance_leaves_a_twentieth_out() -> None:
    """A plate of 20 x 20 voxels, two thick, against itself with one voxel standing out: that corner is not counted."""
    labels = np.zeros((30, 30, 10), dtype=np.uint8)
    labels[5:25, 5:25, 3:5] = 1
    bump = labels.copy()
    bump[15, 15, 5:8] = 1
    truth, drawn = (Mask(one, np.eye(4), REGIONS) for one in (labels, bump))
    found = compare(truth, drawn, 1)
    assert found["hausdorff_mm"].value == 3
    assert found["hausdorff_95_mm"].value == 0


def test_surface_elements_by_hand() -> None:
    """Spacing 1, 2, 3: a flat face is 2 x 3 mm2; a lone corner an eighth of |(6, 3, 2)| = 7 mm2."""
    sizes = element_sizes((1.0, 2.0, 3.0))
    assert sizes[15] == sizes[255 - 15] == pytest.approx(6)
    assert sizes[1] == sizes[128] == sizes[254] == pytest.approx(7 / 8)
    assert sizes[0] == sizes[255] == 0
    voxel = np.ones((1, 1, 1), dtype=bool)
    places, weights = surface(voxel, (1.0, 2.0, 3.0))
    assert (len(places), weights.sum()) == (8, pytest.approx(7))
    square = np.ones((2, 2), dtype=bool)
    assert surface(square, (3.0, 4.0))[1].sum() == pytest.approx(4 * 2.5 + 2 * 3 + 2 * 4), "an outline's length"
    assert len(surface(np.ones((5, 5, 5), dtype=bool), (1.0, 1.0, 1.0), VOXEL)[0]) == 125 - 27
    with pytest.raises(ValueError, match="area or voxel"):
        surface(square, (1.0, 1.0), "mesh")


def test_a_single_slice_has_an_outline_but_no_top() -> None:
    """Two squares in one slice 50 mm thick, 3 pixels apart: nothing is 50 mm away."""
    truth = _mask((20, 20, 1), (slice(2, 8), slice(2, 8)), (1, 1, 50))
    drawn = _mask((20, 20, 1), (slice(5, 11), slice(2, 8)), (1, 1, 50))
    assert compare(truth, drawn, 1)["hausdorff_mm"].value == 3
    assert compare(truth, drawn, 1, Settings(surface=VOXEL))["hausdorff_mm"].value == 3


CUBE = (slice(1, 3),) * 3
RULES = {  # neither, only given, only drawn
    "dice": (1.0, 0.0, 0.0),
    "jaccard": (1.0, 0.0, 0.0),
    "f1": (1.0, 0.0, 0.0),
    "accuracy": (1.0, 1 - 8 / 125, 1 - 8 / 125),
    "precision": (NEITHER, NO_DRAWN, 0.0),
    "sensitivity": (NEITHER, 0.0, NO_TRUTH),
    "specificity": (1.0, 1.0, 117 / 125),
    "hausdorff_mm": (NEITHER, NO_DRAWN, NO_TRUTH),
    "hausdorff_95_mm": (NEITHER, NO_DRAWN, NO_TRUTH),
    "average_surface_distance_mm": (NEITHER, NO_DRAWN, NO_TRUTH),
    "surface_dice": (1.0, 0.0, 0.0),
    "volume_difference_ml": (0.0, -0.008, 0.008),
    "relative_volume_error": (NEITHER, -1.0, NO_TRUTH),
}


@pytest.mark.parametrize("name", METRICS)
def test_the_rules_for_empty_masks(name: str) -> None:
    full, empty = _mask((5, 5, 5), CUBE), _mask((5, 5, 5), None)
    for expected, (truth, drawn) in zip(RULES[name], ((empty, empty), (full, empty), (empty, full)), strict=True):
        found = compare(truth, drawn, 1)[name]
        if isinstance(expected, str):
            assert found == Measured(None, expected)
        else:
            assert found.value == pytest.approx(expected)


def test_without_spacing_nothing_is_said_in_mm() -> None:
    found = compare(_line(2, 5), _line(4, 8), 1, Settings(units_mm=False))
    silent = [name for name, one in found.items() if one == Measured(None, NO_SPACING)]
    assert silent == [
        "hausdorff_mm", "hausdorff_95_mm", "average_surface_distance_mm", "surface_dice", "volume_difference_ml",
    ]  # fmt: skip


def test_a_region_that_fills_the_image_has_no_specificity() -> None:
    full = _mask((2, 2, 2), (slice(0, 2),) * 3)
    assert compare(full, full, 1)["specificity"] == Measured(None, NO_OUTSIDE)


def test_a_union_counts_its_labels_as_one() -> None:
    """Label 1 where the other says 2: each alone shares nothing, together all."""
    first, second = np.zeros((4, 1, 1), np.uint8), np.zeros((4, 1, 1), np.uint8)
    first[:2], second[:2] = 1, 2
    masks = [Mask(labels, np.eye(4), REGIONS) for labels in (first, second)]
    assert compare(*masks, 1)["dice"].value == 0
    assert compare(*masks, (1, 2))["dice"].value == 1


def test_a_mean_counts_patients_not_cases() -> None:
    """One patient with scores 0 and 0, another with 1: resamples of two patients give 0, 1 / 3 or 1, never 1 / 2."""
    draws = PatientDraws(["p", "p", "q"], 0)
    found = draws.mean([Measured(0.0), Measured(0.0), Measured(1.0)])
    assert found.value == pytest.approx(1 / 3)
    assert (found.low, found.high, found.n, dict(found.missing)) == (0.0, 1.0, 3, {})


def test_what_is_missing_is_counted_and_never_averaged() -> None:
    draws = PatientDraws(["p", "q", "r"], 0)
    found = draws.mean([Measured(0.5), Measured(None, "why"), Measured(0.5)])
    assert found.to_json() == {"value": 0.5, "low": 0.5, "high": 0.5, "n": 2, "missing": {"why": 1}}
    none = draws.mean([Measured(None, "why")] * 3)
    assert none.to_json() == {"value": None, "low": None, "high": None, "n": 0, "missing": {"why": 3}}
    alone = PatientDraws(["p", "p"], 0).mean([Measured(0.2), Measured(0.4)])
    assert (alone.value, alone.low, alone.high) == (pytest.approx(0.3), None, None), "one patient has no interval"
    for value, reason in ((None, ""), (1.0, "why")):
        with pytest.raises(ValueError, match="reason"):
            Measured(value, reason)


def test_thirds_by_size() -> None:
    """Sizes 1 to 7 and one absent: thirds of 3, 2, 2 cases, the first with one miss."""
    groups = by_size([3, 1, 0, 2, 7, 6, 5, 4], [0.2, 0.0, 1, 0.4, 0.9, 0.9, 0.8, 0.6], list("abcdefgh"))
    assert [(g.smallest, g.largest, g.n, g.missed) for g in groups] == [(1, 3, 3, 1), (4, 5, 2, 0), (6, 7, 2, 0)]
    assert [g.dice.value for g in groups] == [pytest.approx(0.2), pytest.approx(0.7), pytest.approx(0.9)]
    assert by_size([1, 2, 3, 4, 5], [1] * 5, list("abcde")) == ()
