"""Trials of a rung's params, judged fold by fold on training cases alone; hopeless ones end early.

Optuna proposes: tree-structured Parzen estimators (Bergstra, Bardenet, Bengio & Kegl 2011, Advances in Neural
Information Processing Systems 24; Akiba et al. 2019, doi:10.1145/3292500.3330701). A trial ends after a fold where the
best of its means so far lies below the median of the finished trials' means after the same fold (Golovin et al. 2017,
doi:10.1145/3097983.3098043). Every draw follows from the seed and the trials before it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from outcome.errors import DataRefusal
from outcome.models.linear import Params
from outcome.training.rungs import Rung
from outcome.training.search_space import SearchSettings, draw

if TYPE_CHECKING:
    import optuna

DONE, PRUNED, FAILED = "done", "pruned", "failed"
DRAWN_AT_RANDOM = 5  # trials before the estimators propose
NEVER_PRUNED = 3  # finished trials before a median means anything
SECONDS_A_MINUTE = 60.0

# (trial, params, step) -> the mean metric over the folds up to this step; NaN where a case got no score
Judge = Callable[[int, Params, int], float]


@dataclass(frozen=True)
class Trial:
    """Params that were tried. `means`: after each fold, the mean metric over the folds so far (see `Judge`).

    `ended`: done (all folds), pruned (hopeless after the last of `means`) or failed (a case got no score in the fold
    after them).
    """

    params: Params
    means: tuple[float, ...]
    ended: str

    def to_json(self) -> dict[str, Any]:
        return {"params": dict(self.params), "means": list(self.means), "ended": self.ended}


def run_trials(rung: Rung, search: SearchSettings, steps: int, judge: Judge, seed: int) -> tuple[Trial, ...]:
    """The trials of a rung in their order, each judged over so many folds; the rung's own grid comes first, unpruned.

    Trials that differ in nothing but `search.trials` begin alike. With `search.minutes` how many there are depends on
    the machine; the grid is always tried.
    """
    study, began = _study(seed), time.monotonic()
    trials: list[Trial] = []
    for number in range(max(search.trials, len(rung.grid))):
        own = number < len(rung.grid)
        if not own and search.minutes and time.monotonic() - began > search.minutes * SECONDS_A_MINUTE:
            break
        asked = study.ask()
        drawn = {} if own else draw(asked, rung.algorithm, search.space(rung.algorithm))
        params = rung.grid[number] if own else {**rung.grid[0], **drawn}
        trial = _tried(asked, params, steps, judge, prune=not own)
        _tell(study, asked, trial)
        trials.append(trial)
    return tuple(trials)


def best_of(trials: Sequence[Trial]) -> int:
    """The place of the finished trial of best mean; of equals the first. Raises DataRefusal where none finished."""
    finished = [number for number, trial in enumerate(trials) if trial.ended == DONE]
    if not finished:
        raise DataRefusal(
            "no trial of training.search gave every held-out case a score",
            expected="at least one trial that can be fitted",
            found=f"{len(trials)} trials that failed",
            next_step="leave training.search out, or search smaller learning rates",
        )
    return max(finished, key=lambda number: trials[number].means[-1])


def _study(seed: int) -> optuna.Study:
    import optuna  # takes a second to import

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=DRAWN_AT_RANDOM)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=NEVER_PRUNED)
    return optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)


def _tried(asked: optuna.Trial, params: Params, steps: int, judge: Judge, *, prune: bool) -> Trial:
    means: list[float] = []
    for step in range(steps):
        mean = judge(asked.number, params, step)
        if math.isnan(mean):
            return Trial(params, tuple(means), FAILED)
        means.append(mean)
        asked.report(mean, step)
        if prune and step < steps - 1 and asked.should_prune():
            return Trial(params, tuple(means), PRUNED)
    return Trial(params, tuple(means), DONE)


def _tell(study: optuna.Study, asked: optuna.Trial, trial: Trial) -> None:
    from optuna.trial import TrialState  # imported already

    if trial.ended == DONE:
        study.tell(asked, trial.means[-1])
    else:
        study.tell(asked, state=TrialState.PRUNED if trial.ended == PRUNED else TrialState.FAIL)
