"""What the patient's images show: three planes with outlines, or a sentence that says why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from app.markup import data_uri
from app.records import StudyRecords
from outcome.errors import OutcomeError
from outcome.report.plane_jpeg import plane_jpeg
from outcome.report.planes import AIR_HU, SOFT_TISSUE_HU, plane_alt, region_colours
from outcome.serving import HeatMap, Plane, Upright, case_view

_LESIONS = ("tumor", "tumour", "lesion")
NO_MASK = "This case has no mask, so there are no outlines to show."
NO_MASKS = "This study has no images or masks: the risk comes from the health record alone."
LEARNED = "Outlined by the learned network, not by a person."
NO_CT = "This study has no CT images; outlines of the given mask only."
AUTOMATIC, WHOLE = "Automatic", "Whole range"
GREYS: Mapping[str, tuple[float, float] | None] = {  # HU shown from black to white
    AUTOMATIC: None,
    "Soft tissue": SOFT_TISSUE_HU,
    "Liver": (0.0, 150.0),
    "Lung": (-1350.0, 150.0),
    "Bone": (-450.0, 1050.0),
    WHOLE: None,
}
CUTS = {"axial": 2, "coronal": 1, "sagittal": 0}  # the axis (right, anterior, superior) that a plane cuts
FAINT = 0.05  # of the hottest voxel: not seen on the picture
UNREADABLE = "The images of this case cannot be shown."


@dataclass(frozen=True)
class Picture:
    """One plane ready for the page."""

    address: str
    alt: str
    caption: str


@dataclass(frozen=True, eq=False)
class Heat:
    """Where a network looked: `key` tells it from all others of the case, `words` say what a reader sees."""

    key: str
    map: HeatMap
    words: str


@dataclass(frozen=True)
class Pictures:
    """The planes of a case with the colours of their outlines; or none, and `notice` says why."""

    pictures: tuple[Picture, ...]
    key: tuple[tuple[str, str], ...]
    notice: str
    heat: str = ""  # what the heat over them says; "" where there is none


@dataclass(frozen=True)
class Shown:
    """What of a case is shown: the voxel through which the planes go (None: the region's middle), and the greys."""

    at: tuple[int, int, int] | None = None
    greys: str = AUTOMATIC


@dataclass(frozen=True)
class Extent:
    """How far one can go through a case: its voxels to the right, anterior and superior, the middle, and its greys."""

    shape: tuple[int, int, int]
    middle: tuple[int, int, int]
    greys: tuple[str, ...]


def extent_of(store: Path, records: StudyRecords, case_id: str) -> Extent | None:
    """The extent of a case's images; None where none can be shown, which `pictures_of` says."""
    question = _question(store, records, case_id)
    if question is None:
        return None
    try:
        view = _view(question, case_id)
    except OutcomeError:
        return None
    greys = () if view.image is None else tuple(GREYS) if _is_ct(view.image) else (AUTOMATIC, WHOLE)
    i, j, k = view.labels.shape
    return Extent((i, j, k), view.middle, greys)


def pictures_of(
    store: Path, records: StudyRecords, case_id: str, shown: Shown = Shown(), heat: Heat | None = None
) -> Pictures:
    """The case's planes as pictures, with heat over them where it is given.

    Never raises for what is wrong with the images: says it instead.
    """
    question = _question(store, records, case_id)
    if question is None:
        return Pictures((), (), NO_MASK if records.regions else NO_MASKS)
    found = _drawn(question, case_id, shown, heat.key if heat else "", heat)
    drawn_by = LEARNED if found.pictures and records.masks_are_learned else ""
    return replace(found, notice=" ".join(part for part in (drawn_by, found.notice) if part))


@dataclass(frozen=True)
class _Question:
    """What pictures hang on beside the case; a mask written anew is drawn anew."""

    store: str
    study: str
    regions: tuple[tuple[str, int], ...]
    written_at: int


def _question(store: Path, records: StudyRecords, case_id: str) -> _Question | None:
    if not records.regions or case_id not in records.masks:
        return None
    index = store / records.name / "segment" / "index.json"
    return _Question(str(store), records.name, tuple(records.regions.items()), index.stat().st_mtime_ns)


@st.cache_resource(max_entries=3, show_spinner="Reading the images …")
def _view(question: _Question, case_id: str) -> Upright:
    return case_view(Path(question.store), question.study, case_id, centre_of(dict(question.regions)))


@st.cache_data(max_entries=256, show_spinner="Drawing the planes …")
def _drawn(question: _Question, case_id: str, shown: Shown, heat_key: str, _heat: Heat | None) -> Pictures:
    """`heat_key` stands for the heat in the cache's key."""
    try:
        view = _view(question, case_id)
    except OutcomeError as error:
        return Pictures((), (), f"{UNREADABLE} {error.message}")
    return drawn(view, dict(question.regions), shown, _heat)


def _is_ct(image: npt.NDArray[Any]) -> bool:
    """Whether an image holds air, by a sample of its voxels."""
    return bool(image.size) and float(image[::4, ::4, ::4].min()) < AIR_HU


def centre_of(regions: Mapping[str, int]) -> str | None:
    """The region the planes go through: the tumour or lesion where there is one, else everything labelled."""
    return next((name for name in regions if name.casefold().startswith(_LESIONS)), None)


def drawn(view: Upright, regions: Mapping[str, int], shown: Shown = Shown(), heat: Heat | None = None) -> Pictures:
    """Planes as pictures with their colour key, and heat over them where it is given."""
    at = view.middle if shown.at is None else shown.at
    planes = view.planes(at)
    grey = GREYS.get(shown.greys) if shown.greys != WHOLE else _span(view)
    pictures = tuple(
        _picture(plane, regions, heat, grey, cross_of(plane.name, at, view.labels.shape)) for plane in planes
    )
    bare = all(plane.image is None for plane in planes)
    colours = region_colours(regions)
    key = tuple((name, colours[label]) for name, label in regions.items())
    return Pictures(pictures, key, NO_CT if bare else "", heat.words if heat else "")


def cross_of(name: str, at: tuple[int, int, int], shape: tuple[int, ...]) -> tuple[int, int]:
    """The row and the column of a plane where the other two cut it."""
    cut = CUTS[name]
    col, row = (axis for axis in range(3) if axis != cut)
    return shape[row] - 1 - at[row], shape[col] - 1 - at[col]


def _span(view: Upright) -> tuple[float, float] | None:
    """From the darkest to the brightest voxel of a sample."""
    if view.image is None:
        return None
    part = view.image[::4, ::4, ::4]
    low, high = float(part.min()), float(part.max())
    return (low, high) if high > low else None


def _picture(
    plane: Plane,
    regions: Mapping[str, int],
    heat: Heat | None,
    grey: tuple[float, float] | None,
    cross: tuple[int, int],
) -> Picture:
    hot = None if heat is None else heat.map.on(plane)
    words = plane_alt(plane, regions) + ("" if hot is None else f"; {_hottest(hot)}")
    data = plane_jpeg(plane, region_colours(regions), hot, grey=grey, cross=cross)
    return Picture(data_uri(data, "jpeg"), words, _caption(plane.name))


def _hottest(hot: npt.NDArray[np.floating[Any]]) -> str:
    """Where the heat of a plane is, in words."""
    if not np.nanmax(hot, initial=0.0) > FAINT:
        return "no heat in this plane"
    row, col = np.unravel_index(int(np.nanargmax(hot)), hot.shape)
    vertical = ("upper", "middle", "lower")[min(3 * int(row) // hot.shape[0], 2)]
    horizontal = ("left", "centre", "right")[min(3 * int(col) // hot.shape[1], 2)]
    return f"heat is strongest in the {vertical} {horizontal} of the picture"


def _caption(name: str) -> str:
    return name.replace("_", " ").capitalize()
