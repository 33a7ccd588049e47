"""What a reader of the numbers must not miss: cases and models that failed on the way, and patients counted twice."""

from __future__ import annotations

import pandas as pd

from outcome.pipeline.internal_external import WITHOUT
from outcome.pipeline.outer_repeats import AGAIN
from outcome.pipeline.stage import Run
from outcome.store import MANIFEST, read_json
from outcome.types import Finding, Level


def failed_cases(run: Run) -> list[Finding]:
    """Cases whose mask or image failed: they stay in every number, with those measurements taken as missing."""
    findings = []
    for stage in ("segment", "radiomics", "features"):
        failed = tuple(sorted(read_json(run.store.stage(stage) / MANIFEST)["failed"]))
        if failed:
            words = f"{len(failed)} case(s) failed in {stage}; their measurements are taken as missing"
            findings.append(Finding("case_failed", Level.REVIEW, words, failed))
    return findings


def repeated_patients(cases: pd.DataFrame) -> list[Finding]:
    """Whether intervals are too narrow: they take cases as independent, and a patient's own cases are not."""
    repeats = len(cases) - cases["patient_id"].nunique()
    if not repeats:
        return []
    words = f"{repeats} case(s) are further cases of a patient; intervals take cases as independent and are too narrow"
    return [Finding("repeated_patients", Level.REVIEW, words)]


def failed_units(run: Run, endpoint: str) -> dict[str, str]:
    """The input sets of an endpoint whose training failed here, with the reason; a reader must not just miss them."""
    path = run.store.stage("train") / MANIFEST
    failed = read_json(path)["failed"] if path.exists() else {}
    failed = {unit: reason for unit, reason in failed.items() if WITHOUT not in unit and AGAIN not in unit}
    return {
        unit.rpartition(".")[2]: f"training failed: {reason}"
        for unit, reason in failed.items()
        if unit.rpartition(".")[0] == endpoint
    }
