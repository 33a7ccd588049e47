"""What the pages know of one study, and the plain questions they ask of it. No reading, no layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from app.known import beside_answers
from outcome.recipe import GIVEN
from outcome.report.numbers import amount, horizon_words, is_number, risk_per_100
from outcome.report.sections import ladder_entry
from outcome.report.wording import amount_unit
from outcome.types import PREDICTION_COLUMNS, InputSet

Json = Mapping[str, Any]
CHOSEN = "chosen"
PROBABILITIES = ("binary", "time_to_event")
CASE_BLOCKS = ("clinical", "plan")  # blocks whose columns a person knows one by one


@dataclass(frozen=True, eq=False)
class StudyRecords:
    """One study as its store holds it. Tables are indexed by case_id (string); absent parts are empty."""

    name: str
    cases: pd.DataFrame
    features: pd.DataFrame
    columns: tuple[Json, ...]
    predictions: pd.DataFrame
    metrics: Json
    ladder: Json
    findings: tuple[Json, ...]
    flow: tuple[Json, ...]
    study: Json
    inputs: Json
    masks: frozenset[str]
    bundle_id: str
    bundle_facts: Json
    predicted_by: str
    masking: Json = field(default_factory=dict)  # how the segment stage got its masks
    outlines: pd.DataFrame = field(default_factory=pd.DataFrame)  # how far risks move with other outlines
    details: pd.DataFrame = field(default_factory=pd.DataFrame)  # what the chosen rung says beyond a risk, any source
    information: pd.DataFrame = field(default_factory=pd.DataFrame)  # how much is known of a case, any source
    warnings: pd.DataFrame = field(default_factory=pd.DataFrame)  # in what cases are unlike the training cases
    min_information: float | None = None  # the bundle's: below it a case is told no number

    @property
    def title(self) -> str:
        return str(self.metrics.get("title") or self.study.get("title") or self.name)

    @property
    def partitions(self) -> dict[str, Json]:
        """Each partition that has cases, with what is recorded of it."""
        recorded = self.metrics.get("partitions") or self.study.get("partitions") or {}
        present = set(self.cases["partition"].astype(str)) if "partition" in self.cases else set()
        return {name: recorded.get(name, {}) for name in sorted(present, key=_order_of(recorded))}

    @property
    def regions(self) -> dict[str, int]:
        """The mask's regions with their labels; empty where the study has no masks."""
        mask = self.masking.get("recipe") or self.study.get("mask") or {}
        return {str(name): int(label) for name, label in (mask.get("regions") or {}).items()}

    @property
    def masks_are_learned(self) -> bool:
        """Whether a network outlined the regions, not a person."""
        drawn_by = (self.masking.get("recipe") or {}).get("segmenter", GIVEN)
        return "learning" in self.masking or drawn_by != GIVEN

    def input_sets(self) -> list[str]:
        """The input sets with predictions, the preoperative one first; that one alone where there are none."""
        found = set(self.predictions["inputs"]) if len(self.predictions) else set()
        return [value.value for value in InputSet if value.value in found] or [InputSet.PREOPERATIVE.value]


def _order_of(recorded: Json) -> Any:
    order = {name: place for place, name in enumerate(recorded)}
    return lambda name: (order.get(name, len(order)), name)


@dataclass(frozen=True)
class Question:
    """What is predicted: an endpoint at a horizon, NaN where the predictions name none.

    `stated_days`: within how many days a yes/no endpoint counts, by the study; predictions of one do not name it.
    """

    endpoint: str
    label: str
    kind: str
    horizon_days: float
    unit: str
    definition: str
    stated_days: float = float("nan")

    @property
    def is_risk(self) -> bool:
        """Whether the prediction is a probability (else an amount)."""
        return self.kind in PROBABILITIES

    @property
    def horizon(self) -> str:
        return horizon_words(self._days) if self.is_risk else ""

    @property
    def _days(self) -> float:
        return self.horizon_days if is_number(self.horizon_days) else self.stated_days

    @property
    def name(self) -> str:
        """The question as a person picks it from a list."""
        return f"{self.label}, {self.horizon}" if self.is_risk and is_number(self._days) else self.label

    def on_its_day(self, table: pd.DataFrame) -> pd.Series:
        """Which rows of a table of answers are at this question's horizon."""
        days = table["horizon_days"].astype(float)
        return days == self.horizon_days if is_number(self.horizon_days) else days.isna()

    def text(self, risk: float, low: float, high: float) -> str:
        """The answer for one case: "12 of 100 (8–17)" or "4.2 days (2.9–6.1)"."""
        return risk_per_100(risk, low, high) if self.is_risk else amount(risk, low, high, self.unit)


