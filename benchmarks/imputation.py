"""What do several imputations gain over single values where laboratory values are missing?

python -m benchmarks.imputation --seeds 20

A unit is trained on `--cases` simulated patients as the program trains (ridge, nested cross-validation), once with
single values and once with `--draws` imputations, and tried on `--test` further patients. Age and ten laboratory values
that go together (correlation 0.7) drive a yes/no outcome; `--missing` of the laboratory values are missing, here and
there: at random, or more often in the young. Calibrated risks are measured: mean (standard deviation) over seeds.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from outcome.evaluation.calibration.indices import oe_ratio, slope
from outcome.evaluation.discrimination.roc import auroc
from outcome.evaluation.overall.binary import brier
from outcome.features.columns import FeatureColumn
from outcome.training.settings import TrainingSettings
from outcome.training.unit import train_unit
from outcome.types import FloatArray, InputSet, Target

LABS = 10
COLUMNS = tuple(
    FeatureColumn(f"clinical:{name}", "clinical", "numeric", "preoperative")
    for name in ("age", *(f"lab{i}" for i in range(LABS)))
)
EFFECTS = np.array([0.5, 0.8, -0.8, 0.6, -0.6, 0.4, *np.zeros(LABS - 5)])
SETTINGS = TrainingSettings(outer_folds=3, inner_folds=3, bootstraps=0, families=("ridge",))
MECHANISMS = ("at random", "more often in the young")
MEASURED = ("AUROC", "calibration slope", "O/E", "Brier score")


def patients(seed: int, n: int, missing: float, mechanism: str) -> tuple[pd.DataFrame, Target]:
    """Features with gaps, and outcomes of n patients."""
    rng = np.random.default_rng(seed)
    labs = np.sqrt(0.7) * rng.standard_normal((n, 1)) + np.sqrt(0.3) * rng.standard_normal((n, LABS))
    X = np.column_stack([rng.standard_normal(n), labs])
    y = (rng.random(n) < expit(X @ EFFECTS - 1.2)).astype(float)
    chance: FloatArray | float = missing
    if mechanism != MECHANISMS[0]:
        chance = np.clip(2 * missing * expit(-1.5 * X[:, [0]]), 0, 1)
    X[:, 1:][rng.random(labs.shape) < chance] = np.nan
    frame = pd.DataFrame(X, columns=[c.name for c in COLUMNS], index=[f"c{i:06d}" for i in range(n)])
    return frame, Target.binary("complication", y)


def measured(seed: int, draws: int | None, mechanism: str, told: argparse.Namespace) -> npt.NDArray[np.float64]:
    """The metrics of one unit on further patients."""
    frame, target = patients(seed, told.cases, told.missing, mechanism)
    new, outcomes = patients(seed + 10_000, told.test, told.missing, mechanism)
    settings = replace(SETTINGS, imputations=draws)
    unit = train_unit(frame, COLUMNS, target, list(frame.index), settings, inputs=InputSet.PREOPERATIVE, seed=1)
    if unit.procedure is None:
        raise ValueError(f"nothing was trained: {unit.skipped}")
    made = unit.procedure.predict(new)
    y, risk = outcomes.value, made.risk[:, 0]
    return np.array([auroc(y, made.score), slope(y, risk), oe_ratio(y, risk), brier(y, risk)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--test", type=int, default=5000)
    parser.add_argument("--missing", type=float, default=0.3)
    parser.add_argument("--draws", type=int, default=10)
    told = parser.parse_args()
    print(f"| missing | imputation | {' | '.join(MEASURED)} |")
    print("|---|---|" + "---|" * len(MEASURED))
    for mechanism in MECHANISMS:
        ways = {"single values": None, f"{told.draws} imputations": told.draws}
        runs = {
            name: np.array([measured(seed, draws, mechanism, told) for seed in range(told.seeds)])
            for name, draws in ways.items()
        }
        single, several = runs.values()
        for name, run in {**runs, "difference (standard error)": several - single}.items():
            spread = run.std(axis=0, ddof=1) / (np.sqrt(told.seeds) if name.startswith("difference") else 1)
            cells = [f"{mean:.3f} ({sd:.3f})" for mean, sd in zip(run.mean(axis=0), spread, strict=True)]
            print(f"| {mechanism} | {name} | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
