"""What the texture entry refuses, what it leaves out with a reason, and that the catalogue names all it gives."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.radiomics.texture import (
    CONSTANT,
    EMPTY,
    FAMILIES,
    NO_NEIGHBOUR,
    ZERO_DIVISOR,
    TextureRequest,
    texture_features,
)
from segmentation.radiomics.texture.catalogue import CATALOGUE, stems

TAGS = {feature.tag for feature in CATALOGUE}


def _measured(bins: np.ndarray, n_bins: int = 3, **request: object) -> tuple[dict[str, float], dict[str, str]]:
    return texture_features(bins, n_bins, np.ones(3), TextureRequest(**request))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bins",
    [
        np.zeros((2, 3, 3), dtype=np.int32),
        np.ones((1, 1, 1), dtype=np.int32),
        np.ones((3, 3, 3), dtype=np.int32),
        np.arange(27, dtype=np.int32).reshape(3, 3, 3) % 3 + 1,
    ],
    ids=["empty", "one voxel", "constant", "plain"],
)
def test_every_tag_of_the_catalogue_is_measured_or_missing_and_none_else(bins: np.ndarray) -> None:
    features, reasons = _measured(bins)
    assert set(features) | set(reasons) == TAGS
    assert not set(features) & set(reasons)
    assert all(np.isfinite(value) for value in features.values())


def test_an_empty_region_has_no_texture() -> None:
    features, reasons = _measured(np.zeros((2, 3, 3), dtype=np.int32))
    assert not features
    assert set(reasons.values()) == {EMPTY}


def test_one_voxel_has_a_run_a_zone_and_a_dependence_but_no_neighbour() -> None:
    features, reasons = _measured(np.ones((1, 1, 1), dtype=np.int32))
    assert {tag.split("_")[0] for tag in features} == {"rlm", "szm", "dzm", "ngl"}
    assert {tag.split("_")[0] for tag in reasons} == {"cm", "ngt"}
    assert set(reasons.values()) == {NO_NEIGHBOUR}


def test_one_grey_level_has_no_correlation() -> None:
    features, reasons = _measured(np.full((3, 3, 3), 2, dtype=np.int32))
    missing = {tag for tag in TAGS if tag.startswith(("cm_corr_", "cm_info_corr1_"))}
    assert reasons == dict.fromkeys(missing, CONSTANT)
    assert features["cm_info_corr2_3D_comb"] == 0
    assert features["ngt_coarseness_3D"] == 1e6  # IBSI's value where levels do not differ
    assert features["ngt_strength_3D"] == 0


def test_busyness_is_missing_where_its_divisor_is_zero() -> None:
    """Two voxels of level 1 and one of level 2: level times probability is the same for both."""
    _, reasons = _measured(np.array([[[1, 2, 1]]], dtype=np.int32), families=("ngt",))
    assert reasons == dict.fromkeys(("ngt_busyness_2D", "ngt_busyness_2_5D", "ngt_busyness_3D"), ZERO_DIVISOR)


def test_slices_without_the_feature_are_left_out_of_its_average() -> None:
    """A slice of one level has no correlation: the average is that of the other slice, not halved."""
    mixed = np.array([[1, 2, 1], [2, 1, 3], [1, 1, 2]], dtype=np.int32)
    alone, _ = _measured(mixed[None], dimensions=("2D",), families=("cm",))
    beside, _ = _measured(np.stack([mixed, np.ones_like(mixed)]), dimensions=("2D",), families=("cm",))
    assert beside["cm_corr_2D_comb"] == pytest.approx(alone["cm_corr_2D_comb"])
    assert beside["cm_contrast_2D_comb"] == pytest.approx(alone["cm_contrast_2D_comb"] / 2)


@pytest.mark.parametrize(
    ("bins", "n_bins", "code"),
    [
        (np.full((2, 2, 2), 4, dtype=np.int32), 3, "bad_bins"),
        (np.full((2, 2, 2), -1, dtype=np.int32), 3, "bad_bins"),
        (np.ones((2, 2), dtype=np.int32), 3, "bad_bins"),
        (np.ones((2, 2, 2)), 3, "bad_bins"),
        (np.ones((2, 2, 2), dtype=np.int32), 0, "bad_bins"),
        (np.ones((2, 2, 2), dtype=np.int32), 70_000, "bad_bins"),
    ],
)
def test_bad_levels_are_refused(bins: np.ndarray, n_bins: int, code: str) -> None:
    with pytest.raises(ImageRefusal) as refused:
        _measured(bins, n_bins)
    assert refused.value.code == code
    assert refused.value.expected
    assert refused.value.found


@pytest.mark.parametrize(
    "request_",
    [{"dimensions": ("4D",)}, {"dimensions": "2D"}, {"families": ("glcm",)}, {"distance": 0}, {"coarseness": -1}],
)
def test_bad_requests_are_refused(request_: dict[str, object]) -> None:
    with pytest.raises(ImageRefusal):
        TextureRequest(**request_)  # type: ignore[arg-type]


def test_a_morphological_mask_must_hold_the_region() -> None:
    bins = np.ones((2, 2, 2), dtype=np.int32)
    for mask in (np.ones((2, 2, 3), dtype=bool), bins.astype(bool) & (np.arange(8).reshape(2, 2, 2) > 0)):
        with pytest.raises(ImageRefusal):
            _measured(bins, morphological=mask)


def test_each_row_of_the_catalogue_is_whole() -> None:
    assert len(TAGS) == len(CATALOGUE) == 150 + 96 + 48 + 48 + 15 + 51
    for feature in CATALOGUE:
        assert len(feature.ibsi) == 4, feature
        assert "{" not in feature.definition, feature
    codes = {family: {f.ibsi for f in CATALOGUE if f.family == family} for family in FAMILIES}
    assert {family: len(found) for family, found in codes.items()} == {f: len(stems(f)) for f in FAMILIES}
    assert len(set().union(*codes.values())) == sum(map(len, codes.values()))
