"""The pixels of a picture file as they are stored: grey or RGB, 8 or 16 bit, without alpha and palette."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from segmentation.errors import ImageRefusal

Pixels = npt.NDArray[Any]  # (rows, columns) or (rows, columns, 3)
ORIENTATION = 0x0112  # the EXIF tag
_GREY, _COLOUR = ("1", "L", "I;16", "I;16B", "I;16L", "I", "F"), ("RGB", "RGBA", "RGBX", "YCbCr")
_STORED: dict[int, Callable[[Pixels], Pixels]] = {  # from the upright picture back to the stored one
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


def orientation_of(image: Image.Image) -> int:
    """How the picture is to be turned when it is shown, 1 to 8 as EXIF counts."""
    # Pillow turns a TIFF when its pixels are read and then forgets the tag.
    tags = image.tag_v2 if image.format == "TIFF" else image.getexif()  # type: ignore[attr-defined]
    turn = tags.get(ORIENTATION, 1)
    return int(turn) if turn in _STORED else 1


def stored_pixels(path: Path, image: Image.Image, turn: int) -> Pixels:
    """Grey or RGB as stored. Raises ImageRefusal (`bad_colour`, `damaged`), and OSError for a damaged file."""
    with _whole_files_only():
        image.load()
    if image.mode in _COLOUR and _deep(path, image):
        return _deep_colour(path, turn, image.format == "TIFF")
    if image.mode in _GREY:
        pixels = np.asarray(image)
        pixels = pixels.astype(np.uint8) if pixels.dtype == bool else pixels.astype(pixels.dtype.newbyteorder("="))
    elif image.mode in (*_COLOUR, "P", "PA", "LA", "La", "RGBa"):
        grey = shows_grey(image)
        pixels = np.asarray(image.convert("RGBA" if image.mode == "P" and "transparency" in image.info else "RGB"))
        pixels = pixels[..., 0] if grey else pixels[..., :3]
    else:
        step = "save the picture as grey or RGB"
        raise refuse("bad_colour", path, "The colours cannot be read.", "grey or RGB", image.mode, step)
    return back_turned(pixels, turn) if image.format == "TIFF" else pixels


@contextmanager
def _whole_files_only() -> Iterator[None]:
    """Within it Pillow refuses half a file: other libraries tell it, for the whole process, to take what there is."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def back_turned(pixels: Pixels, turn: int) -> Pixels:
    """The pixels of a TIFF as stored: Pillow hands them over upright."""
    return _STORED[turn](pixels) if turn in _STORED else pixels


def shows_grey(image: Image.Image) -> bool:
    """Whether a picture, perhaps with alpha or a palette, shows nothing but grey."""
    if image.mode in (*_GREY, "LA", "La"):
        return True
    if image.mode not in ("P", "PA"):
        return False
    colours = np.array(image.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


def _deep(path: Path, image: Image.Image) -> bool:
    """Whether colours have 16 bits: Pillow would cut them to 8 without a word."""
    if image.format == "TIFF":
        return max(image.tag_v2.get(258, (8,))) > 8  # type: ignore[attr-defined]
    with path.open("rb") as file:
        return image.format == "PNG" and file.read(25)[24] == 16


def _deep_colour(path: Path, turn: int, tiff: bool) -> Pixels:
    import SimpleITK as sitk  # takes a second to import, and few pictures need it

    if tiff and turn != 1:
        step = "save the picture upright"
        raise refuse("bad_colour", path, "Colours of 16 bits are turned by a tag.", "no turn", str(turn), step)
    try:
        return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[..., :3]
    except RuntimeError as error:
        raise refuse("damaged", path, "The file is damaged.", "a whole picture", "a reader's error") from error


def refuse(
    code: str, path: Path, message: str, expected: str, found: str, step: str = "export or copy the file again"
) -> ImageRefusal:
    """The refusal of a picture, with its name."""
    return ImageRefusal(code, f"{path.name}: {message}", expected=expected, found=found, next_step=step)
