"""`segmentation evaluate`: how well masks agree with given ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from segmentation.assessment.evaluation import CaseAgreement, agreement_csv, agreement_document, judge_files, patient_of
from segmentation.assessment.named_regions import Regions, labels_held, parse_regions
from segmentation.cli.answers import AsJson, Failures, answer, end, existing, failed, refusals, say
from segmentation.datasets.decathlon import case_name, image_files
from segmentation.datasets.layouts import read_dataset, recognise
from segmentation.errors import ImageRefusal
from segmentation.images.reading import has_size
from segmentation.learning.training_case import MaskSource
from segmentation.metrics import Settings
from segmentation.metrics.surfels import AREA, VOXEL

Masks = Mapping[str, Path | MaskSource]
NamedLabels = Annotated[
    str, typer.Option("--labels", metavar="NAME=LABEL,…", help="regions to compare, unions with +: tumour=2,whole=1+2")
]
PatientPattern = Annotated[
    str, typer.Option(metavar="REGEX", help="finds the patient in a case's name: '^([^_]+)_'; default: case = patient")
]
Tolerance = Annotated[float, typer.Option("--tolerance", min=0, metavar="MM", help="of surface Dice, mm")]
SurfaceKind = Annotated[str, typer.Option(help=f"what a surface is: {AREA} (elements by area) or {VOXEL} (borders)")]
WithoutMm = Annotated[bool, typer.Option("--without-mm", help="no spacing was published: no distances, no volumes")]
BootstrapSeed = Annotated[int, typer.Option(min=0, help="of the bootstrap")]


def evaluate(
    predictions: Annotated[Path, typer.Option(help="folder of masks to judge")],
    truth: Annotated[Path, typer.Option(help="folder of given masks with the same names")],
    labels: NamedLabels = "",
    patient_pattern: PatientPattern = "",
    tolerance: Tolerance = 2.0,
    surface: SurfaceKind = AREA,
    without_mm: WithoutMm = False,
    csv: Annotated[Path | None, typer.Option(help="file for every measure of every case, one a line")] = None,
    seed: BootstrapSeed = 0,
    as_json: AsJson = False,
) -> None:
    """Overlap, distances and volumes of every label, over cases with intervals. A missing prediction is named.

    Example: segmentation evaluate --predictions masks --truth labelsTs --labels kidney=1,tumour=2,both=1+2 --json
    """
    settings = settings_of(tolerance, surface, without_mm)
    with refusals():
        given, patients = truth_in(existing(truth, "the folder"))
        drawn = masks_in(existing(predictions, "the folder"))
        regions = regions_of(labels, given)
    if settings.units_mm and not sizes_known(drawn):
        say("pixel sizes are not known: no distances and no volumes")
        settings = replace(settings, units_mm=False)
    patient = partial(patient_of, pattern=patient_pattern) if patient_pattern else lambda name: patients.get(name, name)
    cases, failures = _judged(given, drawn, regions, patient, settings)
    document: dict[str, Any] = {"cases": len(cases), "labels": {}, "summary": {}}
    if cases:
        document |= agreement_document(cases, regions, seed)
    if csv is not None:
        csv.write_text(agreement_csv(cases), encoding="utf-8")
    shown = document if as_json else in_words(document)
    answer({**shown, "failed": failed(failures)}, as_json=as_json)
    end(failures)


def settings_of(tolerance: float, surface: str, without_mm: bool) -> Settings:
    """How masks are compared, from a command's options."""
    if surface not in (AREA, VOXEL):
        raise typer.BadParameter(f"surface must be {AREA} or {VOXEL}, found {surface}")
    return Settings(tolerance, surface, not without_mm)


def masks_in(folder: Path) -> dict[str, Path]:
    """The mask files of a folder by case. Raises ImageRefusal (`duplicate_case`) where two have one name."""
    files = image_files(folder)
    found = {case_name(path): path for path in files}
    if len(found) < len(files):
        twice = sorted({case_name(path) for path in files if found[case_name(path)] != path})
        step = "keep one file a case"
        raise ImageRefusal(
            "duplicate_case", f"{folder.name} holds a case twice.", expected="one file a case",
            found=", ".join(twice[:5]), next_step=step,
        )  # fmt: skip
    return found


def truth_in(folder: Path) -> tuple[Masks, dict[str, str]]:
    """The given masks by case, of a folder of files or of a data set in a known layout, with the patients it names."""
    if image_files(folder) or not recognise(folder):
        return masks_in(folder), {}
    cases = read_dataset(folder).cases
    return {case.case_id: case.mask for case in cases}, {case.case_id: case.patient for case in cases}


def sizes_known(masks: Mapping[str, Path]) -> bool:
    """Whether millimetres may be claimed of masks: not where one is a picture whose pixel size nobody knows."""
    for path in masks.values():
        try:
            if not has_size(path):
                return False
        except ImageRefusal:
            continue  # named when its case is compared
    return True


def regions_of(text: str, given: Masks) -> Regions:
    """The regions that a user names, or every label of the given masks. Raises ImageRefusal (`no_cases`)."""
    regions = parse_regions(text) if text else labels_held(given.values())
    if not regions or not given:
        step = "name a folder of masks"
        raise ImageRefusal("no_cases", "No label to judge by.", expected="masks", found="none", next_step=step)
    return regions


def _judged(
    given: Masks, drawn: Mapping[str, Path], regions: Regions, patient: Callable[[str], str], settings: Settings
) -> tuple[list[CaseAgreement], Failures]:
    cases: list[CaseAgreement] = []
    failures: Failures = {}
    for name, path in given.items():
        try:
            files = (path, found_mask(name, drawn))
            cases.append(judge_files(name, patient(name), files, regions, settings))
        except ImageRefusal as error:
            failures[name] = error
    return cases, failures


def found_mask(name: str, drawn: Mapping[str, Path]) -> Path:
    """The case's mask among others. Raises ImageRefusal (`missing_file`)."""
    if name not in drawn:
        step = "predict it, or judge by fewer masks"
        raise ImageRefusal(
            "missing_file", f"{name} has no prediction.", expected="a mask of that name", found="none", next_step=step
        )
    return drawn[name]


def in_words(document: Mapping[str, Any]) -> dict[str, Any]:
    """One line a region and measure for a terminal; a number that cannot be had is told with its reason."""
    lines: dict[str, Any] = {"cases": document["cases"]}
    named = {**document["labels"], "over regions": document["summary"]} if document["labels"] else {}
    for region, row in named.items():
        for metric, found in row["metrics"].items():
            lines[f"{region} {metric}"] = estimate_words(found)
    for key in ("absent", "other_labels"):
        lines[key.replace("_", " ")] = document.get(key, [])
    return lines


def estimate_words(found: Mapping[str, Any]) -> str:
    """An estimate as text: value, interval, cases, and what is missing."""
    missing = "; ".join(f"missing in {n}: {reason}" for reason, n in found["missing"].items())
    if found["value"] is None:
        return missing
    interval = "no interval" if found["low"] is None else f"{found['low']:.4g} to {found['high']:.4g}"
    unit = f" {found['unit']}" if found.get("unit") else ""
    return f"{found['value']:.4g}{unit} ({interval}; n {found['n']})" + (f"; {missing}" if missing else "")
