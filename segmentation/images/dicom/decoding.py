"""The child that decodes compressed pixels: `python -I decoding.py FOLDER < job`. It imports nothing of the program.

Each frame goes alone into a new DICOM file of pixels and nothing else, so that the native reader sees no header that
somebody sent. Stored numbers go to FOLDER/pixels, one frame after the other, little endian.
"""

from __future__ import annotations

import json
import signal
import struct
import sys
from pathlib import Path
from typing import Any

OUT = "pixels"
NO_MEMORY, DAMAGED = 5, 6
TIME_SIGNALS = (-int(getattr(signal, "SIGXCPU", 24)), -9)
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def main() -> int:
    """Decode what stands on stdin; the exit code says what went wrong."""
    task = json.load(sys.stdin)
    _limit(task["limits"])
    place = Path(sys.argv[1])
    try:
        with (place / OUT).open("wb") as out:
            for job in task["jobs"]:
                out.write(_decoded(job, place / "frame.dcm"))
    except MemoryError:
        return NO_MEMORY
    except (RuntimeError, ValueError, OSError) as error:
        return NO_MEMORY if "memory" in str(error) or "alloc" in str(error) else DAMAGED
    return 0


def _limit(limits: dict[str, int]) -> None:
    try:
        import resource
    except ImportError:  # not on Windows: there the parent's clock is the only limit
        return
    for kind, most in (
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def _decoded(job: dict[str, Any], path: Path) -> bytes:
    import numpy as np
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    path.write_bytes(_file(job, _joined(job)))
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    array = sitk.GetArrayFromImage(reader.Execute())
    array = array[0] if array.ndim == 3 else array
    if array.shape != (job["rows"], job["columns"]) or array.dtype.kind not in "iu":
        raise ValueError("another image than the header says")
    width = job["allocated"] // 8
    kept = array.astype(np.dtype(f"<{'i' if job['signed'] else 'u'}{width}"))
    if not np.array_equal(kept, array):
        raise ValueError("numbers that the header leaves no room for")
    return bytes(kept.tobytes())


def _joined(job: dict[str, Any]) -> bytes:
    with open(job["file"], "rb") as file:
        parts = []
        for at, length in job["pieces"]:
            file.seek(at)
            parts.append(file.read(length))
    return b"".join(parts)


def _file(job: dict[str, Any], frame: bytes) -> bytes:
    """A DICOM file with one frame."""
    uid = "1.2.826.0.1.3680043.8.498.1"
    meta = _text(0x0002, 0x0002, b"UI", _SECONDARY_CAPTURE) + _text(0x0002, 0x0003, b"UI", uid)
    meta += _text(0x0002, 0x0010, b"UI", job["syntax"])
    body = _text(0x0008, 0x0016, b"UI", _SECONDARY_CAPTURE) + _text(0x0008, 0x0018, b"UI", uid)
    body += _short(0x0002, 1) + _text(0x0028, 0x0004, b"CS", "MONOCHROME2")
    for number, value in (
        (0x0010, job["rows"]), (0x0011, job["columns"]), (0x0100, job["allocated"]), (0x0101, job["bits"]),
        (0x0102, job["bits"] - 1), (0x0103, int(job["signed"])),
    ):  # fmt: skip
        body += _short(number, value)
    frame += b"\0" * (len(frame) % 2)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + struct.pack("<HHI", 0xFFFE, 0xE000, len(frame)) + frame
    pixels = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + item
    pixels += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    length = struct.pack("<HH2sHI", 0x0002, 0x0000, b"UL", 4, len(meta))
    return bytes(128) + b"DICM" + length + meta + body + pixels


def _text(group: int, number: int, vr: bytes, value: str) -> bytes:
    raw = value.encode("ascii") + (b"" if len(value) % 2 == 0 else b"\0" if vr == b"UI" else b" ")
    return struct.pack("<HH2sH", group, number, vr, len(raw)) + raw


def _short(number: int, value: int) -> bytes:
    return struct.pack("<HH2sHH", 0x0028, number, b"US", 2, value)


if __name__ == "__main__":
    sys.exit(main())
