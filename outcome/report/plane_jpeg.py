"""One plane as JPEG, drawn in milliseconds, for pages on which a reader goes through slices: image in grey, outlines
whose colour and dash tell regions apart, heat, letters on the four sides, and thin lines where the other planes cut.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from outcome.report.planes import BACKGROUND, HEAT_COLOURS, LETTERS, PlaneLike, window

WIDTH, MOST_HEIGHT = 440, 620  # pixels
QUALITY = 88
LETTER = 22  # pixels
_OPAQUE, _LINE = 0.75, 0.35
_BARE_ROOM = 0.1  # of the length of bare outlines, without which the letters would stand on them
_DASHES = (0, 6, 2, 10)  # pixels along the diagonal that are drawn and then left out; 0: all are drawn
Pixels = npt.NDArray[np.float32]


def plane_jpeg(
    plane: PlaneLike,
    colours: Mapping[int, str],
    heat: npt.NDArray[np.floating[Any]] | None = None,
    *,
    grey: tuple[float, float] | None = None,
    cross: tuple[int, int] | None = None,
) -> bytes:
    """The plane as JPEG at its right aspect; the same plane gives the same bytes.

    `colours` maps a mask label to a colour; a label without one is not drawn. `heat` (rows, cols) lies in [0, 1], NaN
    where nothing was read. `grey` is the range shown from black to white, by default `window` of the plane. `cross`
    names the row and the column where the other two planes cut.
    """
    image, labels, hot, cross = _with_room(plane, heat, cross)
    rows, cols = labels.shape
    size = _size(rows * plane.spacing_mm[0], cols * plane.spacing_mm[1])
    picture = np.empty((size[1], size[0], 3), dtype=np.float32)
    picture[:] = _rgb(BACKGROUND) if image is None else _resized(_grey(image, grey), size)[..., None]
    if hot is not None:
        shown, read = _resized(np.nan_to_num(hot), size), np.isfinite(hot)
        _lay(picture, _colours_of(shown), _OPAQUE * shown)
        if not read.all():  # beyond the border nothing is known, within it the image may be cold
            _draw_border(picture, _resized(read.astype(np.float32), size) > 0.5, LETTERS, 2)
    for place, label in enumerate(sorted(colours)):
        inside = _resized((labels == label).astype(np.float32), size) >= 0.5
        _draw_border(picture, inside, colours[label], _DASHES[place % len(_DASHES)], width=2)
    if cross is not None:
        _draw_cross(picture, cross, (rows, cols))
    return _jpeg(picture, plane.letters)


def _with_room(
    plane: PlaneLike, heat: npt.NDArray[np.floating[Any]] | None, cross: tuple[int, int] | None
) -> tuple[npt.NDArray[np.float32] | None, npt.NDArray[Any], npt.NDArray[Any] | None, tuple[int, int] | None]:
    """Image, labels, heat and cross; bare outlines with room around them."""
    if plane.image is not None:
        return plane.image, plane.labels, heat, cross
    room = [max(1, round(_BARE_ROOM * length)) for length in plane.labels.shape]
    pads = [(each, each) for each in room]
    hot = None if heat is None else np.pad(heat, pads, constant_values=np.nan)
    moved = None if cross is None else (cross[0] + room[0], cross[1] + room[1])
    return None, np.pad(plane.labels, pads), hot, moved


def _size(height_mm: float, width_mm: float) -> tuple[int, int]:
    """(width, height) in pixels of a picture so high and wide."""
    height = WIDTH * height_mm / width_mm
    shrunk = min(1.0, MOST_HEIGHT / height)
    return max(8, round(WIDTH * shrunk)), max(8, round(height * shrunk))


def _grey(image: npt.NDArray[Any], grey: tuple[float, float] | None) -> npt.NDArray[np.float32]:
    low, high = grey or window(image)
    return np.clip((np.nan_to_num(image.astype(np.float32), nan=low) - low) * (255 / (high - low)), 0.0, 255.0)


def _resized(values: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    return np.asarray(Image.fromarray(values.astype(np.float32)).resize(size, Image.Resampling.BILINEAR))


def _lay(picture: Pixels, over: Pixels, opaque: npt.NDArray[np.float32]) -> None:
    """Lay colours over the picture, each pixel as opaque as told."""
    share = opaque[..., None]
    picture *= 1 - share
    picture += share * over


@cache
def _heat_table() -> Pixels:
    return (255 * matplotlib.colormaps[HEAT_COLOURS](np.linspace(0, 1, 256))[:, :3]).astype(np.float32)


def _colours_of(heat: npt.NDArray[np.float32]) -> Pixels:
    return _heat_table()[np.clip(255 * heat, 0, 255).astype(np.uint8)]


def _draw_border(picture: Pixels, inside: npt.NDArray[np.bool_], colour: str, dash: int, *, width: int = 1) -> None:
    """The pixels of a shape that touch what is not it, so many deep, dashed along the diagonal."""
    if not inside.any():
        return
    padded = Image.fromarray(np.pad(inside, width).astype(np.uint8))
    core = np.asarray(padded.filter(ImageFilter.MinFilter(2 * width + 1)))[width:-width, width:-width]
    rows, cols = np.nonzero(inside & (core == 0))
    kept = ((rows + cols) // dash) % 2 == 0 if dash else slice(None)
    picture[rows[kept], cols[kept]] = _rgb(colour)


def _draw_cross(picture: Pixels, cross: tuple[int, int], shape: tuple[int, int]) -> None:
    """Where the other planes cut, thin and half transparent."""
    row, col = (
        min(int((place + 0.5) * pixels / length), pixels - 1)
        for place, pixels, length in zip(cross, picture.shape[:2], shape, strict=True)
    )
    line = np.array(_rgb(LETTERS), dtype=np.float32)
    picture[row] = (1 - _LINE) * picture[row] + _LINE * line
    picture[:, col] = (1 - _LINE) * picture[:, col] + _LINE * line


def _jpeg(picture: Pixels, letters: Mapping[str, str]) -> bytes:
    made = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    width, height = made.size
    draw = ImageDraw.Draw(made)
    places = {"left": (6, height / 2, "lm"), "right": (width - 6, height / 2, "rm"),
              "top": (width / 2, 5, "ma"), "bottom": (width / 2, height - 5, "md")}  # fmt: skip
    for side, (x, y, anchor) in places.items():
        draw.text((x, y), letters[side], LETTERS, _font(), anchor, stroke_width=2, stroke_fill=BACKGROUND)
    buffer = io.BytesIO()
    made.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()


@cache
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf", LETTER)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
