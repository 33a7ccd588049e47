"""Dice and volume of two small masks, counted on paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcome.errors import DataRefusal
from outcome.evaluation.masks import mask_agreement
from outcome.pipeline.masks.agreement import agreement_table, compare
from segmentation.images.writing import crop_to_regions, write_mask
from segmentation.types import Mask

AFFINE = np.diag([10.0, 10.0, 10.0, 1.0])  # a voxel of 1 ml


def blocks(shape: tuple[int, int, int], **boxes: tuple[int, slice, slice]) -> np.ndarray:
    """Labels with a box (label, i, j) over the first two planes for each name."""
    labels = np.zeros(shape, dtype=np.uint8, order="F")
    for label, i, j in boxes.values():
        labels[i, j, :2] = label
    return labels


def test_dice_and_volume_of_two_boxes(tmp_path: Path) -> None:
    """Kidney: given 4 x 2 x 2 = 16, learned 4 x 3 x 2 = 24, shared 3 x 2 x 2 = 12: Dice 24 / 40. No tumour found."""
    given = blocks((8, 8, 4), kidney=(9, slice(1, 5), slice(2, 4)), tumor=(3, slice(6, 7), slice(6, 7)))
    write_mask(Mask(given, AFFINE, {"kidney": 9, "tumor": 3}), tmp_path / "given.nii.gz")
    drawn = Mask(blocks((8, 8, 4), kidney=(1, slice(2, 6), slice(2, 5))), AFFINE, {"kidney": 1, "tumor": 2, "cyst": 3})
    found = compare(
        tmp_path / "given.nii.gz", {"kidney": 9, "tumor": 3, "vessel": 4}, crop_to_regions(drawn), units_mm=True
    )
    assert found["kidney"] == {"dice": pytest.approx(24 / 40), "voxels_given": 16, "volume_given_ml": pytest.approx(16)}
    assert found["tumor"] == {"dice": 0.0, "voxels_given": 2, "volume_given_ml": pytest.approx(2)}
    assert set(found) == {"kidney", "tumor"}


def test_a_region_that_neither_mask_holds_has_no_dice(tmp_path: Path) -> None:
    given = Mask(blocks((8, 8, 4), kidney=(1, slice(1, 5), slice(2, 4))), AFFINE, {"kidney": 1, "tumor": 2})
    write_mask(given, tmp_path / "given.nii.gz")
    found = compare(tmp_path / "given.nii.gz", given.regions, crop_to_regions(given), units_mm=False)
    assert found["kidney"] == {"dice": 1.0, "voxels_given": 16, "volume_given_ml": None}
    assert found["tumor"]["dice"] is None


def test_a_given_mask_on_another_grid_is_not_compared(tmp_path: Path) -> None:
    labels = blocks((8, 8, 4), kidney=(1, slice(1, 5), slice(2, 4)))
    shifted = AFFINE.copy()
    shifted[0, 3] = 5
    write_mask(Mask(labels, shifted, {"kidney": 1}), tmp_path / "given.nii.gz")
    with pytest.raises(DataRefusal):
        compare(tmp_path / "given.nii.gz", {"kidney": 1}, Mask(labels, AFFINE, {"kidney": 1}), units_mm=True)


def test_means_are_over_patients_not_over_cases() -> None:
    """One patient with Dice 1 and 0 counts as 0.5; with five others at 0.8 the mean is 4.5 / 6."""
    dice = [1.0, 0.0, 0.8, 0.8, 0.8, 0.8, 0.8, np.nan]
    table = pd.DataFrame(
        {
            "patient_id": ["a", "a", "b", "c", "d", "e", "f", "g"],
            "region": "kidney",
            "dice": dice,
            "voxels_given": [10, 10, 10, 10, 10, 10, 10, 0],
            "voxels_learned": [10, 0, 12, 12, 12, 12, 12, 0],
            "volume_given_ml": [1.0] * 7 + [0.0],
            "volume_learned_ml": [1.0, 0.0, 1.2, 1.2, 1.2, 1.2, 1.2, 0.0],
        }
    )
    found = mask_agreement(table)["kidney"]
    assert found["dice"]["value"] == pytest.approx(4.5 / 6)
    assert found["dice"]["n"] == 6
    assert found["dice"]["low"] < found["dice"]["value"] < found["dice"]["high"] <= 0.8 + 1e-12
    assert (found["median_dice"], found["worst"]) == (pytest.approx(0.8), pytest.approx(0.5))
    assert (found["cases"], found["missed"]) == (7, 1)
    assert found["volume_bias"]["value"] == pytest.approx((-0.5 + 5 * 0.2) / 6)
    assert found["volume_unit"] == "ml"
    no_mm = mask_agreement(table.assign(volume_given_ml=np.nan, volume_learned_ml=np.nan))["kidney"]
    assert no_mm["volume_unit"] == "voxels"
    assert no_mm["volume_bias"]["value"] == pytest.approx((-5 + 5 * 2) / 6)


def test_few_patients_have_a_mean_without_interval_and_none_a_reason() -> None:
    row = {"region": "kidney", "voxels_given": 4, "voxels_learned": 4, "volume_given_ml": 1.0, "volume_learned_ml": 1.0}
    few = mask_agreement(
        pd.DataFrame([{"patient_id": "a", "dice": 0.9, **row}, {"patient_id": "b", "dice": 0.7, **row}])
    )
    assert few["kidney"]["dice"]["value"] == pytest.approx(0.8)
    assert few["kidney"]["dice"]["low"] is None
    none = mask_agreement(pd.DataFrame([{"patient_id": "a", "dice": np.nan, **row}]))
    assert none["kidney"]["dice"]["withheld"]
    assert none["kidney"]["worst"] is None


def test_a_study_without_given_masks_has_an_empty_table_of_the_same_columns() -> None:
    reports = {"c1": {"regions": {"kidney": {"voxels": 3, "volume_ml": 3.0}}, "given": None, "drawn_by": "final"}}
    table = agreement_table(reports)
    assert table.empty
    assert {"case_id", "region", "dice", "volume_given_ml", "volume_learned_ml", "network"} <= set(table.columns)
    assert mask_agreement(table.assign(patient_id=[])) == {}