def joined_predictions(out_of_fold: pd.DataFrame, bundle: pd.DataFrame) -> pd.DataFrame:
    """One answer for each case, endpoint, input set and horizon: the chosen rung's.

    Where a case has an out-of-fold prediction that one is shown: the bundle has seen the case, and its own
    prediction would flatter itself.
    """
    parts = [part.loc[part["rung"] == CHOSEN] for part in (out_of_fold, bundle) if len(part)]
    if not parts:
        return pd.DataFrame(columns=list(PREDICTION_COLUMNS))
    table = pd.concat(parts, ignore_index=True).astype({"case_id": str})
    return table.drop_duplicates(["case_id", "endpoint", "inputs", "horizon_days"], keep="first")


def questions(records: StudyRecords) -> list[Question]:
    """Every endpoint and horizon that has predictions, in the order in which the study states its endpoints."""
    known = endpoint_facts(records)
    pairs = records.predictions[["endpoint", "horizon_days"]].drop_duplicates()
    order = {name: place for place, name in enumerate(known)}
    asked = [(str(name), _day(day)) for name, day in zip(pairs["endpoint"], pairs["horizon_days"], strict=True)]
    asked.sort(key=lambda pair: (order.get(pair[0], len(order)), pair[0], pair[1]))
    return [_question(name, day, known.get(name, {})) for name, day in asked]


def _day(value: object) -> float:
    return float(value) if is_number(value) else float("nan")


def _question(name: str, horizon_days: float, facts: Json) -> Question:
    return Question(
        endpoint=name,
        label=str(facts.get("label") or name.replace("_", " ")),
        kind=str(facts.get("kind") or "binary"),
        horizon_days=horizon_days,
        unit=amount_unit(facts),
        definition=str(facts.get("definition") or ""),
        stated_days=_day(facts.get("horizon_days")),
    )


def endpoint_facts(records: StudyRecords) -> Mapping[str, Json]:
    """What is recorded of each endpoint: the study's own words, completed by what the evaluation noted."""
    facts: dict[str, dict[str, Any]] = {n: dict(e) for n, e in (records.study.get("endpoints") or {}).items()}
    for partition in (records.metrics.get("partitions") or {}).values():
        for name, endpoint in (partition.get("endpoints") or {}).items():
            noted = {key: endpoint[key] for key in ("label", "kind", "definition", "unit") if endpoint.get(key)}
            facts[name] = {**facts.get(name, {}), **noted}
    return facts


def not_predicted(records: StudyRecords, inputs: str) -> list[tuple[str, str]]:
    """(label, reason) for each endpoint of the study without a prediction."""
    answered = set(records.predictions.loc[records.predictions["inputs"] == inputs, "endpoint"])
    return [
        (str(facts.get("label") or name), str(ladder_entry(records.ladder, name, inputs).get("skipped") or "no model"))
        for name, facts in endpoint_facts(records).items()
        if name not in answered
    ]


def answers(records: StudyRecords, question: Question, inputs: str) -> pd.DataFrame:
    """The predictions for one question with one input set, indexed by case_id; see `app.known.beside_answers`."""
    table = records.predictions
    same_day = question.on_its_day(table)
    rows = table.loc[(table["endpoint"] == question.endpoint) & (table["inputs"] == inputs) & same_day]
    told = records.information
    if len(told):
        told = told.loc[(told["endpoint"] == question.endpoint) & (told["inputs"] == inputs)]
    return beside_answers(rows.set_index("case_id"), told, records.min_information)


def readable_columns(records: StudyRecords, inputs: str) -> list[Json]:
    """The feature columns a model with this input set may read."""
    allowed = {"preoperative"} | ({"planned"} if inputs == InputSet.WITH_PLAN.value else set())
    names = set(records.features.columns)
    return [c for c in records.columns if c.get("availability", "preoperative") in allowed and c["name"] in names]


def missing_counts(records: StudyRecords, inputs: str) -> pd.Series:
    """Missing inputs of every case: a variable of the record counts one, any other block one when all of it is."""
    columns = readable_columns(records, inputs)
    single = [c["name"] for c in columns if c["block"] in CASE_BLOCKS]
    total = records.features[single].isna().sum(axis=1)
    for block in sorted({c["block"] for c in columns} - set(CASE_BLOCKS)):
        members = [c["name"] for c in columns if c["block"] == block]
        total = total + records.features[members].isna().all(axis=1).astype(int)
    return total.reindex(records.cases.index).fillna(0).astype(int)


def unlike_counts(records: StudyRecords) -> pd.Series:
    """In how many ways the bundle warns that each case is unlike those it learned from; 0 where it was not asked."""
    if "case_id" not in records.warnings:
        return pd.Series(0, index=records.cases.index)
    counts = records.warnings["case_id"].astype(str).value_counts()
    return counts.reindex(records.cases.index).fillna(0).astype(int)


def case_findings(records: StudyRecords, levels: Iterable[str] = ("review", "reject")) -> dict[str, list[Json]]:
    """The findings of these levels by the cases they name."""
    wanted = set(levels)
    found: dict[str, list[Json]] = {}
    for finding in records.findings:
        if finding.get("level") in wanted:
            for case_id in finding.get("case_ids") or []:
                found.setdefault(str(case_id), []).append(finding)
    return found
