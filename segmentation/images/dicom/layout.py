"""How the pixels of a DICOM file are stored: sizes, bits and place, believed only where the file can hold them.

Reference: DICOM PS3.3, C.7.6.3 Image Pixel Module; PS3.5, chapter 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segmentation.images.dicom.elements import UNDEFINED, Element, Elements
from segmentation.images.dicom.part10 import BIG_ENDIAN, COMPRESSED, Part10
from segmentation.images.dicom.refusing import refuse

_SAMPLES, _PHOTOMETRIC, _FRAMES = 0x00280002, 0x00280004, 0x00280008
_ROWS, _COLUMNS = 0x00280010, 0x00280011
_ALLOCATED, _STORED, _HIGH, _SIGNED = 0x00280100, 0x00280101, 0x00280102, 0x00280103
_FLOATS = (0x7FE00008, 0x7FE00009)
_PIXEL_GROUP, _TAIL = 0x7FE0, 2**16
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True)
class Layout:
    """The pixels of a file: `frames` planes of `rows` by `columns` numbers of `stored` bits in `allocated` ones."""

    path: Path
    syntax: str
    rows: int
    columns: int
    frames: int
    allocated: int
    stored: int
    high: int  # the highest stored bit; above it may lie overlays
    signed: bool
    at: int  # place of the value in the file, or in the data set of a deflated one
    length: int  # bytes; UNDEFINED for compressed pixels
    swapped: bool = False  # 8-bit pixels in big-endian words
    inverted: bool = False  # MONOCHROME1: low values are shown white

    @property
    def compressed(self) -> bool:
        return self.syntax in COMPRESSED

    @property
    def frame_bytes(self) -> int:
        return self.rows * self.columns * self.allocated // 8

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of a stored number, in the byte order of the file, without its sign."""
        return np.dtype(f"{'>' if self.syntax == BIG_ENDIAN else '<'}u{self.allocated // 8}")


def read_layout(file: Part10, max_voxels: int) -> Layout:
    """The checked layout of a file's pixels.

    Raises ImageRefusal: `no_pixel_data`, `not_scalar`, `bad_dims`, `too_large`, `bad_pixels`, `truncated`,
    `size_mismatch`, `trailing_bytes`.
    """
    elements, name = file.elements, file.path.name
    pixels = file.pixels
    if pixels is None or pixels.length == 0 or any(tag in elements for tag in _FLOATS):
        step = "name the folder of the images (plans, reports, curves and floating-point maps are none)"
        raise refuse("no_pixel_data", name, "The file holds no image.", "pixels", "none", step)
    _check_scalar(elements, name)
    rows, columns, frames = _sizes(elements, name, max_voxels)
    allocated, stored, high, signed = _bits(elements, name)
    layout = Layout(
        file.path, file.syntax, rows, columns, frames, allocated, stored, high, signed, pixels.at, pixels.length,
        swapped=file.syntax == BIG_ENDIAN and allocated == 8 and pixels.vr == b"OW",
        inverted=elements.text(_PHOTOMETRIC) == "MONOCHROME1",
    )  # fmt: skip
    _check_length(layout, pixels, file.size)
    if not layout.compressed and file.inflated is None:
        _check_tail(layout, file.size, little=file.elements.coding.little)
    return layout


def _check_scalar(elements: Elements, name: str) -> None:
    samples, kind = elements.whole(_SAMPLES), elements.text(_PHOTOMETRIC)
    if samples != 1 or kind not in _MONOCHROME:
        known = kind if kind in ("RGB", "PALETTE COLOR") or kind.startswith("YBR_") else "another kind"
        found = f"{samples} numbers a pixel, {known}"
        step = "export the series as the scanner's grey values"
        raise refuse("not_scalar", name, "A pixel is not one grey value.", "one number, MONOCHROME2", found[:80], step)


def _sizes(elements: Elements, name: str, max_voxels: int) -> tuple[int, int, int]:
    rows, columns = elements.whole(_ROWS) or 0, elements.whole(_COLUMNS) or 0
    number = elements.numbers(_FRAMES)
    frames = number[0] if number else 1.0
    if rows < 1 or columns < 1 or not frames >= 1 or frames % 1 or len(number) > 1:
        found = f"{rows} x {columns}, {len(number)} counts of frames"
        raise refuse("bad_dims", name, "The size is impossible.", "rows, columns and frames >= 1", found)
    if rows * columns * frames > max_voxels:
        found = f"{columns} x {rows} x {frames:.0f}"
        raise refuse("too_large", name, "The image is too large.", f"at most {max_voxels} voxels", found,
                     "check the header; crop the image if it is truly this large")  # fmt: skip
    return rows, columns, int(frames)


def _bits(elements: Elements, name: str) -> tuple[int, int, int, bool]:
    allocated, stored, high, sign = (elements.whole(tag) for tag in (_ALLOCATED, _STORED, _HIGH, _SIGNED))
    if stored is None:
        stored = allocated
    if high is None and stored is not None:
        high = stored - 1
    if allocated not in (8, 16, 32) or stored is None or high is None or sign not in (0, 1):
        raise refuse("bad_pixels", name, "The pixels are of no known kind.", "8, 16 or 32 bits, with or without sign",
                     f"{allocated} bits, sign {sign}")  # fmt: skip
    if not 1 <= stored <= allocated or not stored - 1 <= high < allocated:
        found = f"{stored} stored up to bit {high} of {allocated}"
        raise refuse("bad_pixels", name, "The bits of a pixel contradict each other.", "stored within allocated", found)
    return allocated, stored, high, sign == 1


def _check_length(layout: Layout, pixels: Element, size: int) -> None:
    name, whole = layout.path.name, layout.frame_bytes * layout.frames
    if layout.compressed != (pixels.length == UNDEFINED):
        found = "of known length" if layout.compressed else "fragments"
        raise refuse("bad_pixels", name, "The pixels are not written as the file says.", "its transfer syntax", found)
    if layout.compressed:
        return
    present = min(pixels.length, size - pixels.at)
    if present < whole:
        raise refuse("truncated", name, "The file holds fewer pixels than it says.", f"{whole} bytes", str(present))
    if pixels.length > size - pixels.at:
        raise refuse("truncated", name, "The file ends early.", f"{pixels.length} bytes of pixels", str(present))
    if pixels.length > whole + 1:
        found = f"{pixels.length} bytes"
        raise refuse("size_mismatch", name, "The file holds more pixels than it says.", f"{whole} bytes", found)


def _check_tail(layout: Layout, size: int, *, little: bool) -> None:
    """After the pixels may come elements of a later group (padding, signatures) or zeros; nothing hides there."""
    end = layout.at + layout.length
    if end >= size:
        return
    try:
        with layout.path.open("rb") as file:
            file.seek(end)
            tail = file.read(_TAIL)
    except OSError as error:
        raise refuse("unreadable", layout.path.name, "The file cannot be read.", "a file",
                     type(error).__name__) from error  # fmt: skip
    if any(tail) and int.from_bytes(tail[:2], "little" if little else "big") < _PIXEL_GROUP:
        found = f"{size - end} bytes of another form"
        raise refuse("trailing_bytes", layout.path.name, "Something follows the image.", "elements or zeros", found)
