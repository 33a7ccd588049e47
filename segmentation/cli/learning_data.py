"""The cases and the plan that the commands which learn begin with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segmentation.cli.answers import Failures, failed
from segmentation.datasets.decathlon import decathlon_cases, is_ct, label_names
from segmentation.errors import ImageRefusal
from segmentation.fingerprint import Survey
from segmentation.plan import SegmenterPlan
from segmentation.plan_files import completed, is_whole, read_plan
from segmentation.planning import default_plan, survey


def surveyed(data: Path) -> tuple[list[Survey], Failures]:
    """Every case of a folder that can be used, and why the others cannot. Raises ImageRefusal where none can."""
    found: list[Survey] = []
    failures: Failures = {}
    for case in decathlon_cases(data):
        try:
            found.append(survey(case))
        except ImageRefusal as error:
            failures[case.case_id] = error
    if not found:
        failed(failures)
        raise ImageRefusal("no_cases", "No case can be used.", expected="one", found=f"{len(failures)} that failed")
    return found, failures


def plan_for(data: Path, found: Sequence[Survey], path: Path | None, network: str | None) -> SegmenterPlan:
    """The plan of a file, completed from the data where it is not whole; without a file the one that the data give."""
    said = read_plan(path) if path else {}
    if is_whole(said):
        return SegmenterPlan.from_json(said)
    derived = default_plan(found, network=said.get("network", network), regions=label_names(data), ct=is_ct(data))
    return completed(said, derived)
