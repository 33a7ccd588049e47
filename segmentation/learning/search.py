"""Which numbers of a plan do best on patients that are kept apart inside the training cases.

Optuna proposes (tree-structured Parzen estimators) and ends hopeless trials early by their checks. Every draw follows
from the plan's seed and the trial's number.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from segmentation.errors import ImageRefusal
from segmentation.learning.splits import patient_folds
from segmentation.learning.training import TrainingSetup, train
from segmentation.learning.training_case import TrainingCase
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


@dataclass(frozen=True)
class Trial:
    """What was tried, and the best score of its checks (nan where the training failed); `ended` says how."""

    number: int
    changes: dict[str, Any]
    score: float
    ended: str


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
    told: Callable[[Trial], None] = lambda _: None,
) -> Search:
    """Try so many variants of a plan on these cases; a fifth of the patients, always the same, judges.

    `cases` must be training cases alone: whoever is to judge the final model may not be among them. Raises
    ImageRefusal as `train`, `too_few_patients`, and `search_failed` where no trial could be trained.
    """
    import optuna  # takes a second to import

    optuna.logging.set_verbosity(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=max(1, plan.steps // 4))
        study = optuna.create_study(direction="maximize", pruner=pruner)
    held = patient_folds(cases, INNER_FOLDS, plan.seed)[0] if _patients(cases) >= INNER_FOLDS else None
    held = held or patient_folds(cases, 2, plan.seed)[0]
    learned = [case for case in cases if case not in held]
    done = []
    for number in range(trials):
        study.sampler = optuna.samplers.TPESampler(seed=_seed(plan, number), n_startup_trials=5)
        done.append(_try(study, number, plan, learned, TrainingSetup(device, held=tuple(held))))
        told(done[-1])
    best = max(done, key=lambda trial: -math.inf if math.isnan(trial.score) else trial.score)
    if math.isnan(best.score):
        step = "train the plan as it is, and mend what that says"
        raise ImageRefusal("search_failed", "No trial could be trained.", expected="one", found="none", next_step=step)
    return Search(replace(plan, **best.changes), tuple(done))


def _try(
    study: optuna.Study, number: int, plan: SegmenterPlan, learned: Sequence[TrainingCase], setup: TrainingSetup
) -> Trial:
    import optuna  # imported already

    trial = study.ask()
    changes = _proposed(trial, plan) if number else {}
    best = [math.nan]

    def judged(step: int, score: float) -> None:
        best[0] = score if math.isnan(best[0]) else max(best[0], score)
        trial.report(score, step)
        if number and trial.should_prune():
            raise optuna.TrialPruned

    try:
        train(learned, replace(plan, **changes), replace(setup, judged=judged))
    except optuna.TrialPruned:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        return Trial(number, changes, best[0], "stopped early")
    except ImageRefusal as error:
        if number == 0:
            raise  # what is wrong with the plan itself, or with the cases
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return Trial(number, changes, math.nan, error.code)
    study.tell(trial, best[0])
    return Trial(number, changes, best[0], "done")


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
