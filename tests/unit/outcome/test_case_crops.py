"""The blocks of tissue of one case: in memory as on disk, by the right mask, and each missing one with its reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from outcome.cases import crop_case, crop_faults, inspect_case, process_case, read_case_mask, segment_case
from outcome.cases import write_case_mask as write_stored
from outcome.features.crops import crop_bytes, read_crops
from outcome.recipe import CaseInput, CropSpec, Recipe
from outcome.types import Level
from segmentation.images.writing import write_image, write_mask
from segmentation.phantoms import REGIONS, PhantomSpec, phantom
from segmentation.types import Mask, Volume

CROP = CropSpec({"ct": "hu", "mr": "z_score"}, "tumor", (12, 10, 8), (60.0, 50.0, 40.0))
RECIPE = Recipe(regions=REGIONS, mask_on="ct", crop=CROP)


def write_phantom(folder: Path, name: str, spec: PhantomSpec) -> None:
    volume, mask, _ = phantom(np.random.default_rng(4), spec)
    write_image(volume, folder / f"{name}.nii.gz")
    write_mask(mask, folder / f"{name}_mask.nii.gz")


@pytest.fixture
def case(tmp_path: Path) -> CaseInput:
    """A CT and an MR of the same body, each on its own grid with its own mask."""
    write_phantom(tmp_path, "ct", PhantomSpec(shape=(40, 36, 30), orientation="LPS", tumour_ml=12))
    write_phantom(tmp_path, "mr", PhantomSpec(shape=(30, 44, 40), orientation="ARI", tumour_ml=12))
    images = {name: tmp_path / f"{name}.nii.gz" for name in ("ct", "mr")}
    return CaseInput("c1", images, tmp_path / "ct_mask.nii.gz", {"mr": tmp_path / "mr_mask.nii.gz"})


def _reasons(case: CaseInput, recipe: Recipe = RECIPE) -> dict[str, str]:
    return crop_case(case, segment_case(case, recipe).mask, recipe)[1]


def test_memory_and_disk_give_the_same_bits(case: CaseInput, tmp_path: Path) -> None:
    write_stored(segment_case(case, RECIPE).mask, tmp_path / "stored.nii.gz")
    crops, missing = crop_case(case, read_case_mask(tmp_path / "stored.nii.gz", RECIPE), RECIPE)
    result = process_case(case, RECIPE)
    assert missing == result.missing_crops == {}
    assert list(result.crops) == ["ct", "mr"]
    stored = read_crops(crop_bytes(crops))
    for name, crop in result.crops.items():
        assert crop.shape == (3, 12, 10, 8)
        assert np.array_equal(crop, stored[name])


def test_each_sequence_is_cut_by_the_mask_drawn_on_it(case: CaseInput) -> None:
    """The same body on two grids of 4 to 6 mm: the masks of both blocks differ at the rim only."""
    crops = process_case(case, RECIPE).crops
    first, second = crops["ct"][2] > 0, crops["mr"][2] > 0
    assert (first & second).sum() > 0.6 * (first | second).sum()


def test_without_a_recipe_for_crops_there_are_none(case: CaseInput) -> None:
    result = process_case(case, replace(RECIPE, crop=None))
    assert (result.crops, result.missing_crops) == ({}, {})


def test_a_sequence_that_is_not_there_is_a_gap(case: CaseInput) -> None:
    lacking = replace(case, images={"ct": case.images["ct"]})
    assert _reasons(lacking) == {"mr": "missing_image: the case has no image 'mr'"}
    assert crop_faults(_reasons(lacking)) == {}
    assert [(f.code, f.level) for f in inspect_case(lacking, RECIPE)] == [("missing_sequence", Level.NOTE)]


def test_another_grid_without_a_mask_of_its_own_is_a_gap(case: CaseInput) -> None:
    bare = replace(case, masks={})
    assert "no mask was drawn on it" in _reasons(bare)["mr"]
    assert crop_faults(_reasons(bare)) == {}
    (finding,) = inspect_case(bare, RECIPE)
    assert (finding.code, finding.level) == ("sequence_on_other_grid", Level.REVIEW)
    assert "mask.others" in finding.message
    assert inspect_case(case, RECIPE, look_inside=True) == inspect_case(case, RECIPE) == []


def test_where_a_network_draws_a_given_mask_is_not_looked_at(case: CaseInput) -> None:
    drawn = replace(RECIPE, segmenter="unet_3d:0123456789ab")
    mask = segment_case(case, RECIPE).mask
    assert list(crop_case(case, mask, RECIPE)[0]) == ["ct", "mr"]
    crops, missing = crop_case(case, mask, drawn)
    assert (list(crops), list(missing)) == (["ct"], ["mr"])


def test_a_mask_without_the_region_says_what_to_do(case: CaseInput) -> None:
    _, mask, _ = phantom(np.random.default_rng(4), PhantomSpec(shape=(40, 36, 30), orientation="LPS"))
    assert case.mask is not None
    write_mask(Mask(np.where(mask.labels == 2, 0, mask.labels), mask.affine, REGIONS), case.mask)
    reasons = _reasons(case)
    assert list(reasons) == ["ct"]
    assert "empty_region" in reasons["ct"]
    assert "next step" in reasons["ct"]
    found = {(f.code, f.level) for f in inspect_case(case, RECIPE, look_inside=True)}
    assert ("empty_region", Level.REVIEW) in found


@pytest.mark.parametrize("name", ["mr", "mr_mask"])
def test_a_damaged_file_is_a_fault(case: CaseInput, name: str) -> None:
    path = case.images["mr"].with_name(f"{name}.nii.gz")
    path.write_bytes(path.read_bytes()[:-30])
    crops, missing = crop_case(case, segment_case(case, RECIPE).mask, RECIPE)
    assert list(crops) == ["ct"]
    assert set(crop_faults(missing)) == {"mr"}
    assert f"{name}.nii.gz" in missing["mr"]


def test_an_image_of_one_value_is_a_fault(case: CaseInput) -> None:
    volume, _, _ = phantom(np.random.default_rng(4), PhantomSpec(shape=(30, 44, 40), orientation="ARI"))
    write_image(Volume(np.zeros_like(volume.array), volume.affine), case.images["mr"])
    assert "flat_image" in crop_faults(_reasons(case))["mr"]


def test_an_own_mask_without_the_region_is_found_on_looking(case: CaseInput) -> None:
    _, mask, _ = phantom(np.random.default_rng(4), PhantomSpec(shape=(30, 44, 40), orientation="ARI"))
    write_mask(Mask(np.where(mask.labels == 2, 0, mask.labels), mask.affine, REGIONS), case.masks["mr"])
    assert "empty_region" in _reasons(case)["mr"]
    (finding,) = inspect_case(case, RECIPE, look_inside=True)
    assert (finding.code, finding.level) == ("empty_region", Level.REVIEW)
    assert "mask on 'mr'" in finding.message
