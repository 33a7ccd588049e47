"""What an image file or a folder is, or why it is refused: everything is checked that reading it would check.

Headers first. Voxels are then read as far as they can surprise: NIfTI and pictures whole (holes, checksums), compressed
DICOM through its decoder. Uncompressed DICOM pixels are whole numbers that were counted, and need no look.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.images.dicom.choosing import RULE, Wanted
from segmentation.images.dicom.folder import holds_dicom
from segmentation.images.dicom.part10 import DICOM_SUFFIXES, is_dicom
from segmentation.images.dicom.pixels import stored_planes
from segmentation.images.dicom.reading import SeriesHeader, read_series_header
from segmentation.images.dicom.refusing import refuse
from segmentation.images.dicom.slices import Slice
from segmentation.images.dicom.stacking import MIN_SLICES
from segmentation.types import MAX_LABEL, Grid

MOST_VOXELS = 2**26  # read by one look; of larger images the header alone
MOST_DECODED = 2**23  # compressed voxels; of larger series the first, middle and last slice
_ANY = Wanted()
_MASK_WORDS = frozenset(("mask", "masks", "label", "labels", "labelmap", "seg", "segmentation", "roi"))


@dataclass(frozen=True)
class Inspection:
    """An image that would be read. Spacing is None along an axis where nobody knows it."""

    shape: tuple[int, int, int]
    spacing_mm: tuple[float | None, float | None, float | None]
    orientation: str | None
    modality: str | None
    notes: tuple[str, ...] = ()
    rule: str | None = None  # by which a series was chosen from a folder
    left_out: tuple[str, ...] = ()
    acquired: str | None = None  # YYYYMMDD, told only where a date was asked for


def inspect_image(path: Path, *, wanted: Wanted = _ANY, mask: bool = False) -> Inspection:
    """What a file or folder holds. With `mask`, or where its name says mask, label or seg, labels must be whole.

    Raises ImageRefusal with the code that reading would end in; of its own: `missing_file`, `not_a_file`, `no_image`,
    `no_date`, and `too_few_slices` for volumes thinner than four voxels along an axis.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        raise refuse("missing_file", path.name, "The path is not there.", "a file or folder", "none",
                     "check the path and its rights") from None  # fmt: skip
    if stat.S_ISDIR(mode):
        return _folder(path, wanted)
    if not stat.S_ISREG(mode):
        raise refuse("not_a_file", path.name, "The path is no file.", "a file or folder", "something else",
                     "name an image file")  # fmt: skip
    if is_dicom(path) or path.suffix.lower() in DICOM_SUFFIXES:
        return _dicom(read_series_header(path, wanted=wanted), wanted)
    if wanted.before is not None:
        raise refuse("no_date", path.name, "The file cannot say when it was made.", "DICOM with a date of acquisition",
                     "another format", "look at the DICOM series that it was made from")  # fmt: skip
    return _other(path, mask or not _MASK_WORDS.isdisjoint(re.split(r"[^a-z]+", path.name.lower())))


def _folder(path: Path, wanted: Wanted) -> Inspection:
    if holds_dicom(path):
        return _dicom(read_series_header(path, wanted=wanted), wanted)
    from segmentation.images.reading import IMAGE_SUFFIXES

    images = sum(one.name.endswith(IMAGE_SUFFIXES) for one in path.iterdir())
    step = "name one of its image files" if images else "name an image file, or a folder of DICOM files"
    raise refuse("no_image", path.name, "The folder is no image.", "the files of a DICOM series",
                 f"{images} files of images" if images else "none", step)  # fmt: skip


def _dicom(header: SeriesHeader, wanted: Wanted) -> Inspection:
    stack, chosen = header.stack, header.chosen
    sample, whole = _decodable(stack.slices)
    for _ in stored_planes(sample):
        pass
    notes = list(stack.notes)
    if not whole:
        notes.append("of the compressed slices the first, middle and last were decoded")
    first = stack.slices[0]
    if len(stack.slices) == 1:
        kind = "a localizer" if first.localizer else "one slice"
        notes.append(f"{kind} is a picture, not a volume")
    if first.planar:
        notes.append("the picture does not say how it lies in the patient")
    x, y, z = header.grid.spacing_mm
    files = tuple(f"{count} {reason}" for reason, count in sorted(chosen.files_left_out.items()))
    return Inspection(
        shape=header.grid.shape,
        spacing_mm=(x, y, z if stack.thickness_known else None),
        orientation=None if first.planar else header.grid.orientation,
        modality=stack.modality or None,
        notes=tuple(notes),
        rule=RULE if header.path.is_dir() else None,
        left_out=(*chosen.left_out, *files),
        acquired=max(one.belonging.date for one in stack.slices) if wanted.before else None,
    )


def _decodable(slices: tuple[Slice, ...]) -> tuple[tuple[Slice, ...], bool]:
    """The slices to decode, and whether they are all that are compressed."""
    coded = tuple(one for one in slices if one.layout.compressed)
    voxels = sum(one.layout.rows * one.layout.columns for one in coded)
    if voxels <= MOST_DECODED or len(coded) <= 3:
        return coded, True
    return (coded[0], coded[len(coded) // 2], coded[-1]), False


def _other(path: Path, mask: bool) -> Inspection:
    from segmentation.images.reading import has_size, is_picture, read_channels, read_header

    picture = is_picture(path)
    header = read_header(path, many=picture)
    grid, notes = header.grid, []
    if not picture:
        _check_thickness(path, grid)
    i, j, k = grid.shape
    if i * j * k > MOST_VOXELS:
        notes.append("the header alone was looked at: the image is large")
    else:
        channels = read_channels(path)
        if mask and not picture:
            _check_labels(path, channels[0].array)
            notes.append("looked at as a mask: its labels are whole numbers")
    if header.channels > 1:
        notes.append(f"{header.channels} channels")
    x, y, z = grid.spacing_mm
    sized = has_size(path)
    spacing = (x if sized else None, y if sized else None, None if picture else z)
    return Inspection(grid.shape, spacing, grid.orientation, None, tuple(notes))


def _check_labels(path: Path, array: npt.NDArray[Any]) -> None:
    """As `read_mask` checks them, without the compiled code that it counts with: that takes a second to load."""
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= MAX_LABEL):
        raise refuse("bad_label", path.name, "Labels are out of range.", f"0 to {MAX_LABEL}", f"{low} to {high}",
                     "name a mask; images need no --mask")  # fmt: skip
    fractions = int((array != np.rint(array)).sum())
    if fractions:
        raise refuse("mask_not_integer", path.name, "Labels are not whole numbers.", "whole numbers",
                     f"{fractions} fractional voxels", "threshold a probability map first")  # fmt: skip


def _check_thickness(path: Path, grid: Grid) -> None:
    if min(grid.shape) < MIN_SLICES:
        step = "name a whole volume; single slices are read as pictures or DICOM files"
        raise ImageRefusal("too_few_slices", f"{path.name}: The image is too thin for a volume.",
                           expected=f"{MIN_SLICES} voxels or more along each axis", found=str(grid.shape),
                           next_step=step)  # fmt: skip
