"""The cases and the plan that the commands which learn begin with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segmentation.cli.answers import Failures, failed, say
from segmentation.datasets.dataset import Dataset
from segmentation.datasets.layouts import read_dataset
from segmentation.errors import ImageRefusal
from segmentation.planning.fingerprint import Survey
from segmentation.planning.plan import SegmenterPlan
from segmentation.planning.plan_files import is_whole, read_plan
from segmentation.planning.rules import plan_from, survey


def surveyed(data: Path, layout: str = "") -> tuple[list[Survey], Failures]:
    """Every case of a folder that can be used, and why the others cannot. Raises ImageRefusal where none can."""
    dataset = read_dataset(data, layout)
    say(f"{data.name} is read as {dataset.layout}: {len(dataset.cases)} cases of {dataset.patients} patients")
    for note in dataset.notes:
        say(note)
    found: list[Survey] = []
    failures: Failures = dict(dataset.refused)
    for case in dataset.cases:
        try:
            found.append(_fitting(survey(case), dataset))
        except ImageRefusal as error:
            failures[case.case_id] = error
    if not found:
        failed(failures)
        raise ImageRefusal("no_cases", "No case can be used.", expected="one", found=f"{len(failures)} that failed")
    return found, failures


def _fitting(seen: Survey, dataset: Dataset) -> Survey:
    """Raises ImageRefusal (`unknown_label`, `wrong_channels`) where a case holds what its layout does not know."""
    unknown = sorted(seen.labels - set(dataset.regions.values())) if dataset.regions else []
    if unknown:
        raise ImageRefusal(
            "unknown_label", "The mask holds labels that the data set does not name.",
            expected=", ".join(f"{label} ({name})" for name, label in dataset.regions.items()),
            found=", ".join(map(str, unknown[:5])), next_step="mend the mask, or name the label",
        )  # fmt: skip
    if dataset.channels and seen.channels != len(dataset.channels):
        raise ImageRefusal(
            "wrong_channels", "The image has another number of channels than its data set.",
            expected=", ".join(dataset.channels), found=str(seen.channels),
            next_step="save the image as the others are",
        )  # fmt: skip
    return seen


def plan_for(
    data: Path, found: Sequence[Survey], path: Path | None, network: str | None, layout: str = ""
) -> SegmenterPlan:
    """The plan of a file, completed from the data where it is not whole; without a file the one that the data give."""
    said = read_plan(path) if path else {}
    if is_whole(said):
        return SegmenterPlan.from_json(said)
    return plan_from(said, found, read_dataset(data, layout), network)
