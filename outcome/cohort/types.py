"""The cohort as one object, in the form the store keeps it (docs/store.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from outcome.errors import DataRefusal
from outcome.types import Finding, Level

CASE_COLUMNS = ("case_id", "patient_id", "site", "partition")
ENDPOINT_COLUMNS = ("case_id", "endpoint", "value", "time_days", "event")


@dataclass(frozen=True)
class FlowStep:
    """One step of the participant flow: how many cases it took out, how many are left, and why."""

    step: str
    reason: str
    n_left: int
    n_excluded: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Cohort:
    """The study's cases, sorted by case_id, with everything known about them from the table.

    `cases`: CASE_COLUMNS. `variables`: case_id and one column a dictionary variable (no identifiers), float64 or
    str, NaN/None missing. `endpoints`: ENDPOINT_COLUMNS, long. `table_case_ids`: every case the table names, the
    excluded ones too.
    """

    cases: pd.DataFrame
    variables: pd.DataFrame
    endpoints: pd.DataFrame
    flow: tuple[FlowStep, ...]
    findings: tuple[Finding, ...]
    table_case_ids: tuple[str, ...]

    @property
    def rejects(self) -> tuple[Finding, ...]:
        """The findings for which the data must be mended before anything is computed."""
        return tuple(finding for finding in self.findings if finding.level is Level.REJECT)


def refuse_rejects(findings: Sequence[Finding]) -> None:
    """Raise DataRefusal that lists every finding of level reject; do nothing where there is none."""
    rejects = [finding for finding in findings if finding.level is Level.REJECT]
    if rejects:
        raise DataRefusal(
            f"the data are refused for {len(rejects)} reason(s)",
            found="\n    ".join(f"{finding.code}: {finding.message}{_named(finding)}" for finding in rejects),
            next_step="mend the table or the dictionary; `outcome check STUDY.yaml` lists every finding",
        )


def _named(finding: Finding, limit: int = 5) -> str:
    if not finding.case_ids:
        return ""
    more = f" and {len(finding.case_ids) - limit} more" if len(finding.case_ids) > limit else ""
    return f" [{', '.join(finding.case_ids[:limit])}{more}]"
