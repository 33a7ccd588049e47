"""`outcome check`: every problem of table, dictionary, images and masks at once. Reads only; writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from outcome.cases import inspect_case
from outcome.cohort.build import build_cohort
from outcome.cohort.endpoints import endpoint_target
from outcome.cohort.inputs import case_inputs, input_findings
from outcome.cohort.types import Cohort, FlowStep
from outcome.config import Study
from outcome.dictionary import DataDictionary
from outcome.errors import ConfigRefusal
from outcome.executor import Workers, map_cases, reason
from outcome.pipeline.event_check import event_findings
from outcome.pipeline.inputs import recipe_of
from outcome.pipeline.masks.finished_model import refuse_model
from outcome.pipeline.masks.folds import development_patients, learners, refuse_too_few
from outcome.pipeline.stage import Progress, no_progress
from outcome.recipe import CaseInput, Recipe
from outcome.sources.tables import read_record
from outcome.types import EndpointKind, Finding, Level


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
    reading = read_record(study.table, study.root, dictionary)
    cohort = build_cohort(study, dictionary, reading.table)
    inputs = case_inputs(study, cohort.cases["case_id"])
    findings = [*reading.findings, *cohort.findings, *input_findings(study, inputs, cohort.table_case_ids)]
    findings += image_findings(study, list(inputs.values()), workers, progress)
    findings += lesson_findings(study, cohort, inputs, findings)
    findings += event_findings(study, cohort)
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
    drawn = study.segmenter is not None
    inspect = _inspect_drawn if drawn else _inspect
    given = [case for case in inputs if case.mask is not None or (drawn and case.images)]
    if recipe is None or not given:
        return []
    found: list[Finding] = []
    for number, done in enumerate(map_cases(workers, partial(inspect, recipe), given), start=1):
        if done.error is not None:
            found.append(Finding("unreadable", Level.REJECT, reason(done.error), (done.item.case_id,)))
        found.extend(done.value or [])
        progress("check", number, len(given))
    return grouped(found)


def _inspect(recipe: Recipe, case: CaseInput) -> list[Finding]:
    return inspect_case(case, recipe, look_inside=True)


def _inspect_drawn(recipe: Recipe, case: CaseInput) -> list[Finding]:
    """Where a network draws the masks a faulty given mask takes no case out: nothing is learned from it."""
    without = inspect_case(replace(case, mask=None, masks={}), recipe)
    on_images = [finding for finding in without if finding.code != "missing_mask"]
    if case.mask is None:
        return on_images
    on_mask = [finding for finding in _inspect(recipe, case) if finding not in without]
    return [*on_images, *(_only_compared(finding) for finding in on_mask)]


def _only_compared(finding: Finding) -> Finding:
    if finding.level is not Level.REJECT:
        return finding
    words = f"given mask, from which nothing is learned: {finding.message}"
    return replace(finding, code=f"given_{finding.code}", level=Level.REVIEW, message=words)


def lesson_findings(
    study: Study, cohort: Cohort, inputs: Mapping[str, CaseInput], findings: Iterable[Finding]
) -> list[Finding]:
    """Whether there are masks enough to learn from; nothing where masks are handed over."""
    if study.segmenter is None or study.mask is None:
        return []
    if study.segmenter.model is not None:
        return _model_findings(study, study.segmenter.model)
    patients = development_patients(study, cohort.cases)
    offered = [case for case in patients if inputs[case].mask and study.mask.on in inputs[case].images]
    faulty = {case for f in findings if f.code.startswith("given_") or f.level is Level.REJECT for case in f.case_ids}
    folds = study.segmenter.folds
    found = learners(patients, set(offered) - faulty, folds, study.training.seed)
    try:
        refuse_too_few(found, folds, len(offered))
    except ConfigRefusal as error:
        return [Finding("too_few_masks_to_learn_from", Level.REJECT, str(error))]
    return []


def _model_findings(study: Study, file: Path) -> list[Finding]:
    """Why a finished model cannot draw this study's masks; nothing where it can."""
    recipe = recipe_of(study)
    try:
        if recipe is not None:
            refuse_model(file, recipe)
    except ConfigRefusal as error:
        return [Finding("model_not_usable", Level.REJECT, str(error))]
    return []


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
