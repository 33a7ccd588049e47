"""Profile pyradiomics in a settings file: `measure_with` replays it, and nothing else may be set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.radiomics.dictionary import tags_of
from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.processing import reading_window
from segmentation.radiomics.pyradiomics import A_LINE, EMPTY, measure_as_pyradiomics
from segmentation.radiomics.pyradiomics.differences import differences
from segmentation.radiomics.pyradiomics.names import NAMES, names_in
from segmentation.radiomics.settings import REPLAYED_FAMILIES, parse_settings
from segmentation.types import Mask, Volume

AFFINE = np.diag([1.0, 1.5, 2.0, 1.0])


def _scene() -> tuple[Volume, Mask]:
    rng = np.random.default_rng(5)
    labels = np.zeros((12, 11, 10), dtype=np.uint8)
    labels[3:8, 3:7, 2:7] = rng.random((5, 4, 5)) < 0.8
    labels[9, 9, 1:4] = 2
    return Volume(rng.normal(0, 100, labels.shape), AFFINE), Mask(labels, AFFINE, {"a": 1, "line": 2, "none": 3})


def test_the_same_numbers_as_the_profile_by_itself() -> None:
    image, mask = _scene()
    settings = parse_settings({"profile": "pyradiomics"})
    assert measure_with(settings, image, mask, "a") == measure_as_pyradiomics(image, mask, "a")
    assert {name for family in settings.families for name in tags_of(family, settings)} == set(NAMES)


def test_families_choose_its_classes_and_missing_ones_keep_their_reason() -> None:
    image, mask = _scene()
    settings = parse_settings({"profile": "pyradiomics", "families": ["cm", "shape"]})
    found, missing = measure_with(settings, image, mask, "a")
    assert set(found) | set(missing) == set(names_in(("cm", "shape")))
    assert {name.split("_")[1] for name in found} == {"glcm", "shape"}
    for region, reason in (("line", A_LINE), ("none", EMPTY)):
        assert measure_with(settings, image, mask, region) == ({}, dict.fromkeys(names_in(("cm", "shape")), reason))


def test_every_family_it_has_holds_something_and_together_they_hold_all() -> None:
    assert all(names_in((family,)) for family in REPLAYED_FAMILIES)
    assert sorted(names_in(REPLAYED_FAMILIES)) == sorted(NAMES)


def test_only_the_mask_s_own_part_of_the_image_is_read() -> None:
    image, mask = _scene()
    part = Mask(mask.labels[2:9, 2:8, 1:8], image.grid.part((slice(2, 9), slice(2, 8), slice(1, 8))).affine, {"a": 1})
    settings = parse_settings({"profile": "pyradiomics"})
    window = reading_window(settings, part.grid, image.grid)
    assert window == (slice(2, 9), slice(2, 8), slice(1, 8))
    cut = Volume(image.array[window], part.affine)
    assert measure_with(settings, cut, part, "a", image.grid) == measure_with(settings, image, mask, "a")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"grid": {"spacing_mm": [2, 2, 2]}}, "leave out grid"),
        ({"discretisation": {"value": 25}, "filter": {"name": "mean", "support": 3}}, "discretisation, filter"),
        ({"families": ["shape", "dzm"]}, "not dzm"),
    ],
)
def test_what_it_cannot_be_told_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ImageRefusal) as refused:
        parse_settings({"profile": "pyradiomics", **more})
    assert refused.value.code == "bad_settings"
    assert words in str(refused.value)


def test_settings_come_back_from_what_a_recipe_holds() -> None:
    settings = parse_settings({"profile": "pyradiomics"})
    assert settings.model_dump(mode="json").keys() == {"profile", "families"}
    assert parse_settings(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize("entries", [{"profile": "pyradiomics"}, {"filter": {"name": "mean", "support": 3}}])
def test_the_comparison_of_profiles_refuses_settings_that_it_cannot_explain(entries: dict[str, Any]) -> None:
    image, mask = _scene()
    with pytest.raises(ImageRefusal, match="profile ibsi, without a filter"):
        differences(image, mask, "a", parse_settings(entries))
