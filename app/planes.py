"""What the patient's images show: three planes with outlines, or a sentence that says why there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from app.markup import data_uri
from app.records import StudyRecords
from outcome.errors import OutcomeError
from outcome.report.planes import draw_plane, plane_alt, region_colours
from outcome.serving import HeatMap, Plane, case_planes

_LESIONS = ("tumor", "tumour", "lesion")
NO_MASK = "This case has no mask, so there are no outlines to show."
NO_MASKS = "This study has no images or masks: the risk comes from the health record alone."
LEARNED = "Outlined by the learned network, not by a person."
NO_CT = "This study has no CT images; outlines of the given mask only."
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


def pictures_of(store: Path, records: StudyRecords, case_id: str, heat: Heat | None = None) -> Pictures:
    """The case's planes as pictures, with heat over them where it is given.

    Never raises for what is wrong with the images: says it instead.
    """
    if not records.regions:
        return Pictures((), (), NO_MASKS)
    if case_id not in records.masks:
        return Pictures((), (), NO_MASK)
    index = store / records.name / "segment" / "index.json"
    question = _Question(str(store), records.name, tuple(records.regions.items()), index.stat().st_mtime_ns)
    found = _drawn(question, case_id, heat.key if heat else "", heat)
    drawn_by = LEARNED if found.pictures and records.masks_are_learned else ""
    return replace(found, notice=" ".join(part for part in (drawn_by, found.notice) if part))


@dataclass(frozen=True)
class _Question:
    """What pictures hang on beside the case; a mask written anew is drawn anew."""

    store: str
    study: str
    regions: tuple[tuple[str, int], ...]
    written_at: int


@st.cache_data(max_entries=64, show_spinner="Drawing the planes …")
def _drawn(question: _Question, case_id: str, heat_key: str, _heat: Heat | None) -> Pictures:
    """`heat_key` stands for the heat in the cache's key."""
    regions = dict(question.regions)
    try:
        planes = case_planes(Path(question.store), question.study, case_id, centre_of(regions))
        return drawn(planes, regions, _heat)
    except OutcomeError as error:
        return Pictures((), (), f"{UNREADABLE} {error.message}")


def centre_of(regions: Mapping[str, int]) -> str | None:
    """The region the planes go through: the tumour or lesion where there is one, else everything labelled."""
    return next((name for name in regions if name.casefold().startswith(_LESIONS)), None)


def drawn(planes: Sequence[Plane], regions: Mapping[str, int], heat: Heat | None = None) -> Pictures:
    """Planes as pictures with their colour key, and heat over them where it is given."""
    shown = tuple(_picture(plane, regions, heat) for plane in planes)
    bare = bool(planes) and all(plane.image is None for plane in planes)
    colours = region_colours(regions)
    key = tuple((name, colours[label]) for name, label in regions.items())
    return Pictures(shown, key, NO_CT if bare else "", heat.words if heat else "")


def _picture(plane: Plane, regions: Mapping[str, int], heat: Heat | None) -> Picture:
    hot = None if heat is None else heat.map.on(plane)
    words = plane_alt(plane, regions) + ("" if hot is None else f"; {_hottest(hot)}")
    return Picture(data_uri(draw_plane(plane, region_colours(regions), hot), "png"), words, _caption(plane.name))


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
