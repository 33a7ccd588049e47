"""Filters whose response can be written down: kernels, impulses, edges, waves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.radiomics.filters import filter_entries, filter_settings, respond
from segmentation.radiomics.filters.kernels import right_angle_rotations
from segmentation.radiomics.filters.laws import LAWS_NAMES, laws_kernel
from segmentation.radiomics.filters.wavelets import high_pass, low_pass

CUBIC = (2.0, 2.0, 2.0)


def impulse(size: int = 9, height: float = 1.0) -> np.ndarray:
    image = np.zeros((size, size, size))
    image[size // 2, size // 2, size // 2] = height
    return image


def response(image: np.ndarray, **entries: Any) -> np.ndarray:
    return respond(image, CUBIC, filter_settings(entries))


def test_the_mean_of_three_voxels_a_side() -> None:
    found = response(impulse(), name="mean", support=3, boundary="zero")
    expected = np.zeros((9, 9, 9))
    expected[3:6, 3:6, 3:6] = 1 / 27
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_a_mean_by_slice_leaves_the_other_slices_alone() -> None:
    found = response(impulse(), name="mean", support=3, dimensions=2)
    assert found[3, 3, 4] == pytest.approx(1 / 9)
    assert not found[:, :, [3, 5]].any()


# The first voxel of 1, 2, 3, 4, 5, with support 3.
@pytest.mark.parametrize(
    ("boundary", "first"),
    [("zero", 1.0), ("nearest", 4 / 3), ("mirror", 4 / 3), ("periodic", 8 / 3), (6.0, 3.0), (-3, 0.0)],
)
def test_what_lies_outside(boundary: str | float, first: float) -> None:
    image = np.broadcast_to(np.arange(1.0, 6.0)[:, None, None], (5, 4, 4))
    # By slice, in the middle of J, so that only I has an edge in reach.
    found = response(image, name="mean", support=3, dimensions=2, boundary=boundary)
    assert found[0, 1, 1] == pytest.approx(first, abs=1e-6)


def test_mirror_repeats_the_outermost_voxel_where_nearest_does_not_go_on() -> None:
    image = np.broadcast_to(np.arange(1.0, 8.0)[:, None, None], (7, 7, 7))
    mirror, nearest = (response(image, name="mean", support=5, boundary=b)[0, 3, 3] for b in ("mirror", "nearest"))
    assert mirror == pytest.approx((2 + 1 + 1 + 2 + 3) / 5)
    assert nearest == pytest.approx((1 + 1 + 1 + 2 + 3) / 5)


def test_the_laplacian_of_gaussian_at_its_middle() -> None:
    """-3 / sigma^2 times the Gaussian's height (2 pi sigma^2)^-1.5, sigma 3 mm = 1.5 voxels."""
    found = response(impulse(31), name="laplacian_of_gaussian", sigma_mm=3.0, boundary="zero")
    assert found[15, 15, 15] == pytest.approx(-3 / 1.5**2 * (2 * math.pi * 1.5**2) ** -1.5, rel=1e-3)
    # It changes sign at the distance sigma sqrt 3 = 2.6 voxels.
    assert found[17, 15, 15] < 0 < found[18, 15, 15]


def test_the_laplacian_of_a_parabola() -> None:
    """i^2 has the second derivative 2 per squared voxel, whatever the Gaussian."""
    i = np.arange(-12.0, 13.0)
    image = np.broadcast_to((i**2)[:, None, None], (25, 25, 25))
    found = response(image, name="laplacian_of_gaussian", sigma_mm=4.0, truncate=5.0)
    assert found[12, 12, 12] == pytest.approx(2.0, rel=1e-3)


@pytest.mark.parametrize("name", LAWS_NAMES)
def test_laws_kernels_have_length_one_and_only_level_has_a_sum(name: str) -> None:
    kernel = laws_kernel(name)
    assert math.fsum(weight**2 for weight in kernel.weights) == pytest.approx(1.0)
    assert kernel.gain == pytest.approx({"L3": 4 / math.sqrt(6), "L5": 16 / math.sqrt(70)}.get(name, 0.0), abs=1e-12)


def test_laws_kernels_run_along_the_axes_in_the_order_of_their_names() -> None:
    """E3 along I, L3 along J, S3 along K: the impulse response is their product, a convolution."""
    found = response(impulse(5, math.sqrt(2 * 6 * 6)), name="laws", kernels="E3L3S3", boundary="zero")
    expected = np.multiply.outer(np.multiply.outer([-1, 0, 1], [1, 2, 1]), [-1, 2, -1])
    np.testing.assert_allclose(found[1:4, 1:4, 1:4], expected, atol=1e-6)


def test_an_energy_map_is_the_mean_of_absolute_responses() -> None:
    plain = response(impulse(), name="laws", kernels="E3S3", boundary="zero")
    found = response(impulse(), name="laws", kernels="E3S3", energy_distance=2, boundary="zero")
    assert found[4, 4, 4] == pytest.approx(np.abs(plain[2:7, 2:7, 4]).sum() / 25)


