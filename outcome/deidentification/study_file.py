"""The study file that goes with a de-identified table: the source's own settings, with new places."""

from __future__ import annotations

from typing import Any

from outcome.config import Study
from outcome.config.environment import texts
from outcome.config.imaging import CASE_PLACE
from outcome.config.study import ROW_NUMBER
from outcome.deidentification.traces import in_texts
from outcome.dictionary import DataDictionary
from outcome.errors import ConfigRefusal

TABLE, DICTIONARY, CASE = "table.csv", "dictionary.csv", "case_id"
Document = dict[str, Any]


def as_written(study: Study) -> Document:
    """What the study's author wrote, without defaults. Raises ConfigRefusal where it needs a file beside it."""
    model = study.segmenter.model if study.segmenter else None
    weights = study.training.network.weights
    beside = [place for place, file in (("segmenter.model", model), ("training.network.weights", weights))
              if file is not None and not isinstance(file, str)]  # fmt: skip
    if beside:
        raise ConfigRefusal(
            "the study needs a trained network's file, which nobody looks into here", found=", ".join(beside),
            expected="a study whose networks learn from it", next_step="take it out of the study file",
        )  # fmt: skip
    return study.model_dump(mode="json", exclude_unset=True)


def placed(document: Document, study: Study, dicom: set[str]) -> Document:
    """The document with all files where they now lie; `dicom` names the images that are folders."""
    made = {**document, "root": ".", "dictionary": DICTIONARY, "table": {"format": "csv", "path": TABLE}}
    if study.case_id == ROW_NUMBER:
        made["case_id"] = CASE
    if study.images:
        made["images"] = {name: image_place(name, name in dicom) for name in study.images}
    if study.mask is not None:
        made["mask"] = {**document["mask"], "pattern": mask_place()}
        if study.mask.others:
            made["mask"]["others"] = {name: mask_place(name) for name in study.mask.others}
    return made


def image_place(name: str, dicom: bool) -> str:
    """The pattern of an image."""
    return f"images/{name}/{CASE_PLACE}" if dicom else f"images/{name}/{CASE_PLACE}.nii.gz"


def mask_place(on: str = "") -> str:
    """The pattern of the masks, or of those drawn on another image."""
    return f"masks/{f'on_{on}/' if on else ''}{CASE_PLACE}.nii.gz"


def refuse_dropped(study: Study, dropped: dict[str, str]) -> None:
    """Raise ConfigRefusal where the study reads a variable that does not leave."""
    found = [f"{place}: {name} ({dropped[name]})" for place, name in study.variables_used() if name in dropped]
    if found:
        raise ConfigRefusal(
            f"the study reads {len(found)} variable(s) that may not leave", found="\n    ".join(found),
            expected="variables that name nobody",
            next_step="--keep-text NAME for a list of codes without names; else take them out of the study file",
        )  # fmt: skip


def refuse_traces(document: Document, dictionary: DataDictionary, identifiers: set[str]) -> None:
    """Raise ConfigRefusal, naming the places and not the values, where words of the author hold an identifier."""
    said = {f"study file, {place}": text for place, text in texts(document)}
    for one in dictionary:
        said[f"dictionary, {one.name}"] = " | ".join((one.label, one.note, one.unit, *(c.label for c in one.choices)))
    found = in_texts(said, identifiers)
    if found:
        raise ConfigRefusal(
            f"{len(found)} text(s) of study file and dictionary hold an identifier of the table",
            expected="words that name nobody", found="; ".join(found[:12]),
            next_step="reword them (--set title=… for one run; --keep-sites where sites may be named)",
        )  # fmt: skip
