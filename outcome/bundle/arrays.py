"""Arrays from elsewhere (npz), looked at before any is made: the archive's index first, each array's header next.

An npz is a zip of npy files. Here it may hold nothing but arrays of a few plain kinds, in the one form that training
writes (npy version 1.0, little-endian, C order), none larger or more densely packed than those of models, and every
byte of the file belongs to one of them. Nothing is extracted to disk.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib

import numpy as np

from outcome.bundle.names import MIB

MOST_ARRAYS = 20_000
LARGEST_ARRAY = 512 * MIB
LARGEST_IN_ALL = 1024 * MIB
PACKED_FROM = MIB  # bytes from which it is looked at how densely they are packed
MOST_PACKED = 100  # bytes in one: learned weights pack to about half, a bomb to a thousandth
KINDS = {"<f8", "<f4", "<f2", "<i8", "<i4", "|u1", "|b1"}
_HEADER = re.compile(
    rb"\{'descr': '([<|][a-z]\d)', 'fortran_order': False, 'shape': \(((?:\d{1,12}, ?)*(?:\d{1,12},?)?)\), \} *\n"
)
_MAGIC = b"\x93NUMPY\x01\x00"
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,200}\.npy")
_LOCAL_HEADER, _CENTRAL_HEADER, _END = 30, 46, 22


def check_npz(data: bytes) -> None:
    """Raises ValueError with the reason in a few words."""
    if (
        data[-_END : -_END + 4] != b"PK\x05\x06"
        or int.from_bytes(data[-_END + 10 : -_END + 12], "little") > MOST_ARRAYS
    ):
        raise ValueError(f"no archive of at most {MOST_ARRAYS} arrays")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = archive.infolist()
        _check_index(members, len(data))
        for member in members:
            _check_array(member.filename, archive.read(member))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, zlib.error) as error:
        raise ValueError(f"no whole archive of arrays ({type(error).__name__})") from error


def _check_index(members: list[zipfile.ZipInfo], length: int) -> None:
    """Names, sizes and places as the archive's index states them, before anything is unpacked."""
    names = [member.filename for member in members]
    strange = next((name for name in names if not _NAME.fullmatch(name)), None)
    if strange is not None:
        raise ValueError(f"an array named {ascii(strange)[:60]}")
    if len({name.casefold() for name in names}) != len(names):
        raise ValueError("two arrays of one name")
    for member in members:
        _check_member(member)
    total = sum(member.file_size for member in members)
    if total > LARGEST_IN_ALL:
        raise ValueError(f"arrays of {total} bytes, more than {LARGEST_IN_ALL}")
    _check_places(members, length)


def _check_member(member: zipfile.ZipInfo) -> None:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & ~0x800:
        raise ValueError(f"{member.filename} is packed in a way that training does not use")
    if member.file_size > LARGEST_ARRAY:
        raise ValueError(f"{member.filename} has {member.file_size} bytes, more than {LARGEST_ARRAY}")
    if member.file_size > max(PACKED_FROM, MOST_PACKED * member.compress_size):
        raise ValueError(f"{member.filename} unpacks to {member.file_size} bytes from {member.compress_size}")


def _check_places(members: list[zipfile.ZipInfo], length: int) -> None:
    """One member after the other from the first byte on, then the index: no overlap, and nothing beside them."""
    at = 0
    for member in members:
        if member.header_offset != at or member.extra or member.comment:
            raise ValueError(f"{member.filename} does not stand where the one before it ends")
        at += _LOCAL_HEADER + len(member.filename) + member.compress_size
    index = sum(_CENTRAL_HEADER + len(member.filename) for member in members)
    if at + index + _END != length:
        raise ValueError("bytes that belong to no array")


def _check_array(name: str, content: bytes) -> None:
    """An array's header and numbers, without numpy's reader, which evaluates the header as Python."""
    size = int.from_bytes(content[8:10], "little")
    header = _HEADER.fullmatch(content[10 : 10 + size])
    if content[:8] != _MAGIC or header is None:
        raise ValueError(f"{name} is no array as training writes it")
    kind, body = header[1].decode(), content[10 + size :]
    if kind not in KINDS:
        raise ValueError(f"{name} holds {kind}, none of {', '.join(sorted(KINDS))}")
    shape = [int(length) for length in header[2].replace(b" ", b"").split(b",") if length]
    wanted = math.prod(shape) * np.dtype(kind).itemsize
    if wanted != len(body):
        raise ValueError(f"{name} of shape {tuple(shape)} has {len(body)} bytes, not {wanted}")
    if kind[1] == "f" and not np.isfinite(np.frombuffer(body, dtype=kind)).all():
        raise ValueError(f"{name} holds numbers that are not finite")
