"""What the patient's images show: three planes with outlines, or a sentence that says why there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app.markup import data_uri
from app.records import StudyRecords
from outcome.errors import OutcomeError
from outcome.report.planes import PlaneLike, draw_plane, plane_alt, region_colours
from outcome.serving import case_planes

_LESIONS = ("tumor", "tumour", "lesion")
NO_MASK = "This case has no mask, so there are no outlines to show."
NO_MASKS = "This study has no images or masks: the risk comes from the health record alone."
NO_CT = "This study has no CT images; outlines of the given mask only."
UNREADABLE = "The images of this case cannot be shown."


@dataclass(frozen=True)
class Picture:
    """One plane ready for the page."""

    address: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Pictures:
    """The planes of a case with the colours of their outlines; or none, and `notice` says why."""

    pictures: tuple[Picture, ...]
    key: tuple[tuple[str, str], ...]
    notice: str


def pictures_of(store: Path, records: StudyRecords, case_id: str) -> Pictures:
    """The case's planes as pictures. Never raises for what is wrong with the images: says it instead."""
    if not records.regions:
        return Pictures((), (), NO_MASKS)
    if case_id not in records.masks:
        return Pictures((), (), NO_MASK)
    index = store / records.name / "segment" / "index.json"
    return _drawn(str(store), records.name, case_id, tuple(records.regions.items()), index.stat().st_mtime_ns)


@st.cache_data(max_entries=64, show_spinner="Drawing the planes …")
def _drawn(store: str, study: str, case_id: str, regions: tuple[tuple[str, int], ...], stamp: int) -> Pictures:
    """`stamp` is part of the key: a mask written anew is drawn anew."""
    try:
        return drawn(case_planes(Path(store), study, case_id, centre_of(dict(regions))), dict(regions))
    except OutcomeError as error:
        return Pictures((), (), f"{UNREADABLE} {error.message}")


def centre_of(regions: Mapping[str, int]) -> str | None:
    """The region the planes go through: the tumour or lesion where there is one, else everything labelled."""
    return next((name for name in regions if name.casefold().startswith(_LESIONS)), None)


def drawn(planes: Sequence[PlaneLike], regions: Mapping[str, int]) -> Pictures:
    """Planes as pictures with their colour key."""
    colours = region_colours(regions)
    shown = tuple(
        Picture(data_uri(draw_plane(plane, colours), "png"), plane_alt(plane, regions), _caption(plane.name))
        for plane in planes
    )
    bare = bool(planes) and all(plane.image is None for plane in planes)
    return Pictures(shown, tuple((name, colours[label]) for name, label in regions.items()), NO_CT if bare else "")


def _caption(name: str) -> str:
    return name.replace("_", " ").capitalize()
