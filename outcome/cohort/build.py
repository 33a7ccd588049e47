"""From a raw table to the cohort: coded variables, included cases, endpoints, partitions, and every finding at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.cohort.agreement import check_agreement
from outcome.cohort.checks import CohortFacts, table_findings
from outcome.cohort.coding import code_column
from outcome.cohort.criteria import truth
from outcome.cohort.endpoints import endpoints_long
from outcome.cohort.identity import identify, identity_findings, usable_rows
from outcome.cohort.partitions import assign, memberships, partition_findings
from outcome.cohort.types import CASE_COLUMNS, Cohort, FlowStep
from outcome.config import AlivePart, BinaryEndpoint, DurationEndpoint, Study, TimeToEventEndpoint
from outcome.dictionary import DataDictionary
from outcome.types import BoolArray, Finding


def build_cohort(study: Study, dictionary: DataDictionary, table: pd.DataFrame) -> Cohort:
    """The study's cohort from its raw table (`sources.read_table`); the table is not changed.

    Problems of the data become findings, all of them at once; those of level reject must be mended before the cohort
    is used (`types.refuse_rejects`). Raises ConfigRefusal where study and dictionary disagree, DataRefusal where the
    table lacks the columns that tell cases apart.
    """
    check_agreement(study, dictionary)
    identity = identify(study, dictionary, table)
    rows = usable_rows(identity)
    cases = identity[rows].sort_values("case_id")
    values, problems = _code(study, dictionary, table, cases.index)
    cases = cases.reset_index(drop=True)
    chosen = _include(study, dictionary, values, FlowStart(len(table), int(rows.sum())))
    kept, values = _rows(cases, chosen.kept).copy(), _rows(values, chosen.kept)
    members = memberships(study, dictionary, values)
    kept["partition"] = assign(members, len(kept))
    used = [name for name in dict.fromkeys(name for _, name in study.variables_used()) if name in values.columns]
    facts = CohortFacts(
        study=study,
        dictionary=dictionary,
        columns=tuple(map(str, table.columns)),
        cases=kept,
        variables=values,
        endpoints=endpoints_long(study, dictionary, _with_id(values[used], kept)),
        problems=_problems(problems, cases, chosen.certainly_out),
    )
    findings = [*identity_findings(identity), *partition_findings(study, kept, members), *table_findings(facts)]
    return _assemble(facts, chosen, tuple(findings), tuple(cases["case_id"]))


@dataclass(frozen=True)
class FlowStart:
    """The table's rows, and how many of them are cases."""

    rows: int
    cases: int


@dataclass(frozen=True, eq=False)
class Chosen:
    """Which rows are included, which are out beyond doubt (not merely unknown), and the flow so far."""

    kept: BoolArray
    certainly_out: BoolArray
    flow: tuple[FlowStep, ...]


Problems = Mapping[str, Mapping[str, BoolArray]]  # by variable and problem: which rows have it


def _code(
    study: Study, dictionary: DataDictionary, table: pd.DataFrame, order: pd.Index
) -> tuple[pd.DataFrame, Problems]:
    """Every variable of the dictionary for these rows of the table, column by column, and what cannot be right.

    A variable that the table lacks is missing in every case.
    """
    absent = pd.Series([None] * len(order), dtype=object)
    times, values, problems = time_variables(study), {}, {}
    for variable in dictionary:
        there = variable.column in table.columns
        raw = table[variable.column].loc[order].reset_index(drop=True) if there else absent
        coded = code_column(variable, raw, decimal=study.table.decimal, is_time=variable.name in times)
        values[variable.name] = coded.values
        problems[variable.name] = {problem: rows for problem, rows in coded.problems.items() if rows.any()}
    return pd.DataFrame(values, copy=False), problems  # a large one would stand twice in memory


def _rows(frame: pd.DataFrame, kept: BoolArray) -> pd.DataFrame:
    """These rows, numbered anew; the frame itself, which may be large, where it keeps all."""
    return frame if kept.all() else frame[kept].reset_index(drop=True)


def time_variables(study: Study) -> frozenset[str]:
    """The variables that count time from surgery, and so cannot be negative."""
    times: set[str] = set()
    for endpoint in study.endpoints.values():
        if isinstance(endpoint, TimeToEventEndpoint):
            times.add(endpoint.time)
        elif isinstance(endpoint, DurationEndpoint):
            times.add(endpoint.variable)
        elif isinstance(endpoint, BinaryEndpoint):
            times.update(part.time for part in endpoint.parts if isinstance(part, AlivePart))
    return frozenset(times)


def _include(study: Study, dictionary: DataDictionary, values: pd.DataFrame, start: FlowStart) -> Chosen:
    """Apply the inclusion criteria in order; a case whose criterion is unknown is not included, and counted apart."""
    kept = np.ones(len(values), dtype=bool)
    out = np.zeros(len(values), dtype=bool)
    flow = [FlowStep("table", "rows of the table", start.rows, 0)]
    if start.cases < start.rows:
        flow.append(FlowStep("identity", "no case named, or a second row", start.cases, start.rows - start.cases))
    for number, criterion in enumerate(study.inclusion, start=1):
        answer = truth(criterion, values, dictionary)
        for mask, words in ((answer == 0, "not met"), (np.isnan(answer), "not known")):
            excluded = int((kept & mask).sum())
            kept = kept & ~mask
            if excluded or words == "not met":
                flow.append(FlowStep(f"inclusion {number}", f"{criterion.title}: {words}", int(kept.sum()), excluded))
        out = out | (answer == 0)
    return Chosen(kept, out, tuple(flow))


def _problems(found_in: Problems, cases: pd.DataFrame, out: BoolArray) -> dict[tuple[str, str], tuple[str, ...]]:
    """(problem, variable) to the cases that have it; a case that is out beyond doubt need not be mended."""
    found = {}
    for name, problems in found_in.items():
        for problem, rows in problems.items():
            hit = rows & ~out
            if hit.any():
                found[problem, name] = tuple(cases.loc[hit, "case_id"])
    return found


def _with_id(values: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """The coded frame with its case_id; the dictionary's own variable of that name gives way."""
    frame = values.reset_index(drop=True).drop(columns="case_id", errors="ignore")
    frame.insert(0, "case_id", cases["case_id"].to_numpy())
    return frame


def _assemble(facts: CohortFacts, chosen: Chosen, findings: tuple[Finding, ...], table_ids: tuple[str, ...]) -> Cohort:
    placed: npt.NDArray[np.bool_] = facts.cases["partition"].notna().to_numpy()
    flow = chosen.flow
    if not placed.all():
        flow = (*flow, FlowStep("partition", "in no partition", int(placed.sum()), int((~placed).sum())))
    cases = facts.cases.loc[placed, list(CASE_COLUMNS)].reset_index(drop=True)
    stored = _stored(facts.study, facts.dictionary)
    identified = cases[["case_id"]]
    variables = pd.concat([identified, _rows(facts.variables, placed)[stored]], axis=1, copy=False)
    facts.dictionary.schema(stored).validate(variables, inplace=True)  # it only looks: a copy would be as large again
    endpoints = facts.endpoints[facts.endpoints["case_id"].isin(cases["case_id"])].reset_index(drop=True)
    return Cohort(cases, variables, endpoints, flow, findings, table_ids)


def _stored(study: Study, dictionary: DataDictionary) -> list[str]:
    """The variables that leave the table: all but identifiers."""
    named = ("case_id", study.case_id, study.patient_id)
    return [variable.name for variable in dictionary if not (variable.is_identifier or variable.name in named)]
