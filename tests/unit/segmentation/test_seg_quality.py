"""Each check speaks where it should and is silent on a sound mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segmentation.assessment.quality import CHECKS, check_mask
from segmentation.types import Grid, Mask

REGIONS = {"organ": 1, "tumor": 2}


def _sound() -> np.ndarray:
    labels = np.zeros((30, 30, 30), dtype=np.uint8)
    labels[5:20, 5:20, 5:20] = 1
    labels[18:24, 8:14, 8:14] = 2
    return labels


def _codes(labels: np.ndarray, **kwargs: object) -> dict[str, str]:
    return {f.code: f.level for f in check_mask(Mask(labels, np.eye(4), REGIONS, **kwargs))}  # type: ignore[arg-type]


def test_a_sound_mask_has_no_finding() -> None:
    assert _codes(_sound()) == {}


def test_an_empty_mask_is_rejected_and_nothing_else_is_said() -> None:
    assert _codes(np.zeros((4, 4, 4), dtype=np.uint8)) == {"empty_mask": "reject"}


def test_an_absent_region_is_a_note() -> None:
    assert _codes(np.where(_sound() == 1, np.uint8(1), np.uint8(0))) == {"region_missing": "note"}


def test_labels_without_a_name_ask_a_person() -> None:
    findings = check_mask(Mask(_sound(), np.eye(4), REGIONS, unnamed={7: 12}))
    assert [(f.code, f.level) for f in findings] == [("unnamed_labels", "review")]
    assert "7 (12 voxels)" in findings[0].message


@pytest.mark.parametrize(
    ("axis", "end", "side"),
    [
        (0, 0, "left"),
        (0, -1, "right"),
        (1, 0, "posterior"),
        (1, -1, "anterior"),
        (2, 0, "inferior"),
        (2, -1, "superior"),
    ],
)
def test_a_region_at_the_border_names_the_patient_side(axis: int, end: int, side: str) -> None:
    labels = _sound()
    line: list[Any] = [10, 10, 10]
    line[axis] = slice(0, 11) if end == 0 else slice(10, 30)
    labels[tuple(line)] = 1
    messages = [f.message for f in check_mask(Mask(labels, np.eye(4), REGIONS)) if f.code == "region_on_border"]
    assert messages == [f"organ touches the {side} border of the volume and may be cut off"]


def test_the_border_of_a_crop_is_not_a_border() -> None:
    crop = _sound()[5:24, 5:20, 5:20]
    source = Grid((30, 30, 30), np.eye(4))
    assert "region_on_border" not in _codes(crop, source=source, offset=(5, 5, 5))
    assert "region_on_border" in _codes(crop, source=source, offset=(11, 5, 5))
    assert "region_on_border" in _codes(crop)


def test_pieces_and_specks_are_counted() -> None:
    labels = _sound()
    for n in range(3):
        labels[25, 25, 20 + 3 * n] = 1
    findings = [f for f in check_mask(Mask(labels, np.eye(4), REGIONS)) if f.code == "many_pieces"]
    assert [f.message for f in findings] == ["organ lies in 4 separate pieces, 3 of them below 10 voxels"]


def test_an_implausible_volume_needs_a_spacing_to_be_one() -> None:
    affine = np.diag([50.0, 50, 50, 1])
    mask = Mask(_sound(), affine, REGIONS)
    assert {f.code for f in check_mask(mask)} == {"implausible_volume"}
    assert check_mask(mask, units_mm=False) == []


def test_a_tumour_away_from_the_organ_is_seen() -> None:
    labels = np.where(_sound() == 1, np.uint8(1), np.uint8(0))
    labels[24:28, 24:28, 24:28] = 2
    assert _codes(labels) == {"region_apart": "review"}
    labels[20:24, 20, 20] = 2
    labels[20:25, 20:25, 20:25] = 2
    assert _codes(labels) == {}, "a tumour that shares only a corner with the organ touches it"


def test_the_list_of_checks_is_complete() -> None:
    assert len(CHECKS) == len(set(CHECKS)) == 8
