"""Which series of a folder is meant: by a rule that is told, and never by a guess.

The rule: series acquired on or after the date `before` go, then those of another modality or number than asked for,
then localizers and stacks of fewer than four slices. Exactly one series must be left; otherwise the folder is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from segmentation.errors import ImageRefusal
from segmentation.images.dicom.folder import Findings
from segmentation.images.dicom.refusing import refuse
from segmentation.images.dicom.slices import Slice
from segmentation.images.dicom.stacking import MIN_SLICES, Stack, stack

RULE = (
    "acquired before the date asked for, of the modality and number asked for, no localizer, "
    f"{MIN_SLICES} slices or more; exactly one such series"
)


@dataclass(frozen=True)
class Wanted:
    """What is asked for; nothing means any."""

    before: date | None = None
    modality: str = ""
    number: int | None = None  # SeriesNumber


@dataclass(frozen=True)
class Chosen:
    """The series that is read, and a line for each that is not."""

    stack: Stack
    left_out: tuple[str, ...] = ()
    files_left_out: Mapping[str, int] = field(default_factory=dict)


def choose(findings: Findings, wanted: Wanted, name: str) -> Chosen:
    """The one series that is meant.

    Raises ImageRefusal: `mixed_patients`, `after_surgery`, `no_date`, `no_series`, `localizer`, `several_series`, and
    what `stack` refuses.
    """
    _check_one_patient(findings, name)
    left_out: list[str] = []
    refusals: list[ImageRefusal] = []
    kept: list[tuple[str, tuple[Slice, ...]]] = []
    for uid, slices in findings.series.items():
        try:
            check_wanted(slices, wanted, name)
            kept.append((uid, slices))
        except ImageRefusal as error:
            refusals.append(error)
            left_out.append(f"{_label(slices)}: {error.code}")
    able = [one for one in kept if len(one[1]) >= MIN_SLICES] if len(kept) > 1 else kept
    left_out += [f"{_label(slices)}: too_few_slices" for uid, slices in kept if (uid, slices) not in able]
    if len(able) > 1:
        raise _several(name, [_label(slices) for _, slices in able])
    if not able:
        raise refusals[0] if refusals and not kept else _several(name, [_label(slices) for _, slices in kept])
    uid, slices = able[0]
    if uid in findings.beside:
        found = findings.beside[uid].code
        raise refuse("mixed_kinds", name, "The series holds files of another kind.", "slices alone", found)
    return Chosen(stack(slices, name), tuple(left_out), findings.left_out)


def check_wanted(slices: tuple[Slice, ...], wanted: Wanted, name: str) -> None:
    """Raises ImageRefusal: `after_surgery`, `no_date`, `other_modality`, `other_series`, `localizer`."""
    if wanted.before is not None:
        _check_date(slices, wanted.before, name)
    first = slices[0].belonging
    if wanted.modality and first.modality != wanted.modality.upper():
        raise refuse("other_modality", name, "The series is of another modality.", wanted.modality, first.modality,
                     "name the folder of the right series")  # fmt: skip
    if wanted.number is not None and first.number != wanted.number:
        raise refuse("other_series", name, "The series has another number.", str(wanted.number), str(first.number),
                     "name one of the numbers that the folder has")  # fmt: skip
    if len(slices) > 1 and any(one.localizer for one in slices):
        raise refuse("localizer", name, "The series is a localizer.", "a series of slices", "a localizer",
                     "name the folder of the scan itself")  # fmt: skip


def _check_date(slices: tuple[Slice, ...], before: date, name: str) -> None:
    dates = {one.belonging.date for one in slices}
    if "" in dates:
        raise refuse("no_date", name, "It is not known when the images were made.", "a date of acquisition", "none",
                     "ask the archive for the date; without it a series cannot be called preoperative")  # fmt: skip
    if max(dates) >= before.strftime("%Y%m%d"):
        raise refuse("after_surgery", name, "The images were made on or after that date.", "images made before it",
                     "images made later", "name a preoperative series")  # fmt: skip


def _check_one_patient(findings: Findings, name: str) -> None:
    patients = {one.belonging.patient for slices in findings.series.values() for one in slices}
    if len(patients) > 1:
        step = "sort the files by patient first, and find out how they came together"
        raise refuse("mixed_patients", name, "The images are of different patients.", "one patient",
                     str(len(patients)), step)  # fmt: skip


def _several(name: str, labels: list[str]) -> ImageRefusal:
    step = "name the folder of one series, or choose by --series, --modality or --before"
    return refuse("several_series", name, "The folder is not one series.", RULE, "; ".join(labels[:20]), step)


def _label(slices: tuple[Slice, ...]) -> str:
    """A series in words that name nobody."""
    first = slices[0].belonging
    number = "without number" if first.number is None else str(first.number)
    return f"series {number} ({first.modality or 'no modality'}, {len(slices)} slices)"
