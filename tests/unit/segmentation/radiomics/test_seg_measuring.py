"""`measure_with`: fast kernels against brute force, what is missing and why, and what is refused."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy import ndimage

from segmentation.errors import ImageRefusal
from segmentation.radiomics import measure
from segmentation.radiomics.autocorrelation import autocorrelation_features
from segmentation.radiomics.catalogue import CATALOGUE
from segmentation.radiomics.dictionary import EVERY_FEATURE, tags_of
from segmentation.radiomics.enclosing import smallest_box, smallest_ellipsoid
from segmentation.radiomics.histogram import histogram_features
from segmentation.radiomics.hull import mesh_hull
from segmentation.radiomics.local_intensity import BALL_RADIUS_MM, local_intensity_features
from segmentation.radiomics.measuring import EMPTY, NOTHING_KEPT, measure_with
from segmentation.radiomics.processing import prepare, reading_window
from segmentation.radiomics.region import cut_regions
from segmentation.radiomics.settings import RadiomicsSettings, parse_settings
from segmentation.types import Mask, Volume

SPACING = np.array([2.5, 1.0, 1.5])
RESAMPLED = parse_settings({"grid": {"spacing_mm": [2, 2, 2]}, "texture": {"dimensions": ["2D", "2.5D", "3D"]}})

BY_SETTINGS = {feature.tag for feature in EVERY_FEATURE if feature.family != "placement"}


def _blob(seed: int, shape: tuple[int, int, int] = (9, 10, 8)) -> np.ndarray:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return field > np.quantile(field, 0.6)


def _scene(seed: int, shape: tuple[int, int, int] = (14, 12, 9)) -> tuple[Volume, Mask]:
    affine = np.diag([1.5, 1.0, 2.5, 1.0])
    image = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1) * 400
    inside = np.zeros(shape, dtype=np.uint8)
    inside[4:11, 3:9, 2:7] = _blob(seed, (7, 6, 5))
    return Volume(np.asfortranarray(np.rint(image).astype(np.int16)), affine), Mask(inside, affine, {"a": 1})


@pytest.mark.parametrize("seed", range(4))
def test_spatial_autocorrelation_agrees_with_all_pairs(seed: int) -> None:
    inside = _blob(seed, (5, 6, 7))
    image = np.random.default_rng(seed).normal(size=inside.shape)
    places, x = np.argwhere(inside) * SPACING, image[inside]
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    weight, z = 1 / distance, x - x.mean()
    moran = len(x) / weight.sum() * (z @ weight @ z) / (z @ z)
    geary = (len(x) - 1) / (2 * weight.sum()) * (weight * (x[:, None] - x[None]) ** 2).sum() / (z @ z)
    found, _ = autocorrelation_features(image, inside, SPACING)
    assert found == {"morph_moran_i": pytest.approx(moran, rel=1e-9), "morph_geary_c": pytest.approx(geary, rel=1e-9)}


@pytest.mark.parametrize("seed", range(4))
def test_local_peaks_agree_with_all_voxels_of_each_ball(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 12, (9, 16, 14)).astype(np.float32)
    window = (slice(2, 7), slice(5, 11), slice(0, 6))
    inside = rng.random((5, 6, 6)) < 0.4
    everywhere = np.argwhere(np.ones(image.shape, dtype=bool))
    means = {}
    for place in np.argwhere(inside) + np.array([2, 5, 0]):
        near = (((everywhere - place) * SPACING) ** 2).sum(axis=1) <= BALL_RADIUS_MM**2
        means[tuple(place)] = image[tuple(everywhere[near].T)].mean(dtype=float)
    top = image[window][inside].max()
    found = local_intensity_features(image, window, inside, SPACING)
    assert found["loc_peak_glob"] == pytest.approx(max(means.values()))
    assert found["loc_peak_loc"] == pytest.approx(max(mean for place, mean in means.items() if image[place] == top))


@pytest.mark.parametrize("seed", range(4))
def test_a_histogram_agrees_with_its_voxels(seed: int) -> None:
    levels = np.random.default_rng(seed).integers(1, 9, 57).astype(float)
    found, _ = histogram_features(np.bincount(levels.astype(int), minlength=12)[1:])
    low, high = np.percentile(levels, [10, 90])
    middle = levels[(levels >= low) & (levels <= high)]
    z = (levels - levels.mean()) / levels.std()
    assert found["ih_p10"] == pytest.approx(low)
    assert found["ih_p90"] == pytest.approx(high)
    assert found["ih_iqr"] == pytest.approx(np.subtract(*np.percentile(levels, [75, 25])))
    assert found["ih_median"] == np.median(levels)
    assert found["ih_var"] == pytest.approx(levels.var())
    assert (found["ih_skew"], found["ih_kurt"]) == (pytest.approx((z**3).mean()), pytest.approx((z**4).mean() - 3))
    assert found["ih_mad"] == pytest.approx(np.abs(levels - levels.mean()).mean())
    assert found["ih_rmad"] == pytest.approx(np.abs(middle - middle.mean()).mean())
    assert found["ih_medad"] == pytest.approx(np.abs(levels - np.median(levels)).mean())


@pytest.mark.parametrize("seed", range(3))
def test_no_turned_box_with_a_face_on_the_hull_is_smaller(seed: int) -> None:
    region = cut_regions(Mask(_blob(seed).astype(np.uint8), np.diag([1, 2, 1.5, 1]), {"a": 1}))["a"]
    assert region is not None
    hull = mesh_hull(region.runs, region.spacing)
    least = math.inf
    for normal in hull.outward:
        first = np.linalg.svd(normal[None])[2][1:]
        flat = hull.corners @ first.T
        for angle in np.linspace(0, np.pi / 2, 721):
            turned = flat @ np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
            least = min(least, float(np.prod(np.ptp(turned, axis=0)) * np.ptp(hull.corners @ normal)))
    ours = math.prod(smallest_box(hull))
    assert ours <= least * (1 + 1e-9)
    assert ours == pytest.approx(least, rel=0.01)
    assert ours >= hull.volume


@pytest.mark.parametrize("seed", range(3))
def test_the_ellipsoid_holds_all_points_and_is_that_of_the_dual(seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(40, 3)) * [1, 2, 5] + 7
    a, b, c = smallest_ellipsoid(points)
    # Volumes follow affine maps: squash the points by any matrix and the ellipsoid shrinks with its determinant.
    matrix = np.random.default_rng(seed + 50).normal(size=(3, 3))
    shrunk = math.prod(smallest_ellipsoid(points @ matrix))
    assert shrunk == pytest.approx(a * b * c * abs(np.linalg.det(matrix)), rel=1e-5)
    assert a * b * c * 8 >= np.prod(np.ptp(points, axis=0)) / 6  # a box that touches all sides holds the hull


@pytest.mark.parametrize("method", ["nearest", "linear", "cubic"])
def test_resampling_a_window_equals_resampling_the_whole(method: str) -> None:
    settings = parse_settings({"grid": {"spacing_mm": [1.1, 0.7, 1.9]}, "interpolation": {"image": method}})
    rng = np.random.default_rng(1)
    affine = np.array([[0, 1.5, 0, 3], [-1.0, 0, 0, 9], [0, 0, 2.5, -4], [0, 0, 0, 1]])
    volume = Volume(np.asfortranarray(rng.normal(size=(48, 52, 44)).astype(np.float32)), affine)
    labels = np.zeros(volume.array.shape, dtype=np.uint8)
    labels[20:26, 22:29, 19:23] = rng.random((6, 7, 4)) < 0.7
    mask = Mask(labels, affine, {"a": 1})
    window = (slice(19, 27), slice(22, 29), slice(18, 23))
    part = mask.grid.part(window)
    crop = Mask(labels[window], part.affine, {"a": 1})
    needed = reading_window(settings, crop.grid, volume.grid)
    read = Volume(volume.array[needed], volume.grid.part(needed).affine)
    assert read.array.size < volume.array.size
    ours, theirs = prepare(settings, read, crop, "a", volume.grid), prepare(settings, volume, mask, "a")
    assert ours is not None
    assert theirs is not None
    np.testing.assert_array_equal(ours.morphological, theirs.morphological)
    np.testing.assert_allclose(ours.surroundings, theirs.surroundings, atol=2e-5)


def test_a_window_too_small_is_refused() -> None:
    volume, mask = _scene(0)
    window = (slice(4, 11), slice(3, 9), slice(2, 7))
    part = Volume(volume.array[window], volume.grid.part(window).affine)
    crop = Mask(mask.labels[window], part.affine, {"a": 1})
    with pytest.raises(ImageRefusal, match="reading_window"):
        measure_with(RESAMPLED, part, crop, "a", volume.grid)


def test_every_feature_is_measured_and_has_a_row() -> None:
    volume, mask = _scene(3)
    features, missing = measure_with(RESAMPLED, volume, mask, "a")
    asked = {tag for family in RESAMPLED.families for tag in tags_of(family, RESAMPLED)}
    assert set(features) | set(missing) == asked == BY_SETTINGS
    assert not set(features) & set(missing)
    assert all(math.isfinite(value) for value in features.values())


def test_without_processing_shape_and_intensity_are_those_of_measure() -> None:
    volume, mask = _scene(4)
    settings = parse_settings({"families": ["shape", "intensity"], "spatial_autocorrelation": False})
    ours, _ = measure_with(settings, volume, mask, "a")
    theirs, _ = measure(mask, "a", volume)
    assert set(ours) == {feature.tag for feature in CATALOGUE}
    assert ours == pytest.approx(theirs, rel=1e-12)


def test_what_re_segmentation_empties_is_missing_with_the_reason() -> None:
    volume, mask = _scene(5)
    settings = parse_settings({"resegmentation": {"range": [20000, 30000]}})
    features, missing = measure_with(settings, volume, mask, "a")
    assert set(missing.values()) == {NOTHING_KEPT}
    assert {"morph_volume", "morph_vol_dens_ombb"} <= set(features)
    assert set(features) | set(missing) == {tag for family in settings.families for tag in tags_of(family, settings)}


def test_a_region_without_voxels_is_missing_with_the_reason() -> None:
    volume, mask = _scene(5)
    empty = Mask(np.zeros_like(mask.labels), mask.affine, {"a": 1})
    features, missing = measure_with(RESAMPLED, volume, empty, "a")
    assert features == {}
    assert set(missing.values()) == {EMPTY}
    assert missing.keys() == BY_SETTINGS


def test_a_speck_that_vanishes_on_a_coarse_grid_is_missing() -> None:
    volume, mask = _scene(5)
    speck = np.zeros_like(mask.labels)
    speck[6, 6, 4] = 1
    coarse = parse_settings({"grid": {"spacing_mm": [6, 6, 6]}})
    assert measure_with(coarse, volume, Mask(speck, mask.affine, {"a": 1}), "a")[0] == {}


def test_one_voxel_and_a_constant_region_have_reasons_and_no_nan() -> None:
    volume, mask = _scene(5)
    speck = np.zeros_like(mask.labels)
    speck[6, 6, 4] = 1
    flat = Volume(np.full(volume.array.shape, 40, dtype=np.int16), volume.affine)
    for image, labels in ((volume, speck), (flat, mask.labels)):
        features, missing = measure_with(RadiomicsSettings(), image, Mask(labels, mask.affine, {"a": 1}), "a")
        assert all(math.isfinite(value) for value in features.values())
        assert {"morph_moran_i", "morph_geary_c", "ih_skew", "stat_skew", "ivh_v10"} <= set(missing)


def test_inputs_are_not_changed() -> None:
    volume, mask = _scene(6)
    before = volume.array.copy(), mask.labels.copy()
    settings = parse_settings({"interpolation": {"round_intensities": True}, "resegmentation": {"range": [-50, 50]}})
    measure_with(settings, dataclasses.replace(volume, array=volume.array.astype(np.float32)), mask, "a")
    measure_with(settings, volume, mask, "a")
    np.testing.assert_array_equal(volume.array, before[0])
    np.testing.assert_array_equal(mask.labels, before[1])
    floats = volume.array.astype(np.float32) + 0.25
    measure_with(settings, Volume(floats, volume.affine), mask, "a")
    np.testing.assert_array_equal(floats, before[0] + np.float32(0.25))


def test_another_grid_an_unknown_region_and_holes_are_refused() -> None:
    volume, mask = _scene(7)
    shifted = volume.affine.copy()
    shifted[0, 3] += 0.7
    for wrong, name, code in (
        (Volume(volume.array, shifted), "a", "grid_mismatch"),
        (volume, "b", "no_regions"),
        (Volume(np.where(volume.array > 50, np.nan, volume.array), volume.affine), "a", "non_finite"),
    ):
        with pytest.raises(ImageRefusal) as refused:
            measure_with(RadiomicsSettings(), wrong, mask, name)
        assert refused.value.code == code


@pytest.mark.parametrize("method", ["linear", "cubic"])
def test_a_slice_is_resampled_by_itself(method: str) -> None:
    settings = parse_settings({"grid": {"by": "slice", "spacing_mm": [2, 2]}, "interpolation": {"image": method}})
    volume, mask = _scene(8)
    altered = volume.array.copy()
    altered[:, :, 4] += 1000
    before = prepare(settings, volume, mask, "a")
    after = prepare(settings, Volume(altered, volume.affine), mask, "a")
    assert before is not None
    assert after is not None
    np.testing.assert_allclose(before.spacing, [2.5, 2, 2])
    changed = np.abs(after.surroundings - before.surroundings).max(axis=(1, 2)) > 0.01
    assert changed.sum() == 1