def test_there_are_4_and_24_right_angle_rotations() -> None:
    assert len(list(right_angle_rotations(2))) == 4
    rotations = list(right_angle_rotations(3))
    assert len(set(rotations)) == 24
    for order, flips in rotations:
        matrix = np.zeros((3, 3))
        matrix[range(3), order] = np.where(flips, -1, 1)
        assert np.linalg.det(matrix) == pytest.approx(1.0)


def test_haar_takes_sums_and_differences_of_neighbours() -> None:
    image = np.broadcast_to(np.array([1.0, 5.0, 2.0, 8.0])[:, None, None], (4, 4, 4))
    low = response(image, name="separable_wavelet", family="haar", bands="LL", boundary="periodic")
    high = response(image, name="separable_wavelet", family="haar", bands="HL", boundary="periodic")
    # Each axis carries 1 / sqrt 2; the sum along J doubles.
    np.testing.assert_allclose(low[:, 0, 0], [6, 7, 10, 9], atol=1e-5)
    np.testing.assert_allclose(np.abs(high[:, 0, 0]), [4, 3, 6, 7], atol=1e-5)


def test_the_second_level_leaves_a_gap() -> None:
    """Sums of four neighbours, half of them a step apart, divided by 2 an axis."""
    image = np.broadcast_to(np.arange(16.0)[:, None, None] ** 2, (16, 8, 8))
    entries = {"name": "separable_wavelet", "family": "haar", "level": 2, "boundary": "mirror"}
    low, high = response(image, bands="LL", **entries), response(image, bands="HL", **entries)
    assert low[5, 3, 3] == pytest.approx((25 + 36 + 49 + 64) / 2 * 2)
    assert abs(high[5, 3, 3]) == pytest.approx((49 + 64 - 25 - 36) / 2 * 2)


def test_daubechies_2_in_closed_form() -> None:
    root = math.sqrt(3.0)
    expected = np.array([1 - root, 3 - root, 3 + root, 1 + root]) / (4 * math.sqrt(2.0))
    np.testing.assert_allclose(low_pass("db2"), expected, atol=1e-12)


@pytest.mark.parametrize("family", ["haar", "coif1", *(f"db{n}" for n in range(1, 11))])
def test_wavelets_are_orthonormal_and_blind_to_polynomials(family: str) -> None:
    low = np.array(low_pass(family))
    high = np.array(high_pass(low_pass(family)))
    assert low.sum() == pytest.approx(math.sqrt(2.0))
    for shift in range(0, len(low), 2):
        assert low[shift:] @ low[: len(low) - shift] == pytest.approx(1.0 if shift == 0 else 0.0, abs=1e-7)
        assert low[shift:] @ high[: len(low) - shift] == pytest.approx(0.0, abs=1e-7)
    moments = {"haar": 1, "coif1": 2}.get(family) or int(family[2:])
    taps = np.linspace(-1, 1, len(low)) if len(low) > 1 else np.zeros(1)
    for power in range(moments):
        assert high @ taps**power == pytest.approx(0.0, abs=1e-6)


def test_a_gabor_filter_answers_the_wave_it_is_made_for() -> None:
    """cos(2 pi i / 8): half the amplitude times the integral of the envelope, 2 pi sigma^2 / gamma."""
    i = np.arange(64.0)
    image = np.broadcast_to(np.cos(2 * math.pi * i / 8)[:, None, None], (64, 64, 2))
    entries = {"name": "gabor", "sigma_mm": 12.0, "wavelength_mm": 16.0, "gamma": 2.0, "boundary": "periodic"}
    along = response(image, angle_deg=0.0, **entries)
    across = response(image, angle_deg=90.0, **entries)
    np.testing.assert_allclose(along, math.pi * 6.0**2 / 2.0, rtol=1e-4)
    assert across.max() < 1e-3


def test_the_angle_turns_from_the_first_axis_to_the_second() -> None:
    i, j = np.arange(48.0)[:, None, None], np.arange(48.0)[None, :, None]
    wave = np.cos(2 * math.pi * (i + j) / 8) * np.ones((48, 48, 1))
    entries = {"name": "gabor", "sigma_mm": 8.0, "wavelength_mm": 2 * 8 / math.sqrt(2.0), "boundary": "periodic"}
    assert response(wave, angle_deg=45.0, **entries).min() > 10 * response(wave, angle_deg=135.0, **entries).max()


def test_simoncelli_passes_the_middle_of_its_band_unchanged_and_nothing_beyond() -> None:
    """The band of level 1 peaks at half the highest frequency: a period of 4 voxels; odd sizes hit the bins."""
    size = 45
    i = np.arange(size)
    for level, cycles in ((1, 11), (2, 5.5), (1, 2), (3, 11)):
        wave = np.broadcast_to(np.cos(2 * math.pi * round(cycles) * i / size)[:, None, None], (size, 3, 3))
        found = response(wave, name="nonseparable_wavelet", family="simoncelli", level=level)
        scaled = round(cycles) / 22 * 2 ** (level - 1)
        height = math.cos(math.pi / 2 * math.log2(2 * scaled)) if 0.25 < scaled <= 1 else 0.0
        np.testing.assert_allclose(found, wave * height, atol=1e-5)


