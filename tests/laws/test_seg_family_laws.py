"""Laws of every feature family: what storage, place, padding, label, size and intensity maps may and may not change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmentation.radiomics.dictionary import EVERY_FEATURE, tags_of
from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.settings import ALL_FAMILIES, TEXTURES, parse_settings
from segmentation.types import Mask, Volume

SEEDS = st.integers(0, 10_000)
FEW = settings(max_examples=8, deadline=None)
AFFINE = np.diag([1.5, 1.0, 2.5, 1.0])
IN_LINE = ("stat_mean", "stat_median", "stat_min", "stat_p10", "stat_p90", "stat_max")
SPREADS = ("stat_iqr", "stat_range", "stat_mad", "stat_rmad", "stat_medad")
NUMBER = {"discretisation": {"method": "fixed_bin_number", "value": 6}}
SIZE = {"discretisation": {"method": "fixed_bin_size", "value": 16}}
BY_NUMBER = {"volume_histogram": {"method": "fixed_bin_number", "value": 12}}
BY_SIZE = {"volume_histogram": {"method": "fixed_bin_size", "value": 16}}
# Texture that asks only whether levels are equal.
OF_EQUALITY = (
    "cm_joint_max cm_joint_entr cm_energy cm_info_corr1 cm_info_corr2 "
    "rlm_sre rlm_lre rlm_glnu rlm_glnu_norm rlm_rlnu rlm_rlnu_norm rlm_r_perc rlm_rl_var rlm_rl_entr "
    "szm_sze szm_lze szm_glnu szm_glnu_norm szm_zsnu szm_zsnu_norm szm_z_perc szm_zs_var szm_zs_entr "
    "dzm_sde dzm_lde dzm_glnu dzm_glnu_norm dzm_zdnu dzm_zdnu_norm dzm_z_perc dzm_zd_var dzm_zd_entr "
    "ngl_lde ngl_hde ngl_glnu ngl_glnu_norm ngl_dcnu ngl_dcnu_norm ngl_dc_perc ngl_dc_var ngl_dc_entr ngl_dc_energy"
)


def _scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole intensities, and a region that no mirror or turn keeps: three voxels deep, so that zones lie at depths."""
    rng = np.random.default_rng(seed)
    image = np.rint(ndimage.gaussian_filter(rng.normal(size=(22, 20, 18)), 0.8) * 300)
    labels = np.zeros(image.shape, dtype=np.uint8)
    labels[5:14, 5:13, 4:12] = ndimage.gaussian_filter(rng.normal(size=(9, 8, 8)), 0.6) > -0.1
    labels[5:11, 6:11, 5:11] = labels[7, 5:13, 5] = labels[6:9, 6, 11] = 1
    return image, labels


def _found(image: np.ndarray, labels: np.ndarray, how: dict[str, Any], affine: np.ndarray = AFFINE) -> dict[str, float]:
    features, _ = measure_with(parse_settings(how), Volume(image, affine), Mask(labels, affine, {"a": 1}), "a")
    assert features
    return features


def _same(found: dict[str, float], expected: dict[str, float], rel: float = 1e-6) -> None:
    assert found == pytest.approx(expected, rel=rel, abs=1e-7)


@pytest.mark.parametrize("family", ALL_FAMILIES)
@FEW
@given(SEEDS, st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))
def test_how_a_file_stores_its_axes(family: str, seed: int, order: list[int], flips: tuple[bool, ...]) -> None:
    image, labels = _scene(seed)
    how = {"families": [family], "texture": {"dimensions": ["2D", "2.5D", "3D"]}}
    affine, turned = AFFINE[:, [*order, 3]].copy(), [array.transpose(order) for array in (image, labels)]
    for axis in np.flatnonzero(flips):
        affine[:3, 3] += affine[:3, axis] * (turned[0].shape[axis] - 1)
        affine[:3, axis] *= -1
        turned = [np.flip(array, axis) for array in turned]
    _same(_found(turned[0], turned[1], how, affine), _found(image, labels, how))


