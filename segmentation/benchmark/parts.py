"""Which cases are learned from and which judge: by patient, the same for every model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segmentation.benchmark.config import SplitRule
from segmentation.errors import ImageRefusal
from segmentation.learning.splits import patient_folds
from segmentation.learning.training_case import TrainingCase

Cases = tuple[TrainingCase, ...]


@dataclass(frozen=True)
class Part:
    """One fold (0 where there is one alone): no patient is on both sides."""

    fold: int
    learn: Cases
    test: Cases


def parts_of(cases: Sequence[TrainingCase], rule: SplitRule) -> list[Part]:
    """The parts by rule; file order is the order of `cases`. Raises ImageRefusal (`too_few_patients`)."""
    if rule.folds:
        folds = patient_folds(cases, rule.folds, rule.seed)
        held = [{case.patient for case in fold} for fold in folds]
        return [_part(number, cases, names, rule) for number, names in enumerate(held, start=1)]
    return [_part(0, cases, _held_out(cases, rule), rule)]


def _held_out(cases: Sequence[TrainingCase], rule: SplitRule) -> set[str]:
    patients = _patients(cases)
    if rule.last:
        return set(patients[-rule.last :])
    if rule.every:
        return set(patients[rule.every - 1 :: rule.every])
    # Folds of one patient each come in the seed's order.
    order = [fold[0].patient for fold in patient_folds(cases, len(patients), rule.seed)]
    return set(order[: max(1, round(len(order) * rule.share))])


def _part(fold: int, cases: Sequence[TrainingCase], held: set[str], rule: SplitRule) -> Part:
    learn = [case for case in cases if case.patient not in held]
    test = [case for case in cases if case.patient in held]
    if not learn or not test:
        found = f"{len(_patients(learn))} to learn from, {len(_patients(test))} to judge by"
        raise ImageRefusal(
            "too_few_patients", "The split leaves one side empty.", expected="patients on both", found=found,
            next_step="change the split of this data set",
        )  # fmt: skip
    return Part(fold, _first(learn, rule.learn), _first(test, rule.test))


def _first(cases: Sequence[TrainingCase], patients: int) -> Cases:
    names = set(_patients(cases)[: patients or None])
    return tuple(case for case in cases if case.patient in names)


def _patients(cases: Sequence[TrainingCase]) -> list[str]:
    return list(dict.fromkeys(case.patient for case in cases))
