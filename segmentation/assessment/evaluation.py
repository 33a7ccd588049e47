"""How well drawn masks agree with given ones: case by case, by region, and over all cases with intervals."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmentation.assessment.named_regions import Regions, single_labels
from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_mask
from segmentation.learning.training_case import MaskSource
from segmentation.metrics.by_size import by_size
from segmentation.metrics.catalogue import METRICS, Measured, Settings, compare
from segmentation.metrics.estimates import PatientDraws, about
from segmentation.types import Mask

COLUMNS = ("case", "patient", "region", "metric", "value", "unit", "reason")
Measures = Mapping[str, Measured]


@dataclass(frozen=True)
class CaseAgreement:
    """One case: every measure of every region, the region's given size, and labels drawn that nobody asked about."""

    case_id: str
    patient: str
    regions: Mapping[str, Measures]
    sizes: Mapping[str, float]  # ml; voxels where voxels have no size
    other_labels: tuple[int, ...] = ()


def judge_files(
    case_id: str, patient: str, files: tuple[Path | MaskSource, Path], regions: Regions, settings: Settings
) -> CaseAgreement:
    """A given and a drawn mask file compared in every region.

    Raises ImageRefusal for what cannot be read and for masks on other grids (`grid_mismatch`).
    """
    truth, drawn = (read_mask(path, single_labels(regions)) for path in files)
    return judge(case_id, patient, (truth, drawn), regions, settings)


def judge(case_id: str, patient: str, masks: tuple[Mask, Mask], regions: Regions, settings: Settings) -> CaseAgreement:
    """`judge_files` for a given and a drawn mask at hand."""
    truth, drawn = masks
    found = {name: compare(truth, drawn, labels, settings) for name, labels in regions.items()}
    unit = (truth.source or truth.grid).voxel_ml if settings.units_mm else 1.0
    sizes = {name: float(_voxels(truth, labels)) * unit for name, labels in regions.items()}
    return CaseAgreement(case_id, patient, found, sizes, tuple(sorted(drawn.unnamed)))


def _voxels(mask: Mask, labels: Iterable[int]) -> int:
    return sum(int((mask.labels == label).sum()) for label in labels)


def agreement_document(cases: Sequence[CaseAgreement], regions: Regions, seed: int) -> dict[str, Any]:
    """The answer of `segmentation evaluate`: `labels`, `summary`, `by_size`, `absent`, `other_labels`, `per_case`.

    A region's numbers are means over the cases that have them. The summary's are means over cases of a case's mean over
    its regions. The resamples of the patients are the same for all numbers.
    """
    draws = PatientDraws([case.patient for case in cases], seed)
    labels = {name: _row({m: [c.regions[name][m] for c in cases] for m in METRICS}, draws) for name in regions}
    means = _row({metric: [over_regions(case, metric) for case in cases] for metric in METRICS}, draws)
    intervals = {**about(len({case.patient for case in cases})), "n": len(cases)}
    return {
        "labels": labels,
        "summary": {**means, **intervals},
        "by_size": {name: _sizes(cases, name, seed) for name in regions},
        "absent": [name for name in regions if not any(case.sizes[name] for case in cases)],
        "other_labels": _others(cases),
        "per_case": {case.case_id: _case_row(case) for case in cases},
    }


def over_regions(case: CaseAgreement, metric: str) -> Measured:
    """A case's mean of one measure over the regions that have it."""
    found = [measures[metric] for measures in case.regions.values()]
    known = [one.value for one in found if one.value is not None]
    return Measured(sum(known) / len(known)) if known else Measured(None, found[0].reason)


def _row(values: Mapping[str, Sequence[Measured]], draws: PatientDraws) -> dict[str, Any]:
    metrics = {name: {**draws.mean(found).to_json(), "unit": METRICS[name].unit} for name, found in values.items()}
    first = metrics["dice"]
    return {"dice": first["value"], "low": first["low"], "high": first["high"], "metrics": metrics}


def _sizes(cases: Sequence[CaseAgreement], name: str, seed: int) -> list[dict[str, Any]]:
    scores = [case.regions[name]["dice"].value or 0.0 for case in cases]
    sizes, patients = [case.sizes[name] for case in cases], [case.patient for case in cases]
    return [group.to_json() for group in by_size(sizes, scores, patients, seed)]


def _others(cases: Sequence[CaseAgreement]) -> dict[str, int]:
    """In how many cases a label was drawn that no region names."""
    found = sorted({label for case in cases for label in case.other_labels})
    return {str(label): sum(label in case.other_labels for case in cases) for label in found}


def _case_row(case: CaseAgreement) -> dict[str, Any]:
    regions = {}
    for name, measures in case.regions.items():
        missing = {metric: found.reason for metric, found in measures.items() if found.value is None}
        known = {metric: found.value for metric, found in measures.items() if found.value is not None}
        regions[name] = {**known, **({"missing": missing} if missing else {})}
    return {"patient": case.patient, "regions": regions}


def agreement_csv(cases: Sequence[CaseAgreement]) -> str:
    """Every measure of every region and case, one a line; an empty value has its reason beside it."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for case in cases:
        for name, measures in case.regions.items():
            for metric, found in measures.items():
                value = "" if found.value is None else repr(found.value)
                table.writerow((case.case_id, case.patient, name, metric, value, METRICS[metric].unit, found.reason))
    return text.getvalue()


def patient_of(case_id: str, pattern: str) -> str:
    """The patient in a case's name: what the pattern's first group (or all of it) matches; "" means the case itself.

    Raises ImageRefusal (`no_patient`) where the pattern is not in the name, or is none.
    """
    if not pattern:
        return case_id
    try:
        match = re.search(pattern, case_id)
    except re.error as error:
        raise _no_patient(case_id, pattern, f"a pattern that cannot be read: {error}") from error
    if match is None or match.group(match.re.groups and 1) is None:
        raise _no_patient(case_id, pattern, f"{case_id}, which does not match")
    return str(match.group(match.re.groups and 1))


def _no_patient(case_id: str, pattern: str, found: str) -> ImageRefusal:
    return ImageRefusal(
        "no_patient",
        f"{case_id}: the patient cannot be told from the name.",
        expected=f"a name that matches {pattern!r}, the patient in the first group",
        found=found,
        next_step="mend the pattern, for example '^([^_]+)_'",
    )
