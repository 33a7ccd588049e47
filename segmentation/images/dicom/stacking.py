"""Do planes make one volume? Their order along the normal, and the grid on which they lie; positions alone decide.

Thickness, instance numbers and file names are not looked at: scanners and archives change them. A tilted gantry, a
missing or doubled slice, or a slice of something else is refused, never mended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.images.dicom.refusing import refuse
from segmentation.images.dicom.slices import Slice
from segmentation.types import MAX_AXIS_COSINE, Grid

MIN_SLICES = 4  # fewer are a localizer, or what is left of a series
MAX_STEP_MM = 1000.0
EVEN = 0.05  # of a step: how far a slice may lie from its place (headers round positions)
SAME_PLACE = 0.01  # of a step, or mm where all lie in one place
SAME_DIRECTION = 1e-3
SAME_SPACING = 1e-3  # relative

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stack:
    """Planes in their order along the third array axis, and the grid (RAS mm) that they fill."""

    slices: tuple[Slice, ...]
    grid: Grid
    thickness_known: bool = True

    @property
    def modality(self) -> str:
        return self.slices[0].belonging.modality

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know, each once."""
        found = dict.fromkeys(note for one in self.slices for note in one.notes)
        if len({(one.slope, one.intercept) for one in self.slices}) > 1:
            found["each slice has its own rescaling, applied slice by slice"] = None
        if not self.thickness_known:
            found["the thickness is not known"] = None
        return tuple(found)


def stack(slices: Sequence[Slice], name: str) -> Stack:
    """The volume that several planes make.

    Raises ImageRefusal: `mixed_patients`, `mixed_series`, `mixed_modality`, `mixed_frame_of_reference`, `mixed_size`,
    `mixed_orientation`, `mixed_spacing`, `not_a_volume`, `several_volumes`, `duplicate_position`, `gantry_tilt`,
    `missing_slices`, `uneven_slices`, `too_few_slices`, and what `Grid` refuses.
    """
    check_alike(slices, name)
    normal = slices[0].normal
    ordered = sorted(slices, key=lambda one: (float(np.dot(one.position, normal)), one.name, one.frame))
    places = np.array([one.position for one in ordered])
    _check_places(places @ normal, name)
    if len(ordered) > 1:
        _check_tilt(places, normal, name)
        _check_even(places @ normal, name)
    if len(ordered) < MIN_SLICES:
        step = "name the folder of the whole series; a single file is read as one slice"
        raise refuse("too_few_slices", name, "The slices are too few for a volume.", f"{MIN_SLICES} or more",
                     str(len(ordered)), step)  # fmt: skip
    step_mm = (places[-1] - places[0]) / (len(ordered) - 1)
    return Stack(tuple(ordered), _grid(ordered, step_mm, name))


def single(plane: Slice) -> Stack:
    """One plane as a volume of one slice, for what is 2-D. Its third spacing is its thickness, 1 mm if unknown."""
    return Stack((plane,), _grid([plane], plane.normal * (plane.thickness or 1.0), plane.name),
                 thickness_known=plane.thickness is not None)  # fmt: skip


def check_alike(slices: Sequence[Slice], name: str) -> None:
    """Raises ImageRefusal (`mixed_…`) where planes are not of one patient, series, modality, size and direction."""
    ours = [one.belonging for one in slices]
    for code, what, kinds in (
        ("mixed_patients", "patients", {one.patient for one in ours}),
        ("mixed_series", "studies", {one.study for one in ours}),
        ("mixed_modality", "modalities", {one.modality for one in ours}),
        ("mixed_frame_of_reference", "frames of reference", {one.frame_of_reference for one in ours}),
        ("mixed_size", "sizes", {(one.layout.rows, one.layout.columns) for one in slices}),
    ):
        if len(kinds) > 1:
            raise _mixed(code, name, what, str(len(kinds)))
    turns = np.array([(*one.along_row, *one.along_column) for one in slices])
    if np.abs(turns - turns[0]).max() > SAME_DIRECTION:
        raise _mixed("mixed_orientation", name, "orientations", "several")
    spacings = np.array([one.spacing for one in slices])
    if np.abs(spacings / spacings[0] - 1).max() > SAME_SPACING:
        raise _mixed("mixed_spacing", name, "pixel spacings", "several")


