"""Who learns to draw masks from whom: folds by patient, one network for each fold and one for all other cases.

Folds follow from the development patients' identifiers and the seed alone: no image, mask or outcome moves a patient.
A case that a network draws was never among those the network learned from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from outcome.config import Study
from outcome.errors import ConfigRefusal

FINAL = "final"
DEVELOPMENT = "development"
LEAST_CASES = 2  # one to learn from and one to see when to stop


@dataclass(frozen=True)
class Learners:
    """The development cases that a network can learn from, by their fold and in the order they are chosen in."""

    folds: Mapping[str, int]

    @property
    def usable(self) -> tuple[str, ...]:
        return tuple(self.folds)

    def taught(self, fold: int | None, at_most: int | None) -> list[str]:
        """The cases a network learns from: those of all folds but one; of all folds for None."""
        others = [case_id for case_id in self.usable if self.folds[case_id] != fold]
        return sorted(others[:at_most])

    def lessons(self, at_most: int | None) -> dict[str, list[str]]:
        """The cases behind every network by its name: one for each fold with usable cases, and the final one."""
        folds = {f"fold {fold}": self.taught(fold, at_most) for fold in sorted(set(self.folds.values()))}
        return {**folds, FINAL: self.taught(None, at_most)}

    def drawn_by(self, case_id: str) -> str:
        """The network that draws a case: the one that did not learn from its patient's fold, else the final one."""
        return f"fold {self.folds[case_id]}" if case_id in self.folds else FINAL


def development_patients(study: Study, cases: pd.DataFrame) -> dict[str, str]:
    """The patient of every case (case_id, patient_id, partition) that networks may learn from."""
    names = [name for name, part in study.partitions.items() if part.relation == DEVELOPMENT]
    rows = cases[cases["partition"].isin(names)]
    return dict(sorted(zip(rows["case_id"].astype(str), rows["patient_id"].astype(str), strict=True)))


def patient_order(patients: Iterable[str], seed: int) -> dict[str, int]:
    """The place of every patient in an order that only identifiers and the seed decide."""
    ordered = sorted(set(patients), key=lambda patient: hashlib.sha256(f"{seed}:{patient}".encode()).hexdigest())
    return {patient: place for place, patient in enumerate(ordered)}


def learners(patients: Mapping[str, str], usable: Iterable[str], folds: int, seed: int) -> Learners:
    """The usable ones of the development cases in folds by patient, numbered from 1.

    `patients` is the patient of each development case: all of them are dealt to the folds, usable or not, so that
    images and masks move nobody.
    """
    place = patient_order(patients.values(), seed)
    chosen = sorted(set(usable) & set(patients), key=lambda case_id: (place[patients[case_id]], case_id))
    return Learners({case_id: place[patients[case_id]] % folds + 1 for case_id in chosen})


def refuse_too_few(found: Learners, folds: int, given: int) -> None:
    """Two cases a fold are the least from which masks can be learned and cross-fitted.

    `given` is how many development cases have an image and a given mask. Raises ConfigRefusal.
    """
    fewest = min((len(cases) for cases in found.lessons(None).values()), default=0)
    if len(found.usable) >= 2 * folds and fewest >= LEAST_CASES:
        return
    what = "too few development cases have a usable mask" if given else "no development case has a given mask"
    raise ConfigRefusal(
        f"segmenter: {what} to learn from",
        expected=f"at least {2 * folds} cases with image and given mask ({folds} folds, of several patients)",
        found=f"{len(found.usable)} usable of {given} given",
        next_step="hand over more masks, lower segmenter.folds, or leave segmenter out and use given masks",
    )
