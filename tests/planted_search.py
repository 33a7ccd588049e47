"""Is an identifier in these bytes, in any of the ways in which a program may have written it?

Looks into gzip, zip (npz, xlsx), Parquet, SQLite, Flate streams of PDF and base64, one in the other; compares in UTF-8,
UTF-16, UTF-32, hexadecimal and base64, whatever the capitals, and with the hashes that anybody can make without a key.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow.parquet as pq

_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_BASE64 = re.compile(rb"[A-Za-z0-9+/\r\n]{64,}={0,2}")
_DEEPEST = 4


class Search:
    """Identifiers by what they are, spelled in every way once."""

    def __init__(self, planted: Mapping[str, str]) -> None:
        self.spelled = {what: spellings(value) for what, value in planted.items()}

    def in_bytes(self, data: bytes) -> set[str]:
        """Which identifiers stand in the bytes, however they are packed."""
        found: set[str] = set()
        for part in unpacked(data):
            lower = part.lower()
            found |= {what for what, ways in self.spelled.items() if any(way in lower for way in ways)}
        return found

    def in_folder(self, *folders: Path) -> dict[str, set[str]]:
        """Identifiers by the file in which they stand, or in whose name below the folder."""
        found = {}
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                name = str(path.relative_to(folder))
                here = self.in_bytes(name.encode())
                if path.is_file() and not path.is_symlink():
                    here |= self.in_bytes(path.read_bytes())
                if here:
                    found[f"{folder.name}/{name}"] = here
        return found


def spellings(value: str) -> set[bytes]:
    """The lower-case bytes by which a value would be known."""
    found: set[bytes] = set()
    for text in {value, value.lower(), value.upper()}:
        raw = text.encode()
        hashes = [hashlib.new(name, raw) for name in ("md5", "sha1", "sha256")]
        found |= {raw, text.encode("utf-16-le"), text.encode("utf-16-be"), raw.hex().encode()}
        found |= {text.encode("utf-32-le"), text.encode("utf-32-be")}
        found |= {one.hexdigest().encode() for one in hashes} | {one.digest() for one in hashes}
        found |= set(_in_base64(raw))
    return {one.lower() for one in found}


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """The characters that the value always has in base64, at each of three places that it may begin at."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + raw)
        yield coded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]


def unpacked(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """The bytes, and those packed in them."""
    yield data
    if depth < _DEEPEST:
        for inner in _inner(data):
            yield from unpacked(inner, depth + 1)


def _inner(data: bytes) -> Iterable[bytes]:
    if data[:2] == b"\x1f\x8b":
        yield zlib.decompressobj(wbits=31).decompress(data)  # also of one that a killed run left half written
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif data[:4] == b"PAR1":
        table = pq.read_table(io.BytesIO(data), use_threads=False)
        yield repr(table.to_pydict()).encode()
        yield repr(table.schema.metadata).encode()
    elif data[:16] == b"SQLite format 3\0":
        yield _dumped(data)
    else:
        yield from _streams(data)


def _dumped(data: bytes) -> bytes:
    with sqlite3.connect(":memory:") as base:
        base.deserialize(data[:18] + b"\1\1" + data[20:])  # of one with a write-ahead log: as if it had none
        return "\n".join(base.iterdump()).encode()


def _streams(data: bytes) -> Iterator[bytes]:
    if data[:4] == b"%PDF" or b"%PDF-" in data[:4096]:
        for match in _STREAM.finditer(data):
            engine = zlib.decompressobj()
            try:
                yield engine.decompress(match.group(1))
            except zlib.error:
                continue  # a stream that is not packed was searched as it is
    for match in _BASE64.finditer(data):
        text = re.sub(rb"[\r\n]", b"", match.group())
        yield base64.b64decode(text[: len(text) // 4 * 4])
