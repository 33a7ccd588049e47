"""Identifiers that follow from what they name: the same work has the same ones, other work has others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from segmentation.errors import ImageRefusal

DATES = ("ContentDate", "AcquisitionDate", "SeriesDate", "StudyDate")


def derived_uid(*parts: str) -> str:
    """A UID (DICOM PS3.5, 9) made of the words that say what it names; nothing random, no clock."""
    return str(generate_uid(entropy_srcs=["\x1f".join(parts)]))


def content_digest(parts: Iterable[bytes]) -> str:
    """sha256 of bytes, each part with its length."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "little") + part)
    return found.hexdigest()


def content_date(images: Iterable[Dataset], given: str = "") -> str:
    """The date (YYYYMMDD) that an object made of these images bears: the one given, else the images' own.

    Raises ImageRefusal (`no_date`): the standard wants a date, and the day of writing would be no property of the work.
    """
    if given:
        return given
    for image in images:
        for name in DATES:
            found = str(image.get(name) or "")
            if len(found) == 8 and found.isdigit():
                return found
    raise ImageRefusal(
        "no_date", "The object needs a date and the series has none.", expected="a date in the series, or one stated",
        found="none", next_step="state the date of the work with --date",
    )  # fmt: skip