def _mixed(code: str, name: str, what: str, found: str) -> ImageRefusal:
    step = "sort the files by series first, and find out how they came together"
    return refuse(code, name, f"The slices are of different {what}.", f"one for all ({what})", found, step)


def _check_places(heights: Vector, name: str) -> None:
    """Whether every plane has a place of its own. `heights` in mm along the normal, ascending."""
    n = len(heights)
    gaps = np.diff(heights)
    extent = float(heights[-1] - heights[0])
    if n > 1 and extent <= SAME_PLACE:
        step = "name a series of neighbouring slices; points in time are none"
        raise refuse("not_a_volume", name, "All images lie in one place.", "slices side by side", f"{n} images", step)
    doubled = gaps <= SAME_PLACE * float(np.median(gaps[gaps > SAME_PLACE * extent / n])) if n > 1 else gaps > 0
    if not doubled.any():
        return
    runs = np.diff(np.flatnonzero(np.concatenate([[True], ~doubled, [True]])))
    found = f"{int(doubled.sum())} images in a place that is taken"
    if (runs == runs[0]).all():
        step = "give each point in time, echo or weighting a folder of its own"
        raise refuse("several_volumes", name, "The series holds several volumes.", "one image a place",
                     f"{runs[0]} images at each of {len(runs)} places", step)  # fmt: skip
    raise refuse("duplicate_position", name, "Slices lie in the same place.", "one image a place", found,
                 "find out which of them belongs to the series, and leave the others out")  # fmt: skip


def _check_tilt(places: Vector, normal: Vector, name: str) -> None:
    way = places[-1] - places[0]
    sine = float(np.linalg.norm(np.cross(way, normal)) / np.linalg.norm(way))
    if sine > MAX_AXIS_COSINE:
        step = "resample the series to a straight grid (gantry tilt correction) first"
        found = f"{np.degrees(np.arcsin(min(1.0, sine))):.1f} degrees"
        raise refuse("gantry_tilt", name, "The slices are shifted against each other (a tilted gantry?).",
                     "slices stacked along their normal", found, step)  # fmt: skip


def _check_even(heights: Vector, name: str) -> None:
    gaps = np.diff(heights)
    step = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    counts = np.rint(gaps / step)
    if counts.max() > 1 and np.abs(gaps / step - counts).max() <= EVEN * counts.max():
        found = f"{int((counts - 1).sum())} missing between {len(heights)} slices"
        raise refuse("missing_slices", name, "Slices are missing.", f"a slice every {step:.4g} mm", found)
    mean = float(heights[-1] - heights[0]) / len(gaps)
    off = np.abs(heights - heights[0] - mean * np.arange(len(heights))).max()
    if mean > MAX_STEP_MM:
        raise refuse(
            "bad_spacing", name, "The slices lie too far apart.", f"at most {MAX_STEP_MM:.0f} mm", f"{mean:.4g}"
        )
    if off > EVEN * mean:
        found = f"steps of {gaps.min():.4g} to {gaps.max():.4g} mm"
        raise refuse("uneven_slices", name, "The slices make no even stack.", "one step between all", found,
                     "export the whole series again, or resample it to even slices")  # fmt: skip


def _grid(ordered: Sequence[Slice], step_mm: Vector, name: str) -> Grid:
    first = ordered[0]
    affine = np.eye(4)
    affine[:3, 0] = np.array(first.along_row) * first.spacing[1]
    affine[:3, 1] = np.array(first.along_column) * first.spacing[0]
    affine[:3, 2], affine[:3, 3] = step_mm, first.position
    affine[:2] *= -1  # LPS to RAS
    try:
        return Grid((first.layout.columns, first.layout.rows, len(ordered)), affine)
    except ImageRefusal as error:
        raise refuse(error.code, name, error.message, error.expected, error.found) from error
