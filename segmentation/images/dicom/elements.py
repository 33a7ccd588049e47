"""The elements of a DICOM data set, found by walking over its bytes: every length is checked before it is believed.

A small parser of our own, because a length that lies, a sequence in a sequence a thousand times over, or an element
given twice must end in a refusal within a known time, whatever stands in the file. Values are decoded when they are
asked for.

Reference: DICOM PS3.5, Data structures and encoding, chapters 7 and A.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from segmentation.images.dicom.refusing import refuse

MAX_DEPTH = 24
MAX_ELEMENTS = 300_000
UNDEFINED = 0xFFFFFFFF
PIXEL_DATA = 0x7FE00010
_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_SHORT = frozenset(
    (
        b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO",
        b"LT", b"PN", b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US",
    )
)  # fmt: skip
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


class NeedsMore(Exception):
    """The bytes at hand end before the walk does, but the file goes on."""


@dataclass(frozen=True)
class Coding:
    """How elements are written: with their value representation or without, and in which byte order."""

    explicit: bool
    little: bool

    @property
    def order(self) -> str:
        return "<" if self.little else ">"


@dataclass(frozen=True)
class Element:
    """Where a value lies; `length` is UNDEFINED for fragments of compressed pixels alone."""

    vr: bytes
    at: int
    length: int


@dataclass(frozen=True)
class Bytes:
    """The beginning of a file: `size` is that of the whole."""

    data: bytes
    size: int
    name: str
    seen: list[int] = field(default_factory=lambda: [0])  # elements so far; the one thing here that counts up

    def take(self, at: int, length: int) -> bytes:
        self.reach(at + length)
        if at + length > len(self.data):
            raise NeedsMore
        return self.data[at : at + length]

    def reach(self, end: int) -> None:
        """Raises ImageRefusal (`truncated`) where the file ends before `end`."""
        if end > self.size:
            raise refuse("truncated", self.name, "The file ends early.", f"{end} bytes or more", f"{self.size} bytes")

    def count(self) -> None:
        self.seen[0] += 1
        if self.seen[0] > MAX_ELEMENTS:
            found = f"more than {MAX_ELEMENTS}"
            raise refuse("too_complex", self.name, "The header has too many elements.", "an image's header", found)


@dataclass(frozen=True)
class Elements:
    """The elements of a data set or of an item of a sequence, by tag."""

    source: Bytes
    coding: Coding
    index: Mapping[int, Element]

    def __contains__(self, tag: int) -> bool:
        return tag in self.index

    def raw(self, tag: int) -> bytes:
        """The bytes of a value; none where the element is not there."""
        element = self.index.get(tag)
        if element is None or element.length == UNDEFINED:
            return b""
        return self.source.take(element.at, element.length)

    def text(self, tag: int) -> str:
        """A value as text, without padding."""
        return self.raw(tag)[:4096].decode("latin-1").strip(" \0\t\r\n")

    def words(self, tag: int) -> tuple[str, ...]:
        """A value of several parts."""
        whole = self.text(tag)
        return tuple(part.strip() for part in whole.split("\\")) if whole else ()

    def numbers(self, tag: int) -> tuple[float, ...]:
        """Decimal strings or binary floats as numbers; empty where there are none, NaN for what is none."""
        element = self.index.get(tag)
        if element is not None and element.vr in (b"FD", b"FL"):
            size, letter = (8, "d") if element.vr == b"FD" else (4, "f")
            raw = self.raw(tag)[: 64 * size]
            return struct.unpack(f"{self.coding.order}{len(raw) // size}{letter}", raw[: len(raw) // size * size])
        return tuple(_number(word) for word in self.words(tag))

    def whole(self, tag: int) -> int | None:
        """A binary short or long (US, UL, SS as unsigned) as a whole number."""
        raw = self.raw(tag)
        letter = {2: "H", 4: "I"}.get(len(raw))
        return None if letter is None else int(struct.unpack(self.coding.order + letter, raw)[0])

    def items(self, tag: int) -> tuple[Elements, ...]:
        """The items of a sequence. Raises ImageRefusal as `walk`."""
        element = self.index.get(tag)
        if element is None or element.length == 0:
            return ()
        coding = self.coding if element.vr != b"UN" else Coding(explicit=False, little=True)
        found: list[Elements] = []
        fresh = replace(self.source, seen=[0])  # what is asked for twice does not count against the file
        _walk_items(fresh, element.at, element.at + element.length, coding, 0, found)
        return tuple(found)

    def first(self, tag: int) -> Elements:
        """The first item of a sequence, or an empty one."""
        items = self.items(tag)
        return items[0] if items else Elements(self.source, self.coding, {})


def walk(source: Bytes, at: int, coding: Coding, *, group: int | None = None) -> tuple[Elements, int]:
    """Elements up to the pixels (they are the last), or of one `group` alone; and where the walk ended.

    Raises ImageRefusal: `truncated`, `bad_vr`, `malformed`, `too_complex`; NeedsMore where more bytes are wanted.
    """
    index: dict[int, Element] = {}
    while at < source.size:
        if source.size - at < 8 and not any(source.take(at, source.size - at)):
            break  # zeros that fill the file up
        if group is not None and int.from_bytes(source.take(at, 2), "little" if coding.little else "big") != group:
            break
        tag, element = _element(source, at, coding)
        if tag in index:
            raise refuse("malformed", source.name, "An element stands twice.", "each once", f"{tag:08x} twice")
        index[tag] = element
        if tag == PIXEL_DATA:
            return Elements(source, coding, index), element.at
        index[tag], at = _measured(source, element, coding, 0)
        if at > len(source.data):
            raise NeedsMore
    return Elements(source, coding, index), at


def _element(source: Bytes, at: int, coding: Coding) -> tuple[int, Element]:
    source.count()
    head = source.take(at, 8)
    group, number = struct.unpack(coding.order + "HH", head[:4])
    tag = group << 16 | number
    if not coding.explicit or group == 0xFFFE:
        return tag, Element(b"", at + 8, int(struct.unpack(coding.order + "I", head[4:])[0]))
    vr = head[4:6]
    if vr in _SHORT:
        return tag, Element(vr, at + 8, int(struct.unpack(coding.order + "H", head[6:])[0]))
    if vr not in _LONG:
        raise refuse("bad_vr", source.name, "An element is of no known kind.", "two letters of DICOM", f"at {tag:08x}")
    return tag, Element(vr, at + 12, int(struct.unpack(coding.order + "I", source.take(at + 8, 4))[0]))


def _measured(source: Bytes, element: Element, coding: Coding, depth: int) -> tuple[Element, int]:
    """An element with its true length, and the place after it."""
    if element.length != UNDEFINED:
        end = element.at + element.length
        source.reach(end)
        return element, end
    if element.vr not in (b"", b"SQ", b"UN", b"OB", b"OW"):
        raise refuse("malformed", source.name, "A value has no length.", "a length", element.vr.decode("ascii"))
    inner = Coding(explicit=False, little=True) if element.vr == b"UN" else coding
    end = _walk_items(source, element.at, None, inner, depth + 1, None)
    return Element(element.vr, element.at, end - element.at), end


def _walk_items(
    source: Bytes, at: int, end: int | None, coding: Coding, depth: int, found: list[Elements] | None
) -> int:
    """Over the items of a sequence to its end; into `found` go their elements. Returns the place after it."""
    if depth > MAX_DEPTH:
        raise refuse("too_complex", source.name, "Sequences lie too deep.", f"{MAX_DEPTH} deep", "deeper")
    while end is None or at < end:
        tag, item = _element(source, at, coding)
        if tag == _SEQUENCE_END:
            return item.at
        if tag != _ITEM:
            raise refuse("malformed", source.name, "A sequence is broken.", "an item", f"{tag:08x}")
        if found is None and item.length != UNDEFINED:
            at = item.at + item.length
            source.reach(at)
            continue
        index, at = _item(source, item, coding, depth)
        if found is not None:
            found.append(Elements(source, coding, index))
    return at


def _item(source: Bytes, item: Element, coding: Coding, depth: int) -> tuple[dict[int, Element], int]:
    index: dict[int, Element] = {}
    at, end = item.at, None if item.length == UNDEFINED else item.at + item.length
    while end is None or at < end:
        tag, element = _element(source, at, coding)
        if tag == _ITEM_END:
            return index, element.at
        index[tag], at = _measured(source, element, coding, depth)
    return index, at


def _number(word: str) -> float:
    try:
        return float(word) if len(word) <= 64 and "_" not in word else math.nan
    except ValueError:
        return math.nan
