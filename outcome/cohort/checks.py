"""What is wrong, odd or worth knowing about this table? Small checks, all of them run, each answer a `Finding`.

reject: the data must be mended. review: a person should look. note: for information. Messages carry counts and
names of variables, never a patient's value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outcome.cohort import coding
from outcome.cohort.computed_scores import computed_score
from outcome.cohort.endpoints import endpoint_target
from outcome.config import ComputedScore, Study
from outcome.config.study import ROW_NUMBER
from outcome.dictionary import Availability, DataDictionary, Role, Variable, VariableKind
from outcome.errors import DataRefusal
from outcome.types import EndpointKind, Finding, Level, Target

OFTEN_MISSING = 0.2
_EARLY = (Availability.PREOPERATIVE, Availability.PLANNED)


@dataclass(frozen=True, eq=False)
class CohortFacts:
    """All a check may look at. `columns` are those of the raw table; `cases`, `variables`, `endpoints` the included."""

    study: Study
    dictionary: DataDictionary
    columns: tuple[str, ...]
    cases: pd.DataFrame
    variables: pd.DataFrame
    endpoints: pd.DataFrame
    problems: Mapping[tuple[str, str], tuple[str, ...]]


def table_findings(facts: CohortFacts) -> list[Finding]:
    """Every check's findings, in the order of CHECKS."""
    return [finding for check in CHECKS for finding in check(facts)]


def no_cases(facts: CohortFacts) -> Iterator[Finding]:
    """Whether anybody is left after the inclusion criteria."""
    if not len(facts.cases):
        yield Finding("no_cases", Level.REJECT, "no case of the table meets the inclusion criteria; see the flow")


def uncodable_values(facts: CohortFacts) -> Iterator[Finding]:
    """Cells that cannot mean what the dictionary says: unknown codes, no numbers, impossible or implausible values."""
    for (problem, name), cases in facts.problems.items():
        level, words = _PROBLEM_WORDS[problem]
        variable = facts.dictionary[name]
        allowed = _allowed(variable, problem)
        yield Finding(problem, level, f"{name}: {len(cases)} case(s) {words}; expected {allowed}", cases)


def columns_without_a_row(facts: CohortFacts) -> Iterator[Finding]:
    """Table columns the dictionary does not describe: they are not used."""
    known = {variable.column for variable in facts.dictionary}
    foreign = [name for name in facts.columns if name not in known]
    if foreign:
        shown = ", ".join(foreign[:12]) + (" …" if len(foreign) > 12 else "")
        message = f"{len(foreign)} column(s) of the table are not in the dictionary and are not used: {shown}"
        yield Finding("column_without_description", Level.NOTE, message)


def variables_without_a_column(facts: CohortFacts) -> Iterator[Finding]:
    """Variables the table lacks: missing in every case; a reviewer should know where a predictor is among them."""
    absent = [variable for variable in facts.dictionary if variable.column not in facts.columns]
    needed = {name for _, name in facts.study.variables_used()}
    for variable in absent:
        serious = Role.PREDICTOR in variable.roles or variable.name in needed
        message = f"{variable.name}: the table has no column {variable.column!r}; it is missing in every case"
        yield Finding("variable_without_column", Level.REVIEW if serious else Level.NOTE, message)


def empty_columns(facts: CohortFacts) -> Iterator[Finding]:
    """Variables that have a column and not one value; a predictor or endpoint without values is a broken export."""
    learns = any(partition.relation == "development" for partition in facts.study.partitions.values())
    needed = {name for _, name in facts.study.variables_used()}
    for variable in facts.dictionary if len(facts.variables) else ():
        if variable.column in facts.columns and facts.variables[variable.name].isna().all():
            used = Role.PREDICTOR in variable.roles or variable.name in needed
            level = Level.REJECT if used and learns else Level.REVIEW if used else Level.NOTE
            message = f"{variable.name}: no case has a value; fill the column, or take its role away in the dictionary"
            yield Finding("all_missing", level, message)


