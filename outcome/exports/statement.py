"""What is said of one case: every prediction with its interval, horizon and model, or why a number is not given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from outcome.report.information_words import blocks_named, known_words
from outcome.report.model_words import endpoint_label, units
from outcome.report.numbers import amount, horizon_words, risk_per_100
from outcome.report.wording import inputs_words

RESEARCH_ONLY = "Research use only; not for clinical decisions"
PROBABILITIES = ("binary", "time_to_event")
DECIMALS = 4  # of a percentage, and of a predicted amount
INTERVAL = "95 % interval"  # of the refits (docs/train.md)


@dataclass(frozen=True)
class Prediction:
    """One endpoint by one input set up to one horizon.

    `value`, `low` and `high` are probabilities in [0, 1] for `kind` binary and time_to_event, else in `unit`. Where
    `withheld` says why there is no number all three are None; `low` and `high` are None where there is no interval.
    """

    endpoint: str
    label: str
    kind: str
    inputs: str
    horizon_days: float | None = None
    counted_from: str = "surgery"
    unit: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    withheld: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.value is None) == (not self.withheld):
            raise ValueError("a prediction has a value or a reason why there is none")
        if self.withheld and (self.low is not None or self.high is not None):
            raise ValueError("a number that is withheld has no interval")

    @property
    def is_probability(self) -> bool:
        return self.kind in PROBABILITIES

    @property
    def name(self) -> str:
        """What tells it from the case's other predictions."""
        horizon = f".{self.horizon_days:g}d" if self.horizon_days is not None else ""
        return f"{self.endpoint}.{self.inputs}{horizon}"

    @property
    def title(self) -> str:
        """ "Major complication, within 90 days (preoperative inputs)"."""
        within = f", {horizon_words(self.horizon_days)}" if self.horizon_days is not None else ""
        return f"{self.label}{within} ({inputs_words(self.inputs)} inputs)"

    @property
    def words(self) -> str:
        """The number as the report writes it, or the reason why there is none."""
        if self.withheld:
            return self.withheld
        if self.is_probability:
            return risk_per_100(self.value, self.low, self.high)
        return amount(self.value, self.low, self.high, self.unit)

    def shown(self, number: float) -> float:
        """A number in the unit that objects state it in: % for probabilities."""
        return round(100 * number if self.is_probability else number, DECIMALS)


@dataclass(frozen=True)
class Statement:
    """All that a bundle says of a case."""

    case_id: str
    bundle_id: str
    study: str  # that of the bundle
    title: str  # likewise
    program: str
    predictions: tuple[Prediction, ...]
    warnings: tuple[str, ...] = (RESEARCH_ONLY,)


def statements(
    rows: pd.DataFrame,
    case_ids: Sequence[str],
    study: Mapping[str, Any],
    ladder: Mapping[str, Any],
    facts: Mapping[str, Any],
    amounts: Mapping[str, str],
) -> dict[str, Statement]:
    """The statement of every case of `case_ids`, in that order.

    `rows` are those of the chosen rung with `known_share`, `blocks_missing` and `withheld`
    (`outcome.serving.known`), `study` and `ladder` the bundle's config.json and ladder.json, `facts` its `id`,
    `study`, `title` and `program`, `amounts` the unit of each endpoint that is no probability.
    """
    silent = [_silent(study, amounts, *unit[1:]) for unit in units(ladder) if _no_model(unit[3])]
    by_case = {str(case): part for case, part in rows.groupby("case_id", sort=False)}
    return {
        case_id: Statement(
            case_id=case_id,
            bundle_id=str(facts["id"]),
            study=str(facts.get("study") or ""),
            title=str(facts.get("title") or ""),
            program=str(facts.get("program") or ""),
            predictions=(*_told(by_case.get(case_id, rows.iloc[:0]), study, amounts), *silent),
        )
        for case_id in case_ids
    }


def _told(rows: pd.DataFrame, study: Mapping[str, Any], amounts: Mapping[str, str]) -> list[Prediction]:
    order = ["endpoint", "inputs", "horizon_days"]
    return [_prediction(row, study, amounts) for _, row in rows.sort_values(order, kind="stable").iterrows()]


def _prediction(row: pd.Series[Any], study: Mapping[str, Any], amounts: Mapping[str, str]) -> Prediction:
    name, withheld = str(row["endpoint"]), str(row["withheld"] or "")
    value = _number(row["risk"])
    if value is None and not withheld:
        withheld = "No number was computed."
    return Prediction(
        **_head(name, str(row["inputs"]), study, amounts),
        horizon_days=_number(row["horizon_days"]),
        value=None if withheld else value,
        low=None if withheld else _number(row["low"]),
        high=None if withheld else _number(row["high"]),
        withheld=withheld,
        notes=_notes(row),
    )


def _head(name: str, inputs: str, study: Mapping[str, Any], amounts: Mapping[str, str]) -> dict[str, Any]:
    endpoint = study["endpoints"][name]
    return {
        "endpoint": name,
        "label": endpoint_label(study, name),
        "kind": str(endpoint["kind"]),
        "inputs": inputs,
        "counted_from": str(endpoint.get("time_from") or "surgery"),
        "unit": amounts.get(name, ""),
    }


def _notes(row: pd.Series[Any]) -> tuple[str, ...]:
    share = _number(row["known_share"])
    return () if share is None else (known_words(share, blocks_named(str(row["blocks_missing"] or ""))),)


def _no_model(unit: Mapping[str, Any]) -> bool:
    return bool(unit.get("skipped")) or not unit.get("chosen")


def _silent(
    study: Mapping[str, Any], amounts: Mapping[str, str], endpoint: str, inputs: str, unit: Mapping[str, Any]
) -> Prediction:
    reason = f"The bundle has no model for this: {unit.get('skipped') or 'none was chosen'}"
    return Prediction(**_head(endpoint, inputs, study, amounts), withheld=reason)


def _number(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type] # a cell of a float column
    return number if math.isfinite(number) else None
