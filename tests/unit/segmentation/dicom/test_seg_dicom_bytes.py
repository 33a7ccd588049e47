"""Files that lie about themselves: lengths, depths, sizes and streams end in a refusal, soon."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from segmentation.errors import ImageRefusal
from segmentation.images.dicom.part10 import MAX_INFLATED, read_part10
from segmentation.images.dicom.reading import read_series
from tests.dicom_series import ORIGIN, enhanced, planes, save, slice_of


def code_of(path: Path) -> str:
    try:
        read_series(path)
    except ImageRefusal as error:
        return error.code
    return "ok"


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    return save(slice_of(planes(1)[0], ORIGIN), tmp_path / "whole.dcm").read_bytes()


def _written(folder: Path, content: bytes) -> Path:
    path = folder / "it.dcm"
    path.write_bytes(content)
    return path


def test_every_shorter_file_is_refused(tmp_path: Path, whole: bytes) -> None:
    codes = {code_of(_written(tmp_path, whole[:length])) for length in range(len(whole))}
    assert "ok" not in codes
    assert {"truncated", "not_part10"} <= codes


def test_every_shorter_enhanced_file_is_refused(tmp_path: Path) -> None:
    content = save(enhanced(planes(4)), tmp_path / "e.dcm").read_bytes()
    assert code_of(_written(tmp_path, content)) == "ok"
    assert "ok" not in {code_of(_written(tmp_path, content[:length])) for length in range(0, len(content), 7)}


@pytest.mark.parametrize(
    ("preamble", "code"),
    [
        (bytes(128), "ok"),
        (b"II*\0" + b"\7" * 124, "ok"),
        (bytes(16) + b"\0\1" + bytes(110), "ok"),
        (b"MZ" + bytes(126), "preamble"),
        (b"\x7fELF" + bytes(124), "preamble"),
        (bytes(60) + b"%PDF-1.4" + bytes(60), "preamble"),
        (b"#!/bin/sh\n" + bytes(118), "preamble"),
        (bytes(64) + b"\7" * 64, "preamble"),
    ],
)
def test_nothing_hides_in_the_preamble(tmp_path: Path, whole: bytes, preamble: bytes, code: str) -> None:
    assert code_of(_written(tmp_path, preamble + whole[128:])) == code


def test_a_syntax_that_is_missing_or_unknown_is_refused(tmp_path: Path, whole: bytes) -> None:
    ours = ExplicitVRLittleEndian.encode()
    assert code_of(_written(tmp_path, whole.replace(ours, b"1.2.840.10008.1.2.9", 1))) == "unsupported_syntax"
    assert code_of(_written(tmp_path, whole.replace(ours, b"<script>alert</scr>", 1))) == "unsupported_syntax"
    assert code_of(_written(tmp_path, whole.replace(ours, bytes(19), 1))) == "no_transfer_syntax"


def _element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, size) + value


def _after_meta(whole: bytes, extra: bytes) -> bytes:
    """An element of a group that stands before all others."""
    at = 144 + struct.unpack("<I", whole[140:144])[0]
    return whole[:at] + extra + whole[at:]


def test_sequences_without_end_or_bottom_are_refused(tmp_path: Path, whole: bytes) -> None:
    deep = (_element(0x00070010, b"SQ", b"", 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)) * 5000
    assert code_of(_written(tmp_path, _after_meta(whole, deep))) == "too_complex"
    many = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, 0) for _ in range(400_000))
    assert (
        code_of(_written(tmp_path, _after_meta(whole, _element(0x00070010, b"SQ", many, 0xFFFFFFFF)))) == "too_complex"
    )
    lying = _element(0x00070010, b"OB", b"", 0xFFFFFFF0)
    assert code_of(_written(tmp_path, _after_meta(whole, lying))) == "truncated"
    assert code_of(_written(tmp_path, _after_meta(whole, _element(0x00070010, b"?!", b"")))) == "bad_vr"
    twice = _element(0x00070010, b"OB", b"12") * 2
    assert code_of(_written(tmp_path, _after_meta(whole, twice))) == "malformed"
    huge = _element(0x00070010, b"OB", bytes(2**25))
    assert code_of(_written(tmp_path, _after_meta(whole, huge))) == "header_too_large"


def test_private_sequences_of_any_form_are_passed_over(tmp_path: Path, whole: bytes) -> None:
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + _element(0x00070011, b"OB", b"ab")
    item += struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    assert code_of(_written(tmp_path, _after_meta(whole, _element(0x00070010, b"SQ", item, 0xFFFFFFFF)))) == "ok"
    implicit = struct.pack("<HHI", 0xFFFE, 0xE000, 10) + struct.pack("<HHI", 7, 0x11, 2) + b"ab"
    implicit += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    assert code_of(_written(tmp_path, _after_meta(whole, _element(0x00070010, b"UN", implicit, 0xFFFFFFFF)))) == "ok"


def test_a_deflated_bomb_is_refused_and_a_cut_stream_too(tmp_path: Path) -> None:
    path = save(slice_of(planes(1)[0], ORIGIN), tmp_path / "d.dcm", DeflatedExplicitVRLittleEndian)
    content = path.read_bytes()
    assert code_of(path) == "ok"
    at = 144 + struct.unpack("<I", content[140:144])[0]
    assert code_of(_written(tmp_path, content[: at + 30])) == "truncated"
    engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(engine.compress(bytes(2**20)) for _ in range(MAX_INFLATED // 2**20 + 8)) + engine.flush()
    assert len(bomb) < 2**20
    assert code_of(_written(tmp_path, content[:at] + bomb)) == "too_large"


def test_the_walk_stops_at_the_pixels(tmp_path: Path, whole: bytes) -> None:
    part = read_part10(_written(tmp_path, whole))
    assert part.pixels is not None
    assert (part.pixels.at + part.pixels.length, part.size) == (len(whole), len(whole))
    assert code_of(_written(tmp_path, whole + b"\xfc\xff\xfc\xffOB\0\0\0\0\0\0")) == "ok"  # padding behind the image
    assert code_of(_written(tmp_path, whole + bytes(512))) == "ok"
    assert code_of(_written(tmp_path, whole + b"PK\3\4" + bytes(60))) == "trailing_bytes"
