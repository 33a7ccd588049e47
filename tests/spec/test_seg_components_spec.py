"""Connected pieces by rule, on masks whose pieces can be counted."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.refinement.postprocess import clean, on_whole_grid
from segmentation.refinement.settings import ComponentRule, refinements_of
from segmentation.types import Grid, Mask

REGIONS = {"organ": 1, "spot": 2}


def _mask(rows: list[str], spacing: float = 10.0) -> Mask:
    """One plane; a voxel of 10 mm measures 1 ml."""
    labels = np.array([[int(c) if c != "." else 0 for c in row] for row in rows], dtype=np.uint8)[..., None]
    return Mask(labels, np.diag([spacing, spacing, spacing, 1]), REGIONS)


def _rows(mask: Mask) -> list[str]:
    return ["".join(str(n) if n else "." for n in row) for row in mask.labels[..., 0]]


TWO = ["11..2..", "11..2.2", "..1....", "2....11"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (ComponentRule(), TWO),
        (ComponentRule(most_pieces=1), ["11..2..", "11..2..", ".......", "......."]),
        (ComponentRule(region="spot", most_pieces=1), ["11..2..", "11..2..", "..1....", ".....11"]),
        (ComponentRule(region="organ", most_pieces=2), ["11..2..", "11..2.2", ".......", "2....11"]),
        (ComponentRule(region="organ", least_voxels=3), ["11..2..", "11..2.2", ".......", "2......"]),
        (ComponentRule(region="organ", least_ml=2.0), ["11..2..", "11..2.2", ".......", "2....11"]),
        (ComponentRule(region="organ", most_pieces=1, joined=2), ["11..2..", "11..2.2", "..1....", "2......"]),
    ],
)
def test_pieces_by_size(rule: ComponentRule, expected: list[str]) -> None:
    mask = _mask(TWO)
    assert _rows(clean(mask, [rule])) == expected
    assert _rows(mask) == TWO


def test_millilitres_count_the_voxels_size() -> None:
    rule = ComponentRule(region="organ", least_ml=2.0)
    assert _rows(clean(_mask(TWO, spacing=20.0), [rule])) == TWO  # a voxel is 8 ml
    assert "1" not in "".join(_rows(clean(_mask(TWO, spacing=1.0), [rule])))


def test_a_piece_that_touches_another_region_stays() -> None:
    rows = ["112..", "11...", "..2.2"]
    faces = clean(_mask(rows), [ComponentRule("spot", touching="organ")])
    assert _rows(faces) == ["112..", "11...", "....."]
    corners = clean(_mask(rows), [ComponentRule("spot", touching="organ", joined=2)])
    assert _rows(corners) == ["112..", "11...", "..2.."]
    alone = clean(_mask(["..2..", "....."]), [ComponentRule("spot", touching="organ")])
    assert _rows(alone) == [".....", "....."]


def test_holes_are_filled_with_background_alone() -> None:
    rows = ["11111", "1.1.1", "11121", "11111", "1.111"]
    filled = clean(_mask(rows), [ComponentRule("organ", fill_holes=True)])
    assert _rows(filled) == ["11111", "11111", "11121", "11111", "1.111"]


def test_rules_follow_one_another() -> None:
    """Filled first, the ring has 9 voxels and outgrows the bar of 8; not filled, both have 8 and the first stays."""
    rows = ["111111111".replace("1", "."), "11111111.", ".........", "111......", "1.1......", "111......"]
    fill, largest = ComponentRule("organ", fill_holes=True), ComponentRule("organ", most_pieces=1)
    assert _rows(clean(_mask(rows), [fill, largest]))[3] == "111......"
    assert _rows(clean(_mask(rows), [largest, fill]))[1] == "11111111."


def test_a_crop_is_cleaned_and_put_back() -> None:
    whole = Grid((6, 5, 4), np.eye(4))
    part = whole.part((slice(1, 4), slice(0, 2), slice(2, 3)))
    labels = np.zeros((3, 2, 1), dtype=np.uint8)
    labels[0], labels[2, 0] = 1, 1
    mask = Mask(labels, part.affine, {"organ": 1}, source=whole, offset=(1, 0, 2))
    back = on_whole_grid(clean(mask, [ComponentRule(most_pieces=1)]))
    assert back.grid.shape == (6, 5, 4)
    assert np.argwhere(back.labels).tolist() == [[1, 0, 2], [1, 1, 2]]


@pytest.mark.parametrize(
    "given",
    [
        "crf",
        ["ghost"],
        [{"name": "crf", "steps": 0}],
        [{"name": "crf", "colour": 1}],
        [{"name": "components", "region": "ghost"}],
        [{"name": "components", "joined": 4}],
        [{"name": "components", "region": "spot", "touching": "spot"}],
        ["components", "crf"],
        ["crf", "crf"],
        [{"least_ml": 1}],
    ],
)
def test_what_cannot_be_refined_is_refused(given: object) -> None:
    with pytest.raises(ImageRefusal) as refused:
        refinements_of(given, REGIONS)
    assert refused.value.code == "bad_refinement"
