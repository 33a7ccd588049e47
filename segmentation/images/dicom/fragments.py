"""Compressed pixels: the pieces of each frame in the file, and what their first bytes say, before a decoder sees them.

Reference: DICOM PS3.5, A.4; ISO/IEC 10918-1 (JPEG), 14495-1 (JPEG-LS), 15444-1 (JPEG 2000): the frame headers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from segmentation.errors import ImageRefusal
from segmentation.images.dicom.layout import Layout
from segmentation.images.dicom.part10 import RLE
from segmentation.images.dicom.refusing import refuse

MAX_FRAGMENTS = 200_000
_HEAD = 2**16  # of a frame: markers with tables and comments may stand before its size
_FRAME_MARKERS = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7))

Piece = tuple[int, int]  # place in the file and bytes


@dataclass(frozen=True)
class CodedFrame:
    """Where a frame lies; for JPEG 2000 its own bits and sign, which are what a decoder gives."""

    pieces: tuple[Piece, ...]
    bits: int
    signed: bool


def coded_frames(layout: Layout) -> tuple[CodedFrame, ...]:
    """The frames of compressed pixels. Raises ImageRefusal: `truncated`, `damaged`, `lying_dimensions`,
    `bad_fragments`."""
    try:
        with layout.path.open("rb") as file:
            size = file.seek(0, 2)
            table, pieces = _pieces(layout, file, size)
            frames = _frames(layout, table, pieces)
            return tuple(_checked(layout, file, frame) for frame in frames)
    except OSError as error:
        raise refuse("unreadable", layout.path.name, "The file cannot be read.", "a file",
                     type(error).__name__) from error  # fmt: skip


def _pieces(layout: Layout, file: BinaryIO, size: int) -> tuple[tuple[int, ...], list[Piece]]:
    """The table of offsets and the fragments."""
    at, name = layout.at, layout.path.name
    found: list[Piece] = []
    table: tuple[int, ...] = ()
    first = True
    while len(found) <= MAX_FRAGMENTS:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            raise refuse("truncated", name, "The compressed pixels end early.", "their end mark", "the file's end")
        group, number, length = struct.unpack("<HHI", head)
        if (group, number) == (0xFFFE, 0xE0DD):
            return table, found
        if (group, number) != (0xFFFE, 0xE000):
            raise refuse("damaged", name, "The compressed pixels are broken.", "a fragment", "other bytes")
        if at + 8 + length > size:
            raise refuse("truncated", name, "The compressed pixels end early.", f"{at + 8 + length} bytes", str(size))
        if first:
            raw = file.read(min(length, 4 * MAX_FRAGMENTS))
            table = struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4])
        else:
            found.append((at + 8, length))
        first, at = False, at + 8 + length
    raise refuse("too_complex", name, "The pixels lie in too many pieces.", str(MAX_FRAGMENTS), "more")


def _frames(layout: Layout, table: tuple[int, ...], pieces: list[Piece]) -> list[tuple[Piece, ...]]:
    n, name = layout.frames, layout.path.name
    if n == 1 and pieces:
        return [tuple(pieces)]
    if len(pieces) == n:
        return [(piece,) for piece in pieces]
    starts = {at - 8 - (pieces[0][0] - 8): number for number, (at, _) in enumerate(pieces)}
    cuts = [starts.get(offset, -1) for offset in table]
    if len(cuts) != n or cuts[0] != 0 or any(b <= a for a, b in pairwise(cuts)):
        found = f"{len(pieces)} pieces, {len(table)} offsets"
        raise refuse("bad_fragments", name, "The frames cannot be told apart.", f"pieces of {n} frames", found)
    return [tuple(pieces[a:b]) for a, b in zip(cuts, [*cuts[1:], len(pieces)], strict=True)]


def _checked(layout: Layout, file: BinaryIO, pieces: tuple[Piece, ...]) -> CodedFrame:
    """A frame whose own header says what the file says."""
    if layout.syntax == RLE:
        return CodedFrame(pieces, layout.stored, layout.signed)
    start = b""
    for at, length in pieces:
        file.seek(at)
        start += file.read(min(length, _HEAD - len(start)))
        if len(start) >= _HEAD:
            break
    try:
        rows, columns, parts, bits, signed = _jpeg_2000(start) if start[:2] == b"\xff\x4f" else _jpeg(start)
    except (struct.error, IndexError, ValueError):
        raise _damaged(layout) from None
    if (rows, columns, parts) != (layout.rows, layout.columns, 1) or bits > layout.allocated:
        found = f"{columns} x {rows} of {parts} and {bits} bits"
        expected = f"{layout.columns} x {layout.rows} of 1 and {layout.stored} bits"
        raise refuse("lying_dimensions", layout.path.name, "Header and pixels contradict each other.", expected, found)
    coded = start[:2] == b"\xff\x4f"
    return CodedFrame(pieces, bits if coded else layout.stored, signed if coded else layout.signed)


def _damaged(layout: Layout) -> ImageRefusal:
    return refuse("damaged", layout.path.name, "The compressed pixels are broken.", "a frame's header", "other bytes")


def _jpeg(start: bytes) -> tuple[int, int, int, int, bool]:
    """Rows, columns, components, bits and sign of a JPEG or JPEG-LS frame."""
    if start[:2] != b"\xff\xd8":
        raise ValueError
    at = 2
    while True:
        while start[at] == 0xFF and start[at + 1] == 0xFF:
            at += 1
        if start[at] != 0xFF:
            raise ValueError
        marker, (length,) = start[at + 1], struct.unpack(">H", start[at + 2 : at + 4])
        if marker in _FRAME_MARKERS:
            bits, rows, columns, parts = struct.unpack(">BHHB", start[at + 4 : at + 10])
            return rows, columns, parts, bits, False
        if length < 2:
            raise ValueError
        at += 2 + length


def _jpeg_2000(start: bytes) -> tuple[int, int, int, int, bool]:
    """Rows, columns, components, bits and sign of a JPEG 2000 code stream."""
    if start[2:4] != b"\xff\x51":
        raise ValueError
    width, height, left, top, _, _, _, _, parts, kind = struct.unpack(">8IHB", start[8:43])
    return height - top, width - left, parts, (kind & 0x7F) + 1, bool(kind & 0x80)
