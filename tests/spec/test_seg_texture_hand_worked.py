"""Texture of regions so small that every matrix can be counted on paper."""

from __future__ import annotations

from math import exp, log2, sqrt

import numpy as np
import pytest

from segmentation.radiomics.texture import TextureRequest, texture_features

# Two slices of two by two voxels:   1 2     3 .
#                                    2 2     3 1
BINS = np.array([[[1, 2], [2, 2]], [[3, 0], [3, 1]]], dtype=np.int32)


def _found(
    family: str, dimensions: tuple[str, ...] = ("2D", "2_5D", "3D"), bins: np.ndarray = BINS
) -> dict[str, float]:
    return texture_features(bins, int(bins.max()), np.ones(3), TextureRequest(dimensions, (family,)))[0]


def test_pairs_of_neighbours() -> None:
    """First slice: 12 and 22 along the row and along the column, 12 and 22 on the diagonals. Second: 31 along the
    row, 33 along the column, 31 on one diagonal and no pair on the other."""
    found = _found("cm", ("2D", "2_5D"))
    assert found["cm_contrast_2D_avg"] == pytest.approx((1 / 2 + 1 / 2 + 1 + 0 + 4 + 0 + 4) / 7)
    assert found["cm_contrast_2D_comb"] == pytest.approx((3 / 6 + 2 * 4 / 3) / 2)
    assert found["cm_contrast_2_5D_avg"] == pytest.approx(((1 + 0 + 4) / 3 + (1 + 0 + 0) / 3 + (1 + 4) / 2 + 0) / 4)
    assert found["cm_contrast_2_5D_comb"] == pytest.approx((3 * 1 + 2 * 4) / 9)
    assert found["cm_joint_max_2_5D_comb"] == pytest.approx(3 / 9)  # 22, three times of nine
    assert found["cm_joint_avg_2_5D_comb"] == pytest.approx((3 * 1.5 + 3 * 2 + 2 * 2 + 3) / 9)


def test_directions_are_averaged_only_where_they_have_a_pair() -> None:
    """A row 1 2 1 has pairs along the row and none in the three other directions."""
    row = np.array([[[1, 2, 1]]], dtype=np.int32)
    found = _found("cm", ("2D", "3D"), row)
    for tag in ("cm_contrast_2D_avg", "cm_contrast_2D_comb", "cm_contrast_3D_avg", "cm_contrast_3D_comb"):
        assert found[tag] == 1
    assert found["cm_joint_max_3D_comb"] == 0.5
    assert found["cm_corr_3D_comb"] == pytest.approx(-1)
    # HXY = 1 bit, HX = 1 bit, HXY1 = HXY2 = 2 bits.
    assert found["cm_info_corr1_3D_comb"] == pytest.approx(-1)
    assert found["cm_info_corr2_3D_comb"] == pytest.approx(sqrt(1 - exp(-2)))
    assert found["cm_inv_diff_norm_3D_comb"] == pytest.approx(1 / (1 + 1 / 2))


def test_runs() -> None:
    """The row 1 1 2 1 has runs 11, 2 and 1 along the row, and four runs of one in each other direction."""
    found = _found("rlm", bins=np.array([[[1, 1, 2, 1]]], dtype=np.int32))
    assert found["rlm_r_perc_2D_comb"] == pytest.approx((3 + 3 * 4) / 16)
    assert found["rlm_r_perc_2D_avg"] == pytest.approx((3 / 4 + 3) / 4)
    assert found["rlm_lre_3D_avg"] == pytest.approx(((4 + 1 + 1) / 3 + 12) / 13)
    assert found["rlm_lre_3D_comb"] == pytest.approx((4 + 1 + 1 + 12 * 4) / (3 + 12 * 4))
    assert found["rlm_rlnu_2D_comb"] == pytest.approx((14**2 + 1) / 15)
    assert found["rlm_glnu_2D_comb"] == pytest.approx((11**2 + 4**2) / 15)


def test_zones() -> None:
    """The three 2 are one zone and the two 3 another; the two 1 touch by a corner in space, not within a slice."""
    found = _found("szm")
    assert found["szm_z_perc_2D"] == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert found["szm_z_perc_2_5D"] == pytest.approx(4 / 7)
    assert found["szm_z_perc_3D"] == pytest.approx(3 / 7)
    assert found["szm_lze_3D"] == pytest.approx((9 + 4 + 4) / 3)
    assert found["szm_zs_entr_3D"] == pytest.approx(log2(3))


def test_zone_distances() -> None:
    """A 5 x 5 square of 1 with a 2 in the middle: the 2 lies three steps from the outside, in its slice."""
    bins = np.ones((1, 5, 5), dtype=np.int32)
    bins[0, 2, 2] = 2
    found = _found("dzm", bins=bins)
    assert found["dzm_lde_2D"] == pytest.approx((1 + 9) / 2)
    assert found["dzm_lde_3D"] == 1  # in space every voxel of a single slice lies on the border
    assert found["dzm_ldhge_2_5D"] == pytest.approx((1 + 4 * 9) / 2)


def test_grey_tones() -> None:
    """The row 1 2 4: averages around are 2, 2.5 and 2, so s = 1, 0.5 and 2, with p = 1/3 each."""
    found = _found("ngt", ("3D",), np.array([[[1, 2, 4]]], dtype=np.int32))
    assert found["ngt_coarseness_3D"] == pytest.approx(1 / (3.5 / 3))
    assert found["ngt_contrast_3D"] == pytest.approx(2 * (1 + 9 + 4) / 9 / 6 * 3.5 / 3)
    assert found["ngt_busyness_3D"] == pytest.approx(3.5 / 3 / (2 * (1 + 3 + 2) / 3))
    assert found["ngt_complexity_3D"] == pytest.approx(2 * (1 * 1.5 / 2 + 3 * 3 / 2 + 2 * 2.5 / 2) / 3)
    assert found["ngt_strength_3D"] == pytest.approx(2 * (1 + 9 + 4) * 2 / 3 / 3.5)


def test_dependences() -> None:
    """The row 1 1 2: dependences are 2, 2 and 1; with coarseness 1 they are 2, 3 and 2."""
    bins = np.array([[[1, 1, 2]]], dtype=np.int32)
    assert _found("ngl", ("3D",), bins)["ngl_hde_3D"] == pytest.approx((4 + 4 + 1) / 3)
    coarse = TextureRequest(("3D",), ("ngl",), coarseness=1)
    assert texture_features(bins, 2, np.ones(3), coarse)[0]["ngl_hde_3D"] == pytest.approx((4 + 9 + 4) / 3)
    assert _found("ngl", ("3D",), bins)["ngl_dc_perc_3D"] == 1


def test_co_occurrence_at_a_distance_jumps_and_dependence_does_not() -> None:
    """The row 1 2 1 2 at distance 2: pairs 11 and 22 only, but dependence sees everything up to two voxels away."""
    bins = np.array([[[1, 2, 1, 2]]], dtype=np.int32)
    far = TextureRequest(("3D",), ("cm", "ngl", "ngt"), distance=2)
    found, _ = texture_features(bins, 2, np.ones(3), far)
    assert found["cm_contrast_3D_comb"] == 0
    assert found["ngl_hde_3D"] == 4  # each voxel has one like it within two steps
    # The 1 at the end sees 2 and 1, mean 1.5: s is 0.5 there; the inner 1 sees 1, 2 and 2: s is 2/3.
    assert found["ngt_coarseness_3D"] == pytest.approx(1 / (0.5 + 2 / 3))
