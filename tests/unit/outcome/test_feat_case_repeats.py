"""A case measured again: unchanged it measures the same everywhere; changed it moves, alike for the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outcome.cases import (
    complete_settings,
    drawn_outlines,
    drawn_repeats,
    measure_case,
    measure_repeats,
    repeat_limits,
    segment_case,
)
from outcome.errors import DataRefusal
from outcome.recipe import CaseInput, ProfileSpec, Recipe
from segmentation.images.writing import write_image, write_mask
from segmentation.phantoms import REGIONS, PhantomSpec, phantom
from segmentation.radiomics.robustness.perturbations import Perturbation
from segmentation.types import Mask, Volume

NOTHING = Perturbation()
RESAMPLED: dict[str, Any] = {
    "grid": {"by": "volume", "spacing_mm": [6, 6, 6]},
    "resegmentation": {"range": [-100, 300]},
    "families": ["intensity", "local_intensity", "histogram", "cm", "szm"],
}
LOG = {"name": "laplacian_of_gaussian", "sigma_mm": 6, "truncate": 2}
FILTERED = {**RESAMPLED, "families": ["intensity"], "filter": LOG}
MR = {"discretisation": {"method": "fixed_bin_number", "value": 16}, "families": ["histogram"]}


def _recipe() -> Recipe:
    settings = {"plain": ("ct", RESAMPLED), "log": ("ct", FILTERED), "mr": ("mr", MR)}
    profiles = {name: ProfileSpec(image, complete_settings(given)) for name, (image, given) in settings.items()}
    return Recipe(regions=REGIONS, mask_on="ct", profiles=profiles)


def _write(folder: Path, name: str, volume: Volume, mask: Mask) -> None:
    write_image(volume, folder / f"{name}.nii.gz")
    write_mask(mask, folder / f"{name}_mask.nii.gz")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> CaseInput:
    """A CT, and an MR on another grid with a mask of its own; regions reach the images' edges nearly everywhere."""
    folder = tmp_path_factory.mktemp("repeats")
    spec = PhantomSpec(shape=(40, 36, 30), orientation="LPS", tumour_ml=12, texture_hu=20)
    for name, one in (("ct", spec), ("mr", replace(spec, shape=(30, 30, 30), orientation="RAS", modality="MR"))):
        volume, mask, _ = phantom(np.random.default_rng(4), one)
        _write(folder, name, volume, mask)
    images = {name: folder / f"{name}.nii.gz" for name in ("ct", "mr")}
    return CaseInput("c1", images, folder / "ct_mask.nii.gz", {"mr": folder / "mr_mask.nii.gz"})


def test_without_a_change_every_family_is_what_the_case_measures(case: CaseInput) -> None:
    recipe = _recipe()
    mask = segment_case(case, recipe).mask
    plain, _ = measure_case(case, mask, recipe)
    again = measure_repeats(case, mask, recipe, [NOTHING, NOTHING])
    assert again[0] == again[1]
    assert set(again[0]) == set(plain)
    assert {name.split(".")[1] for name in plain} >= {"plain", "log", "mr"}
    for name, value in plain.items():
        assert again[0][name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


def test_changes_move_features_alike_for_the_same_seed(case: CaseInput) -> None:
    recipe = replace(_recipe(), profiles={})
    mask = segment_case(case, recipe).mask
    first = measure_repeats(case, mask, recipe, drawn_repeats(3, 5))
    assert first == measure_repeats(case, mask, recipe, drawn_repeats(3, 5))
    assert first != measure_repeats(case, mask, recipe, drawn_repeats(3, 6))
    assert len({found["tumor.morph_volume"] for found in first}) == 3


def test_other_outlines_leave_the_image_as_it_is(case: CaseInput) -> None:
    assert all(change.growth and change.contour_mm for change in drawn_outlines(4, 1))
    assert not any(change.moves or change.noise for change in drawn_outlines(4, 1))


def test_a_region_grows_where_there_is_no_image_to_tell_the_edge(case: CaseInput) -> None:
    """The stored mask ends at the region's box; growth must not end there."""
    recipe = Recipe(regions=REGIONS, mask_on="ct", families=("shape",))
    mask = segment_case(case, recipe).mask
    plain, _ = measure_case(replace(case, images={}), mask, recipe)
    grown = measure_repeats(replace(case, images={}), mask, recipe, [Perturbation(growth=0.3)])[0]
    assert grown["tumor.morph_vol_approx"] == pytest.approx(1.3 * plain["tumor.morph_vol_approx"], rel=0.02)
    assert grown["tumor.morph_diam"] > plain["tumor.morph_diam"]


def test_a_region_without_a_voxel_is_absent_and_the_others_are_measured(case: CaseInput) -> None:
    recipe = Recipe(regions={**REGIONS, "absent": 9}, mask_on="ct")
    found = measure_repeats(case, segment_case(case, recipe).mask, recipe, [NOTHING])[0]
    assert "tumor.stat_mean" in found
    assert not any(name.startswith("absent.") for name in found)


def test_noise_cannot_be_told_in_an_image_of_two_rows(tmp_path: Path) -> None:
    labels, affine = np.zeros((2, 2, 9), dtype=np.uint8), np.eye(4)
    labels[:, :, 3:6] = 1
    small = Mask(labels, affine, {"tumor": 1})
    _write(tmp_path, "ct", Volume(np.zeros((2, 2, 9), dtype=np.int16), affine, "CT"), small)
    thin, recipe = CaseInput("thin", {"ct": tmp_path / "ct.nii.gz"}), Recipe(regions={"tumor": 1}, mask_on="ct")
    assert measure_repeats(thin, small, recipe, drawn_outlines(2, 1))
    with pytest.raises(DataRefusal, match="too small to tell its noise"):
        measure_repeats(thin, small, recipe, drawn_repeats(2, 1))


def test_agreement_is_that_of_single_measurements() -> None:
    assert repeat_limits(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])) == (1.0, 1.0)
    assert repeat_limits(np.array([[1.0, 2.0]])) is None
