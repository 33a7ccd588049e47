"""A plane as a small picture: the image in grey, outlines of the regions, the patient's sides as letters."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy.ndimage import binary_erosion

from segmentation.display import Plane

LONG_SIDE, SHORTEST = 240, 60  # pixels
GROUND, LETTERS = (16, 22, 29), (242, 245, 247)
# Light members of Okabe and Ito's palette, which stay apart on a dark image. doi:10.1038/nmeth.1618
PALETTE = ((230, 159, 0), (86, 180, 233), (204, 121, 167), (240, 228, 66), (0, 158, 115), (213, 94, 0))
AIR_HU, SOFT_TISSUE_HU = -500.0, (-160.0, 240.0)


def colours(regions: Mapping[str, int]) -> dict[int, tuple[int, int, int]]:
    """A colour for each label, by the order of the labels."""
    return {label: PALETTE[place % len(PALETTE)] for place, label in enumerate(sorted(regions.values()))}


def picture(plane: Plane, regions: Mapping[str, int]) -> bytes:
    """The plane as PNG in its true proportions; the same plane gives the same bytes. Without an image the outlines lie
    on a dark ground."""
    size = _size(plane)
    drawn = grey_ground(plane)
    labels = np.asarray(Image.fromarray(plane.labels.astype(np.int32)).resize(size, Image.Resampling.NEAREST))
    for label, colour in colours(regions).items():
        inside = labels == label
        drawn[inside & ~binary_erosion(inside)] = colour
    shown = Image.fromarray(drawn)
    _write_letters(shown, plane.letters)
    file = io.BytesIO()
    shown.save(file, format="PNG", optimize=False)
    return file.getvalue()


def grey_ground(plane: Plane) -> npt.NDArray[np.uint8]:
    """The plane's image in grey, (height, width, 3) pixels, or a dark ground without one; for outlines to be drawn."""
    size = _size(plane)
    grey = _grey(plane, size)
    return np.stack([grey] * 3, axis=-1) if grey is not None else np.full((size[1], size[0], 3), GROUND, np.uint8)


def as_address(png: bytes) -> str:
    """A picture as an address that a page can hold."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _size(plane: Plane) -> tuple[int, int]:
    """Width and height in pixels."""
    rows, cols = plane.labels.shape
    height, width = rows * plane.spacing_mm[0], cols * plane.spacing_mm[1]
    scale = LONG_SIDE / max(height, width)
    return max(round(width * scale), SHORTEST), max(round(height * scale), SHORTEST)


def _grey(plane: Plane, size: tuple[int, int]) -> npt.NDArray[np.uint8] | None:
    if plane.image is None:
        return None
    low, high = _window(plane.image)
    scaled = np.clip((np.nan_to_num(plane.image) - low) / (high - low), 0, 1) * 255
    return np.array(Image.fromarray(scaled.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR))


def _window(image: npt.NDArray[Any]) -> tuple[float, float]:
    """The grey range: soft tissue where the slice shows air in HU, else the middle 98 % of its values."""
    finite = image[np.isfinite(image)]
    if finite.size and float(finite.min()) < AIR_HU:
        return SOFT_TISSUE_HU
    low, high = (float(v) for v in np.percentile(finite, (1, 99))) if finite.size else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)


def _write_letters(shown: Image.Image, letters: Mapping[str, str]) -> None:
    draw = ImageDraw.Draw(shown)
    width, height = shown.size
    places = {"left": (3, height // 2 - 5), "right": (width - 9, height // 2 - 5), "top": (width // 2 - 3, 1),
              "bottom": (width // 2 - 3, height - 12)}  # fmt: skip
    for side, place in places.items():
        draw.text(place, letters[side], fill=LETTERS)
