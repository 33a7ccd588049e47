"""Stored numbers of a plane, and the values they stand for: uncompressed ones by NumPy, others by a limited child."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.images.dicom.decoder import decoded
from segmentation.images.dicom.layout import Layout
from segmentation.images.dicom.part10 import DEFLATED, read_part10
from segmentation.images.dicom.refusing import refuse
from segmentation.images.dicom.slices import Slice

Plane = npt.NDArray[Any]  # (rows, columns)
_WIDER = (np.int32, np.int64)


def values(slices: Sequence[Slice]) -> Plane:
    """The values of the planes, `stored * slope + intercept`, (planes, rows, columns).

    Where all are whole the smallest of int16, int32 and int64 that holds them; float32 otherwise. Raises ImageRefusal:
    `truncated`, `damaged`, and what `decoded` refuses.
    """
    whole = not any(one.slope % 1 or one.intercept % 1 for one in slices)
    layout = slices[0].layout
    out = np.empty((len(slices), layout.rows, layout.columns), dtype=np.int16 if whole else np.float32)
    for number, (one, stored) in enumerate(zip(slices, stored_planes(slices), strict=True)):
        plane = stored if (one.slope, one.intercept) == (1.0, 0.0) else stored * one.slope + one.intercept
        if whole and not _fits(plane, out.dtype):
            out = out.astype(next((kind for kind in _WIDER if _fits(plane, np.dtype(kind))), np.float64))
        out[number] = plane
    return out


def _fits(plane: Plane, kind: np.dtype[Any]) -> bool:
    return kind.kind == "f" or (plane.min() >= np.iinfo(kind).min and plane.max() <= np.iinfo(kind).max)


def stored_planes(slices: Sequence[Slice]) -> Iterator[Plane]:
    """The stored numbers of each plane, with their sign, without what lies in the bits beside them."""
    compressed = [one for one in slices if one.layout.compressed]
    from_child = decoded([(one.layout, one.frame) for one in compressed]) if compressed else iter(())
    inflated: tuple[Path | None, bytes] = (None, b"")  # of the file at hand: its frames share one look
    for one in slices:
        if one.layout.syntax == DEFLATED and inflated[0] != one.layout.path:
            inflated = (one.layout.path, read_part10(one.layout.path).inflated or b"")
        yield next(from_child) if one.layout.compressed else _native(one.layout, one.frame, inflated[1])


def _native(layout: Layout, frame: int, inflated: bytes) -> Plane:
    start, wanted = layout.at + frame * layout.frame_bytes, layout.frame_bytes
    deflated = layout.syntax == DEFLATED
    raw = inflated[start : start + wanted] if deflated else _bytes_of(layout, start, wanted)
    if len(raw) < wanted:
        raise refuse("truncated", layout.path.name, "The file ends early.", f"{wanted} bytes", str(len(raw)))
    if layout.swapped:
        raw = np.frombuffer(raw[: len(raw) // 2 * 2], ">u2").astype("<u2").tobytes() + raw[len(raw) // 2 * 2 :]
    numbers = np.frombuffer(raw, dtype=layout.dtype).astype(layout.dtype.newbyteorder("="))
    return clean(numbers.reshape(layout.rows, layout.columns), layout)


def _bytes_of(layout: Layout, start: int, wanted: int) -> bytes:
    try:
        with layout.path.open("rb") as file:
            file.seek(start)
            return file.read(wanted)
    except OSError as error:
        raise refuse("unreadable", layout.path.name, "The file cannot be read.", "a file",
                     type(error).__name__) from error  # fmt: skip


def clean(numbers: Plane, layout: Layout) -> Plane:
    """Unsigned words as the numbers of the stored bits alone: overlays in other bits go, the sign comes."""
    left, right = layout.allocated - 1 - layout.high, layout.allocated - layout.stored
    signed = np.dtype(f"i{layout.allocated // 8}")
    words = numbers.view(signed) if layout.signed else numbers
    return words if right == 0 else np.right_shift(np.left_shift(words, left), right)
