"""Odd and malformed NIfTI files, collected with what ought to happen to each (`files.csv` beside them)."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_image, read_mask

pytestmark = pytest.mark.real

# Three slices are few but a volume; whether that is enough is a study's decision. A mirrored or smaller mask is
# sound in itself: it is refused when compared with its image.
ACCEPTED = {"too_few_slices(3x3x3)", "mask_geometry"}


def test_each_file_is_read_or_refused_as_listed(real_data: Path) -> None:
    folder = real_data / "edge_images"
    with (folder / "files.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if ".nii" in row["file"]]
    wrong = [row["file"] for row in rows if not _as_listed(folder / row["file"], row)]
    assert len(rows) > 40
    assert wrong == []


def _as_listed(path: Path, row: dict[str, str]) -> bool:
    try:
        if "mask_" in path.name:
            read_mask(path, {"a": 1})
        else:
            read_image(path)
    except ImageRefusal:
        return row["expected"].startswith("refuse")
    return row["expected"].startswith("read") or row["code"] in ACCEPTED
