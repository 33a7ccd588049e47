"""Cases shared out by patient: decided by patient ids and a seed alone, so that new cases move no others' order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from segmentation.errors import ImageRefusal
from segmentation.learning.training_case import TrainingCase

SHARES = (0.70, 0.15, 0.15)


@dataclass(frozen=True)
class Split:
    """Cases to learn from, to stop by, and to be judged by once at the end. No patient is in two of them."""

    learn: tuple[TrainingCase, ...]
    stop: tuple[TrainingCase, ...]
    judge: tuple[TrainingCase, ...]


def patient_folds(cases: Sequence[TrainingCase], folds: int, seed: int) -> list[tuple[TrainingCase, ...]]:
    """The cases in so many folds that are as equal in patients as can be. Raises ImageRefusal (`too_few_patients`)."""
    order = _shuffled(cases, seed)
    _check(len(order), folds)
    place = {patient: number % folds for number, patient in enumerate(order)}
    return [tuple(case for case in cases if place[case.patient] == fold) for fold in range(folds)]


def three_way(cases: Sequence[TrainingCase], seed: int) -> Split:
    """70 % of the patients to learn from, 15 % to stop by, 15 % to judge by; at least one each.

    Raises ImageRefusal (`too_few_patients`) below three patients.
    """
    order = _shuffled(cases, seed)
    _check(len(order), 3)
    stop, judge = (max(1, round(share * len(order))) for share in SHARES[1:])
    ends = {**dict.fromkeys(order, 0), **dict.fromkeys(order[:stop], 1), **dict.fromkeys(order[stop : stop + judge], 2)}
    parts = [tuple(case for case in cases if ends[case.patient] == part) for part in range(3)]
    return Split(*parts)


def _shuffled(cases: Sequence[TrainingCase], seed: int) -> list[str]:
    patients = {case.patient for case in cases}
    return sorted(patients, key=lambda name: hashlib.sha256(f"split:{seed}:{name}".encode()).digest())


def _check(patients: int, least: int) -> None:
    if patients < least or least < 2:
        raise ImageRefusal(
            "too_few_patients",
            "There are too few patients to share out.",
            expected=f"at least {max(2, least)}, one a part",
            found=str(patients),
            next_step="take fewer folds, or add cases",
        )
