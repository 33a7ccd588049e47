"""A plane as JPEG: where pixels, outlines, heat, lines and letters stand, and the right aspect."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from outcome.report.plane_jpeg import WIDTH, plane_jpeg
from outcome.report.planes import BACKGROUND

LETTERS = {"left": "R", "right": "L", "top": "A", "bottom": "P"}
ORANGE = (230, 159, 0)


@dataclass(frozen=True, eq=False)
class Drawn:
    image: npt.NDArray[np.float32] | None
    labels: npt.NDArray[np.uint8]
    spacing_mm: tuple[float, float] = (1.0, 1.0)
    name: str = "axial"
    letters: dict[str, str] = field(default_factory=lambda: dict(LETTERS))


def flat(rows: int = 40, cols: int = 40, value: float = 0.0, **more: object) -> Drawn:
    return Drawn(np.full((rows, cols), value, dtype=np.float32), np.zeros((rows, cols), np.uint8), **more)  # type: ignore[arg-type]


def pixels(data: bytes) -> npt.NDArray[np.int64]:
    made = Image.open(io.BytesIO(data))
    assert made.format == "JPEG"
    return np.asarray(made, dtype=int)


def near(found: npt.NDArray[np.int64], colour: tuple[int, int, int], away: int = 40) -> npt.NDArray[np.bool_]:
    return (np.abs(found - np.array(colour)) <= away).all(axis=-1)


@pytest.mark.parametrize(("spacing", "ratio"), [((1.0, 1.0), 1.0), ((3.0, 1.0), 3.0), ((1.0, 2.0), 0.5)])
def test_a_millimetre_is_a_millimetre_both_ways(spacing: tuple[float, float], ratio: float) -> None:
    height, width, _ = pixels(plane_jpeg(flat(spacing_mm=spacing), {})).shape
    assert height / width == pytest.approx(ratio, rel=0.02)
    assert width <= WIDTH


def test_row_0_is_at_the_top_and_column_0_at_the_left_and_grey_follows_the_range() -> None:
    plane = flat()
    assert plane.image is not None
    plane.image[:20, :10] = 100.0
    found = pixels(plane_jpeg(plane, {}, grey=(0.0, 200.0)))
    assert abs(found[60, 40, 0] - 128) < 8
    assert found[-60, 40, 0] < 8
    assert found[60, -80, 0] < 8


def test_an_outline_runs_around_its_region_and_one_without_a_colour_is_not_drawn() -> None:
    plane = flat()
    plane.labels[10:30, 10:30] = 1
    plane.labels[2:6, 2:6] = 7
    orange = near(pixels(plane_jpeg(plane, {1: "#e69f00"}, grey=(-1.0, 1.0))), ORANGE)
    rows = np.nonzero(orange)[0]
    scale = WIDTH / 40
    assert (rows.min() / scale, rows.max() / scale) == (pytest.approx(10, abs=0.5), pytest.approx(30, abs=0.5))
    assert not orange[round(20 * scale), round(20 * scale)], "an outline, not a filled shape"


def test_two_regions_differ_in_dash_as_well_as_in_colour() -> None:
    plane = flat()
    plane.labels[10:30, 10:30] = 1
    drawn = [near(pixels(plane_jpeg(plane, colours, grey=(-1.0, 1.0))), ORANGE).sum()
             for colours in ({1: "#e69f00"}, {0: "#000000", 1: "#e69f00"})]  # fmt: skip
    assert drawn[1] < 0.7 * drawn[0], "the second region's line is dashed"


def test_heat_lies_where_it_is_and_lines_where_the_others_cut() -> None:
    heat = np.full((40, 40), np.nan)
    heat[20:, 20:] = 0.0
    heat[30:, 30:] = 1.0
    plain = pixels(plane_jpeg(flat(), {}, grey=(-1.0, 1.0)))
    hot = pixels(plane_jpeg(flat(), {}, heat, grey=(-1.0, 1.0), cross=(5, 12)))
    moved = np.abs(hot - plain).max(axis=-1)
    assert moved[-70:-40, -70:-40].min() > 60, "hot"
    assert moved[80:150, 160:200].max() < 12, "nothing was read there"
    scale = WIDTH / 40
    row, col = int(5.5 * scale), int(12.5 * scale)
    assert moved[row - 1 : row + 2, 300].max() > 15
    assert moved[240, col - 1 : col + 2].max() > 15


def test_bare_outlines_stand_on_a_dark_ground_with_room() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[:] = 1
    found = pixels(plane_jpeg(Drawn(None, labels), {1: "#e69f00"}))
    ground = tuple(int(BACKGROUND[i : i + 2], 16) for i in (1, 3, 5))
    assert near(found, ground, 6)[3, 3]  # type: ignore[arg-type]
    assert near(found, ORANGE).any()


def test_letters_stand_on_their_sides() -> None:
    empty = pixels(plane_jpeg(flat(letters=dict.fromkeys(LETTERS, "")), {}, grey=(-1.0, 1.0)))
    found = pixels(plane_jpeg(flat(), {}, grey=(-1.0, 1.0)))
    rows, cols = np.nonzero(np.abs(found - empty).max(axis=-1) > 80)
    middle = WIDTH // 2
    left, right = cols < 40, cols > WIDTH - 40
    assert left.any()
    assert right.any()
    assert np.abs(rows[left] - middle).max() < 20
    other = pixels(plane_jpeg(flat(letters={**LETTERS, "left": "L", "right": "R"}), {}, grey=(-1.0, 1.0)))
    assert np.abs(other[:, :40] - found[:, :40]).max() > 80, "another letter is another picture"


def test_the_same_plane_gives_the_same_bytes_and_gaps_in_the_image_are_dark() -> None:
    plane = flat()
    assert plane.image is not None
    plane.image[5, 5] = np.nan
    assert plane_jpeg(plane, {}, grey=(0.0, 1.0)) == plane_jpeg(plane, {}, grey=(0.0, 1.0))
