"""One plane of a DICOM image: where it lies in the patient, how its numbers become values, and what it belongs to.

Reference: DICOM PS3.3, C.7.6.2 Image Plane Module, C.7.6.16 Multi-frame Functional Groups, C.11.1 Modality LUT.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from segmentation.images.dicom.elements import Elements
from segmentation.images.dicom.layout import Layout, read_layout
from segmentation.images.dicom.part10 import LOSSY, Part10
from segmentation.images.dicom.refusing import refuse
from segmentation.types import MAX_AXIS_COSINE

MODALITIES = ("CT", "MR", "PT", "NM", "US")
_NEEDS_RESCALE = ("CT", "PT")
_PLANAR = ("NM", "US")  # by the standard a single frame of these need not say how it lies
_AS_PICTURES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_MAX_MM = 1e5
MAX_FRAMES = 10_000
_MAX_VALUE = 1e30
_UNIT = 0.01  # of the length of a direction: headers give few decimals
_POSITION, _ORIENTATION, _SPACING = 0x00200032, 0x00200037, 0x00280030
_THICKNESS, _BETWEEN = 0x00180050, 0x00180088
_INTERCEPT, _SLOPE, _LUT = 0x00281052, 0x00281053, 0x00283000
_MODALITY, _TYPE, _SERIES, _STUDY, _NUMBER, _FRAME_OF_REFERENCE = (
    0x00080060, 0x00080008, 0x0020000E, 0x0020000D, 0x00200011, 0x00200052,
)  # fmt: skip
_PATIENT = (0x00100020, 0x00100010, 0x00100030)  # identifier, name, birth date
_DATES = (0x00080022, 0x0008002A, 0x00080021, 0x00080023, 0x00080020)  # acquisition first, study last
_LOSSY, _BURNED_IN = 0x00282110, 0x00280301
_TIMES = 0x00200105  # NumberOfTemporalPositions
_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_PLANE, _TURN, _MEASURES, _TRANSFORMATION = 0x00209113, 0x00209116, 0x00289110, 0x00289145

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Belonging:
    """What a plane is a part of. Never shown: `patient` is for comparing alone."""

    series: str
    study: str
    patient: tuple[bytes, ...]
    frame_of_reference: str
    modality: str
    number: int | None  # of the series in its study
    date: str  # YYYYMMDD, of acquisition where it is known; empty where none is


@dataclass(frozen=True)
class Slice:
    """A plane. Position, directions and spacing in mm as DICOM counts (to the left, posterior, superior)."""

    layout: Layout
    frame: int
    belonging: Belonging
    position: Triple
    along_row: Triple  # unit vector in which columns are counted
    along_column: Triple
    spacing: tuple[float, float]  # between rows, between columns
    thickness: float | None
    slope: float
    intercept: float
    localizer: bool
    notes: tuple[str, ...]
    planar: bool = False  # a picture that does not say how it lies: put as pictures are, x to the left, y to the back

    @property
    def name(self) -> str:
        return self.layout.path.name

    @property
    def normal(self) -> np.ndarray:
        """Unit vector across the plane."""
        return np.cross(self.along_row, self.along_column)


def read_slices(file: Part10, *, max_voxels: int, mask: bool = False) -> tuple[Slice, ...]:
    """The planes of a file: one, or one a frame of an enhanced image. With `mask` any modality and no rescaling do.

    Raises ImageRefusal: what `read_layout` refuses; `wrong_modality`, `mosaic`, `modality_lut`, `no_rescale`,
    `bad_rescale`, `no_position`, `no_orientation`, `bad_orientation`, `no_spacing`, `bad_spacing`,
    `multiframe_no_geometry`, `several_volumes`.
    """
    layout = read_layout(file, max_voxels)
    elements, name = file.elements, file.path.name
    belonging = _belonging(elements, name, mask)
    types = elements.words(_TYPE)
    if "MOSAIC" in types:
        step = "convert the series with a tool that knows mosaics, and give the NIfTI files"
        raise refuse("mosaic", name, "Slices are tiled in one picture.", "one slice a frame", "a mosaic", step)
    plain = [(frame, (elements,)) for frame in range(layout.frames)]
    groups = plain if layout.frames == 1 and _PER_FRAME not in elements else _functional_groups(elements, layout)
    notes, localizer = _notes(elements, layout), "LOCALIZER" in types
    return tuple(_slice(layout, frame, parts, belonging, (mask, localizer, notes)) for frame, parts in groups)


def _belonging(elements: Elements, name: str, mask: bool) -> Belonging:
    modality = elements.text(_MODALITY)
    if modality not in MODALITIES and not mask:
        found = modality if re.fullmatch(r"[A-Z]{2,16}", modality) else "none that is known"
        step = "name the series of the scan itself"
        raise refuse("wrong_modality", name, "The image is of no modality that is read.", ", ".join(MODALITIES), found,
                     step)  # fmt: skip
    number = elements.numbers(_NUMBER)
    return Belonging(
        series=elements.text(_SERIES),
        study=elements.text(_STUDY),
        patient=tuple(elements.raw(tag).strip(b" \0^").upper() for tag in _PATIENT),
        frame_of_reference=elements.text(_FRAME_OF_REFERENCE),
        modality=modality,
        number=int(number[0]) if number and abs(number[0]) < 2**31 else None,
        date=_date(elements),
    )


def _date(elements: Elements) -> str:
    for tag in _DATES:
        digits = elements.text(tag).replace(".", "").replace("-", "")[:8]
        if len(digits) == 8 and digits.isascii() and digits.isdigit() and digits > "1":
            return digits
    return ""


def _notes(elements: Elements, layout: Layout) -> tuple[str, ...]:
    notes = []
    if elements.text(_LOSSY) == "01" or layout.syntax in LOSSY:
        notes.append("the pixels were compressed with loss")
    if any(0x6000 <= tag >> 16 <= 0x60FF for tag in elements.index):
        notes.append("overlays are left out")
    if elements.text(_BURNED_IN) == "YES":
        notes.append("text is burned into the pixels")
    if layout.inverted:
        notes.append("low values are meant to be shown white; values are taken as stored")
    return tuple(notes)


def _functional_groups(elements: Elements, layout: Layout) -> list[tuple[int, tuple[Elements, ...]]]:
    """For each frame where to look: its own groups first, then those of all."""
    name = layout.path.name
    shared, frames = elements.first(_SHARED), elements.items(_PER_FRAME)
    if layout.frames > MAX_FRAMES:
        raise refuse("too_complex", name, "The file has too many frames.", f"{MAX_FRAMES} of a volume", "more")
    if len(frames) != layout.frames:
        found = f"{len(frames)} of {layout.frames} frames are placed"
        step = "export the series as one file a slice, or convert it to NIfTI"
        raise refuse("multiframe_no_geometry", name, "The frames are not placed in space.", "a place a frame", found,
                     step)  # fmt: skip
    times = elements.numbers(_TIMES)
    if times and not times[0] <= 1:
        step = "export one point in time as a series of its own"
        raise refuse("several_volumes", name, "The file is a part of a series over time.", "one volume",
                     "several points in time", step)  # fmt: skip
    return [(number, (frame, shared, elements)) for number, frame in enumerate(frames)]


def _slice(
    layout: Layout,
    frame: int,
    parts: tuple[Elements, ...],
    belonging: Belonging,
    more: tuple[bool, bool, tuple[str, ...]],
) -> Slice:
    name, (mask, localizer, notes) = layout.path.name, more
    turn, place = _found(parts, _TURN, _ORIENTATION), _found(parts, _PLANE, _POSITION)
    planar = belonging.modality in _PLANAR and layout.frames == 1 and not turn and not place
    row, column = _directions(_AS_PICTURES if planar else turn, name)
    slope, intercept = _rescale(parts, name, belonging.modality in _NEEDS_RESCALE and not mask)
    return Slice(
        layout=layout, frame=frame, belonging=belonging,
        position=_position((0.0, 0.0, 0.0) if planar else place, name), along_row=row, along_column=column,
        spacing=_spacing(_found(parts, _MEASURES, _SPACING), name),
        thickness=_thickness(parts), slope=slope, intercept=intercept, localizer=localizer, notes=notes,
        planar=planar,
    )  # fmt: skip


def _found(parts: tuple[Elements, ...], group: int, tag: int) -> tuple[float, ...]:
    """The numbers of an element: from the plain header, or from the first functional group that has them."""
    for part in parts:
        numbers = part.first(group).numbers(tag) or part.numbers(tag)
        if numbers:
            return numbers
    return ()


def _position(numbers: tuple[float, ...], name: str) -> Triple:
    if len(numbers) != 3 or not all(abs(number) <= _MAX_MM for number in numbers):
        found = f"{len(numbers)} numbers" if len(numbers) != 3 else "numbers that are no place"
        raise refuse("no_position", name, "The slice has no place in the patient.", "three numbers, mm", found)
    return numbers[0], numbers[1], numbers[2]


def _directions(numbers: tuple[float, ...], name: str) -> tuple[Triple, Triple]:
    if len(numbers) != 6:
        found = f"{len(numbers)} numbers"
        raise refuse("no_orientation", name, "The slice has no orientation.", "six direction cosines", found)
    row, column = np.array(numbers[:3]), np.array(numbers[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not all(abs(length - 1) <= _UNIT for length in lengths) or not abs(row @ column) <= MAX_AXIS_COSINE:
        found = "directions that are no unit vectors or not perpendicular"
        raise refuse("bad_orientation", name, "The orientation is impossible.", "two perpendicular directions", found)
    row, column = row / lengths[0], column / lengths[1]
    return (float(row[0]), float(row[1]), float(row[2])), (float(column[0]), float(column[1]), float(column[2]))


def _spacing(numbers: tuple[float, ...], name: str) -> tuple[float, float]:
    if not numbers:
        step = "export with pixel spacing; without it no size in mm can be told"
        raise refuse("no_spacing", name, "The pixels have no size.", "two numbers, mm", "none", step)
    if len(numbers) != 2 or not all(1e-4 <= number <= 1e3 for number in numbers):
        raise refuse("bad_spacing", name, "The pixel spacing is impossible.", "two numbers > 0 mm", "others")
    return numbers[0], numbers[1]


def _thickness(parts: tuple[Elements, ...]) -> float | None:
    for tag in (_THICKNESS, _BETWEEN):
        numbers = _found(parts, _MEASURES, tag)
        if len(numbers) == 1 and 1e-4 <= numbers[0] <= 1e3:
            return numbers[0]
    return None


def _rescale(parts: tuple[Elements, ...], name: str, needed: bool) -> tuple[float, float]:
    if any(_LUT in part or _LUT in part.first(_TRANSFORMATION) for part in parts):
        step = "export the series with rescale slope and intercept"
        raise refuse("modality_lut", name, "Values go through a table.", "slope and intercept", "a table", step)
    slope, intercept = (_found(parts, _TRANSFORMATION, tag) for tag in (_SLOPE, _INTERCEPT))
    if not slope or not intercept:
        if needed or slope or intercept:
            step = "export the series with rescale slope and intercept"
            raise refuse("no_rescale", name, "Stored numbers cannot become values.", "slope and intercept",
                         "none" if needed else "one of the two", step)  # fmt: skip
        return 1.0, 0.0
    if len(slope) != 1 or len(intercept) != 1 or not _scales(slope[0], intercept[0]):
        raise refuse("bad_rescale", name, "The rescaling is impossible.", "finite numbers, slope not 0", "others")
    return slope[0], intercept[0]


def _scales(slope: float, intercept: float) -> bool:
    return math.isfinite(slope) and slope != 0 and abs(slope) < _MAX_VALUE and abs(intercept) < _MAX_VALUE
