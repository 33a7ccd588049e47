"""Grids, masks, bins and histograms whose answer can be worked out on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.radiomics.autocorrelation import autocorrelation_features
from segmentation.radiomics.discretise import discretise
from segmentation.radiomics.enclosing import enclosing_features, smallest_box, smallest_ellipsoid
from segmentation.radiomics.grid import axis_grid, sample
from segmentation.radiomics.histogram import histogram_features
from segmentation.radiomics.local_intensity import BALL_RADIUS_MM, local_intensity_features
from segmentation.radiomics.processing import prepare
from segmentation.radiomics.region import RegionVoxels
from segmentation.radiomics.resegment import intensity_mask
from segmentation.radiomics.settings import (
    BinSettings,
    RadiomicsSettings,
    ResegmentationSettings,
    VolumeHistogramSettings,
    parse_settings,
)
from segmentation.radiomics.volume_histogram import NOT_WHOLE, volume_histogram_features
from segmentation.types import Mask, Volume

LINE = np.arange(4, dtype=np.float32).reshape(1, 1, 4)
STILL = axis_grid(1, 1.0, None)


def test_four_voxels_of_3_mm_are_six_of_2_mm_about_the_same_centre() -> None:
    axis = axis_grid(4, 3.0, 2.0)
    # 12 mm, centre at index 1.5: voxels at 1.5 + (n - 2.5) 2/3.
    assert (axis.n, axis.first, axis.step) == (6, pytest.approx(1.5 - 5 / 3), pytest.approx(2 / 3))


def test_a_length_that_does_not_fit_sticks_out_on_both_sides_alike() -> None:
    axis = axis_grid(5, 1.0, 2.0)
    assert (axis.n, axis.first, axis.step) == (3, 0.0, 2.0)
    axis = axis_grid(4, 1.0, 3.0)
    assert (axis.n, axis.first, axis.step) == (2, 0.0, 3.0)


def test_a_rounding_error_of_the_spacing_adds_no_voxel() -> None:
    assert axis_grid(60, float(np.float32(3.0000002)), 2.0).n == 90


def test_linear_values_lie_between_and_edges_are_extended() -> None:
    axes = [STILL, STILL, axis_grid(4, 3.0, 2.0)]
    values = sample(LINE, (0, 0, 0), axes, [(0, 1), (0, 1), (0, 6)], "linear").ravel()
    # Places -1/6, 1/2, 7/6, 11/6, 5/2, 19/6; the first and the last lie beyond the outermost centres.
    np.testing.assert_allclose(values, [0, 1 / 2, 7 / 6, 11 / 6, 5 / 2, 3], atol=1e-6)


def test_the_nearest_voxel_is_copied() -> None:
    axes = [STILL, STILL, axis_grid(4, 3.0, 2.0)]
    values = sample(LINE, (0, 0, 0), axes, [(0, 1), (0, 1), (0, 6)], "nearest").ravel()
    np.testing.assert_array_equal(values[[0, 2, 3, 5]], [0, 1, 2, 3])


def test_a_cubic_spline_follows_a_parabola() -> None:
    line = (np.arange(60.0) ** 2).reshape(1, 1, 60)
    axes = [STILL, STILL, axis_grid(60, 3.0, 2.0)]
    values = sample(line, (0, 0, 0), axes, [(0, 1), (0, 1), (0, 90)], "cubic").ravel()
    places = axes[2].first + axes[2].step * np.arange(90)
    np.testing.assert_allclose(values[30:60], places[30:60] ** 2, rtol=1e-6)


def _line_region(
    settings: RadiomicsSettings, image: list[float], labels: list[int], spacing: float
) -> tuple[list[float], list[int]]:
    affine = np.diag([spacing, 1.0, 1.0, 1.0])
    volume = Volume(np.array(image, dtype=np.float32).reshape(-1, 1, 1), affine)
    mask = Mask(np.array(labels, dtype=np.uint8).reshape(-1, 1, 1), affine, {"a": 1})
    prepared = prepare(settings, volume, mask, "a")
    assert prepared is not None
    return prepared.values.tolist(), list(prepared.surroundings.shape)


def test_a_cover_of_one_half_is_inside() -> None:
    settings = parse_settings({"grid": {"spacing_mm": [2, 1, 1]}})
    # New voxels at old places 0.5, 2.5, 4.5: the cover of the first is (0 + 1) / 2.
    values, _ = _line_region(settings, [0, 10, 20, 30, 40, 50], [0, 1, 1, 1, 0, 0], 1.0)
    assert values == [5, 25]


def test_intensities_are_rounded_after_interpolation_only_where_asked() -> None:
    grid = {"spacing_mm": [2, 1, 1]}
    rounded = parse_settings({"grid": grid, "interpolation": {"round_intensities": True}})
    assert _line_region(rounded, [0, 3, 0, 5.4], [1, 1, 1, 1], 1.0)[0] == [2, 3]
    assert _line_region(parse_settings({"grid": grid}), [0, 3, 0, 5], [1, 1, 1, 1], 1.0)[0] == [1.5, 2.5]


def test_the_ball_of_local_intensity_is_kept_around_the_box() -> None:
    labels = [0] * 10 + [1] + [0] * 10
    assert _line_region(RadiomicsSettings(), [0.0] * 21, labels, 2.0)[1] == [1, 1, 7]
    assert _line_region(RadiomicsSettings(), [0.0] * 21, labels, 6.3)[1] == [1, 1, 1]


def test_range_and_outliers_keep_what_both_keep() -> None:
    # 20 voxels: mean 10, sd sqrt(19) * 10 = 43.6: 200 lies above 10 + 3 sd = 140.8 of the region as outlined.
    image = np.array([0.0] * 19 + [200.0]).reshape(1, 4, 5)
    everywhere = np.ones(image.shape, dtype=bool)
    by_sigma = ResegmentationSettings(outliers_sigma=3)
    assert intensity_mask(image, everywhere, by_sigma).sum() == 19
    both = ResegmentationSettings(range=(0, 500), outliers_sigma=3)
    assert intensity_mask(image, everywhere, both).sum() == 19
    only_high = ResegmentationSettings(range=(1, None))
    assert intensity_mask(image, everywhere, only_high).sum() == 1
    ends_count = ResegmentationSettings(range=(0, 200))
    assert intensity_mask(image, everywhere, ends_count).sum() == 20


def test_outliers_are_those_of_the_region_as_outlined_not_of_the_range() -> None:
    # Within the range alone, 0..9, the sd would be 2.9 and nothing beyond 3 sd either; the spread is set by 1000.
    image = np.array([*range(10), 1000.0]).reshape(1, 1, 11)
    everywhere = np.ones(image.shape, dtype=bool)
    settings = ResegmentationSettings(range=(0, 9), outliers_sigma=0.01)
    # Mean 95, sd 286: 95 +- 2.9 holds no voxel of the range.
    assert intensity_mask(image, everywhere, settings).sum() == 0


def test_bins_of_a_size_begin_at_the_lower_end_and_a_number_of_bins_at_the_minimum() -> None:
    image = np.array([-500.0, -476, -475, 0, 400]).reshape(1, 1, 5)
    inside = np.ones(image.shape, dtype=bool)
    size = BinSettings(method="fixed_bin_size", value=25)
    assert discretise(image, inside, size, -1000.0)[0].ravel().tolist() == [21, 21, 22, 41, 57]
    assert discretise(image, inside, size)[0].ravel().tolist() == [1, 1, 2, 21, 37]
    number = BinSettings(method="fixed_bin_number", value=9)
    bins, n = discretise(image, inside, number, -1000.0)
    assert (bins.ravel().tolist(), n) == ([1, 1, 1, 6, 9], 9)


def test_outside_is_0_and_a_constant_region_is_level_1() -> None:
    image = np.array([7.0, 7, 9]).reshape(1, 1, 3)
    inside = np.array([True, True, False]).reshape(1, 1, 3)
    for method in ("fixed_bin_size", "fixed_bin_number"):
        assert discretise(image, inside, BinSettings(method=method, value=4))[0].ravel().tolist() == [1, 1, 0]


@pytest.mark.parametrize("values", [[0.0, 1.0], [1.5, 2.0]])
def test_only_whole_numbers_from_1_are_taken_as_they_are(values: list[float]) -> None:
    image = np.array(values).reshape(1, 1, 2)
    with pytest.raises(ImageRefusal, match="whole numbers from 1"):
        discretise(image, np.ones(image.shape, dtype=bool), BinSettings(method="none"))


def test_a_histogram_of_eight_voxels() -> None:
    # Levels 1 1 1 2 2 4 4 4: mean 19/8; levels 1 and 4 are equally frequent, 1.375 and 1.625 from the mean.
    features, missing = histogram_features(np.array([3, 2, 0, 3]))
    assert missing == {}
    assert features["ih_mean"] == 2.375
    assert features["ih_mode"] == 1
    assert features["ih_median"] == 2
    assert features["ih_iqr"] == 3
    assert features["ih_uniformity"] == pytest.approx(22 / 64)
    assert features["ih_entropy"] == pytest.approx(2 * 3 / 8 * math.log2(8 / 3) + 0.25 * 2)
    # Slopes: 2 - 3, (0 - 3) / 2, (3 - 2) / 2, 3 - 0.
    assert [features[f"ih_{tag}"] for tag in ("max_grad", "max_grad_g", "min_grad", "min_grad_g")] == [3, 4, -1.5, 2]


def test_a_single_level_has_no_slope_and_no_skewness() -> None:
    features, missing = histogram_features(np.array([5]))
    assert set(missing) == {"ih_skew", "ih_kurt", "ih_max_grad", "ih_max_grad_g", "ih_min_grad", "ih_min_grad_g"}
    assert (features["ih_entropy"], features["ih_uniformity"]) == (0, 1)


def test_a_volume_histogram_of_ten_voxels() -> None:
    # Range 0..10 in steps of 1; ten voxels 1, 2, …, 10. Reaching 1 (10 %): all; reaching 9 (90 %): 9 and 10.
    values = np.arange(1.0, 11.0)
    features, missing = volume_histogram_features(values, VolumeHistogramSettings(), (0, 10))
    assert missing == {}
    assert (features["ivh_v10"], features["ivh_v90"]) == (1.0, 0.2)
    # At most 1 of 10 voxels reach 10, at most 9 of 10 reach 2.
    assert (features["ivh_i10"], features["ivh_i90"]) == (10, 2)
    assert features["ivh_auc"] == pytest.approx(
        (1 + 1) / 2 / 10 + sum((11 - k + 10 - k) / 20 for k in range(1, 10)) / 10
    )


def test_bins_of_a_volume_histogram_answer_with_their_centres() -> None:
    settings = VolumeHistogramSettings(method="fixed_bin_size", value=2.5)
    features, _ = volume_histogram_features(np.array([0.0, 1, 3, 9]), settings, (0, 10))
    # Bins 1 1 2 4 of four, centres 1.25 3.75 6.25 8.75: at most 90 % reach 3.75, none of at most 10 % is left.
    assert features["ivh_i90"] == 3.75
    assert features["ivh_v10"] == 0.5
    assert features["ivh_v90"] == 0.25
    assert "ivh_i10" not in features


def test_fractions_as_they_are_need_whole_intensities() -> None:
    _, missing = volume_histogram_features(np.array([0.5, 1.0]), VolumeHistogramSettings())
    assert set(missing.values()) == {NOT_WHOLE}


def test_the_local_peak_looks_out_of_the_region_and_stays_in_the_image() -> None:
    # Voxels of 5 mm: the ball about a voxel holds it and its six face neighbours.
    image = np.zeros((3, 3, 4), dtype=np.float32)
    image[1, 1, 1], image[1, 1, 2], image[1, 1, 3] = 7, 6, 20
    inside = np.zeros(image.shape, dtype=bool)
    inside[1, 1, 1:3] = True
    window = (slice(0, 3), slice(0, 3), slice(0, 4))
    found = local_intensity_features(image, window, inside, np.array([5.0, 5, 5]))
    assert found["loc_peak_loc"] == pytest.approx((7 + 6) / 7)
    assert found["loc_peak_glob"] == pytest.approx((7 + 6 + 20) / 7)
    corner = np.zeros(image.shape, dtype=bool)
    corner[0, 0, 3] = True
    assert local_intensity_features(image + 1, window, corner, np.array([5.0, 5, 5]))["loc_peak_loc"] == 1


def test_the_ball_holds_one_cubic_centimetre() -> None:
    assert 4 / 3 * math.pi * BALL_RADIUS_MM**3 == pytest.approx(1000)


def test_two_voxels_are_opposed() -> None:
    image = np.array([[[1.0, 2.0]]])
    features, _ = autocorrelation_features(image, np.ones((1, 1, 2), dtype=bool), np.array([1.0, 1, 3]))
    # One pair: I = 2 / 2w * 2w (-.5)(.5) / .5 = -1; C = 1 / 4w * 2w / .5 = 1.
    assert features == {"morph_moran_i": pytest.approx(-1), "morph_geary_c": pytest.approx(1)}


def test_a_turned_box_is_found_and_an_ellipsoid_touches_its_corners() -> None:
    # A bar along a diagonal of the slice: the turned box is filled better than the upright one.
    block = np.zeros((3, 12, 12), dtype=np.uint8)
    for n in range(12):
        block[:, n, max(0, n - 1) : n + 2] = 1
    prepared = _whole(block)
    features = enclosing_features(prepared)
    a, b, c = sorted(smallest_box(prepared.hull))
    volume, area = prepared.mesh
    assert features["morph_vol_dens_ombb"] == pytest.approx(volume / (a * b * c))
    assert a * b * c < 0.5 * np.prod(prepared.size)
    cube = np.array([[x, y, z] for x in (-1, 1) for y in (-2, 2) for z in (-3, 3)], dtype=float)
    # The least ellipsoid around a box has sqrt(3) times its half edges.
    np.testing.assert_allclose(smallest_ellipsoid(cube + 5), np.sqrt(3) * np.array([3, 2, 1]), rtol=1e-5)
    assert 0 < features["morph_vol_dens_mvee"] < 1 < area


def _whole(block: np.ndarray) -> RegionVoxels:
    mask = Mask(block.T, np.eye(4), {"a": 1})
    prepared = prepare(RadiomicsSettings(), Volume(block.T.astype(float), np.eye(4)), mask, "a")
    assert prepared is not None
    return prepared.outlined
