"""Are these patients independent of those the model was learned from? Compared by salted hashes, without names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.bundle import Bundle
from outcome.errors import DataRefusal

FILE = "development_cases.json"


def salted_patients(patients: pd.Series, study: str) -> dict[str, Any]:
    """Hashes of the development patients for the bundle.

    The salt follows from the study's name: a random one would make two runs of the same work differ.
    """
    salt = hashlib.sha256(f"surgical-outcome:{study}".encode()).hexdigest()[:16]
    return {"salt": salt, "sha256": sorted({_hash(salt, str(patient)) for patient in patients})}


def with_patients(known: Mapping[str, Any], patients: pd.Series) -> dict[str, Any]:
    """A bundle's hashes with those of further patients it has learned from, under the same salt."""
    added = {_hash(known["salt"], str(patient)) for patient in patients}
    return {**known, "sha256": sorted({*known["sha256"], *added})}


def learned_from(bundle: Bundle, patients: pd.Series) -> npt.NDArray[np.bool_]:
    """Whether the bundle's models were learned from each of these patients, (n,)."""
    known = bundle.json(FILE)
    learned = set(known["sha256"])
    return np.array([_hash(known["salt"], str(patient)) in learned for patient in patients], dtype=bool)


def refuse_overlap(bundle: Bundle, cases: pd.DataFrame) -> None:
    """Refuse cases (case_id, patient_id) of patients the bundle's models were learned from. Raises DataRefusal."""
    overlap = cases.loc[learned_from(bundle, cases["patient_id"]), "case_id"]
    if len(overlap):
        raise DataRefusal(
            f"{len(overlap)} of {len(cases)} cases belong to patients the model was learned from",
            expected="independent patients",
            found=", ".join(overlap[:5]) + (" …" if len(overlap) > 5 else ""),
            next_step="name the independent cases with --partition; where two hospitals merely number their patients "
            "alike, put the hospital before the number",
        )


def _hash(salt: str, patient: str) -> str:
    return hashlib.sha256(f"{salt}:{patient}".encode()).hexdigest()
