"""One case's images and masks, written anew into a folder where nothing tells whose they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from outcome.config.imaging import CASE_PLACE
from outcome.deidentification.key import Key, shifted_day
from outcome.deidentification.record import Person
from outcome.deidentification.rules import Flagged
from outcome.deidentification.study_file import image_place, mask_place
from outcome.errors import DataRefusal
from outcome.recipe import CaseInput
from outcome.store import write_bytes
from segmentation.deidentification import burned_in, faces
from segmentation.deidentification.dicom_elements import Replacement
from segmentation.deidentification.dicom_series import read_headers, series_files
from segmentation.deidentification.flags import Flag
from segmentation.deidentification.nifti import nifti_file
from segmentation.errors import ImageRefusal
from segmentation.images.dicom.folder import holds_dicom
from segmentation.images.dicom.part10 import is_dicom
from segmentation.images.dicom.reading import read_series_header, series_volume
from segmentation.images.metaimage import META_SUFFIXES
from segmentation.images.nifti import read_nifti
from segmentation.images.pictures import PICTURE_SUFFIXES

Files = Iterator[tuple[str, bytes]]  # name below the image's place ("" for the place itself), content


@dataclass(frozen=True)
class CaseTask:
    """A case to write below `folder`."""

    person: Person
    files: CaseInput
    key: Key = field(repr=False)
    flagged: Flagged
    folder: Path


@dataclass(frozen=True)
class ImageFacts:
    """What became of an image or mask. `refused`: the code it was refused for; then, and where it is flagged and that
    is not allowed, nothing of it was written."""

    format: str
    files: int = 0
    flags: tuple[Flag, ...] = ()
    refused: str = ""

    def to_json(self) -> dict[str, object]:
        flags = [{"code": flag.code, "message": flag.message} for flag in self.flags]
        return {"format": self.format, "files": self.files, "flags": flags, "refused": self.refused}


def is_series(path: Path) -> bool:
    """Whether an image is DICOM."""
    return holds_dicom(path) or is_dicom(path)


def write_case(task: CaseTask) -> Mapping[str, ImageFacts]:
    """Write a case's images and masks; what became of each by its name. A bad one is left out, with its code."""
    found = {name: _image(task, name, path) for name, path in task.files.images.items()}
    masks = {"": task.files.mask} if task.files.mask is not None else {}
    for on, path in {**masks, **task.files.masks}.items():
        found[f"mask on {on}" if on else "mask"] = _mask(task, on, path)
    return found


def _image(task: CaseTask, name: str, path: Path) -> ImageFacts:
    dicom = is_series(path)
    form = "DICOM" if dicom else "NIfTI"
    try:
        with _reading():
            _refuse_other_formats(path)
            flags, files = (_series if dicom else _nifti)(task, path)
            if flags and task.flagged != "allow":
                return ImageFacts(form, flags=flags)
            contents = list(files)  # all of an image before any of it is written
        return ImageFacts(form, _write(_place(task, image_place(name, dicom)), contents), flags)
    except ImageRefusal as error:
        return ImageFacts(form, refused=error.code)


def _mask(task: CaseTask, on: str, path: Path) -> ImageFacts:
    try:
        with _reading():
            _refuse_other_formats(path)
            if is_series(path):
                raise ImageRefusal("mask_is_dicom", "A mask of a study to hand over is NIfTI.")
            read_nifti(path)  # to its end, where damage shows
            contents = [("", nifti_file(path))]
        return ImageFacts("NIfTI", _write(_place(task, mask_place(on)), contents))
    except ImageRefusal as error:
        return ImageFacts("NIfTI", refused=error.code)


def _nifti(task: CaseTask, path: Path) -> tuple[tuple[Flag, ...], Files]:
    volume = read_nifti(path)
    flags = (*burned_in.pixel_flags(volume.array), *faces.volume_flags(volume))
    return flags, iter([("", nifti_file(path))])


def _series(task: CaseTask, path: Path) -> tuple[tuple[Flag, ...], Files]:
    series = read_series_header(path)
    headers = read_headers(series)
    volume = series_volume(series)
    flags = (
        *burned_in.header_flags(headers.values()), *burned_in.pixel_flags(volume.array),
        *faces.header_flags(headers.values()), *faces.volume_flags(volume),
    )  # fmt: skip
    by = Replacement(task.person.patient, task.key.uid, partial(shifted_day, days=task.person.days))
    return flags, series_files(series, headers, by)


@contextmanager
def _reading() -> Iterator[None]:
    """A file that went away meanwhile is one bad image, and its path no word for the screen."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise ImageRefusal("unreadable", "The file cannot be read.", found=type(error).__name__) from None


def _write(place: Path, contents: Sequence[tuple[str, bytes]]) -> int:
    for name, content in contents:
        write_bytes(place / name if name else place, content)
    return len(contents)


def _place(task: CaseTask, pattern: str) -> Path:
    return task.folder / pattern.replace(CASE_PLACE, task.person.name)


def _refuse_other_formats(path: Path) -> None:
    """Raise ImageRefusal for files whose headers hold text that nobody takes out here."""
    if path.suffix.lower() in (*PICTURE_SUFFIXES, *META_SUFFIXES):
        raise ImageRefusal("format_not_deidentified", "Images to hand over are DICOM or NIfTI.")


def refuse_mixed(name: str, forms: set[bool]) -> None:
    """Raise DataRefusal where an image is DICOM in some cases and NIfTI in others: one pattern names both."""
    if len(forms) > 1:
        raise DataRefusal(
            f"the image {name!r} is DICOM in some cases and NIfTI in others", expected="one of the two",
            next_step="convert one kind, or give them two names",
        )  # fmt: skip
