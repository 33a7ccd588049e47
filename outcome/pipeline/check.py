"""`outcome check`: every problem of table, dictionary, images and masks at once. Reads only; writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from outcome.cases import inspect_case
from outcome.cohort.build import build_cohort
from outcome.cohort.endpoints import endpoint_target
from outcome.cohort.inputs import case_inputs, input_findings
from outcome.cohort.types import Cohort, FlowStep
from outcome.config import Study
from outcome.dictionary import DataDictionary
from outcome.executor import Workers, map_cases
from outcome.pipeline.inputs import recipe_of
from outcome.pipeline.stage import Progress, no_progress
from outcome.sources.tables import read_table
from outcome.types import CaseInput, EndpointKind, Finding, Level, Recipe


@dataclass(frozen=True)
class Checked:
    """What was found, and how many cases are left after each step of selection."""

    findings: tuple[Finding, ...]
    flow: tuple[FlowStep, ...]
    n_cases: int
    endpoints: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "n_cases": self.n_cases,
            "endpoints": list(self.endpoints),
            "findings": [finding.to_json() for finding in self.findings],
            "flow": [step.to_json() for step in self.flow],
        }


def check_study(study: Study, workers: Workers, progress: Progress = no_progress) -> Checked:
    """Check a study's table, dictionary, images and masks (every mask is read whole).

    Raises ConfigRefusal or DataRefusal where there is nothing to check: no dictionary, no readable table.
    """
    dictionary = DataDictionary.load(study.dictionary)
    cohort = build_cohort(study, dictionary, read_table(study.table, study.root))
    inputs = case_inputs(study, cohort.cases["case_id"])
    findings = [*cohort.findings, *input_findings(study, inputs, cohort.table_case_ids)]
    findings += image_findings(study, list(inputs.values()), workers, progress)
    return Checked(tuple(findings), cohort.flow, len(cohort.cases), tuple(endpoint_counts(study, cohort)))


def endpoint_counts(study: Study, cohort: Cohort) -> Iterator[dict[str, Any]]:
    """Known outcomes and events of every endpoint in every partition: what there is to learn from."""
    for part in study.partitions:
        ids = cohort.cases.loc[cohort.cases["partition"] == part, "case_id"].tolist()
        for name, endpoint in study.endpoints.items():
            target = endpoint_target(cohort.endpoints, name, EndpointKind(endpoint.kind), ids)
            known = target.take(target.known)
            yield {"partition": part, "endpoint": name, "n": len(known), "n_events": known.n_events}


def image_findings(
    study: Study, inputs: list[CaseInput], workers: Workers, progress: Progress = no_progress
) -> list[Finding]:
    """What is wrong with the cases' image and mask files, one finding a kind of problem."""
    recipe = recipe_of(study)
    given = [case for case in inputs if case.mask is not None]
    if recipe is None or not given:
        return []
    found: list[Finding] = []
    for number, done in enumerate(map_cases(workers, partial(_inspect, recipe), given), start=1):
        if done.error is not None:
            found.append(Finding("unreadable", Level.REJECT, str(done.error), (done.item.case_id,)))
        found.extend(done.value or [])
        progress("check", number, len(given))
    return grouped(found)


def _inspect(recipe: Recipe, case: CaseInput) -> list[Finding]:
    return inspect_case(case, recipe, look_inside=True)


def grouped(findings: list[Finding]) -> list[Finding]:
    """Findings of the same code and level as one, with all their cases and the first one's words."""
    groups: dict[tuple[str, Level], list[Finding]] = {}
    for finding in sorted(findings, key=lambda f: f.case_ids):
        groups.setdefault((finding.code, finding.level), []).append(finding)
    return [
        Finding(code, level, _words(members), tuple(dict.fromkeys(case for f in members for case in f.case_ids)))
        for (code, level), members in groups.items()
    ]


def _words(members: list[Finding]) -> str:
    first = members[0].message
    same = all(finding.message == first for finding in members)
    return first if same else f"{first} (and {len(members) - 1} more of this kind, in other words)"