def constant_columns(facts: CohortFacts) -> Iterator[Finding]:
    """Predictors that take one value only: no model can learn from them."""
    constant = [
        variable.name
        for variable in facts.dictionary.with_role(Role.PREDICTOR)
        if _is_constant(facts.variables[variable.name].dropna())
    ]
    if constant:
        message = (
            f"{len(constant)} predictor(s) have one value in every case and will teach nothing: {', '.join(constant)}"
        )
        yield Finding("constant_column", Level.NOTE, message)


def _is_constant(values: pd.Series) -> bool:
    return bool(len(values)) and bool((values == values.iloc[0]).all())


def missing_rates(facts: CohortFacts) -> Iterator[Finding]:
    """Predictors that are often missing, with the percentage."""
    rates = {v.name: float(facts.variables[v.name].isna().mean()) for v in facts.dictionary.with_role(Role.PREDICTOR)}
    often = {name: rate for name, rate in rates.items() if OFTEN_MISSING <= rate < 1}
    if often:
        shown = ", ".join(f"{name} {rate:.0%}" for name, rate in sorted(often.items(), key=lambda item: -item[1]))
        message = f"{len(often)} predictor(s) are missing in {OFTEN_MISSING:.0%} of cases or more: {shown}"
        yield Finding("often_missing", Level.NOTE, message)


def sparse_endpoints(facts: CohortFacts) -> Iterator[Finding]:
    """Endpoints with one class only, or with too few events, in each partition; and what the program then does."""
    for partition, rows in facts.cases.groupby("partition", sort=False):
        learns = facts.study.partitions[str(partition)].relation == "development"
        consequence = "no model is trained for it" if learns else "its metrics are withheld"
        for name, endpoint in facts.study.endpoints.items():
            target = endpoint_target(facts.endpoints, name, EndpointKind(endpoint.kind), list(rows["case_id"]))
            words = _sparse(target, facts.study.training.min_events)
            if words:
                code = "one_class_endpoint" if "all" in words or "no case" in words else "few_events"
                yield Finding(code, Level.NOTE, f"{name} in {partition!r}: {words}; {consequence}")


def unknown_outcomes(facts: CohortFacts) -> Iterator[Finding]:
    """How many included cases have no known outcome, by endpoint."""
    for name, endpoint in facts.study.endpoints.items():
        target = endpoint_target(facts.endpoints, name, EndpointKind(endpoint.kind), list(facts.cases["case_id"]))
        unknown = int((~target.known).sum())
        if 0 < unknown < len(target):
            message = f"{name}: the outcome is unknown in {unknown} of {len(target)} cases; they are left out for it"
            yield Finding("unknown_outcome", Level.NOTE, message)


def dates_out_of_order(facts: CohortFacts) -> Iterator[Finding]:
    """Dates that contradict the start of surgery: something after surgery dated before it, or the reverse."""
    if facts.study.index_time is None:
        return
    index = facts.variables[facts.study.index_time]
    for variable in facts.dictionary:
        if variable.kind is not VariableKind.DATE or variable.name in (facts.study.index_time, facts.study.case_id):
            continue
        early = variable.availability in _EARLY
        wrong = [
            case
            for case, start, moment in zip(facts.cases["case_id"], index, facts.variables[variable.name], strict=True)
            if start is not None and moment is not None and _contradicts(moment, start, early)
        ]
        if wrong and early:
            message = (
                f"{variable.name} is called {variable.availability} but is dated after surgery in {len(wrong)} case(s)"
            )
            yield Finding("known_after_surgery", Level.REVIEW, message, tuple(wrong))
        elif wrong:
            message = f"{variable.name} is dated before surgery in {len(wrong)} case(s); correct the dates"
            yield Finding(coding.BEFORE_SURGERY, Level.REJECT, message, tuple(wrong))


def late_subgroups(facts: CohortFacts) -> Iterator[Finding]:
    """Subgroups by what happened during or after surgery: they cannot be used to choose patients."""
    for group in facts.study.subgroups:
        availability = facts.dictionary[group.variable].availability
        if availability not in _EARLY:
            message = f"subgroup {group.variable} is known only {availability}: it describes, it cannot select patients"
            yield Finding("late_subgroup", Level.REVIEW, message)


