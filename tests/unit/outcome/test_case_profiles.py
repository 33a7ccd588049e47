"""Profiles of the recipe: an image measured by settings of its own, on its own masks, with a reason for each gap."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from outcome.cases import OTHER_GRID_NO_MASK, complete_settings, measure_case, process_case, segment_case
from outcome.errors import DataRefusal
from outcome.recipe import CaseInput, ProfileSpec, Recipe
from segmentation.images.writing import write_image, write_mask
from segmentation.phantoms import REGIONS, PhantomSpec, phantom
from segmentation.radiomics.dictionary import NEEDS_SPACING
from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.settings import parse_settings
from segmentation.types import Mask, Volume

SETTINGS = {
    "grid": {"by": "volume", "spacing_mm": [6, 6, 6]},
    "interpolation": {"round_intensities": True},
    "resegmentation": {"range": [-100, 300]},
    "families": ["local_intensity", "histogram", "cm", "szm"],
}


def _recipe(**profiles: ProfileSpec) -> Recipe:
    return Recipe(regions=REGIONS, mask_on="ct", profiles=profiles)


def _profile(image: str, settings: dict | None = None) -> ProfileSpec:
    return ProfileSpec(image, complete_settings(SETTINGS if settings is None else settings))


CT = _profile("ct")
MR = _profile("mr", {"discretisation": {"method": "fixed_bin_number", "value": 16}, "families": ["histogram"]})


@pytest.fixture(scope="module")
def scans() -> dict[str, tuple[Volume, Mask]]:
    """A CT, and an MR of the same patient on another grid."""
    spec = PhantomSpec(shape=(40, 36, 30), orientation="LPS", tumour_ml=12, texture_hu=20)
    other = replace(spec, shape=(30, 30, 30), orientation="RAS", modality="MR")
    made = {"ct": phantom(np.random.default_rng(4), spec), "mr": phantom(np.random.default_rng(4), other)}
    return {name: (volume, mask) for name, (volume, mask, _) in made.items()}


@pytest.fixture
def case(tmp_path: Path, scans: dict[str, tuple[Volume, Mask]]) -> CaseInput:
    for name, (volume, mask) in scans.items():
        write_image(volume, tmp_path / f"{name}.nii.gz")
        write_mask(mask, tmp_path / f"{name}_mask.nii.gz")
    images = {name: tmp_path / f"{name}.nii.gz" for name in scans}
    return CaseInput("c1", images, tmp_path / "ct_mask.nii.gz", {"mr": tmp_path / "mr_mask.nii.gz"})


def test_a_profile_gives_what_the_whole_image_would(case: CaseInput, scans: dict[str, tuple[Volume, Mask]]) -> None:
    """Only a window of the image is read: grids must still be aligned at the whole image's centre."""
    features = process_case(case, _recipe(ct=CT)).features
    volume, mask = scans["ct"]
    for region in REGIONS:
        whole, _ = measure_with(parse_settings(SETTINGS), volume, mask, region)
        mine = {name.removeprefix(f"{region}.ct."): x for name, x in features.items() if f"{region}.ct." in name}
        assert mine == whole
    assert "tumor.stat_mean" in features


def test_an_image_with_masks_of_its_own_is_measured_there(
    case: CaseInput, scans: dict[str, tuple[Volume, Mask]]
) -> None:
    features = process_case(case, _recipe(mr=MR)).features
    volume, mask = scans["mr"]
    whole, _ = measure_with(parse_settings(dict(MR.settings)), volume, mask, "tumor")
    assert features["tumor.mr.ih_mean"] == whole["ih_mean"]
    without, missing = measure_case(replace(case, masks={}), segment_case(case, _recipe()).mask, _recipe(mr=MR))
    assert not any(".mr." in name for name in without)
    assert missing["tumor.mr.ih_mean"] == OTHER_GRID_NO_MASK


def test_two_profiles_of_one_image_do_not_disturb_each_other(case: CaseInput) -> None:
    narrow = _profile("ct", {"resegmentation": {"range": [0, 100]}, "families": ["histogram"]})
    both = process_case(case, _recipe(narrow=narrow, ct=CT)).features
    alone = process_case(case, _recipe(ct=CT)).features
    assert {name: both[name] for name in alone} == alone
    assert both["tumor.narrow.ih_mean"] != both["tumor.ct.ih_mean"]


def test_without_the_image_every_feature_of_the_profile_says_so(case: CaseInput) -> None:
    result = process_case(replace(case, images={"ct": case.images["ct"]}), _recipe(ct=CT, mr=MR))
    gone = {name for name in result.missing if ".mr." in name}
    assert len(gone) == 2 * 23
    assert {result.missing[name] for name in gone} == {"the case has no image 'mr'"}
    assert "tumor.ct.cm_contrast_3D_comb" in result.features


def test_without_published_spacing_no_neighbour_is_measured(case: CaseInput) -> None:
    settings = {**SETTINGS, "grid": {"by": "volume", "spacing_mm": None}}
    recipe = replace(_recipe(ct=_profile("ct", settings)), units_mm=False)
    result = process_case(case, recipe)
    profile = {name.rpartition(".")[2] for name in result.features if ".ct." in name}
    assert profile
    assert not profile & NEEDS_SPACING
    assert result.missing["tumor.ct.cm_contrast_3D_comb"] == "no voxel spacing was published"


def test_a_region_too_small_is_missing_with_the_reason_not_zero(case: CaseInput) -> None:
    assert case.mask is not None
    _, mask, _ = phantom(np.random.default_rng(4), PhantomSpec(shape=(40, 36, 30), orientation="LPS"))
    labels = np.where(mask.labels == REGIONS["tumor"], 0, mask.labels)
    labels[tuple(np.argwhere(mask.labels == REGIONS["tumor"])[0])] = REGIONS["tumor"]
    write_mask(Mask(labels.astype(np.uint8), mask.affine, REGIONS), case.mask)
    result = process_case(case, _recipe(ct=_profile("ct", {"families": ["cm", "ngt", "szm"]})))
    assert "tumor.ct.cm_contrast_3D_comb" not in result.features
    assert "neighbour" in result.missing["tumor.ct.cm_contrast_3D_comb"]


def test_a_recipe_with_profiles_survives_its_json() -> None:
    recipe = _recipe(ct=CT, mr=MR)
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert recipe.drawing() == replace(_recipe(), families=())
    before = {name: value for name, value in _recipe().to_json().items() if name != "profiles"}
    assert Recipe.from_json(before) == _recipe()


def test_settings_are_completed_and_wrong_ones_refused_by_name() -> None:
    assert complete_settings({})["discretisation"] == {"method": "fixed_bin_size", "value": 25.0}
    with pytest.raises(DataRefusal, match="resegmentaton"):
        complete_settings({"resegmentaton": {"range": [0, 1]}})
