"""Planes as pictures: outlines where the mask is, right aspect, honest without an image, same bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from outcome.report.plane_jpeg import plane_jpeg
from outcome.report.planes import NO_IMAGE, heat_key, plane_alt, region_colours, window

RED, GREEN = "#ff0000", "#00ff00"


@dataclass(frozen=True)
class Plane:
    """A plane as segmentation hands it over."""

    labels: npt.NDArray[Any]
    image: npt.NDArray[np.float32] | None = None
    spacing_mm: tuple[float, float] = (1.0, 1.0)
    name: str = "axial"
    letters: Mapping[str, str] = field(default_factory=lambda: {"left": "R", "right": "L", "top": "A", "bottom": "P"})


def square(shape: tuple[int, int] = (40, 40)) -> npt.NDArray[np.int64]:
    labels = np.zeros(shape, dtype=int)
    labels[8:16, 4:12] = 1  # upper left
    return labels


def pixels(jpeg: bytes) -> npt.NDArray[Any]:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


def coloured(jpeg: bytes) -> npt.NDArray[np.bool_]:
    picture = pixels(jpeg)
    return (picture[..., 0] > 150) & (picture[..., 1] < 90) & (picture[..., 2] < 90)


def test_the_outline_lies_where_the_region_is() -> None:
    where = coloured(plane_jpeg(Plane(square()), {1: RED}))
    rows, cols = np.nonzero(where)
    height, width = where.shape
    margin, whole = 4, 48  # a tenth of the plane's 40 voxels is added on every side
    assert rows.min() / height == pytest.approx((8 + margin) / whole, abs=0.02)
    assert rows.max() / height == pytest.approx((16 + margin) / whole, abs=0.02)
    assert cols.min() / width == pytest.approx((4 + margin) / whole, abs=0.02)
    assert cols.max() / width == pytest.approx((12 + margin) / whole, abs=0.02)


def test_a_region_that_fills_the_plane_is_closed_at_its_border() -> None:
    labels = np.zeros((40, 40), dtype=int)
    labels[:, 20:] = 1
    where = coloured(plane_jpeg(Plane(labels), {1: RED}))
    right = np.nonzero(where)[1].max() / where.shape[1]
    assert right == pytest.approx(44 / 48, abs=0.02)


def test_a_region_without_colour_or_voxels_is_not_drawn() -> None:
    assert not coloured(plane_jpeg(Plane(square()), {2: RED})).any()
    assert not coloured(plane_jpeg(Plane(square()), {})).any()


def test_voxels_that_are_twice_as_tall_make_a_picture_twice_as_tall_within_limits() -> None:
    flat, tall = (pixels(plane_jpeg(Plane(square(), spacing_mm=(mm, 1.0)), {})) for mm in (0.7, 1.4))
    assert tall.shape[0] / flat.shape[0] == pytest.approx(2.0, rel=0.01)


def test_without_an_image_the_ground_is_dark_and_says_so() -> None:
    plane = Plane(square())
    assert NO_IMAGE == "no CT in this study: outlines only"
    assert np.median(pixels(plane_jpeg(plane, {}))) < 40
    assert NO_IMAGE in plane_alt(plane, {"tumor": 1})


def test_the_image_keeps_its_sides() -> None:
    image = np.zeros((40, 40), dtype=np.float32)
    image[:20, 20:] = 100.0  # bright in the upper right
    picture = pixels(plane_jpeg(Plane(np.zeros((40, 40), int), image), {})).mean(axis=2)
    half_rows, half_cols = (n // 2 for n in picture.shape)
    assert picture[20 : half_rows - 20, half_cols + 20 : -40].mean() > 200
    assert picture[half_rows + 20 : -20, 40 : half_cols - 20].mean() < 60


def test_the_same_plane_gives_the_same_bytes() -> None:
    assert plane_jpeg(Plane(square()), {1: RED, 2: GREEN}) == plane_jpeg(Plane(square()), {1: RED, 2: GREEN})


def test_grey_range_of_a_ct_is_soft_tissue_and_of_others_their_own() -> None:
    assert window(np.array([[-1000.0, 40.0]])) == (-160.0, 240.0)
    assert window(np.array([[5.0, 5.0]])) == (5.0, 6.0)
    assert window(np.array([[np.nan]])) == (0.0, 1.0)
    low, high = window(np.linspace(0, 100, 1001))
    assert (low, high) == pytest.approx((1.0, 99.0))


def test_every_region_has_its_own_colour_by_label() -> None:
    colours = region_colours({"tumor": 2, "kidney": 1})
    assert list(colours) == [1, 2]
    assert len(set(colours.values())) == 2


def test_the_words_name_the_regions_that_are_there_and_the_sides() -> None:
    words = plane_alt(Plane(square()), {"tumor": 1, "cyst": 3})
    assert words.startswith("axial plane: outlines of tumor;")
    assert "left R, right L, top A, bottom P" in words
    assert "cyst" not in words


def heated(place: tuple[slice, slice], outside: tuple[slice, slice] | None = None) -> npt.NDArray[np.float32]:
    heat = np.zeros((40, 40), dtype=np.float32)
    heat[place] = 1.0
    if outside is not None:
        heat[outside] = np.nan
    return heat


def test_heat_lies_where_it_is_hot_and_nowhere_else() -> None:
    plane = Plane(np.zeros((40, 40), int), np.full((40, 40), 100.0, dtype=np.float32))
    plain = pixels(plane_jpeg(plane, {}))
    hot = pixels(plane_jpeg(plane, {}, heated((slice(4, 10), slice(26, 34)))))
    rows, cols = np.nonzero(np.abs(hot - plain).sum(axis=2) > 60)
    height, width = plain.shape[:2]
    assert 3 / 40 < rows.min() / height < rows.max() / height < 11 / 40
    assert 25 / 40 < cols.min() / width < cols.max() / width < 35 / 40


def test_what_was_not_read_is_set_apart_by_a_dotted_line() -> None:
    plane = Plane(np.zeros((40, 40), int), np.zeros((40, 40), dtype=np.float32))
    everywhere = pixels(plane_jpeg(plane, {}, np.zeros((40, 40), dtype=np.float32)))
    left_half = pixels(plane_jpeg(plane, {}, heated((slice(0, 0), slice(0, 0)), (slice(None), slice(20, 40)))))
    _, cols = np.nonzero(np.abs(left_half - everywhere)[60:-60, 60:-60].sum(axis=2) > 60)
    assert len(cols)
    assert (np.median(cols) + 60) / everywhere.shape[1] == pytest.approx(0.5, abs=0.02)
    assert plane_jpeg(plane, {}, np.full((40, 40), np.nan, dtype=np.float32)) == plane_jpeg(plane, {})


def test_the_heat_key_runs_from_dark_to_bright() -> None:
    first, *_, last = heat_key()
    assert sum(bytes.fromhex(first[1:])) < 40 < 600 < sum(bytes.fromhex(last[1:]))


def test_drawing_changes_nothing() -> None:
    labels = square()
    labels.setflags(write=False)
    plane_jpeg(Plane(labels, np.zeros((40, 40), dtype=np.float32)), {1: RED})