def row_numbers_as_cases(facts: CohortFacts) -> Iterator[Finding]:
    """Cases named by their row: fine for one table, useless for linking images or a later export."""
    if facts.study.case_id == ROW_NUMBER:
        message = "cases are named by row number; a re-sorted table would silently name other patients"
        yield Finding("cases_by_row_number", Level.REVIEW, message)


def _sparse(target: Target, min_events: int) -> str:
    known = int(target.known.sum())
    if not known:
        return "no case has a known outcome"
    if target.kind not in (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT):
        return "" if np.unique(target.value[target.known]).size > 1 else f"all {known} cases have the same value"
    events = target.n_events or 0
    if events == 0 or (events == known and target.kind is EndpointKind.BINARY):
        return f"{'none' if events == 0 else 'all'} of all {known} cases had the event"
    fewest = min(events, known - events) if target.kind is EndpointKind.BINARY else events
    return (
        f"{events} events in {known} cases, at least {min_events} of each class needed" if fewest < min_events else ""
    )


def _contradicts(moment: str, start: str, early: bool) -> bool:
    """Compare dates; times of day count only where both are given, so that the same day is never a contradiction."""
    length = min(len(moment), len(start))
    return moment[:length] > start[:length] if early else moment[:length] < start[:length]


def _allowed(variable: Variable, problem: str) -> str:
    if problem == coding.IMPLAUSIBLE:
        return f"{_span(variable.plausible_range.low, variable.plausible_range.high)} {variable.unit}".strip()
    if problem == coding.BEFORE_SURGERY:
        return "0 or more, counted from surgery"
    if problem == coding.OUT_OF_RANGE:
        return f"{_span(variable.hard_range.low, variable.hard_range.high)} {variable.unit}".strip()
    if variable.kind is VariableKind.BOOLEAN:
        return "yes or no"
    forms = {VariableKind.NUMERIC: "a number", VariableKind.DATE: "a date such as 2024-05-01"}
    return forms.get(variable.kind) or f"one of {', '.join(variable.codes)}"


def _span(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"at least {low:g}" if low is not None else f"at most {high:g}"
    return f"{low:g} to {high:g}"


_PROBLEM_WORDS: Mapping[str, tuple[Level, str]] = {
    coding.UNKNOWN_CODE: (Level.REJECT, "hold a code the dictionary does not know"),
    coding.NOT_A_NUMBER: (Level.REJECT, "hold text where a number belongs"),
    coding.NOT_A_DATE: (Level.REJECT, "hold something that is no ISO date"),
    coding.OUT_OF_RANGE: (Level.REJECT, "hold an impossible value"),
    coding.BEFORE_SURGERY: (Level.REJECT, "have an event before surgery (a negative time)"),
    coding.IMPLAUSIBLE: (Level.REVIEW, "hold an implausible value"),
}


def unreadable_scores(facts: CohortFacts) -> Iterator[Finding]:
    """Published scores whose inputs cannot be read: better told now than after the training."""
    for number, score in enumerate(facts.study.scores):
        if isinstance(score, ComputedScore):
            try:
                computed_score(score, facts.variables, facts.dictionary)
            except DataRefusal as refusal:
                message = f"scores[{number}], {score.score}: {refusal.message}; expected {refusal.expected}"
                yield Finding("unreadable_score_input", Level.REJECT, f"{message}, found {refusal.found}")


CHECKS: tuple[Callable[[CohortFacts], Iterator[Finding]], ...] = (
    no_cases,
    uncodable_values,
    dates_out_of_order,
    empty_columns,
    variables_without_a_column,
    columns_without_a_row,
    constant_columns,
    missing_rates,
    sparse_endpoints,
    unknown_outcomes,
    late_subgroups,
    row_numbers_as_cases,
    unreadable_scores,
)