@pytest.mark.parametrize("family", ALL_FAMILIES)
@FEW
@given(SEEDS, st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))
def test_a_patient_turned_by_right_angles(family: str, seed: int, order: list[int], flips: tuple[bool, ...]) -> None:
    """Voxels are moved and axes are not: all that is measured in space stays, with cubic voxels."""
    image, labels = _scene(seed)
    axes = [axis for axis in range(3) if flips[axis]]
    turned = [np.flip(array.transpose(order), axes) for array in (image, labels)]
    how = {"families": [family]}
    _same(_found(turned[0], turned[1], how, np.eye(4)), _found(image, labels, how, np.eye(4)))


@pytest.mark.parametrize("family", ALL_FAMILIES)
@FEW
@given(SEEDS, st.tuples(*[st.integers(0, 5)] * 3), st.tuples(*[st.integers(0, 5)] * 3), st.integers(1, 300))
def test_place_padding_and_label(
    family: str, seed: int, before: tuple[int, ...], after: tuple[int, ...], label: int
) -> None:
    image, labels = _scene(seed)
    # 8 voxels around the region hold the ball of local intensity; what lies farther out is different every time.
    wide, marked = np.pad(image, 8, mode="wrap"), np.pad(labels, 8)
    far = list(zip(before, after, strict=True))
    how = {"families": [family]}
    named = np.where(np.pad(marked, far) > 0, label, 0).astype(np.uint16)
    named[0, 0, 0] = label + 1
    volume = Volume(np.pad(wide, far, constant_values=5000), AFFINE)
    found, _ = measure_with(parse_settings(how), volume, Mask(named, AFFINE, {"x": label, "y": label + 1}), "x")
    _same(found, _found(wide, marked, how))


@FEW
@given(SEEDS, st.floats(0.3, 4))
def test_size_scales_volumes_areas_and_lengths_and_no_ratio(seed: int, scale: float) -> None:
    image, labels = _scene(seed)
    how = {"families": ["shape", "enclosing"]}
    affine = AFFINE.copy()
    affine[:3, :3] *= scale
    power = {"mm": 1, "mm2": 2, "mm3": 3, "1/mm": -1, "1": 0}
    by_tag = {feature.tag: power[feature.unit] for feature in EVERY_FEATURE if feature.family in how["families"]}
    plain, scaled = _found(image, labels, how), _found(image, labels, how, affine)
    _same(scaled, {tag: value * scale ** by_tag[tag] for tag, value in plain.items()}, rel=1e-5)


@FEW
@given(SEEDS, st.sampled_from([0.25, 0.5, 2.0, 8.0]), st.integers(-400, 400))
def test_intensities_mapped_by_a_line(seed: int, scale: float, shift: int) -> None:
    image, labels = _scene(seed)
    how = {"families": ["intensity"], "spatial_autocorrelation": True}
    plain, mapped = _found(image, labels, how), _found(image * scale + shift, labels, how)
    expected = {tag: plain[tag] * scale + shift for tag in IN_LINE}
    expected |= {tag: plain[tag] * scale for tag in SPREADS}
    expected |= {tag: plain[tag] for tag in ("stat_skew", "stat_kurt", "morph_moran_i", "morph_geary_c")}
    expected["stat_var"] = plain["stat_var"] * scale**2
    _same({tag: mapped[tag] for tag in expected}, expected)


