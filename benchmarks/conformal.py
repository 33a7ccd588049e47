"""Do sets, intervals and lower bounds hold for new patients what they promise, after the training of the program?

python -m benchmarks.conformal --seeds 20

A unit is trained on `--cases` simulated patients (five predictors, ridge, nested cross-validation); what it promises
comes from its out-of-fold predictions, and is tried by the final model on `--test` further patients. The models
are wrong: beside linear effects the absolute value of one predictor counts. Stays are log-normal; times are Weibull,
and a quarter of them censored before the event. Bounds are compared with the true times, and with what can be
known of these under the same censoring.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from outcome.evaluation.shift.conformal import LEVELS, conformal_quantiles, held_in_interval, held_in_set
from outcome.evaluation.shift.survival_bound import bound_coverage
from outcome.features.columns import FeatureColumn
from outcome.pipeline.reference.out_of_fold_summary import chosen_rows
from outcome.pipeline.reference.survival_bounds import survival_bound_levels, survival_bounds
from outcome.training.procedure import Prediction
from outcome.training.settings import TrainingSettings
from outcome.training.unit import TrainedUnit, train_unit
from outcome.types import EndpointKind, FloatArray, InputSet, Target

COLUMNS = tuple(FeatureColumn(f"clinical:x{i}", "clinical", "numeric", "preoperative") for i in range(5))
EFFECTS = np.array([0.6, -0.5, 0.4, 0.3, 0.0])
SETTINGS = TrainingSettings(outer_folds=5, inner_folds=2, bootstraps=0, families=("ridge",))
CUTOFF = 900.0  # days

Shares = dict[tuple[str, str, float], float]  # (promise, among whom, level): share of cases that it holds


@dataclass(frozen=True, eq=False)
class Patients:
    """Predictors, and what will happen: `y` 0/1, `stay` and `event_at` in days, and when a patient is lost."""

    frame: pd.DataFrame
    y: FloatArray
    stay: FloatArray
    event_at: FloatArray
    lost_at: FloatArray

    @classmethod
    def drawn(cls, seed: int, n: int) -> Patients:
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((n, len(EFFECTS)))
        drive = X @ EFFECTS + 0.3 * np.abs(X[:, 0])
        frame = pd.DataFrame(X, columns=[c.name for c in COLUMNS], index=[f"c{i:06d}" for i in range(n)])
        y = (rng.random(n) < expit(drive - 1.2)).astype(float)
        stay = np.exp(1.6 + 0.4 * drive + 0.5 * rng.standard_normal(n))
        return cls(frame, y, stay, 800 * np.exp(-drive) * rng.weibull(1.3, n), rng.uniform(100, 2500, n))

    def seen(self) -> Target:
        """Times as they are recorded."""
        time = np.minimum(self.event_at, self.lost_at)
        return Target.survival("event", time, (self.event_at <= self.lost_at).astype(float))


def sets(seed: int, cases: int, test: int) -> Iterator[tuple[tuple[str, str, float], float]]:
    here, there = Patients.drawn(seed, cases), Patients.drawn(seed + 10_000, test)
    target = Target.binary("complication", here.y)
    unit = trained(here, target)
    told = conformal_quantiles(target, chosen_rows(unit)["risk"].to_numpy(dtype=float))["levels"]
    risk = answer(unit, there).risk[:, 0]
    for level in LEVELS:
        held, _ = held_in_set(there.y, risk, told[str(level)])
        for group, members in (("all", there.y >= 0), ("with the event", there.y == 1), ("without", there.y == 0)):
            yield ("set, yes/no", group, level), float(held[members].mean())


def intervals(seed: int, cases: int, test: int) -> Iterator[tuple[tuple[str, str, float], float]]:
    here, there = Patients.drawn(seed, cases), Patients.drawn(seed + 10_000, test)
    nothing = np.full(cases, np.nan)
    target = Target("stay", EndpointKind.DURATION, here.stay, nothing, nothing)
    unit = trained(here, target)
    told = conformal_quantiles(target, chosen_rows(unit)["risk"].to_numpy(dtype=float))["levels"]
    predicted = answer(unit, there).risk[:, 0]
    for level in LEVELS:
        held, _ = held_in_interval(EndpointKind.DURATION, there.stay, predicted, told[str(level)])
        yield ("interval, stay", "all", level), float(held.mean())


def bounds(seed: int, cases: int, test: int) -> Iterator[tuple[tuple[str, str, float], float]]:
    here, there = Patients.drawn(seed, cases), Patients.drawn(seed + 10_000, test)
    target = here.seen()
    unit = trained(here, target)
    told = survival_bound_levels(unit, target, chosen_rows(unit)["score"].to_numpy(dtype=float))["levels"]
    found = survival_bounds(unit, answer(unit, there).score, CUTOFF, told)
    for level in LEVELS:
        bound = found[str(level)]
        yield ("lower bound, time", "all, true times", level), float(np.mean(there.event_at >= bound))
        estimate = bound_coverage(there.seen(), bound, least=10).value
        yield ("lower bound, time", "all, as estimated under censoring", level), float(estimate or np.nan)


def trained(patients: Patients, target: Target) -> TrainedUnit:
    horizons = (CUTOFF,) if target.kind is EndpointKind.TIME_TO_EVENT else ()
    return train_unit(patients.frame, COLUMNS, target, list(patients.frame.index), SETTINGS, horizons=horizons,
                      inputs=InputSet.PREOPERATIVE, seed=1)  # fmt: skip


def answer(unit: TrainedUnit, patients: Patients) -> Prediction:
    if unit.procedure is None:
        raise ValueError(f"nothing was trained: {unit.skipped}")
    return unit.procedure.predict(patients.frame, unit.horizons_days)


PROMISES: tuple[Callable[[int, int, int], Iterator[tuple[tuple[str, str, float], float]]], ...] = (
    sets,
    intervals,
    bounds,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--test", type=int, default=5000)
    told = parser.parse_args()
    runs: list[Shares] = [
        {name: share for promise in PROMISES for name, share in promise(seed, told.cases, told.test)}
        for seed in range(told.seeds)
    ]
    print(f"| promise | among | level | coverage, mean of {told.seeds} seeds | smallest | largest |")
    print("|---|---|---|---|---|---|")
    for name in sorted(runs[0], key=lambda key: (key[0], -key[2], key[1])):
        shares = [run[name] for run in runs]
        promise, group, level = name
        numbers = " | ".join(f"{share:.1%}" for share in (np.mean(shares), min(shares), max(shares)))
        print(f"| {promise} | {group} | {level:.0%} | {numbers} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
