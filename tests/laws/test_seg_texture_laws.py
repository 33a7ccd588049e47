"""What may not change texture: mirroring, reordering axes, padding; and what follows when levels or slices change."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segmentation.radiomics.texture import TextureRequest, texture_features

N_BINS = 5
# Compiled on the first example, which therefore takes longer than any deadline.
LAW = settings(deadline=None, max_examples=40)
ORDERS = list(permutations(range(3)))
FLIPS = [tuple(axis for axis in range(3) if bits[axis]) for bits in product((0, 1), repeat=3)]

volumes = st.tuples(*[st.integers(1, 5)] * 3).flatmap(lambda n: arrays(np.int32, n, elements=st.integers(0, N_BINS)))


def _found(bins: np.ndarray, *dimensions: str, n_bins: int = N_BINS, families: tuple[str, ...] | None = None) -> dict:
    request = TextureRequest(dimensions or ("2D", "2_5D", "3D"))
    if families:
        request = TextureRequest(request.dimensions, families)
    return texture_features(bins, n_bins, np.ones(3), request)[0]


def _same(first: dict[str, float], second: dict[str, float]) -> None:
    assert set(first) == set(second)
    for tag, value in first.items():
        # Shades and correlations near zero are differences of larger numbers; the absolute part covers those.
        assert second[tag] == pytest.approx(value, rel=1e-9, abs=1e-8), tag


@LAW
@given(volumes, st.sampled_from(ORDERS), st.sampled_from(FLIPS))
def test_axes_mirrored_and_reordered_keep_texture_in_space(
    bins: np.ndarray, order: tuple[int, ...], flip: tuple[int, ...]
) -> None:
    _same(_found(bins, "3D"), _found(np.flip(bins.transpose(order), flip), "3D"))


@LAW
@given(volumes, st.booleans(), st.sampled_from(FLIPS))
def test_slices_mirrored_turned_and_reversed_keep_texture_by_slice(
    bins: np.ndarray, turn: bool, flip: tuple[int, ...]
) -> None:
    moved = np.flip(bins.transpose(0, 2, 1) if turn else bins, flip)
    _same(_found(bins, "2D", "2_5D"), _found(moved, "2D", "2_5D"))


@LAW
@given(volumes, st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 3))
def test_padding_keeps_texture(bins: np.ndarray, margin: tuple[tuple[int, int], ...]) -> None:
    _same(_found(bins), _found(np.pad(bins, margin)))


@LAW
@given(volumes)
def test_the_order_of_slices_is_of_no_matter_by_slice(bins: np.ndarray) -> None:
    _same(_found(bins, "2D", "2_5D"), _found(bins[np.roll(np.arange(len(bins)), 1)], "2D", "2_5D"))


@LAW
@given(volumes)
def test_a_volume_of_one_slice_has_the_same_matrices_merged(bins: np.ndarray) -> None:
    """Directions out of the slice find no pair, and zones, tones and dependences do not see the difference."""
    flat, solid = _found(bins[:1], "2_5D"), _found(bins[:1], "3D")
    compared = [tag for tag in flat if tag.startswith("cm_") and tag.endswith("_comb")]
    compared += [tag for tag in flat if tag.startswith(("szm_", "ngt_", "ngl_"))]
    for tag in compared:
        assert solid[tag.replace("2_5D", "3D")] == pytest.approx(flat[tag], rel=1e-9, abs=1e-12), tag


@LAW
@given(volumes)
def test_one_slice_alone_is_its_own_average(bins: np.ndarray) -> None:
    found = _found(bins[:1], "2D", "2_5D")
    for tag, value in found.items():
        if "_2D" in tag and not tag.endswith("_avg"):
            assert found[tag.replace("_2D", "_2_5D")] == pytest.approx(value, rel=1e-9, abs=1e-12), tag


@LAW
@given(volumes, st.integers(1, 4))
def test_a_shift_of_all_levels_keeps_what_sees_differences_only(bins: np.ndarray, shift: int) -> None:
    """Contrast and the like, run lengths, zone sizes; normalised differences depend on the number of bins alone."""
    n = N_BINS + shift
    before, after = _found(bins, n_bins=n), _found(np.where(bins > 0, bins + shift, 0).astype(np.int32), n_bins=n)
    kept = ("cm_contrast", "cm_joint_var", "cm_joint_entr", "cm_inv", "cm_corr", "cm_clust", "cm_diff", "cm_info")
    kept += ("rlm_sre", "rlm_rl", "rlm_gl", "szm_lze", "szm_zs", "dzm_zd", "ngt_coarseness", "ngt_contrast")
    kept += ("ngt_complexity", "ngt_strength", "ngl_dc", "ngl_hde")
    tags = [tag for tag in before if tag.startswith(kept)]
    # Cluster shade and prominence are sums of powers, which lose digits as levels grow.
    assert {tag: after[tag] for tag in tags} == pytest.approx({tag: before[tag] for tag in tags}, rel=1e-6, abs=1e-6)


@LAW
@given(volumes)
def test_identities_of_the_manual(bins: np.ndarray) -> None:
    """Equal by definition: dissimilarity and difference average, sum variance and cluster tendency, and the like."""
    found = _found(bins, "3D")
    for way in ("_3D_avg", "_3D_comb"):
        if f"cm_joint_avg{way}" in found:
            assert found[f"cm_sum_avg{way}"] == pytest.approx(2 * found[f"cm_joint_avg{way}"])
            assert found[f"cm_dissimilarity{way}"] == found[f"cm_diff_avg{way}"]
            assert found[f"cm_clust_tend{way}"] == found[f"cm_sum_var{way}"]
    if bins.any():
        shares = np.bincount(bins[bins > 0]) / (bins > 0).sum()
        assert found["ngl_glnu_norm_3D"] == pytest.approx((shares**2).sum())
        assert found["ngl_dc_perc_3D"] == 1
        assert found["szm_glnu_3D"] == found["dzm_glnu_3D"]


@LAW
@given(volumes, st.lists(st.sampled_from(("cm", "rlm", "szm", "dzm", "ngt", "ngl")), min_size=1, unique=True))
def test_a_family_does_not_depend_on_the_others(bins: np.ndarray, families: list[str]) -> None:
    alone = _found(bins, families=tuple(families))
    assert alone == {tag: v for tag, v in _found(bins).items() if tag.split("_")[0] in families}


@LAW
@given(volumes)
def test_input_is_left_as_it_was(bins: np.ndarray) -> None:
    before = bins.copy()
    mask = np.ones(bins.shape, dtype=bool)
    texture_features(bins, N_BINS, np.ones(3), TextureRequest(morphological=mask))
    assert (bins == before).all()
    assert mask.all()
