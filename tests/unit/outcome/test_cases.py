"""One case from files to numbers: in memory as by way of disk, with findings instead of surprises."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from outcome.cases import (
    OTHER_GRID,
    case_mask_bytes,
    inspect_case,
    measure_case,
    process_case,
    read_case_mask,
    segment_case,
    upright_case,
    write_case_mask,
)
from outcome.errors import DataRefusal
from outcome.recipe import CaseInput, Recipe
from outcome.types import Level
from segmentation.images.writing import write_image, write_mask
from segmentation.phantoms import REGIONS, PhantomSpec, phantom
from segmentation.types import Mask, Volume

RECIPE = Recipe(regions=REGIONS, mask_on="ct")


@pytest.fixture
def case(tmp_path: Path) -> CaseInput:
    spec = PhantomSpec(shape=(40, 36, 30), orientation="LPS", tumour_ml=12)
    volume, mask, _ = phantom(np.random.default_rng(4), spec)
    write_image(volume, tmp_path / "ct.nii.gz")
    write_mask(mask, tmp_path / "mask.nii.gz")
    return CaseInput("c1", {"ct": tmp_path / "ct.nii.gz"}, tmp_path / "mask.nii.gz")


def _rewrite_mask(case: CaseInput, labels: np.ndarray, affine: np.ndarray) -> None:
    assert case.mask is not None
    write_mask(Mask(labels, affine, REGIONS), case.mask)


def _codes(findings: object) -> dict[str, Level]:
    return {finding.code: finding.level for finding in findings}  # type: ignore[attr-defined]


@pytest.mark.parametrize("units_mm", [True, False])
def test_memory_and_disk_give_the_same_bits(case: CaseInput, tmp_path: Path, units_mm: bool) -> None:
    recipe = replace(RECIPE, units_mm=units_mm)
    segmented = segment_case(case, recipe)
    write_case_mask(segmented.mask, tmp_path / "stored.nii.gz")
    stored = read_case_mask(tmp_path / "stored.nii.gz", recipe)
    features, missing = measure_case(case, stored, recipe)
    result = process_case(case, recipe)
    assert result.features == features
    assert result.missing == missing
    assert result.mask == segmented.summary
    assert (tmp_path / "stored.nii.gz").read_bytes() == case_mask_bytes(segmented.mask) == case_mask_bytes(stored)


def test_the_summary_describes_the_file_and_its_regions(case: CaseInput) -> None:
    summary = segment_case(case, RECIPE).summary
    assert summary["shape"] == [40, 36, 30]
    assert summary["orientation"] == "LPS"
    assert summary["regions"]["tumor"]["volume_ml"] == pytest.approx(12, rel=0.03)
    voxel_ml = np.prod(summary["spacing_mm"]) / 1000
    assert summary["regions"]["kidney"]["volume_ml"] == pytest.approx(summary["regions"]["kidney"]["voxels"] * voxel_ml)
    assert json.loads(json.dumps(summary)) == summary
    without = segment_case(case, replace(RECIPE, units_mm=False)).summary
    assert without["spacing_mm"] is None
    assert without["regions"]["tumor"]["volume_ml"] is None


def test_features_are_named_by_region_and_tag(case: CaseInput) -> None:
    features = process_case(case, RECIPE).features
    assert features["tumor.stat_mean"] == pytest.approx(80, abs=2)
    assert features["kidney.stat_mean"] == pytest.approx(150, abs=2)
    assert features["kidney.morph_volume"] > features["tumor.morph_volume"]


def test_without_an_image_the_reason_is_said(case: CaseInput) -> None:
    result = process_case(replace(case, images={}), RECIPE)
    assert result.missing["tumor.stat_mean"] == "the case has no image 'ct'"
    assert "tumor.morph_volume" in result.features
    unnamed = process_case(replace(case, images={}), replace(RECIPE, mask_on=""))
    assert "names no image" in unnamed.missing["tumor.stat_mean"]
    assert not process_case(replace(case, images={}), replace(RECIPE, families=("shape",))).missing


def test_a_mask_of_another_grid_is_rejected_with_millimetres(case: CaseInput) -> None:
    _, mask, _ = phantom(np.random.default_rng(4), PhantomSpec(shape=(40, 36, 30), orientation="LPS"))
    affine = mask.affine.copy()
    affine[0, 3] += 7.5
    _rewrite_mask(case, mask.labels, affine)
    result = process_case(case, RECIPE)
    assert _codes(result.findings) == {"grid_mismatch": Level.REJECT}
    assert "origin 7.500 mm apart" in result.findings[0].message
    assert result.findings[0].case_ids == ("c1",)
    assert result.features == {}
    assert _codes(inspect_case(case, RECIPE)) == {"grid_mismatch": Level.REJECT}
    _, missing = measure_case(case, segment_case(case, RECIPE).mask, RECIPE)
    assert missing["tumor.stat_mean"] == OTHER_GRID


def test_an_empty_mask_is_rejected_not_raised(case: CaseInput) -> None:
    _, mask, _ = phantom(np.random.default_rng(4), PhantomSpec(shape=(40, 36, 30), orientation="LPS"))
    _rewrite_mask(case, np.zeros_like(mask.labels), mask.affine)
    result = process_case(case, RECIPE)
    assert _codes(result.findings) == {"empty_mask": Level.REJECT}
    assert result.features == {}
    assert inspect_case(case, RECIPE) == []
    assert _codes(inspect_case(case, RECIPE, look_inside=True)) == {"empty_mask": Level.REJECT}


def test_what_is_missing_or_damaged_is_refused_by_processing_and_found_by_inspection(case: CaseInput) -> None:
    with pytest.raises(DataRefusal, match="c1 has no mask"):
        process_case(replace(case, mask=None), RECIPE)
    assert _codes(inspect_case(replace(case, mask=None), RECIPE)) == {"missing_mask": Level.REJECT}
    gone = replace(case, images={"ct": Path("nowhere.nii.gz")})
    assert _codes(inspect_case(gone, RECIPE)) == {"missing_file": Level.REJECT}
    with pytest.raises(DataRefusal, match="missing"):
        process_case(gone, RECIPE)
    assert case.mask is not None
    case.mask.write_bytes(case.mask.read_bytes()[:-30])
    with pytest.raises(DataRefusal, match="next step"):
        process_case(case, RECIPE)
    assert set(_codes(inspect_case(case, RECIPE, look_inside=True))) <= {"damaged", "truncated"}


def test_an_image_with_a_hole_refuses_the_case(case: CaseInput, tmp_path: Path) -> None:
    volume, _, _ = phantom(np.random.default_rng(4), PhantomSpec(shape=(40, 36, 30), orientation="LPS"))
    array = volume.array.astype(np.float32)
    array[0, 0, 0] = np.nan
    write_image(Volume(array, volume.affine), case.images["ct"])
    with pytest.raises(DataRefusal, match="holes"):
        process_case(case, RECIPE)


def test_planes_span_the_image_or_the_mask(case: CaseInput) -> None:
    mask = segment_case(case, RECIPE).mask
    axial, coronal, sagittal = upright_case(case.images["ct"], mask, "tumor").planes()
    assert axial.labels.shape == (36, 40)
    assert axial.image is not None
    assert (axial.labels == 2).any()
    assert (coronal.labels == 2).any()
    assert (sagittal.labels == 2).any()
    bare, _, _ = upright_case(None, mask).planes()
    assert bare.image is None
    assert bare.labels.shape == (mask.labels.shape[1], mask.labels.shape[0])
    with pytest.raises(DataRefusal, match="Unknown region"):
        upright_case(None, mask, "cyst")


def test_inputs_are_not_changed(case: CaseInput) -> None:
    before = {name: path.read_bytes() for name, path in case.images.items()}
    process_case(case, RECIPE)
    assert {name: path.read_bytes() for name, path in case.images.items()} == before
