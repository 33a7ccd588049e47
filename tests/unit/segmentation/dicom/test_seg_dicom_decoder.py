"""Compressed pixels that are broken, lie, hang or grow end in a refusal, and the program goes on."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless, RLELossless

from segmentation.errors import ImageRefusal
from segmentation.images.dicom import decoder
from segmentation.images.dicom.decoder import Limits, run_child
from segmentation.images.dicom.reading import read_series
from tests.dicom_series import ORIGIN, jpeg_2000, planes, save, slice_of, with_stream

PLANE = planes(1, 64, 48)[0]


def coded(path: Path, stream: bytes, plane: np.ndarray = PLANE, pieces: int = 1) -> Path:
    data = slice_of(plane, ORIGIN)
    size = 2 * -(-len(stream) // (2 * pieces))  # pieces of odd length are filled up with a zero
    with_stream(data, [stream[at : at + size] for at in range(0, len(stream), size)])
    return save(data, path, JPEG2000Lossless)


@pytest.fixture(scope="module")
def stream() -> bytes:
    return jpeg_2000(PLANE)


def code_of(path: Path) -> str:
    try:
        read_series(path)
    except ImageRefusal as error:
        return error.code
    return "ok"


def test_many_pieces_are_one_frame(tmp_path: Path, stream: bytes) -> None:
    (volume,) = read_series(coded(tmp_path / "p.dcm", stream, pieces=9))
    np.testing.assert_array_equal(volume.array[:, :, 0].T, PLANE.astype(int) - 1024)


def test_a_stream_of_another_size_never_reaches_a_decoder(
    tmp_path: Path, stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "run_child", lambda *_: pytest.fail("a decoder was started"))
    giant = stream[:8] + struct.pack(">II", 60_000, 60_000) + stream[16:]
    assert code_of(coded(tmp_path / "g.dcm", giant)) == "lying_dimensions"
    assert code_of(coded(tmp_path / "n.dcm", b"no stream at all")) == "damaged"
    assert code_of(coded(tmp_path / "s.dcm", stream[:20])) == "damaged"


def test_a_stream_broken_in_the_middle_is_refused(tmp_path: Path, stream: bytes) -> None:
    broken = stream[:200] + bytes(len(stream) - 200)
    assert code_of(coded(tmp_path / "b.dcm", broken)) in ("damaged_pixels", "decoder_crashed")


def test_pieces_that_end_with_the_file_are_refused(tmp_path: Path, stream: bytes) -> None:
    path = coded(tmp_path / "t.dcm", stream)
    path.write_bytes(path.read_bytes()[:-8])  # without the mark of the end
    assert code_of(path) == "truncated"


def test_rle_that_is_too_short_is_refused(tmp_path: Path) -> None:
    data = slice_of(PLANE, ORIGIN)
    data.ensure_file_meta()
    data.compress(RLELossless, PLANE, generate_instance_uid=False)
    path = save(data, tmp_path / "r.dcm", RLELossless)
    assert code_of(path) == "ok"
    raw = path.read_bytes()
    item = struct.pack("<HH", 0xFFFE, 0xE000)
    at = raw.index(item, raw.index(item) + 4) + 8  # behind the offsets: the frame's table of segments
    path.write_bytes(raw[:at] + struct.pack("<3I", 2, 64, 2**31) + raw[at + 12 :])
    assert code_of(path) in ("damaged_pixels", "decoder_crashed")


@pytest.mark.parametrize(
    ("limits", "codes"),
    [
        (
            Limits(memory_bytes=2**26, cpu_seconds=20, file_bytes=2**26),
            {"decoder_memory", "decoder_crashed", "damaged_pixels"},
        ),
        (Limits(memory_bytes=2**30, cpu_seconds=0, file_bytes=2**26), {"decoder_time"}),
        (Limits(memory_bytes=2**30, cpu_seconds=20, file_bytes=100), {"decoder_crashed", "damaged_pixels"}),
    ],
)
def test_a_child_that_wants_too_much_is_stopped(tmp_path: Path, stream: bytes, limits: Limits, codes: set[str]) -> None:
    path = coded(tmp_path / "p.dcm", stream)
    at = path.read_bytes().index(stream)
    job = {
        "file": str(path), "pieces": [(at, len(stream))], "syntax": str(JPEG2000Lossless), "rows": 64, "columns": 48,
        "allocated": 16, "bits": 16, "signed": False,
    }  # fmt: skip
    with pytest.raises(ImageRefusal) as refused:
        run_child([job], tmp_path, "p.dcm", limits)
    assert refused.value.code in codes
