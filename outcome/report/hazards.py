"""What could go wrong with a risk in a surgeon's hands, what the program does against it, and what others must do.

Columns are those that hazard logs of health software have (cause, effect, control, residual); meeting any standard is
not claimed. Further rows come from the report itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from outcome.report.checklists.facts import ReportFacts
from outcome.report.entries import ModelEntry, model_entries
from outcome.report.model_card import NOTICE, clear_gaps, gap_text, safe_line
from outcome.report.numbers import format_estimate, is_number
from outcome.report.wording import inputs_words, metric_of, partition_title

Json = Mapping[str, Any]
_MOST_ROWS = 50  # of one kind; a report of hundreds of subgroups must stay readable
_LEVEL_METRICS = ("oe_ratio", "oe_ratio_t")
INTRODUCTION = (
    "A starting point for the hospital's own risk management, not a completed one, and no claim to meet a standard. "
    "Controls are those of this program, each with the test that fails without it; severity and likelihood depend "
    "on the place of use and are for the hospital to rate."
)


@dataclass(frozen=True)
class Control:
    """What the program does against a hazard, the code that does it and the test that fails without it."""

    does: str
    code: str
    test: str


@dataclass(frozen=True)
class Hazard:
    """One row of the log; `seen` says where this report gives cause for it, empty for hazards of the kind at large."""

    id: str
    hazard: str
    cause: str
    effect: str
    controls: tuple[Control, ...]
    hospital: str
    residual: str
    seen: str = ""


@cache
def known_hazards() -> tuple[Hazard, ...]:
    """Hazards of software of this kind, whatever the report says."""
    rows = yaml.safe_load(files("outcome.report").joinpath("hazards.yaml").read_text(encoding="utf-8"))
    return tuple(Hazard(**{**row, "controls": tuple(Control(**each) for each in row["controls"])}) for row in rows)


def hazard_log(facts: ReportFacts) -> tuple[Hazard, ...]:
    """The known hazards and those that this report gives cause for, numbered R01, R02 … in the order of the page."""
    found = [hazard for source in SOURCES for hazard in _at_most(source(facts))]
    numbered = (Hazard(**{**_shallow(hazard), "id": f"R{n:02d}"}) for n, hazard in enumerate(found, start=1))
    return (*known_hazards(), *numbered)


def hazard_json(facts: ReportFacts) -> str:
    """The log as JSON, one object a hazard."""
    return json.dumps([asdict(hazard) for hazard in hazard_log(facts)], ensure_ascii=False, indent=1) + "\n"


def hazard_markdown(facts: ReportFacts) -> str:
    """The log as Markdown: what this report gives cause for first, then the hazards of the kind."""
    log = hazard_log(facts)
    title = safe_line(facts.bundle_study.get("title") or facts.study.get("title") or "model")
    here, general = [h for h in log if h.seen], [h for h in log if not h.seen]
    nothing = "The report gave cause for none." if facts.partitions else "Nothing was evaluated."
    blocks = [f"# Hazard log: {title}", f"**{NOTICE}**", INTRODUCTION, "## Seen in this report"]
    blocks += [_block(hazard) for hazard in here] or [nothing]
    blocks += ["## Of this kind of software", *(_block(hazard) for hazard in general)]
    return "\n\n".join(blocks) + "\n"


def _block(hazard: Hazard) -> str:
    controls = [f"{c.does} (`{c.code}`; test `{c.test}`)" for c in hazard.controls]
    without = "measures and reports it, and does no more" if hazard.seen else "has no control against it"
    rows = [
        ("Seen", hazard.seen),
        ("Cause", hazard.cause),
        ("Effect", hazard.effect),
        ("The program", "; ".join(controls) or without),
        ("The hospital", hazard.hospital),
        ("What remains", hazard.residual),
    ]
    lines = [f"- {name}: {safe_line(text)}" for name, text in rows if text]
    return "\n".join([f"### {hazard.id} {safe_line(hazard.hazard)}", *lines])


def _shallow(hazard: Hazard) -> dict[str, Any]:
    return dict(vars(hazard))


def _at_most(rows: Iterator[Hazard]) -> list[Hazard]:
    """All rows, or the first so many and one that says how many were left out."""
    found = list(rows)
    if len(found) <= _MOST_ROWS:
        return found
    left = len(found) - _MOST_ROWS
    more = Hazard("", f"{left} more of the kind: {found[0].hazard}", found[0].cause, found[0].effect, (),
                  found[0].hospital, found[0].residual, "listed in the report")  # fmt: skip
    return [*found[:_MOST_ROWS], more]


def _place(entry: ModelEntry) -> str:
    title = partition_title(entry.partition_name, entry.partition)
    return f"{entry.label}, {inputs_words(entry.inputs)} inputs, {title}"


def _gaps(facts: ReportFacts) -> Iterator[Hazard]:
    """Groups for which the model does otherwise than for all others."""
    for entry in model_entries(facts.metrics):
        for gap in clear_gaps((entry.model.get("subgroup_analysis") or {}).get("gaps") or ()):
            label = metric_of(str(gap.get("metric")))[1]
            yield Hazard(
                "", f"The model does otherwise for {gap.get('variable')} {gap.get('group')}",
                "The group differs from the others in how well its risks hold; not adjusted for the number of groups",
                "Risks that are worse, too high or too low for this group", (),
                "Decide whether the model may be used for this group; look at its calibration before",
                "A gap may be chance, and groups without one may be too small to show it",
                f"{_place(entry)}: {label} differs by {gap_text(gap)}",
            )  # fmt: skip


def _checks(facts: ReportFacts) -> Iterator[Hazard]:
    """Integrity checks that failed or warned."""
    for check in (facts.metrics.get("integrity") or {}).get("checks") or ():
        if check.get("status") in ("failed", "warning"):
            yield Hazard(
                "", f"Check not passed: {str(check.get('check')).replace('_', ' ')}",
                "What the check looks for was found", "The numbers of the report may not mean what they seem to", (),
                "Settle it before the report is believed", "As long as it is open, so is the report",
                f"{check.get('status')}: {check.get('message')}",
            )  # fmt: skip


def _shifted(facts: ReportFacts) -> Iterator[Hazard]:
    """Variables that look as if recorded in another unit or coding, or unlike the development cases."""
    for name, partition in facts.partitions.items():
        for variable in (partition.get("case_mix") or {}).get("variables") or ():
            if variable.get("flag"):
                label = variable.get("label") or variable.get("variable")
                yield Hazard(
                    "", f"{label} is unlike the development cases ({variable['flag']})",
                    "Another unit or coding, other gaps in the record, or other patients",
                    "Risks shifted for everybody", (), "Find out which of these it is before the model is used",
                    "Where patients do differ the model may still hold: its calibration tells",
                    f"{partition_title(name, partition)}: {variable.get('message') or variable['flag']}",
                )  # fmt: skip


def _level(facts: ReportFacts) -> Iterator[Hazard]:
    """Risks that are too high or too low on average."""
    for entry in model_entries(facts.metrics):
        for name in _LEVEL_METRICS:
            estimate = (entry.model.get("metrics") or {}).get(name) or {}
            low, high = estimate.get("low"), estimate.get("high")
            if is_number(low) and is_number(high) and (low > 1 or high < 1):
                side = "low" if low > 1 else "high"
                yield Hazard(
                    "", f"Risks are too {side} on average: {entry.label}", "The event is more or less common here",
                    "Wrong counselling, and wrong decisions at the threshold", (),
                    "Recalibrate on own cases (`outcome recalibrate`) or do not use the model",
                    "An updated model has to be validated on further cases",
                    f"{_place(entry)}: {metric_of(name)[1]} {format_estimate(estimate)}",
                )  # fmt: skip


def _rejected(facts: ReportFacts) -> Iterator[Hazard]:
    """Findings that kept cases out."""
    for finding in facts.metrics.get("findings") or ():
        if finding.get("level") == "reject":
            yield Hazard(
                "", f"Cases kept out: {str(finding.get('code')).replace('_', ' ')}",
                "Data that cannot be used", "The evaluated cases may be other ones than those to be treated", (),
                "Mend the data and run again", "Cases that fail may be the difficult ones",
                f"{len(finding.get('case_ids') or ())} cases: {finding.get('message')}",
            )  # fmt: skip


SOURCES: tuple[Callable[[ReportFacts], Iterator[Hazard]], ...] = (_checks, _shifted, _level, _gaps, _rejected)
