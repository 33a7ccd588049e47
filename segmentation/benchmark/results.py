"""What came of the cells, as files: tables and the page, whole even where cells failed."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segmentation.benchmark.cases_of_model import ModelCases
from segmentation.benchmark.document import Compared, Row, Tables, tables_of
from segmentation.benchmark.loaded import Loaded
from segmentation.benchmark.overlays import KINDS
from segmentation.benchmark.page import Heading, Pictures, Section, benchmark_page
from segmentation.benchmark.planning_cells import Course
from segmentation.benchmark.running import Failure, Outcomes, Place
from segmentation.learning.checkpoint import write_atomically
from segmentation.review.pictures import as_address

PAGE = "benchmark.html"


def compared_of(course: Course, data: Sequence[Loaded], outcomes: Outcomes) -> list[Compared]:
    """Each data set's models with what they reached."""
    return [_compared(course, seen, outcomes) for seen in data]


def _compared(course: Course, seen: Loaded, outcomes: Outcomes) -> Compared:
    patients, name = seen.patients, seen.entry.name
    of_model: dict[str, list[Mapping[str, Any]]] = {}
    missing: set[str] = set()
    for place, found in outcomes.items():
        if place.data != name:
            continue
        if isinstance(found, Failure):
            missing.add(place.model)
        else:
            of_model.setdefault(place.model, []).append(found)
    models = {model: ModelCases(tuple(runs), tuple(patients)) for model, runs in of_model.items()}
    complete = [model for model in models if model not in missing]
    config = course.config
    return Compared(
        name, patients, tuple(seen.regions), models, complete, seen.shares, config.reference, config.analysis.noise
    )


def write_results(
    course: Course, data: Sequence[Loaded], outcomes: Outcomes, left_out: Mapping[str, str]
) -> tuple[Tables, list[tuple[str, str]]]:
    """Write the tables and the page; the tables, and what is not in them with the reason.

    `left_out` names cases that could not be read.
    """
    compared = compared_of(course, data, outcomes)
    tables = tables_of(compared)
    failures = failures_of(outcomes, left_out)
    for name, rows in tables.items():
        write_atomically(course.out / f"{name}.csv", csv_text(rows).encode())
    sections = [_section(course, seen, one, outcomes) for seen, one in zip(data, compared, strict=True)]
    page = benchmark_page(_heading(course, data, failures), sections, tables)
    write_atomically(course.out / PAGE, page.encode())
    return tables, failures


def failures_of(outcomes: Outcomes, left_out: Mapping[str, str]) -> list[tuple[str, str]]:
    """Cells without a result, test cases that a model refused, and cases that could not be read; what has one reason
    stands together."""
    found = [(place.words, f"{one.code}: {one.message}") for place, one in outcomes.items() if isinstance(one, Failure)]
    found = [("; ".join(what for what, of in found if of == why), why) for why in dict.fromkeys(of for _, of in found)]
    for place, one in outcomes.items():
        if not isinstance(one, Failure):
            found += [(f"{place.words}: {case}", code) for case, code in one["failed"].items()]
    return [*found, *left_out.items()]


def csv_text(rows: Sequence[Row]) -> str:
    """Rows as CSV with a line of names; "" without any."""
    text = io.StringIO()
    if rows:
        table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    return text.getvalue()


def _heading(course: Course, data: Sequence[Loaded], failures: list[tuple[str, str]]) -> Heading:
    config = course.config
    reach = config.analysis.boundary_mm
    return Heading(
        config.title or "Benchmark of segmentation", config.budget.words(), ", ".join(map(str, config.seeds)), failures,
        f"{reach:g} mm ({reach:g} voxels where no size is known)", config.budget.minutes is not None,
        any(len(seen.parts) > 1 for seen in data),
    )  # fmt: skip


def _section(course: Course, seen: Loaded, compared: Compared, outcomes: Outcomes) -> Section:
    labels = seen.dataset.regions or {name: of[0] for name, of in seen.regions.items()}
    return Section(compared, seen.about, _overlays(course, compared, outcomes), labels)


def _overlays(course: Course, compared: Compared, outcomes: Outcomes) -> Pictures:
    """The pictures of each model's first finished cell."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for place, one in sorted(outcomes.items(), key=lambda item: item[0]):
        if place.data == compared.name and not isinstance(one, Failure) and place.model not in found:
            found[place.model] = _addresses(course.folder(place), one["overlays"])
    return list(found.items())


def _addresses(folder: Path, cases: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return [(kind, cases[kind], as_address((folder / f"{kind}.png").read_bytes())) for kind in KINDS]


__all__ = ["PAGE", "Place", "compared_of", "csv_text", "failures_of", "write_results"]
