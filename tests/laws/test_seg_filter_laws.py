"""What holds for every filter: linearity, shifts, right-angle turns, constants, and one brute-force way each."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmentation.radiomics.filters import filter_settings, respond
from segmentation.radiomics.filters.gabor import gabor_kernel
from segmentation.radiomics.filters.kernels import Kernel, convolve, pooled
from segmentation.radiomics.filters.laws import laws_kernel
from segmentation.radiomics.filters.settings import FILTERS
from segmentation.radiomics.filters.smoothing import log_response

ONE = (1.0, 1.0, 1.0)
SEEDS = st.integers(0, 2**32 - 1)
SHAPES = st.tuples(*[st.integers(4, 9)] * 3)
BOUNDARIES = ("zero", "nearest", "periodic", "mirror", 7.0)

# Linear in the image unless pooled by the maximum, an energy or a modulus.
LINEAR: dict[str, dict[str, Any]] = {
    "mean": {"name": "mean", "support": 3},
    "laplacian_of_gaussian": {"name": "laplacian_of_gaussian", "sigma_mm": 1.2},
    "riesz of log": {"name": "laplacian_of_gaussian", "sigma_mm": 1.2, "riesz": [1, 1, 0]},
    "laws": {"name": "laws", "kernels": "E5L3S5"},
    "separable_wavelet": {"name": "separable_wavelet", "family": "db3", "bands": "LHL", "level": 2},
    "nonseparable_wavelet": {"name": "nonseparable_wavelet", "family": "simoncelli"},
    "shannon": {"name": "nonseparable_wavelet", "family": "shannon", "dimensions": 2},
}
OTHERS: dict[str, dict[str, Any]] = {
    "gabor": {"name": "gabor", "sigma_mm": 1.5, "wavelength_mm": 3, "angle_deg": 30},
    "energy": {"name": "laws", "kernels": "E5L5S5", "energy_distance": 2, "pooling": "max"},
    "pooled wavelet": {"name": "separable_wavelet", "family": "coif1", "bands": "LLH", "pooling": "mean"},
}
EVERY = {**LINEAR, **OTHERS}

TURNING = {
    "mean": {"name": "mean", "support": 3},
    "laplacian_of_gaussian": {"name": "laplacian_of_gaussian", "sigma_mm": 1.2},
    "laws max": {"name": "laws", "kernels": "E3W5R5", "pooling": "max"},
    "laws mean": {"name": "laws", "kernels": "L3S3R5", "pooling": "mean"},
    "laws energy": {"name": "laws", "kernels": "L5E5E5", "pooling": "max", "energy_distance": 1},
    "db2": {"name": "separable_wavelet", "family": "db2", "bands": "LLH", "pooling": "mean"},
    "haar": {"name": "separable_wavelet", "family": "haar", "bands": "HHL", "pooling": "max", "level": 2},
    "simoncelli": {"name": "nonseparable_wavelet", "family": "simoncelli"},
    "gabor": {
        "name": "gabor",
        "sigma_mm": 1.5,
        "wavelength_mm": 3,
        "angle_step_deg": 45,
        "orthogonal_planes": True,
    },
}


def noise(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(seed).normal(100.0, 30.0, shape)


def response(image: np.ndarray, entries: dict[str, Any]) -> np.ndarray:
    return respond(image, ONE, filter_settings(entries))


def test_every_filter_is_under_these_laws() -> None:
    assert {entries["name"] for entries in EVERY.values()} == set(FILTERS)


@pytest.mark.parametrize("name", EVERY)
def test_the_image_stays_and_the_response_has_its_shape(name: str) -> None:
    image = noise(1, (7, 6, 5))
    before = image.copy()
    found = response(image, EVERY[name])
    assert found.shape == image.shape
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", EVERY)
def test_memory_order_and_type_do_not_matter(name: str) -> None:
    image = np.rint(noise(2, (7, 6, 5))).astype(np.int16)
    expected = response(image.astype(np.float64), EVERY[name])
    np.testing.assert_allclose(response(np.asfortranarray(image), EVERY[name]), expected, atol=1e-3)


@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, shape=SHAPES, boundary=st.sampled_from(BOUNDARIES[:4]))
def test_linear(name: str, seed: int, shape: tuple[int, int, int], boundary: str) -> None:
    entries = {**LINEAR[name], "boundary": boundary}
    one, two = noise(seed, shape), noise(seed + 1, shape)
    both = response(2 * one - 3 * two, entries)
    np.testing.assert_allclose(both, 2 * response(one, entries) - 3 * response(two, entries), atol=2e-2)


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, shape=SHAPES, shift=st.tuples(*[st.integers(-3, 3)] * 3))
def test_a_shifted_periodic_image_gives_the_shifted_response(
    name: str, seed: int, shape: tuple[int, int, int], shift: tuple[int, int, int]
) -> None:
    entries = {**EVERY[name], "boundary": "periodic"}
    image = noise(seed, shape)
    moved = response(np.roll(image, shift, (0, 1, 2)), entries)
    np.testing.assert_allclose(moved, np.roll(response(image, entries), shift, (0, 1, 2)), atol=1e-2)


@pytest.mark.parametrize("name", TURNING)
@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, plane=st.sampled_from([(0, 1), (1, 2), (0, 2)]), quarter=st.integers(1, 3))
def test_an_invariant_filter_turns_with_the_image(name: str, seed: int, plane: tuple[int, int], quarter: int) -> None:
    image = noise(seed, (9, 8, 7))
    turned = response(np.rot90(image, quarter, plane), TURNING[name])
    np.testing.assert_allclose(turned, np.rot90(response(image, TURNING[name]), quarter, plane), atol=1e-2)


@pytest.mark.parametrize("boundary", ["nearest", "periodic", "mirror", 500.0])
@pytest.mark.parametrize(
    "entries",
    [
        {"name": "laws", "kernels": "E5L5S5"},
        {"name": "laws", "kernels": "E5L5S5", "pooling": "max", "energy_distance": 2},
        {"name": "separable_wavelet", "family": "db4", "bands": "LLH", "level": 2},
        {"name": "nonseparable_wavelet", "family": "simoncelli"},
        {"name": "laplacian_of_gaussian", "sigma_mm": 2.0},
    ],
)
def test_a_constant_image_gives_nothing(entries: dict[str, Any], boundary: str | float) -> None:
    found = response(np.full((9, 8, 7), 500.0), {**entries, "boundary": boundary})
    # A sampled Laplacian sums to about -1e-4 an axis.
    np.testing.assert_allclose(found, 0.0, atol=0.2 if entries["name"] == "laplacian_of_gaussian" else 2e-3)


@pytest.mark.parametrize("boundary", ["nearest", "periodic", "mirror", 500.0])
def test_a_mean_keeps_a_constant(boundary: str | float) -> None:
    found = response(np.full((5, 4, 3), 500.0), {"name": "mean", "support": 9, "boundary": boundary})
    np.testing.assert_allclose(found, 500.0, rtol=1e-6)


# An energy map continues the response, not the image; spectral filters depend on the size of the grid.
LOCAL = ("mean", "laplacian_of_gaussian", "laws", "separable_wavelet", "gabor", "pooled wavelet")


@pytest.mark.parametrize("name", LOCAL)
def test_a_number_outside_means_an_image_that_goes_on_with_it(name: str) -> None:
    entries = {**EVERY[name], "boundary": 40.0}
    image = noise(3, (6, 6, 6))
    wide = np.pad(image, 20, constant_values=40.0)
    np.testing.assert_allclose(response(image, entries), response(wide, entries)[20:-20, 20:-20, 20:-20], atol=2e-2)


@settings(max_examples=20, deadline=None)
@given(
    seed=SEEDS, names=st.sampled_from([("E3", "W5", "R5"), ("E5", "L5", "S5"), ("S3", "S3", "L3"), ("E3", "E5", "W5")])
)
def test_pooling_agrees_with_turning_a_block_of_weights(seed: int, names: tuple[str, str, str]) -> None:
    image = noise(seed, (7, 6, 8))
    kernels = [laws_kernel(name) for name in names]
    block = np.zeros((5, 5, 5))
    parts = [np.pad(np.array(kernel.weights[::-1]), (5 - len(kernel.weights)) // 2) for kernel in kernels]
    block = np.einsum("i,j,k->ijk", *parts)
    every = [ndimage.convolve(image, turned, mode="reflect") for turned in turns(block)]
    assert len(every) == 24
    np.testing.assert_allclose(pooled(image, kernels, "mirror", "max"), np.max(every, axis=0), atol=1e-2)
    np.testing.assert_allclose(pooled(image, kernels, "mirror", "mean"), np.mean(every, axis=0), atol=1e-2)


def turns(block: np.ndarray) -> list[np.ndarray]:
    """All 24 right-angle rotations, made by quarter turns: six faces up, four turns each."""
    faces = [block, *(np.rot90(block, n, (0, 1)) for n in (1, 2, 3)), *(np.rot90(block, n, (0, 2)) for n in (1, 3))]
    return [np.rot90(face, n, (1, 2)) for face, n in itertools.product(faces, range(4))]


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, width=st.integers(1, 6), first=st.integers(0, 5), boundary=st.sampled_from(BOUNDARIES))
def test_one_axis_agrees_with_a_sum_written_out(seed: int, width: int, first: int, boundary: str | float) -> None:
    kernel = Kernel(tuple(np.random.default_rng(seed).normal(size=width).tolist()), -min(first, width - 1))
    line = noise(seed, (7, 1, 1))
    modes = {"zero": "constant", "nearest": "edge", "periodic": "wrap", "mirror": "symmetric"}
    extra = {} if isinstance(boundary, str) else {"constant_values": boundary}
    around = np.pad(line[:, 0, 0], 6, mode=modes.get(str(boundary), "constant"), **extra)
    expected = [
        sum(weight * around[6 + n + kernel.first + m] for m, weight in enumerate(kernel.weights)) for n in range(7)
    ]
    np.testing.assert_allclose(convolve(line, [kernel], boundary)[:, 0, 0], expected, atol=1e-3)


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, sigma=st.floats(0.6, 1.6), boundary=st.sampled_from(["zero", "nearest", "mirror", "periodic"]))
def test_the_laplacian_agrees_with_scipy(seed: int, sigma: float, boundary: str) -> None:
    image = noise(seed, (8, 7, 9))
    mode = {"zero": "constant", "nearest": "nearest", "mirror": "reflect", "periodic": "wrap"}[boundary]
    expected = ndimage.gaussian_laplace(image, sigma, mode=mode, truncate=4.0)
    np.testing.assert_allclose(log_response(image, [sigma] * 3, 4.0, boundary), expected, atol=1e-3)


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, angle=st.floats(0.0, 180.0), gamma=st.floats(0.5, 2.0))
def test_gabor_by_fourier_agrees_with_the_sum_over_its_kernel(seed: int, angle: float, gamma: float) -> None:
    image = noise(seed, (6, 7, 2))
    entries = {"name": "gabor", "sigma_mm": 1.0, "wavelength_mm": 2.5, "gamma": gamma, "angle_deg": angle}
    kernel = gabor_kernel(1.0, 2.5, gamma, np.radians(angle))
    for k in range(2):
        parts = [ndimage.convolve(image[:, :, k], part, mode="reflect") for part in (kernel.real, kernel.imag)]
        np.testing.assert_allclose(response(image, entries)[:, :, k], np.hypot(*parts), atol=1e-2)


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, shape=SHAPES, level=st.integers(1, 2), orders=st.sampled_from([[], [1, 0, 0], [0, 2, 0], [1, 1, 1]]))
def test_half_a_spectrum_gives_the_real_part_of_the_whole(
    seed: int, shape: tuple[int, int, int], level: int, orders: list[int]
) -> None:
    image = noise(seed, shape)
    axes = np.meshgrid(*[np.fft.ifftshift(np.linspace(-1, 1, size)) for size in shape], indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes))
    scaled = radius * 2 ** (level - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        band = np.cos(np.pi / 2 * np.log2(2 * scaled))
    transfer = np.where((scaled > 0.25) & (scaled <= 1), band, 0) * (-1j) ** sum(orders)
    norm = {0: 1.0, 1: 1.0, 2: 1.0, 3: np.sqrt(6.0)}[sum(orders)]
    for axis, order in zip(axes, orders, strict=False):
        transfer = transfer * np.divide(axis, radius, out=np.zeros_like(axis), where=radius > 0) ** order
    expected = np.fft.ifftn(np.fft.fftn(image) * transfer * norm).real
    entries = {"name": "nonseparable_wavelet", "family": "simoncelli", "level": level, "riesz": orders}
    np.testing.assert_allclose(response(image, entries), expected, atol=1e-2)
