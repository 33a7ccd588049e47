"""Which numbers of a plan do best on patients that are kept apart inside the training cases.

Optuna proposes (tree-structured Parzen estimators) and ends hopeless trials early by their checks. Every draw follows
from the plan's seed, the trial's number and the trials before it: so a shorter search is the beginning of a longer one,
and a killed one goes on.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segmentation.errors import ImageRefusal
from segmentation.learning.splits import patient_folds
from segmentation.learning.training import TrainingSetup, train
from segmentation.learning.training_case import TrainingCase
from segmentation.learning.trials import (
    DONE,
    STOPPED,
    Course,
    Trial,
    read_courses,
    refuse_trials,
    work_of,
    write_courses,
)
from segmentation.networks import NETWORKS
from segmentation.planning.plan import SegmenterPlan

if TYPE_CHECKING:
    import optuna

INNER_FOLDS = 5  # one of them judges
_SEARCHED_LOSSES = ("dice_and_cross_entropy", "dice", "focal")
_SEARCHED_OPTIMIZERS = ("adamw", "sgd")
_RATES = {"adamw": (3e-4, 1e-2), "sgd": (3e-3, 1e-1)}
_WEIGHT_DECAY = (1e-6, 1e-2)
_AVERAGED = (0.0, 0.99, 0.999)
_PASSING = ("too_large",)  # not of the variant: the same trial may find its memory another time


@dataclass(frozen=True)
class Search:
    """The best plan and every trial in its order. The first trial is the plan as given."""

    plan: SegmenterPlan
    trials: tuple[Trial, ...]


def search(
    cases: Sequence[TrainingCase],
    plan: SegmenterPlan,
    trials: int,
    *,
    device: str = "cpu",
    told: Callable[[Trial, bool], None] = lambda *_: None,
    record: Path | None = None,
) -> Search:
    """Try so many variants of a plan on these cases; a fifth of the patients, always the same, judges.

    `cases` must be training cases alone: whoever is to judge the final model may not be among them. `told` hears of
    each trial, and whether it was done before; what it raises ends the search. `record` is a file that every trial is
    written to as it ends and that the search goes on from; it is left in place, for more trials later.

    Raises ImageRefusal as `train` and `read_courses`, `too_few_patients`, `too_large` where a trial finds too little
    memory (it is not written: the search goes on with it), and `search_failed` where no trial could be trained.
    """
    held = _judges(cases, plan)
    work = work_of(cases, plan, held) if record else ""
    before = read_courses(record, work) if record else []
    learned = [case for case in cases if case not in held]
    attempts = _Attempts(_study(plan), plan, learned, TrainingSetup(device, held=held))
    courses: list[Course] = []
    for number in range(trials):
        known = before[number] if number < len(before) else None
        course = attempts.next(known, record)
        courses.append(course)
        if record and known is None:
            write_courses(record, work, courses)
        told(course.trial(number), known is not None)
    return _best(plan, [course.trial(number) for number, course in enumerate(courses)])


def _best(plan: SegmenterPlan, done: list[Trial]) -> Search:
    best = max(done, key=lambda trial: -math.inf if math.isnan(trial.score) else trial.score)
    if math.isnan(best.score):
        step = "train the plan as it is, and mend what that says"
        raise ImageRefusal("search_failed", "No trial could be trained.", expected="one", found="none", next_step=step)
    return Search(replace(plan, **best.changes), tuple(done))


def _judges(cases: Sequence[TrainingCase], plan: SegmenterPlan) -> tuple[TrainingCase, ...]:
    held = patient_folds(cases, INNER_FOLDS, plan.seed)[0] if _patients(cases) >= INNER_FOLDS else None
    return tuple(held or patient_folds(cases, 2, plan.seed)[0])


def _study(plan: SegmenterPlan) -> optuna.Study:
    import optuna  # takes a second to import

    optuna.logging.set_verbosity(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=max(1, plan.steps // 4))
        return optuna.create_study(direction="maximize", pruner=pruner)


@dataclass(frozen=True, eq=False)
class _Attempts:
    """One trial after the other; the study grows the same way by one trained now and one done before."""

    study: optuna.Study
    plan: SegmenterPlan
    learned: Sequence[TrainingCase]
    setup: TrainingSetup

    def next(self, known: Course | None, record: Path | None) -> Course:
        """The next trial: trained, or as it was. Raises ImageRefusal (`trials_mismatch`) where that was another."""
        import optuna  # imported already

        number = len(self.study.get_trials(deepcopy=False))
        self.study.sampler = optuna.samplers.TPESampler(seed=_seed(self.plan, number), n_startup_trials=5)
        asked = self.study.ask()
        changes = _proposed(asked, self.plan) if number else {}
        course = self._again(asked, changes, known, record) if known and record else self._trained(asked, changes)
        self._close(asked, course)
        return course

    def _again(self, asked: optuna.Trial, changes: dict[str, Any], known: Course, record: Path) -> Course:
        if known.changes != changes:
            found = f"another variant in trial {asked.number}, from another version of the program or of Optuna"
            raise refuse_trials("mismatch", record, "that this search proposes", found)
        for step, score in known.checks:
            asked.report(score, step)
        return replace(known, changes=changes)  # in the order in which they are proposed

    def _trained(self, asked: optuna.Trial, changes: dict[str, Any]) -> Course:
        import optuna  # imported already

        checks: list[tuple[int, float]] = []

        def judged(step: int, score: float) -> None:
            checks.append((step, score))
            asked.report(score, step)
            if asked.number and asked.should_prune():
                raise optuna.TrialPruned

        ended = DONE
        try:
            train(self.learned, replace(self.plan, **changes), replace(self.setup, judged=judged))
        except optuna.TrialPruned:
            ended = STOPPED
        except ImageRefusal as error:
            if asked.number == 0 or error.code in _PASSING:
                raise  # what is wrong with the plan itself, with the cases, or with the machine
            ended = error.code
        return Course(changes, ended, tuple(checks))

    def _close(self, asked: optuna.Trial, course: Course) -> None:
        import optuna  # imported already

        score, states = course.trial(asked.number).score, optuna.trial.TrialState
        if course.ended == DONE and not math.isnan(score):
            self.study.tell(asked, score)
        else:
            self.study.tell(asked, state=states.PRUNED if course.ended == STOPPED else states.FAIL)


def _proposed(trial: optuna.Trial, plan: SegmenterPlan) -> dict[str, Any]:
    optimizer = trial.suggest_categorical("optimizer", _SEARCHED_OPTIMIZERS)
    low, high = _RATES[optimizer]
    changes = {
        "optimizer": optimizer,
        "learning_rate": trial.suggest_float(f"learning_rate_{optimizer}", low, high, log=True),
        "weight_decay": trial.suggest_float("weight_decay", *_WEIGHT_DECAY, log=True),
        "schedule": trial.suggest_categorical("schedule", ("cosine", "polynomial")),
        "ema": trial.suggest_categorical("ema", _AVERAGED),
    }
    if not plan.own_loss:
        changes["loss"] = trial.suggest_categorical("loss", _SEARCHED_LOSSES)
    if NETWORKS[plan.network].deep_supervision:
        changes["deep_supervision"] = trial.suggest_categorical("deep_supervision", (False, True))
    return changes


def _patients(cases: Sequence[TrainingCase]) -> int:
    return len({case.patient for case in cases})


def _seed(plan: SegmenterPlan, number: int) -> int:
    return int(np.random.default_rng([plan.seed, number]).integers(2**32))
