"""`segmentation agreement`: how far readers agree, what they would agree on, and whether a model is one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from segmentation.assessment.agreement import fleiss_kappa, majority, mean_over_pairs, pairwise, staple
from segmentation.assessment.evaluation import patient_of
from segmentation.assessment.named_regions import Regions, single_labels
from segmentation.cli.answers import AsJson, Failures, answer, end, existing, failed, refusals
from segmentation.cli.evaluate import (
    BootstrapSeed,
    NamedLabels,
    PatientPattern,
    SurfaceKind,
    Tolerance,
    WithoutMm,
    estimate_words,
    masks_in,
    regions_of,
    settings_of,
)
from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_mask
from segmentation.images.writing import mask_bytes
from segmentation.metrics.catalogue import METRICS, Measured, Settings, compare
from segmentation.metrics.estimates import PatientDraws, about
from segmentation.metrics.surfels import AREA
from segmentation.types import Mask

CONSENSUS: dict[str, Callable[[Sequence[Mask]], Mask]] = {
    "majority": majority,
    "staple": lambda masks: staple(masks)[0],
}
Measures = dict[str, Measured]


@dataclass(frozen=True)
class _Case:
    """One image: agreement by region for every pair of readers, over pairs, by kappa, and with the model."""

    patient: str
    pairs: dict[str, dict[str, Measures]]
    readers: dict[str, Measures]
    kappa: dict[str, Measured]
    model: dict[str, Measures]


@dataclass(frozen=True)
class _Asked:
    """The readers' files by folder and case, the model's, and how they are compared."""

    readers: Mapping[str, Mapping[str, Path]]
    model: Mapping[str, Path] | None
    regions: Regions
    settings: Settings
    pattern: str
    consensus: str
    out: Path | None


def agreement(
    readers: Annotated[list[Path], typer.Argument(help="two or more folders, one a reader, masks of equal names")],
    model: Annotated[Path | None, typer.Option(help="folder of a model's masks of the same images")] = None,
    out: Annotated[Path | None, typer.Option(help="folder for the readers' consensus masks")] = None,
    consensus: Annotated[str, typer.Option(help=" or ".join(CONSENSUS))] = "staple",
    labels: NamedLabels = "",
    patient_pattern: PatientPattern = "",
    tolerance: Tolerance = 2.0,
    surface: SurfaceKind = AREA,
    without_mm: WithoutMm = False,
    seed: BootstrapSeed = 0,
    as_json: AsJson = False,
) -> None:
    """Agreement of several readers on the same images, pair by pair and overall, their consensus, and a model's place.

    Example: segmentation agreement reader_a reader_b reader_c --model masks --out consensus --json
    """
    settings = settings_of(tolerance, surface, without_mm)
    if consensus not in CONSENSUS:
        raise typer.BadParameter(f"consensus must be {' or '.join(CONSENSUS)}, found {consensus}")
    with refusals():
        files = _folders(readers)
        drawn = masks_in(existing(model, "the model's folder")) if model else None
        every = {f"{reader}/{name}": path for reader, of in files.items() for name, path in of.items()}
        asked = _Asked(files, drawn, regions_of(labels, every), settings, patient_pattern, consensus, out)
    cases, failures = _cases(asked)
    document = _document(cases, asked, seed)
    answer({**(document if as_json else _in_words(document)), "failed": failed(failures)}, as_json=as_json)
    end(failures)


def _folders(readers: Sequence[Path]) -> dict[str, dict[str, Path]]:
    """Each reader's masks by case; a reader is called as its folder. Raises ImageRefusal (`too_few_readers`)."""
    names = [path.resolve().name for path in readers]
    unique = names if len(set(names)) == len(names) else [str(path) for path in readers]
    files = {name: masks_in(existing(path, "the folder")) for name, path in zip(unique, readers, strict=True)}
    if len(files) < 2:
        raise ImageRefusal(
            "too_few_readers", "One reader agrees with nobody.", expected="two or more folders", found=str(len(files)),
            next_step="name a folder a reader; to compare masks with given ones: segmentation evaluate",
        )  # fmt: skip
    return files


