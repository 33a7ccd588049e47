"""Shapes and intensities whose features can be worked out on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.polynomial.legendre import legval

from segmentation.radiomics import measure
from segmentation.radiomics.shape import ellipsoid_area
from segmentation.types import Mask, Volume


def _shape(labels: np.ndarray, spacing: tuple[float, float, float] = (1, 1, 1)) -> dict[str, float]:
    return measure(Mask(labels.astype(np.uint8), np.diag([*spacing, 1.0]), {"a": 1}), "a", None, ("shape",))[0]


def test_one_voxel_is_an_octahedron() -> None:
    """Six vertices half a voxel from the centre: volume 1/6, eight triangles with sides sqrt(1/2)."""
    found = _shape(np.ones((1, 1, 1)))
    assert found["morph_volume"] == pytest.approx(1 / 6)
    assert found["morph_area_mesh"] == pytest.approx(math.sqrt(3))
    assert found["morph_vol_approx"] == 1
    assert found["morph_diam"] == pytest.approx(1)
    assert found["morph_vol_dens_conv_hull"] == pytest.approx(1)
    assert found["morph_area_dens_conv_hull"] == pytest.approx(1)
    assert found["morph_vol_dens_aabb"] == pytest.approx(1 / 6)
    assert found["n_components"] == 1


def test_one_voxel_with_spacing_is_a_stretched_octahedron() -> None:
    found = _shape(np.ones((1, 1, 1)), (2, 4, 6))
    assert found["morph_volume"] == pytest.approx(2 * 4 * 6 / 6)
    assert found["morph_diam"] == pytest.approx(6)
    # A face has its corners 1, 2 and 3 mm out on the axes: half the cross product of two sides.
    assert found["morph_area_mesh"] == pytest.approx(8 * 0.5 * math.sqrt(6**2 + 3**2 + 2**2))


@pytest.mark.parametrize("size", [(3, 4, 5), (2, 2, 2), (1, 6, 3)])
def test_a_box_loses_its_edges_and_corners(size: tuple[int, int, int]) -> None:
    """Each of the 4 (a-1 + b-1 + c-1) edge steps loses a prism of 1/8, each of the 8 corners 1/8 - 1/48."""
    a, b, c = size
    found = _shape(np.ones(size))
    edges = 4 * (a - 1 + b - 1 + c - 1)
    faces = 2 * ((a - 1) * (b - 1) + (b - 1) * (c - 1) + (a - 1) * (c - 1))
    assert found["morph_volume"] == pytest.approx(a * b * c - edges / 8 - 8 * (1 / 8 - 1 / 48))
    assert found["morph_area_mesh"] == pytest.approx(faces + edges * math.sqrt(0.5) + math.sqrt(3))
    assert found["morph_vol_dens_conv_hull"] == pytest.approx(1)
    # The farthest vertices: along the longest axis full length, along the others from first to last centre.
    far = max(math.dist((0, 0, 0), [n - 1 + (axis == m) for m, n in enumerate(size)]) for axis in range(3))
    assert found["morph_diam"] == pytest.approx(far)


def test_principal_axes_of_a_rod() -> None:
    """Five centres in a row 2 mm apart: squares 16 + 4 + 0 + 4 + 16 = 40 over n - 1 = 4, four roots of 10."""
    found = _shape(np.ones((5, 1, 1)), (2, 1, 1))
    assert found["morph_pca_maj_axis"] == pytest.approx(4 * math.sqrt(10))


def test_principal_axes_of_a_box() -> None:
    """4 x 3 x 2 voxels: variances (n^2 - 1) / 12 along each axis, times 24 / 23."""
    found = _shape(np.ones((4, 3, 2)))
    major, minor, least = ((n**2 - 1) / 12 * 24 / 23 for n in (4, 3, 2))
    assert found["morph_pca_maj_axis"] == pytest.approx(4 * math.sqrt(major))
    assert found["morph_pca_elongation"] == pytest.approx(math.sqrt(minor / major))
    assert found["morph_pca_flatness"] == pytest.approx(math.sqrt(least / major))


def test_a_ball_comes_near_the_formula() -> None:
    """Radius 15 mm at 0.75 x 1 x 1.5 mm. A stepped surface is larger than a smooth one: 12 %."""
    spacing = np.array([0.75, 1.0, 1.5])
    grid = np.meshgrid(*(np.arange(-24, 25) * s for s in spacing), indexing="ij")
    found = _shape(sum(g**2 for g in grid) <= 15**2, tuple(spacing))
    ball = 4 / 3 * math.pi * 15**3
    assert found["morph_vol_approx"] == pytest.approx(ball, rel=0.02)
    assert found["morph_volume"] == pytest.approx(ball, rel=0.02)
    assert found["morph_diam"] == pytest.approx(30, abs=1.5)
    assert found["morph_sphericity"] == pytest.approx(1 / 1.12, abs=0.02)
    assert found["morph_pca_maj_axis"] == pytest.approx(4 * 15 / math.sqrt(5), rel=0.01)
    assert found["morph_pca_elongation"] == pytest.approx(1, abs=0.01)


def test_two_voxels_that_share_a_corner_are_one_piece_and_apart_two() -> None:
    labels = np.zeros((4, 4, 4))
    labels[0, 0, 0] = labels[1, 1, 1] = 1
    assert _shape(labels)["n_components"] == 1
    labels[3, 1, 1] = 1
    assert _shape(labels)["n_components"] == 2


def test_intensities_one_to_five() -> None:
    """Mean 3, squares 1 4 9 16 25, deviations 2 1 0 1 2."""
    image = Volume(np.arange(1, 6, dtype=np.int16).reshape(5, 1, 1), np.eye(4))
    found, missing = measure(Mask(np.ones((5, 1, 1), dtype=np.uint8), np.eye(4), {"a": 1}), "a", image, ("intensity",))
    assert missing == {}
    expected = {
        "stat_mean": 3,
        "stat_median": 3,
        "stat_var": 2,
        "stat_skew": 0,
        "stat_kurt": (16 + 1 + 0 + 1 + 16) / 5 / 4 - 3,
        "stat_min": 1,
        "stat_max": 5,
        "stat_range": 4,
        "stat_p10": 1.4,
        "stat_p90": 4.6,
        "stat_iqr": 2,
        "stat_mad": 6 / 5,
        "stat_rmad": 2 / 3,
        "stat_medad": 6 / 5,
        "stat_cov": math.sqrt(2) / 3,
        "stat_qcod": 2 / 6,
        "stat_energy": 55,
        "stat_rms": math.sqrt(11),
        # The weighted centre is (0*1 + 1*2 + 2*3 + 3*4 + 4*5) / 15 = 40 / 15; the plain one is 2.
        "morph_com": 40 / 15 - 2,
        # A row of five: 5 - 16 / 8 - 5 / 6 of volume, times the mean of 3.
        "morph_integ_int": 3 * (5 - 2 - 5 / 6),
    }
    assert set(found) == set(expected)
    for tag, value in expected.items():
        assert found[tag] == pytest.approx(value), tag


def test_ellipsoid_area_of_a_ball_and_by_its_legendre_series() -> None:
    assert ellipsoid_area(2, 2, 2) == pytest.approx(16 * math.pi)
    a, b, c = 5.0, 3.0, 2.0
    alpha, beta = math.sqrt(1 - (b / a) ** 2), math.sqrt(1 - (c / a) ** 2)
    weights = [(alpha * beta) ** n / (1 - 4 * n**2) for n in range(21)]
    series = legval((alpha**2 + beta**2) / (2 * alpha * beta), weights)
    assert ellipsoid_area(a, b, c) == pytest.approx(4 * math.pi * a * b * series, rel=1e-12)