@FEW
@given(SEEDS, st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_intensities_in_another_unit(seed: int, scale: float) -> None:
    image, labels = _scene(seed)
    how = {"families": ["intensity"], "spatial_autocorrelation": False}
    plain, mapped = _found(image, labels, how), _found(image * scale, labels, how)
    power = {tag: 1 for tag in (*IN_LINE, *SPREADS, "stat_rms", "morph_integ_int")}
    power |= {"stat_var": 2, "stat_energy": 2}
    _same(mapped, {tag: value * scale ** power.get(tag, 0) for tag, value in plain.items()})


@pytest.mark.parametrize("family", ["histogram", "volume_histogram", *TEXTURES])
@FEW
@given(SEEDS, st.sampled_from([0.25, 0.5, 2.0, 8.0]), st.integers(-400, 400))
def test_a_number_of_bins_knows_neither_scale_nor_offset(family: str, seed: int, scale: float, shift: int) -> None:
    image, labels = _scene(seed)
    how = {"families": [family], **NUMBER, **BY_NUMBER}
    assert _found(image * scale + shift, labels, how) == _found(image, labels, how)


@pytest.mark.parametrize("family", ["histogram", "volume_histogram", *TEXTURES])
@FEW
@given(SEEDS, st.integers(-400, 400))
def test_bins_of_a_size_do_not_know_the_offset_but_the_scale(family: str, seed: int, shift: int) -> None:
    image, labels = _scene(seed)
    how = {"families": [family], **SIZE, **BY_SIZE}
    plain = _found(image, labels, how)
    moved = {tag: value + (shift if tag in ("ivh_i10", "ivh_i90") else 0) for tag, value in plain.items()}
    _same(_found(image + shift, labels, how), moved)
    assert _found(image * 4, labels, how) != plain


@FEW
@given(SEEDS, st.randoms(use_true_random=False))
def test_levels_that_trade_places_keep_what_asks_for_equality_only(seed: int, random: Any) -> None:
    _, labels = _scene(seed)
    levels = np.random.default_rng(seed).integers(1, 7, labels.shape)
    traded = [0, *random.sample(range(1, 7), 6)]
    how = {"families": ["histogram", *TEXTURES], "discretisation": {"method": "none"}}
    how["texture"] = {"dimensions": ["2D", "2.5D", "3D"]}
    plain, other = (_found(image.astype(float), labels, how) for image in (levels, np.array(traded)[levels]))
    kept = [tag for tag in plain if any(tag.startswith(f"{stem}_{n}") for stem in OF_EQUALITY.split() for n in "23")]
    assert len(kept) == 14 * 6 + 28 * 3
    kept += ["ih_entropy", "ih_uniformity"]
    _same({tag: other[tag] for tag in kept}, {tag: plain[tag] for tag in kept})


@FEW
@given(SEEDS, st.floats(0.2, 3))
def test_ranks_follow_any_rising_map(seed: int, bend: float) -> None:
    """With 41 voxels every percentile asked for is one voxel's intensity, so that it goes through the map itself."""
    image, labels = _scene(seed)
    inside = np.flatnonzero(labels)
    labels = np.zeros_like(labels)
    labels.flat[inside[::2][:41]] = 1
    assert labels.sum() == 41
    how = {"families": ["intensity", "local_intensity"], "spatial_autocorrelation": False}
    plain = _found(image, labels, how)
    mapped = _found(np.sinh(image / 200 * bend), labels, how)
    for tag in ("stat_median", "stat_min", "stat_p10", "stat_p90", "stat_max"):
        assert mapped[tag] == pytest.approx(np.sinh(plain[tag] / 200 * bend), rel=1e-6)
    assert mapped["loc_peak_glob"] <= np.sinh(image.max() / 200 * bend) * (1 + 1e-6)


@FEW
@given(SEEDS)
def test_what_volume_fractions_must_be(seed: int) -> None:
    image, labels = _scene(seed)
    found = _found(image, labels, {"families": ["volume_histogram"]})
    assert 0 <= found["ivh_v90"] <= found["ivh_v10"] <= 1
    assert image[labels > 0].min() <= found["ivh_i90"] <= found["ivh_i10"] <= image[labels > 0].max()
    # Counted from the other side: one voxel in the mirror of intensities reaches what it does not exceed here.
    values = image[labels > 0]
    high = found["ivh_i10"]
    assert (values >= high).mean() <= 0.1 < (values >= high - 1).mean()


def test_every_family_has_features_under_these_laws() -> None:
    assert all(tags_of(family, parse_settings({})) for family in ALL_FAMILIES)