def _cases(asked: _Asked) -> tuple[dict[str, _Case], Failures]:
    cases: dict[str, _Case] = {}
    failures: Failures = {}
    for name in sorted({name for files in asked.readers.values() for name in files}):
        try:
            cases[name] = _case(name, asked)
        except ImageRefusal as error:
            failures[name] = error
    return cases, failures


def _case(name: str, asked: _Asked) -> _Case:
    given = {reader: _read(name, files, reader, asked.regions) for reader, files in asked.readers.items()}
    drawn = _read(name, asked.model, "the model", asked.regions) if asked.model is not None else None
    found = _Case(patient_of(name, asked.pattern), {}, {}, {}, {})
    for region, labels in asked.regions.items():
        found.pairs[region] = pairwise(given, labels, asked.settings)
        found.readers[region] = mean_over_pairs(found.pairs[region])
        found.kappa[region] = fleiss_kappa(list(given.values()), labels)
        if drawn is not None:
            with_each = {reader: compare(mask, drawn, labels, asked.settings) for reader, mask in given.items()}
            found.model[region] = mean_over_pairs(with_each)
    if asked.out is not None:
        from segmentation.learning.checkpoint import write_atomically  # torch takes seconds to import

        agreed = CONSENSUS[asked.consensus](list(given.values()))
        write_atomically(asked.out / f"{name}.nii.gz", mask_bytes(agreed))
    return found


def _read(name: str, files: Mapping[str, Path], whose: str, regions: Regions) -> Mask:
    if name not in files:
        step = "add the mask, or take the image from every folder"
        raise ImageRefusal(
            "missing_file", f"{name} has no mask by {whose}.", expected="a mask of that name in every folder",
            found="none", next_step=step,
        )  # fmt: skip
    return read_mask(files[name], single_labels(regions))


def _document(cases: Mapping[str, _Case], asked: _Asked, seed: int) -> dict[str, Any]:
    """Agreement over cases. `difference` is the model's agreement with the readers less the readers' among themselves,
    paired by case: where its interval reaches 0 or above, the model is inside the readers' spread."""
    found: dict[str, Any] = {"cases": len(cases), "readers": list(asked.readers), "consensus": asked.consensus}
    if not cases:
        return {**found, "labels": {}}
    every = list(cases.values())
    draws = PatientDraws([case.patient for case in every], seed)
    labels = {}
    for region in asked.regions:
        row: dict[str, Any] = {
            "pairs": {
                pair: _estimates([c.pairs[region][pair] for c in every], draws) for pair in every[0].pairs[region]
            },
            "readers": _estimates([case.readers[region] for case in every], draws),
            "fleiss_kappa": draws.mean([case.kappa[region] for case in every]).to_json(),
        }
        if asked.model is not None:
            row["model"] = _estimates([case.model[region] for case in every], draws)
            row["difference"] = _estimates([_less(c.model[region], c.readers[region]) for c in every], draws)
        labels[region] = row
    intervals = about(len({case.patient for case in every}))
    return {**found, "labels": labels, "intervals": intervals}


def _estimates(rows: Sequence[Mapping[str, Measured]], draws: PatientDraws) -> dict[str, Any]:
    return {m: {**draws.mean([row[m] for row in rows]).to_json(), "unit": METRICS[m].unit} for m in METRICS}


def _less(model: Mapping[str, Measured], readers: Mapping[str, Measured]) -> Measures:
    """Model less readers, measure by measure; missing where either is."""
    found = {}
    for metric in METRICS:
        ours, theirs = model[metric], readers[metric]
        if ours.value is None or theirs.value is None:
            found[metric] = Measured(None, ours.reason or theirs.reason)
        else:
            found[metric] = Measured(ours.value - theirs.value)
    return found


def _in_words(document: Mapping[str, Any]) -> dict[str, Any]:
    lines: dict[str, Any] = {name: document[name] for name in ("cases", "readers")}
    for region, row in document["labels"].items():
        lines[f"{region} Fleiss' kappa"] = estimate_words(row["fleiss_kappa"])
        for part in ("readers", "model", "difference"):
            for metric, found in row.get(part, {}).items():
                lines[f"{region} {part} {metric}"] = estimate_words(found)
    return lines
