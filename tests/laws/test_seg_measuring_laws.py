"""Laws of `measure_with`: how a file stores its axes, where the region lies and how intensities are scaled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.settings import RadiomicsSettings, parse_settings
from segmentation.types import Mask, Volume

SEEDS = st.integers(0, 10_000)
PLAIN = ["shape", "enclosing", "intensity", "local_intensity", "histogram", "volume_histogram"]
AFFINE = np.diag([1.5, 1.0, 2.5, 1.0])
FEW = settings(max_examples=15, deadline=None)


def _scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = np.rint(ndimage.gaussian_filter(rng.normal(size=(15, 13, 11)), 1) * 400).astype(np.int16)
    labels = np.zeros(image.shape, dtype=np.uint8)
    labels[5:10, 4:9, 3:8] = ndimage.gaussian_filter(rng.normal(size=(5, 5, 5)), 0.8) > -0.05
    labels[7, 6, 5] = 1
    return image, labels


def _features(how: RadiomicsSettings, image: np.ndarray, labels: np.ndarray, affine: np.ndarray = AFFINE) -> object:
    features, _ = measure_with(how, Volume(image, affine), Mask(labels, affine, {"a": 1}), "a")
    return pytest.approx(features, rel=1e-5, abs=1e-7)


@FEW
@given(SEEDS, st.permutations(range(3)), st.tuples(*[st.booleans()] * 3), st.sampled_from(["linear", "cubic"]))
def test_how_a_file_stores_its_axes_changes_nothing(
    seed: int, order: list[int], flips: tuple[bool, ...], method: str
) -> None:
    how = parse_settings(
        {"grid": {"spacing_mm": [1.2, 1.7, 2.1]}, "interpolation": {"image": method}, "families": [*PLAIN, "cm", "ngt"]}
    )
    image, labels = _scene(seed)
    affine = AFFINE[:, [*order, 3]].copy()
    turned = [array.transpose(order) for array in (image, labels)]
    for axis, flipped in enumerate(flips):
        if flipped:
            affine[:3, 3] += affine[:3, axis] * (turned[0].shape[axis] - 1)
            affine[:3, axis] *= -1
            turned = [np.flip(array, axis) for array in turned]
    assert measure_with(how, Volume(turned[0], affine), Mask(turned[1], affine, {"a": 1}), "a")[0] == _features(
        how, image, labels
    )


@FEW
@given(SEEDS, st.tuples(*[st.integers(0, 8)] * 3), st.tuples(*[st.integers(0, 8)] * 3))
def test_where_the_region_lies_in_the_image_changes_nothing(
    seed: int, before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    how = parse_settings({"families": PLAIN})
    image, labels = _scene(seed)
    # The image is cut from a larger one; eight voxels around the region hold the ball of local intensity.
    wide, marked = np.pad(image, 16, mode="reflect"), np.pad(labels, 16)
    window = tuple(slice(8 - a, 24 + n + b) for n, a, b in zip(image.shape, before, after, strict=True))
    cut, _ = measure_with(how, Volume(wide[window], AFFINE), Mask(marked[window], AFFINE, {"a": 1}), "a")
    assert cut == _features(how, wide, marked)


@FEW
@given(SEEDS, st.floats(0.1, 9), st.floats(-500, 500))
def test_a_number_of_bins_does_not_know_the_scale(seed: int, factor: float, shift: float) -> None:
    how = parse_settings(
        {
            "discretisation": {"method": "fixed_bin_number", "value": 8},
            "volume_histogram": {"method": "fixed_bin_number", "value": 16},
            "families": ["histogram", "volume_histogram"],
        }
    )
    image, labels = _scene(seed)
    # Powers of two and whole shifts keep every quotient exact, so that no voxel changes its bin by rounding.
    scale, move = 2.0 ** round(np.log2(factor)), round(shift)
    assert measure_with(how, Volume(image * scale + move, AFFINE), Mask(labels, AFFINE, {"a": 1}), "a")[0] == _features(
        how, image, labels
    )


@FEW
@given(SEEDS, st.integers(-300, 300))
def test_bins_of_a_size_from_the_minimum_do_not_know_the_offset(seed: int, shift: int) -> None:
    how = parse_settings({"families": ["histogram"]})
    image, labels = _scene(seed)
    assert measure_with(how, Volume(image + shift, AFFINE), Mask(labels, AFFINE, {"a": 1}), "a")[0] == _features(
        how, image, labels
    )


@FEW
@given(SEEDS, st.floats(0.2, 5), st.floats(-300, 300))
def test_autocorrelation_and_local_peaks_follow_a_linear_map(seed: int, factor: float, shift: float) -> None:
    how = parse_settings({"families": ["intensity", "local_intensity"]})
    image, labels = _scene(seed)
    plain, _ = measure_with(how, Volume(image, AFFINE), Mask(labels, AFFINE, {"a": 1}), "a")
    mapped, _ = measure_with(how, Volume(image * factor + shift, AFFINE), Mask(labels, AFFINE, {"a": 1}), "a")
    for tag in ("morph_moran_i", "morph_geary_c"):
        assert mapped[tag] == pytest.approx(plain[tag], rel=1e-6, abs=1e-9)
    for tag in ("loc_peak_loc", "loc_peak_glob"):
        assert mapped[tag] == pytest.approx(plain[tag] * factor + shift, rel=1e-6, abs=1e-4)


@FEW
@given(SEEDS, st.integers(2, 500))
def test_a_label_is_only_a_name(seed: int, label: int) -> None:
    image, labels = _scene(seed)
    other = np.where(labels == 1, label, 0).astype(np.uint16)
    other[0, 0, 0] = label + 1
    how = parse_settings({"families": PLAIN, "grid": {"spacing_mm": [2, 2, 2]}})
    named = Mask(other, AFFINE, {"x": label, "y": label + 1})
    assert measure_with(how, Volume(image, AFFINE), named, "x")[0] == _features(how, image, labels)
