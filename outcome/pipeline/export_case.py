"""What leaves the program of one case: its objects as bytes, made together, or the reason why a kind is left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydicom.dataset import Dataset

from outcome.cases import read_case_mask, refusing
from outcome.errors import DataRefusal
from outcome.exports.encapsulated_pdf import encapsulated_pdf
from outcome.exports.fhir import risk_assessment
from outcome.exports.risk_sheet import risk_sheet
from outcome.exports.settled import object_bytes
from outcome.exports.statement import Statement
from outcome.exports.structured_report import structured_report
from outcome.exports.subject import Subject, subject_of_case, subject_of_series
from outcome.recipe import Recipe
from outcome.store import canonical_json
from segmentation.exports.mask_object import Drawn, mask_object
from segmentation.exports.source_series import SourceSeries, read_source
from segmentation.types import Grid, Mask

KINDS = ("seg", "sr", "pdf", "fhir")
FILES = {"seg": "segmentation.dcm", "sr": "report.dcm", "pdf": "sheet.dcm", "fhir": "risk_assessment.json"}
SegKind = Literal["binary", "labelmap"]


@dataclass(frozen=True)
class StoredMask:
    """A case's mask in the segment stage: its file, what the stage says of it, and the network that drew it ("" where
    it was handed over)."""

    file: Path
    summary: Mapping[str, Any]
    recipe: Recipe
    network: str = ""


@dataclass(frozen=True)
class CaseExport:
    """One case to be exported. `series`: where its DICOM series lies; `pdf`: a PDF in place of the risk sheet."""

    statement: Statement
    kinds: tuple[str, ...]
    folder: Path
    series: Path | None = None
    mask: StoredMask | None = None
    pdf: Path | None = None
    date: str = ""
    seg_kind: SegKind = "binary"


@dataclass(frozen=True)
class CaseObjects:
    """The files of a case by name, and for each kind that was left out the reason."""

    files: Mapping[str, bytes]
    left_out: Mapping[str, str]


@refusing
def case_objects(task: CaseExport) -> CaseObjects:
    """Every object of a case.

    Raises DataRefusal where the series is refused, the mask does not lie on it, or a date is needed and none known.
    """
    source = read_source(task.series) if task.series is not None else None
    made: dict[str, bytes] = {}
    left_out = _left_out(task)
    objects: list[Dataset] = []
    if "seg" in task.kinds and "seg" not in left_out and source is not None and task.mask is not None:
        objects.append(_segmentation(task, source, task.mask))
        made["seg"] = object_bytes(objects[0])
    subject = _subject(task, source, objects)
    if "sr" in task.kinds:
        made["sr"] = object_bytes(structured_report(task.statement, subject))
    if "pdf" in task.kinds:
        made["pdf"] = object_bytes(encapsulated_pdf(_pdf(task), task.statement, subject, _title(task)))
    if "fhir" in task.kinds:
        made["fhir"] = _pretty(risk_assessment(task.statement, subject))
    return CaseObjects({FILES[kind]: data for kind, data in made.items()}, left_out)


def _left_out(task: CaseExport) -> dict[str, str]:
    """Kinds that this case has nothing for. That is no failure: the others go."""
    if "seg" not in task.kinds:
        return {}
    if task.series is None:
        return {"seg": "no DICOM series of this case"}
    if task.mask is None:
        return {"seg": "no mask of this case"}
    found = sum(int(region["voxels"]) for region in task.mask.summary["regions"].values())
    return {} if found else {"seg": "the mask holds none of its regions"}


def _subject(task: CaseExport, source: SourceSeries | None, objects: list[Dataset]) -> Subject:
    if source is None:
        return subject_of_case(task.statement.case_id, task.statement.bundle_id, task.date)
    return subject_of_series(source.images, objects, task.date)


def _segmentation(task: CaseExport, source: SourceSeries, stored: StoredMask) -> Dataset:
    drawn = Drawn(stored.network, task.statement.bundle_id, task.date)
    return mask_object(_whole(stored), source, drawn, task.seg_kind)


def _whole(stored: StoredMask) -> Mask:
    """The mask with the grid that it was cropped from."""
    mask = read_case_mask(stored.file, stored.recipe)
    offset = np.array(stored.summary["offset"]) + mask.offset
    affine = mask.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ offset
    i, j, k = (int(n) for n in stored.summary["shape"])
    a, b, c = (int(n) for n in offset)
    return Mask(mask.labels, mask.affine, mask.regions, source=Grid((i, j, k), affine), offset=(a, b, c))


def _pdf(task: CaseExport) -> bytes:
    if task.pdf is None:
        return risk_sheet(task.statement)
    try:
        return task.pdf.read_bytes()
    except OSError as error:
        raise DataRefusal(
            "the PDF of this case cannot be read", expected=task.pdf.name, found=error.strerror or "no such file",
            next_step="correct the pattern of --pdf, or leave it out: a sheet is made of the numbers",
        ) from error  # fmt: skip


def _title(task: CaseExport) -> str:
    return "Predicted risks (research use only)" if task.pdf is None else "Document (research use only)"


def _pretty(resource: Mapping[str, Any]) -> bytes:
    """JSON in the order of the resource."""
    return (json.dumps(resource, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def record(task: CaseExport, made: CaseObjects, hashes: Mapping[str, str]) -> bytes:
    """`export.json` of a case: what stands beside it and what is left out."""
    said = task.statement
    program = f"surgical-outcome {metadata.version('surgical-outcome')}"
    facts = {"case_id": said.case_id, "bundle_id": said.bundle_id, "study": said.study, "program": program}
    return canonical_json({"schema_version": 1, **facts, "files": hashes, "left_out": made.left_out})
