"""Which partition does each case belong to, and do the partitions keep patients apart?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.cohort.criteria import all_of, truth
from outcome.config import Study
from outcome.dictionary import DataDictionary
from outcome.types import BoolArray, Finding, Level


def memberships(study: Study, dictionary: DataDictionary, variables: pd.DataFrame) -> dict[str, BoolArray]:
    """For each partition which rows belong to it, shape (n,); a case with an unknown condition does not."""
    members = {}
    for name, partition in study.partitions.items():
        answers = [truth(condition, variables, dictionary) for condition in partition.where]
        members[name] = all_of(answers) == 1 if answers else np.ones(len(variables), dtype=bool)
    return members


def assign(members: dict[str, BoolArray], n: int) -> npt.NDArray[np.object_]:
    """Each row's partition (the first that claims it), None where none does."""
    assigned = np.full(n, None, dtype=object)
    for name, inside in reversed(members.items()):
        assigned[inside] = name
    return assigned


def partition_findings(study: Study, cases: pd.DataFrame, members: dict[str, BoolArray]) -> list[Finding]:
    """Overlapping or empty partitions, and patients who stand in two of them."""
    return [*_overlaps(cases, members), *_empty(study, members), *_shared_patients(cases)]


def _overlaps(cases: pd.DataFrame, members: dict[str, BoolArray]) -> list[Finding]:
    claimed = np.sum(list(members.values()), axis=0) > 1
    if not claimed.any():
        return []
    message = f"{int(claimed.sum())} case(s) belong to more than one partition; make their `where` exclude each other"
    return [Finding("partitions_overlap", Level.REJECT, message, tuple(cases.loc[claimed, "case_id"]))]


def _empty(study: Study, members: dict[str, BoolArray]) -> list[Finding]:
    findings = []
    for name, inside in members.items():
        if not inside.any():
            learned = study.partitions[name].relation == "development"
            level = Level.REJECT if learned else Level.REVIEW
            findings.append(
                Finding("empty_partition", level, f"no case belongs to partition {name!r}; check its `where`")
            )
    return findings


def _shared_patients(cases: pd.DataFrame) -> list[Finding]:
    placed = cases[cases["partition"].notna()]
    spread = placed.groupby("patient_id")["partition"].transform("nunique") > 1
    if not spread.any():
        return []
    patients = placed.loc[spread, "patient_id"].nunique()
    message = (
        f"{patients} patient(s) have cases in two partitions: a model would be tested on people it has seen; "
        "keep all cases of a patient in one partition"
    )
    return [Finding("patient_in_two_partitions", Level.REJECT, message, tuple(placed.loc[spread, "case_id"]))]