def test_shannon_is_one_in_its_band() -> None:
    i = np.arange(45)
    inside, below = (np.broadcast_to(np.cos(2 * math.pi * c * i / 45)[:, None, None], (45, 3, 3)) for c in (12, 11))
    entries = {"name": "nonseparable_wavelet", "family": "shannon"}
    np.testing.assert_allclose(response(inside, **entries), inside, atol=1e-5)
    np.testing.assert_allclose(response(below, **entries), 0.0, atol=1e-5)


def test_the_riesz_transform_turns_a_cosine_into_a_sine() -> None:
    i = np.arange(45)
    cosine, sine = (np.broadcast_to(f(2 * math.pi * 11 * i / 45)[:, None, None], (45, 3, 3)) for f in (np.cos, np.sin))
    entries = {"name": "nonseparable_wavelet", "family": "simoncelli"}
    np.testing.assert_allclose(response(cosine, riesz=[1, 0, 0], **entries), sine, atol=1e-5)
    np.testing.assert_allclose(response(cosine, riesz=[2, 0, 0], **entries), -cosine, atol=1e-5)
    np.testing.assert_allclose(response(cosine, riesz=[0, 1, 0], **entries), 0.0, atol=1e-5)


@pytest.mark.parametrize(
    "entries",
    [
        {"name": "mean", "support": 4},
        {"name": "mean", "support": True},
        {"name": "mean"},
        {"name": "mean", "support": 3, "boundary": "mirrored"},
        {"name": "mean", "support": 3, "boundary": float("nan")},
        {"name": "mean", "support": 3, "dimensions": 1},
        {"name": "mien", "support": 3},
        {"support": 3},
        {"name": "laplacian_of_gaussian", "sigma": 3},
        {"name": "laplacian_of_gaussian", "sigma_mm": 0},
        {"name": "laplacian_of_gaussian", "sigma_mm": "3"},
        {"name": "laplacian_of_gaussian", "sigma_mm": 3, "riesz": [1, 0]},
        {"name": "laws", "kernels": "E5"},
        {"name": "laws", "kernels": "E5L5X5"},
        {"name": "laws", "kernels": "E5L5S5", "pooling": "median"},
        {"name": "gabor", "sigma_mm": 5, "wavelength_mm": 2, "angle_step_deg": 50},
        {"name": "gabor", "sigma_mm": 5, "wavelength_mm": 2, "angle_step_deg": 0},
        {"name": "separable_wavelet", "family": "db11", "bands": "LLH"},
        {"name": "separable_wavelet", "family": "db3", "bands": "LXH"},
        {"name": "separable_wavelet", "family": "db3", "bands": "LLH", "level": 0},
        {"name": "nonseparable_wavelet", "family": "meyer"},
    ],
)
def test_settings_that_cannot_be_used_are_refused(entries: dict[str, Any]) -> None:
    with pytest.raises(ImageRefusal) as refusal:
        filter_settings(entries)
    assert refusal.value.code == "bad_filter"
    assert refusal.value.expected
    assert refusal.value.found


def test_a_misspelt_parameter_is_told_its_neighbour() -> None:
    with pytest.raises(ImageRefusal, match="did you mean wavelength_mm"):
        filter_settings({"name": "gabor", "sigma_mm": 5, "wave_length_mm": 2})


def test_settings_go_to_a_file_and_back() -> None:
    given = {"name": "laplacian_of_gaussian", "sigma_mm": 3.0, "riesz": [0, 2, 0], "boundary": -1000}
    settings = filter_settings(given)
    assert filter_settings(filter_entries(settings)) == settings
    assert filter_entries(settings) == {"truncate": 4.0, "dimensions": 3, **given}


def test_unequal_spacing_is_refused_along_the_filter_only() -> None:
    image, spacing = np.zeros((4, 4, 4)), (1.0, 1.0, 5.0)
    with pytest.raises(ImageRefusal, match="equal spacing"):
        respond(image, spacing, filter_settings({"name": "mean", "support": 3}))
    respond(image, spacing, filter_settings({"name": "mean", "support": 3, "dimensions": 2}))


def test_a_volume_of_numbers_is_asked_for() -> None:
    mean = filter_settings({"name": "mean", "support": 3})
    holed = impulse()
    holed[0, 0, 0] = np.nan
    with pytest.raises(ImageRefusal, match="1 of 729"):
        respond(holed, CUBIC, mean)
    with pytest.raises(ImageRefusal, match="volume"):
        respond(holed[0], CUBIC, mean)
