"""What lies in a folder: the planes of its DICOM images by series, and what was left out and why."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segmentation.errors import ImageRefusal
from segmentation.images.dicom.part10 import Part10, bare_data_set, is_dicom, read_part10
from segmentation.images.dicom.refusing import refuse
from segmentation.images.dicom.slices import Slice, read_slices

MAX_FILES = 20_000
_LOOKED_AT = 1000  # files, before a folder is taken for one without DICOM
# What a study holds beside its images: left out with a note. Everything else that cannot be read is refused.
_BESIDE = frozenset(("no_pixel_data", "wrong_modality", "dicomdir", "not_scalar", "mosaic", "multiframe_no_geometry"))
_SERIES = 0x0020000E


@dataclass(frozen=True)
class Findings:
    """The planes by series, the series' names of files that were left out, and counts for the notes."""

    series: Mapping[str, tuple[Slice, ...]]
    beside: Mapping[str, ImageRefusal] = field(default_factory=dict)  # of a file that was left out, by its series
    left_out: Mapping[str, int] = field(default_factory=dict)  # reason -> files


def holds_dicom(folder: Path, *, deep: bool = True) -> bool:
    """Whether a folder holds DICOM: whether one of its first files bears the mark. With `deep` subfolders count."""
    if not folder.is_dir():
        return False
    for number, path in enumerate(_files(folder, deep)):
        if is_dicom(path):
            return True
        if number >= _LOOKED_AT:
            break
    return False


def read_folder(folder: Path, *, max_voxels: int, mask: bool = False) -> Findings:
    """All planes under a folder, by SeriesInstanceUID; links to folders are not followed, hidden files are left out.

    Raises ImageRefusal where a DICOM file is damaged or cannot be vouched for, `too_many_files`, and, where no file is
    an image that is read, what the first one was refused for.
    """
    series: dict[str, list[Slice]] = {}
    beside: dict[str, ImageRefusal] = {}
    left_out: Counter[str] = Counter()
    for path in _files(folder, deep=True):
        if not is_dicom(path):
            _check_stranger(path)
            left_out["files that are not DICOM"] += 1
            continue
        file = _image_file(path, beside, left_out)
        if file is None:
            continue
        try:
            for one in read_slices(file, max_voxels=max_voxels, mask=mask):
                series.setdefault(one.belonging.series, []).append(one)
        except ImageRefusal as error:
            if error.code not in _BESIDE:
                raise
            beside.setdefault(file.elements.text(_SERIES), error)
            left_out[f"DICOM files without a volume of grey values ({error.code})"] += 1
    if not series:
        raise next(iter(beside.values()), _nothing(folder))
    return Findings({uid: tuple(found) for uid, found in series.items()}, beside, dict(left_out))


def _image_file(path: Path, beside: dict[str, ImageRefusal], left_out: Counter[str]) -> Part10 | None:
    """A file, or nothing where it is an index of the folder."""
    try:
        return read_part10(path)
    except ImageRefusal as error:
        if error.code != "dicomdir":
            raise
        beside.setdefault("", error)
        left_out["index files (DICOMDIR)"] += 1
        return None


def _files(folder: Path, deep: bool) -> Iterator[Path]:
    """Files in order of their names, folder by folder; nothing hidden, no links to folders."""
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if deep and not name.startswith("."))
        for name in sorted(names):
            if name.startswith("."):
                continue
            count += 1
            if count > MAX_FILES:
                step = "name the folder of one study or series"
                raise refuse("too_many_files", folder.name, "The folder holds too many files.", f"{MAX_FILES}",
                             "more", step)  # fmt: skip
            yield Path(place) / name


def _check_stranger(path: Path) -> None:
    """Raises ImageRefusal (`not_part10`) for DICOM without its mark: left out, it would be a missing slice."""
    try:
        if not path.is_file():
            return
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise refuse("unreadable", path.name, "The file cannot be read.", "a file", type(error).__name__) from error
    if bare_data_set(start):
        step = "export the file again as DICOM Part 10, with its file meta information"
        raise refuse("not_part10", path.name, "The file lacks the mark of DICOM.", "DICM at 128",
                     "elements alone", step)  # fmt: skip


def _nothing(folder: Path) -> ImageRefusal:
    step = "name a folder of DICOM files, or one image file"
    return refuse("no_dicom", folder.name, "The folder holds no DICOM image.", "DICOM files", "none", step)
