"""What people said about masks: accept, edit or reject, by whom and why. Kept as a table to which lines are added."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from segmentation.errors import ImageRefusal

VERDICTS = ("accept", "edit", "reject")
COLUMNS = ("case", "verdict", "by", "comment", "mask", "at")
FILE = "reviews.csv"  # beside the masks


@dataclass(frozen=True)
class Verdict:
    """One person's word on one mask. `mask` is the start of the file's SHA-256: a mask drawn anew is not reviewed."""

    case: str
    verdict: str
    by: str
    comment: str = ""
    mask: str = ""
    at: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise _refuse(f"{self.case}: verdict {self.verdict!r}", f"one of {', '.join(VERDICTS)}")
        if not self.case.strip() or not self.by.strip():
            raise _refuse(f"case {self.case!r} by {self.by!r}", "a case, and the name of who says so")


def mask_name(path: Path) -> str:
    """What tells one mask file from another: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def read_verdicts(path: Path, *, by: str = "") -> list[Verdict]:
    """The lines of a table with the columns case and verdict, and by, comment, mask, at where they are there.

    Lines without a verdict are passed over: the sheet writes a line for every case. `by` is who reviewed where the
    table does not say.

    Raises ImageRefusal (`bad_verdicts`) for another table, an unknown verdict, or nobody's name.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise _refuse(type(error).__name__, "a CSV table in UTF-8") from error
    if not rows or not {"case", "verdict"} <= set(rows[0]):
        found = f"columns {', '.join(filter(None, rows[0]))}" if rows else "no lines"
        raise _refuse(found, "columns case and verdict")
    verdicts = []
    for row in rows:
        known = {name: (row.get(name) or "").strip() for name in COLUMNS}
        if known["verdict"]:
            verdicts.append(Verdict(**{**known, "verdict": known["verdict"].lower(), "by": known["by"] or by}))
    return verdicts


def kept_verdicts(folder: Path) -> list[Verdict]:
    """What was said so far about the masks of a folder, oldest first."""
    path = folder / FILE
    return read_verdicts(path) if path.exists() else []


def as_table(verdicts: Iterable[Verdict]) -> str:
    """Verdicts as the table that `read_verdicts` reads."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(verdict) for verdict in verdicts)
    return text.getvalue()


def standing(verdicts: Sequence[Verdict], masks: Mapping[str, str]) -> dict[str, Verdict]:
    """The last word on each mask as it is now; `masks` maps cases to `mask_name`."""
    return {verdict.case: verdict for verdict in verdicts if masks.get(verdict.case) == verdict.mask}


def _refuse(found: str, expected: str) -> ImageRefusal:
    return ImageRefusal(
        "bad_verdicts",
        "The verdicts cannot be taken over.",
        expected=expected,
        found=found,
        next_step="save the table from the review sheet, and say who reviewed with --by",
    )
