"""Stage `cohort`: from the hospital's table to coded, checked and selected cases with their endpoints and files.

A case whose record is impossible is left out and named (exit code 4); a fault of the table itself, or of more than a
fifth of the cases, refuses the whole (exit code 3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.bundle import Bundle
from outcome.cohort.build import build_cohort
from outcome.cohort.inputs import case_inputs, input_findings, refuse_unreadable_sequences
from outcome.cohort.types import Cohort, FlowStep, refuse_rejects
from outcome.config import Study
from outcome.dictionary import DataDictionary
from outcome.errors import DataRefusal
from outcome.pipeline.agreement import Agreed, agree
from outcome.pipeline.overlap import refuse_overlap
from outcome.pipeline.recipe import foreign_bundle
from outcome.pipeline.stage import Made, Run, StageResult, Work, perform
from outcome.recipe import CaseInput
from outcome.sources.compact import cells
from outcome.sources.tables import read_record
from outcome.store import digest, file_digest, write_json, write_parquet, write_text
from outcome.types import Finding, Level

STAGE = "cohort"
MOST_LEFT_OUT = 0.2
_WHOLE_TABLE = ("partitions_overlap", "patient_in_two_partitions")
_NOT_OURS = (
    "training", "radiomics", "subgroups", "crossed", "comparator", "scores", "readers", "readers_are",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Selected:
    """The cohort as it will be used, its files, all findings, and the cases left out for an impossible record."""

    cohort: Cohort
    inputs: dict[str, CaseInput]
    findings: tuple[Finding, ...]
    left_out: dict[str, str]


def run_cohort(run: Run) -> StageResult:
    """Make the cohort stage of a study."""
    study = run.study
    reading = read_record(study.table, study.root, DataDictionary.load(study.dictionary))
    noticed, digest_of_table = reading.findings, _table_digest(study, reading.table)
    bundle = foreign_bundle(run)
    agreed = study_dictionary(study, bundle)
    selected = select(study, agreed.dictionary, reading.table)
    del reading  # the table may be the largest thing in memory
    if bundle is None:
        refuse_unreadable_sequences(study, selected.inputs)  # under a bundle a hospital may lack any of its sequences
    else:
        refuse_overlap(bundle, selected.cohort.cases)
        selected = replace(selected, findings=(*agreed.findings, *selected.findings))
    selected = replace(selected, findings=(*noticed, *selected.findings))
    files = {case: _relative(case_input, study) for case, case_input in selected.inputs.items()}
    config = {name: value for name, value in study.resolved().items() if name not in _NOT_OURS}
    inputs = {
        "table": digest_of_table,
        "dictionary": digest(agreed.dictionary.to_csv()),
        "files": digest(files),
        **({} if study.table.mapping is None else {"mapping": file_digest(study.table.mapping)}),
        **({} if bundle is None else {"bundle": bundle.id}),
    }
    work = Work(STAGE, config, inputs)
    return perform(run, work, lambda folder: _write(folder, selected, agreed.dictionary, files, config))


def study_dictionary(study: Study, bundle: Bundle | None) -> Agreed:
    """The study's own dictionary; with a foreign bundle, as the bundle means it."""
    own = DataDictionary.load(study.dictionary)
    return Agreed(own, ()) if bundle is None else agree(bundle, study, own)


def select(study: Study, dictionary: DataDictionary, table: pd.DataFrame) -> Selected:
    """The cohort without the cases whose record is impossible.

    Raises DataRefusal, listing every reason, where the table itself is at fault or too many cases are.
    """
    cohort = build_cohort(study, dictionary, table)
    left_out = impossible_cases(cohort)
    known = set(cohort.cases["case_id"])
    kept = sorted(known - set(left_out))
    named = {case: reason for case, reason in left_out.items() if case in known}
    serious = [f for f in cohort.rejects if not f.case_ids or f.code in _WHOLE_TABLE]
    if serious or len(named) > MOST_LEFT_OUT * max(1, len(known)):
        refuse_rejects(cohort.findings)
    if not kept:
        raise DataRefusal("no case is left", found=f"{len(table)} rows", next_step="outcome check STUDY.yaml")
    inputs = case_inputs(study, kept)
    findings = (*cohort.findings, *input_findings(study, inputs, cohort.table_case_ids))
    return Selected(_without(cohort, named), inputs, findings, left_out)


def impossible_cases(cohort: Cohort) -> dict[str, str]:
    """Every case that a finding of level reject names, with all its reasons."""
    reasons: dict[str, list[str]] = {}
    for finding in cohort.rejects:
        if finding.code not in _WHOLE_TABLE:
            for case in finding.case_ids:
                reasons.setdefault(case, []).append(f"{finding.code}: {finding.message}")
    return {case: "; ".join(texts) for case, texts in sorted(reasons.items())}


def _without(cohort: Cohort, left_out: dict[str, str]) -> Cohort:
    if not left_out:
        return cohort

    def kept(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[~frame["case_id"].isin(left_out)].reset_index(drop=True)

    cases = kept(cohort.cases)
    flow = (*cohort.flow, FlowStep("check", "impossible or contradictory record", len(cases), len(left_out)))
    variables, endpoints = kept(cohort.variables), kept(cohort.endpoints)
    return replace(cohort, cases=cases, variables=variables, endpoints=endpoints, flow=flow)


def _write(
    folder: Path, selected: Selected, dictionary: DataDictionary, files: dict[str, Any], config: dict[str, Any]
) -> Made:
    cohort = selected.cohort
    write_parquet(folder / "cases.parquet", cohort.cases)
    write_parquet(folder / "variables.parquet", cohort.variables)
    write_parquet(folder / "endpoints.parquet", cohort.endpoints)
    write_json(folder / "inputs.json", files)
    write_json(folder / "flow.json", [step.to_json() for step in cohort.flow])
    write_json(folder / "findings.json", [finding.to_json() for finding in selected.findings])
    write_json(folder / "study.json", config)
    write_text(folder / "dictionary.csv", dictionary.to_csv())
    levels = {level.value: sum(finding.level is level for finding in selected.findings) for level in Level}
    counts = {"cases": len(cohort.cases), **{f"findings_{name}": n for name, n in levels.items()}}
    return Made(counts, selected.left_out)


def _table_digest(study: Study, table: pd.DataFrame) -> str:
    """The hash of the table file, or of what a query or a health record gave."""
    if study.table.path and study.table.mapping is None:
        return file_digest(study.root / study.table.path)
    return digest({str(name): [str(cell) for cell in cells(table[name])] for name in table.columns})


def _relative(case: CaseInput, study: Study) -> dict[str, Any]:
    def inside(path: Path) -> str:
        return path.relative_to(study.root).as_posix()

    images = {name: inside(case.images[name]) if name in case.images else None for name in study.images}
    others = study.mask.others if study.mask else {}
    masks = {name: inside(case.masks[name]) if name in case.masks else None for name in others}
    return {"images": images, "mask": inside(case.mask) if case.mask else None, "masks": masks}
