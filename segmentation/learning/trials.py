"""The trials of a search: what each tried and found, and the file from which a killed search goes on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segmentation.errors import ImageRefusal
from segmentation.learning.checkpoint import write_atomically
from segmentation.learning.sources import fingerprint_of, read_sources
from segmentation.learning.training_case import TrainingCase
from segmentation.planning.plan import SegmenterPlan

DONE, STOPPED = "done", "stopped early"


@dataclass(frozen=True)
class Trial:
    """What was tried, and the best score of its checks (nan where the training failed); `ended` says how."""

    number: int
    changes: dict[str, Any]
    score: float
    ended: str


@dataclass(frozen=True)
class Course:
    """What a trial changed in the plan, how it ended, and each check: (steps done, score), higher is better."""

    changes: dict[str, Any]
    ended: str
    checks: tuple[tuple[int, float], ...]

    def trial(self, number: int) -> Trial:
        """The row of the table."""
        scores = [score for _, score in self.checks if not math.isnan(score)]
        judged = scores and self.ended in (DONE, STOPPED)
        return Trial(number, self.changes, max(scores) if judged else math.nan, self.ended)


def work_of(cases: Sequence[TrainingCase], plan: SegmenterPlan, held: Sequence[TrainingCase]) -> str:
    """What a search tries on what, as hex: the plan with its seed, every voxel of the cases, and who judges.

    Raises ImageRefusal as reading the cases does.
    """
    names = sorted(case.case_id for case in held)
    parts = (fingerprint_of(read_sources(cases, plan), plan), *names)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def write_courses(path: Path, work: str, courses: Sequence[Course]) -> None:
    """Write the trials that are through, in their order; `work` keeps other searches from reading them."""
    rows = [asdict(course) for course in courses]
    document = {"work": work, "sum": _sum(rows), "trials": rows}
    write_atomically(path, json.dumps(document, indent=1).encode())


def read_courses(path: Path, work: str) -> list[Course]:
    """The trials that a file holds; none where there is no file.

    Raises ImageRefusal: `trials_damaged`, and `trials_mismatch` where they are of another plan or other cases.
    """
    if not path.exists():
        return []
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        rows = document["trials"]
        if document["sum"] != _sum(rows):
            raise ValueError("changed after it was written")
        if document["work"] != work:
            raise refuse_trials(
                "mismatch", path, "of this plan and these cases", "those of another plan or other cases"
            )
        return [Course(row["changes"], row["ended"], tuple((s, score) for s, score in row["checks"])) for row in rows]
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, ImageRefusal):
            raise
        raise refuse_trials("damaged", path, "as a search wrote them", type(error).__name__) from error


def refuse_trials(code: str, path: Path, expected: str, found: str) -> ImageRefusal:
    """The refusal of a file whose search cannot be taken up again."""
    return ImageRefusal(
        f"trials_{code}",
        f"{path.name}: the search cannot be taken up again.",
        expected=f"trials {expected}",
        found=found,
        next_step="name another file for the best plan, or delete this one to start anew",
    )


def _sum(rows: Any) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
