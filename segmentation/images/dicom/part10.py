"""One DICOM file: its mark, its transfer syntax and the elements before its pixels, read within limits.

Reference: DICOM PS3.10, Media storage and file format, chapter 7.
"""

from __future__ import annotations

import stat
import zlib
from dataclasses import dataclass
from pathlib import Path

from segmentation.images.dicom.elements import Bytes, Coding, Element, Elements, NeedsMore, walk
from segmentation.images.dicom.refusing import refuse

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
RLE, JPEG_LS, JPEG_2000 = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"
_JPEG = "1.2.840.10008.1.2.4."
LOSSY = frozenset(_JPEG + end for end in ("50", "51", "81"))
COMPRESSED = frozenset((RLE, JPEG_LS, JPEG_2000, *LOSSY, *(_JPEG + end for end in ("57", "70", "91"))))
_CODINGS = {
    IMPLICIT: Coding(explicit=False, little=True),
    EXPLICIT: Coding(explicit=True, little=True),
    DEFLATED: Coding(explicit=True, little=True),
    BIG_ENDIAN: Coding(explicit=True, little=False),
}
_START, _MAX_HEADER = 2**16, 2**25
_STRAY = 8
MAX_INFLATED = 2**27
_SYNTAX, _CLASS, _DIRECTORY = 0x00020010, 0x00020002, "1.2.840.10008.1.3.10"


@dataclass(frozen=True)
class Part10:
    """A file that is DICOM: its transfer syntax, and its elements with the place of the pixels as the last."""

    path: Path
    syntax: str
    elements: Elements
    inflated: bytes | None = None  # the data set, where the file is deflated: places count in it

    @property
    def pixels(self) -> Element | None:
        return self.elements.index.get(0x7FE00010)

    @property
    def size(self) -> int:
        return self.elements.source.size


def is_dicom(path: Path) -> bool:
    """Whether a file bears the mark of DICOM. Never raises, never waits on a pipe."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def bare_data_set(start: bytes) -> bool:
    """Whether bytes look like DICOM elements without the mark in front: unsafe to read, and not to be ignored."""
    little = start[:2] in (b"\x08\x00", b"\x02\x00") and start[3:4] == b"\0"
    return len(start) >= 8 and (little or (start[:3] == b"\x00\x08\x00" and start[4:6].isalpha()))


def read_part10(path: Path) -> Part10:
    """The checked beginning of a DICOM file.

    Raises ImageRefusal: `missing_file`, `unreadable`, `not_part10`, `preamble`, `no_transfer_syntax`,
    `unsupported_syntax`, `dicomdir`, `header_too_large`, and what `walk` refuses.
    """
    for most in (_START, _MAX_HEADER):
        try:
            return _parsed(path, _start(path, most))
        except NeedsMore:
            continue
    raise refuse("header_too_large", path.name, "The header is too large.", f"{_MAX_HEADER} bytes", "more")


def _start(path: Path, most: int) -> Bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise refuse("not_a_file", path.name, "The path is no file.", "a file", "something else")
        with path.open("rb") as file:
            data = file.read(most)
        return Bytes(data, path.stat().st_size if len(data) == most else len(data), path.name)
    except FileNotFoundError:
        raise refuse("missing_file", path.name, "The file is missing.", "a file", "none", "check the path") from None
    except OSError as error:
        raise refuse("unreadable", path.name, "The file cannot be read.", "a file", type(error).__name__) from error


def _parsed(path: Path, source: Bytes) -> Part10:
    if source.data[128:132] != b"DICM":
        step = "export the file again as DICOM Part 10, with its file meta information"
        raise refuse("not_part10", path.name, "The file lacks the mark of DICOM.", "DICM at 128", "other bytes", step)
    if not _harmless(source.data[:128]):
        step = "write the first 128 bytes as zeros once you know what they are"
        raise refuse("preamble", path.name, "Something else may hide in the first 128 bytes.", "zeros or TIFF",
                     "other bytes", step)  # fmt: skip
    meta, at = walk(source, 132, _CODINGS[EXPLICIT], group=2)
    if meta.text(_CLASS) == _DIRECTORY:
        step = "name the folder of the images, not its index"
        raise refuse("dicomdir", path.name, "The file is an index, not an image.", "an image", "DICOMDIR", step)
    syntax = meta.text(_SYNTAX)
    if not syntax:
        raise refuse("no_transfer_syntax", path.name, "The file does not say how it is written.",
                     "a transfer syntax", "none")  # fmt: skip
    if syntax not in _CODINGS and syntax not in COMPRESSED:
        step = "export the series uncompressed (explicit VR little endian)"
        raise refuse("unsupported_syntax", path.name, "The transfer syntax is not read.", "a known one",
                     syntax[:64] if syntax.replace(".", "").isdigit() else "no UID", step)  # fmt: skip
    coding = _CODINGS.get(syntax, _CODINGS[EXPLICIT])
    if syntax != DEFLATED:
        return Part10(path, syntax, walk(source, at, coding)[0])
    inflated = _inflated(path, at)
    return Part10(path, syntax, walk(Bytes(inflated, len(inflated), path.name), 0, coding)[0], inflated)


def _harmless(preamble: bytes) -> bool:
    """Zeros, TIFF, or zeros with a few stray bytes (GE writes one): nothing that another program could start."""
    if preamble[:4] in (b"II*\0", b"MM\0*") or not any(preamble):
        return True
    stray = len(preamble) - preamble.count(0)
    return not any(preamble[:4]) and stray <= _STRAY and not any(mark in preamble for mark in (b"%PDF", b"PK"))


def _inflated(path: Path, at: int) -> bytes:
    """The data set of a deflated file, never more than MAX_INFLATED bytes."""
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        with path.open("rb") as file:
            file.seek(at)
            data = engine.decompress(file.read(MAX_INFLATED), MAX_INFLATED)
    except zlib.error as error:
        raise refuse("damaged", path.name, "The deflated data are damaged.", "a whole stream", "an error") from error
    if engine.eof:
        return data
    if len(data) >= MAX_INFLATED:
        found = f"more than {MAX_INFLATED}"
        raise refuse("too_large", path.name, "The deflated data are too large.", f"{MAX_INFLATED} bytes", found)
    raise refuse("truncated", path.name, "The deflated data end early.", "a whole stream", "a part")
