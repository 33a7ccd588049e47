"""What an alarm says: what changed, since when, how strong the evidence is, what is promised, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from outcome.evaluation.monitoring.check import Check
from outcome.pipeline.monitoring.answers_watched import CALIBRATION, RANKING, RISKS
from outcome.pipeline.monitoring.arrival import Arrival
from outcome.pipeline.monitoring.inputs_watched import GONE, RELATION, VALUE

Json = Mapping[str, Any]
WORDS = {
    VALUE: "the values are not spread as among the training cases",
    GONE: "it is missing more, or less, often than among the training cases",
    RELATION: "it no longer goes with the other columns as among the training cases",
    RISKS: "the predicted risks are not spread as those of earlier cases here",
    CALIBRATION: "what happens is not what the model tells",
    RANKING: "the model ranks cases worse than it did out of fold",
}
NEXT = {
    VALUE: "look at unit, coding and export of this column since then; if the patients truly differ, validate on them "
    "(outcome validate) before relying on the risks",
    GONE: "ask the source why; a block that stays away asks for a model without it",
    RELATION: "compare the columns named: another unit, exchanged columns, or a mask or image of another patient",
    RISKS: "see which inputs alarm too; if none does, validate on cases with known outcomes",
    CALIBRATION: "outcome validate on the cases since then, then outcome recalibrate",
    RANKING: "outcome validate on the cases since then; recalibration does not mend ranking: a new model may be needed",
}
IMAGE_NEXT = (
    "open images and masks of the cases since then: another sequence, unit, orientation or spacing, or a mask of "
    "another case"
)


def alarms_of(
    checks: Sequence[Check], arrival: Arrival, observed: pd.DataFrame, told: Json, threshold: float
) -> list[dict[str, Any]]:
    """Every alarm, those raised first first. `observed`: the cases in order; `told`: the reference's `monitoring`."""
    found = [_alarm(check, at, arrival, observed, told) for check, at in _raised(checks, threshold)]
    return sorted(found, key=lambda alarm: (alarm["raised_after_cases"], alarm["check"], alarm["name"]))


def _raised(checks: Sequence[Check], threshold: float) -> Iterator[tuple[Check, int]]:
    for check in checks:
        at = check.alarm_at(threshold)
        if at is not None:
            yield check, at


def _alarm(check: Check, at: int, arrival: Arrival, observed: pd.DataFrame, told: Json) -> dict[str, Any]:
    evidence = check.evidence
    if evidence is None:
        raise ValueError(f"{check.name} has no evidence")
    start, row = int(check.rows[evidence.since(at)]), int(check.rows[at])
    seen = observed.iloc[start : row + 1]
    return {
        "check": check.kind,
        "name": check.name,
        "label": check.label,
        "what": f"{check.label}: {WORDS[check.kind]} ({check.bets[evidence.best_bet(at)]})",
        "seen": _seen(check, seen, told),
        "raised_after_cases": row + 1,
        "raised_on": arrival.dates[row],
        "since_case": arrival.case_ids[start],
        "since_date": arrival.dates[start],
        "cases_since": row + 1 - start,
        "log10_evidence": check.log_e / math.log(10),
        "next_step": IMAGE_NEXT if check.name.startswith("scan:") else NEXT[check.kind],
    }


def _seen(check: Check, seen: pd.DataFrame, told: Json) -> str:
    """The cases from the likely start to the alarm beside the training cases, in one plain number; "" where none is."""
    if check.kind == GONE:
        names: list[str] = next((entry["columns"] for entry in told["missing"] if entry["name"] == check.name), [])
        share = float(seen.reindex(columns=names).isna().all(axis=1).mean())
        return f"missing in {share:.0%} of {len(seen)} cases"
    entry = next((one for one in told["columns"] if one["name"] == check.name), None)
    if check.kind != VALUE or entry is None:
        return ""
    values = seen[check.name].dropna()
    if entry["kind"] == "categorical":
        counts = values.astype(str).value_counts(normalize=True)
        return ", ".join(f"{level} {share:.0%}" for level, share in counts.items()) + f" of {len(values)} cases"
    if "quantiles" not in entry:
        return f"{float(values.mean()):.0%} of {len(values)} cases"
    middle, unit = float(np.median(values.to_numpy(dtype=float))), f" {entry['unit']}" if entry["unit"] else ""
    return (
        f"median {middle:.4g}{unit} in {len(values)} cases; of the training cases {entry['quantiles']['0.5']:.4g}{unit}"
    )


def timeline(checks: Sequence[Check], arrival: Arrival) -> pd.DataFrame:
    """The evidence of each check at the end of each period: period, check, name, cases (so far), log10_evidence."""
    periods = np.array(arrival.periods, dtype=object)
    ends = [(period, int(np.flatnonzero(periods == period)[-1])) for period in dict.fromkeys(arrival.periods)]
    rows = []
    for check in checks:
        for period, end in ends:
            so_far = int(np.searchsorted(check.rows, end, side="right"))
            if check.evidence is not None and so_far:
                value = float(check.evidence.log_e[so_far - 1]) / math.log(10)
                rows.append((period, check.kind, check.name, so_far, value))
    return pd.DataFrame(rows, columns=["period", "check", "name", "cases", "log10_evidence"])


def check_table(checks: Sequence[Check], threshold: float) -> pd.DataFrame:
    """Every check: how many cases it read, its largest evidence, and whether it alarmed, was quiet or is not judged."""
    rows = []
    for check in checks:
        why = check.silent_because(threshold)
        status = "alarm" if check.alarm_at(threshold) is not None else "not judged" if why else "quiet"
        rows.append((check.kind, check.name, check.label, len(check.rows), check.log_e / math.log(10), status, why))
    columns = ["check", "name", "label", "cases", "log10_evidence", "status", "why_not"]
    return pd.DataFrame(rows, columns=columns)
