"""`segmentation review`: a page of masks in the order in which they need a look, and the verdicts on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from segmentation.assessment.expected_volumes import expected_volumes
from segmentation.assessment.named_regions import labels_held, parse_regions
from segmentation.cli.answers import AsJson, Failures, answer, end, existing, failed, refusals
from segmentation.cli.evaluate import WithoutMm, masks_in
from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_mask
from segmentation.review.cases import Expected, Question, ReviewCase, in_order, review_case, unreadable
from segmentation.review.verdicts import FILE, Verdict, as_table, kept_verdicts, mask_name, read_verdicts, standing


def review(
    predictions: Annotated[Path, typer.Argument(help="folder of masks")],
    images: Annotated[Path | None, typer.Option(help="folder of images with the masks' names")] = None,
    out: Annotated[Path | None, typer.Option(help="the page to write, sheet.html")] = None,
    verdicts: Annotated[Path | None, typer.Option(help="table of verdicts to take over (the page saves one)")] = None,
    by: Annotated[str, typer.Option(help="who reviewed, where the table does not say")] = "",
    labels: Annotated[str, typer.Option("--labels", metavar="NAME=LABEL,…", help="names of the regions")] = "",
    trained_on: Annotated[
        Path | None, typer.Option(help="masks the model learned from: what volumes to expect")
    ] = None,
    member: Annotated[list[Path] | None, typer.Option(help="masks by one member of the ensemble (repeatable)")] = None,
    without_mm: WithoutMm = False,
    as_json: AsJson = False,
) -> None:
    """A page of all masks with their images, most doubtful first; or take over the verdicts saved from one.

    Example: segmentation review masks --images imagesTs --out sheet.html; segmentation review masks --verdicts v.csv
    """
    if (out is None) == (verdicts is None):
        raise typer.BadParameter("give --out to write the page, or --verdicts to take verdicts over")
    with refusals():
        files = masks_in(existing(predictions, "the folder"))
        if not files:
            step = "name a folder of masks"
            raise ImageRefusal("no_cases", "Nothing to review.", expected="masks", found="none", next_step=step)
        if verdicts is not None:
            answer(_taken_over(predictions, files, existing(verdicts, "the table"), by), as_json=as_json)
            return
        expected = _expected(labels, files, trained_on, not without_mm)
        members = [masks_in(existing(folder, "the member's folder")) for folder in member or []]
        pictures = masks_in(existing(images, "the images' folder")) if images else {}
    questions = [
        Question(name, path, pictures.get(name), tuple(of[name] for of in members if name in of))
        for name, path in files.items()
    ]
    cases, failures = _reviewed(questions, expected)
    with refusals():
        said = standing(kept_verdicts(predictions), {case.case_id: case.mask for case in cases})
    document = _written(in_order(cases, said), expected, said, out or Path("sheet.html"))
    answer({**document, "failed": failed(failures)}, as_json=as_json)
    end(failures)


def _expected(labels: str, files: Mapping[str, Path], trained_on: Path | None, units_mm: bool) -> Expected:
    named = parse_regions(labels) if labels else labels_held(files.values())
    unions = [name for name, of in named.items() if len(of) > 1]
    if unions or not named:
        step = "name single labels: kidney=1,tumour=2"
        found = f"unions {', '.join(unions)}" if unions else "no label in any mask"
        raise ImageRefusal(
            "bad_label", "A page shows single labels.", expected="name=label", found=found, next_step=step
        )
    regions = {name: of[0] for name, of in named.items()}
    learned = masks_in(existing(trained_on, "the folder")) if trained_on else {}
    volumes = expected_volumes(read_mask(path, regions) for path in learned.values()) if units_mm else {}
    return Expected(regions, volumes, units_mm)


def _reviewed(questions: Sequence[Question], expected: Expected) -> tuple[list[ReviewCase], Failures]:
    cases: list[ReviewCase] = []
    failures: Failures = {}
    for question in questions:
        try:
            cases.append(review_case(question, expected, mask_name(question.mask)))
        except ImageRefusal as error:
            failures[question.case_id] = error
            cases.append(unreadable(question.case_id, error))
    return cases, failures


def _written(cases: Sequence[ReviewCase], expected: Expected, said: Mapping[str, Verdict], out: Path) -> dict[str, Any]:
    from segmentation.learning.checkpoint import write_atomically  # torch takes seconds to import
    from segmentation.review.sheet import review_sheet

    page = review_sheet("Review of masks", cases, expected.regions, said)
    write_atomically(out, page.encode("utf-8"))
    findings = {case.case_id: [f"{f.level}: {f.code}" for f in case.findings] for case in cases}
    return {"cases": len(cases), "sheet": out.name, "reviewed": len(said), "findings": findings}


def _taken_over(folder: Path, files: Mapping[str, Path], table: Path, by: str) -> dict[str, Any]:
    """Add the verdicts of a table to those kept beside the masks."""
    from segmentation.learning.checkpoint import write_atomically  # torch takes seconds to import

    now = {name: mask_name(path) for name, path in files.items()}
    given = [_checked(verdict, now) for verdict in read_verdicts(table, by=by)]
    kept = kept_verdicts(folder)
    new = [verdict for verdict in given if verdict not in kept]
    every = [*kept, *new]
    write_atomically(folder / FILE, as_table(every).encode("utf-8"))
    last = standing(every, now)
    counts = dict(sorted(Counter(verdict.verdict for verdict in last.values()).items()))
    rejected = sorted(name for name, verdict in last.items() if verdict.verdict == "reject")
    return {"taken_over": len(new), "kept": FILE, "standing": counts, "rejected": rejected}


def _checked(verdict: Verdict, masks: Mapping[str, str]) -> Verdict:
    """The verdict with the mask it speaks of and a time. Raises ImageRefusal for a case that is not here, and for
    a mask that was drawn anew since."""
    if verdict.case not in masks:
        step = "name the folder whose masks were reviewed"
        raise ImageRefusal(
            "unknown_case", "A verdict on a case that is not here.", expected="a mask of that name",
            found=verdict.case, next_step=step,
        )  # fmt: skip
    if verdict.mask not in ("", masks[verdict.case]):
        step = "write the page again and look at the new mask"
        raise ImageRefusal(
            "mask_changed", f"{verdict.case}: the mask was drawn anew since it was reviewed.",
            expected=masks[verdict.case], found=verdict.mask, next_step=step,
        )  # fmt: skip
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return replace(verdict, mask=masks[verdict.case], at=verdict.at or now)
