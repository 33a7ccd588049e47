"""Does the whole pipeline find something where there is nothing? Outcomes dealt anew at random, many times.

    python -m benchmarks.random_labels [--cases 300] [--seeds 20] [--keep DIR] [--results FILE]

One synthetic draw of site A is measured once. For every seed its outcomes (any complication) are dealt anew among
`--cases` of its patients and two made-up scanners are laid over them; then the whole of `train` runs: ladder with the
network (half of its usual epochs) and stacking, harmonisation by ComBat, selection and search inside nested folds, of
which three are outer ones. The AUROC is taken within each outer fold (between folds the means of the training outcomes
run against those left out) and averaged: 0.5 is honest.
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.recovery import Asked, drawn
from benchmarks.seed_lines import Row, measured
from outcome.evaluation.discrimination.roc import auroc
from outcome.features.batches import HarmoniseRules
from outcome.features.columns import BATCH, BATCH_COLUMN, FeatureColumn
from outcome.training.data import TrainingData
from outcome.training.folds import derive_seed, patient_folds
from outcome.training.settings import FAMILIES, NetworkSettings, TrainingSettings
from outcome.training.unit import train_unit
from outcome.types import InputSet

DRAW, SCANNERS = 5, ("one", "other")
SETTINGS = TrainingSettings(
    outer_folds=3,
    bootstraps=0,
    families=tuple(name for name in FAMILIES if name != "fine_gray"),
    network=NetworkSettings(refits=0, epochs=6),
    harmonise=HarmoniseRules(by="scanner"),
)


def shuffled(data: TrainingData, cases: int, seed: int) -> TrainingData:
    """Some of the cases, their outcomes dealt anew, each on one of two scanners by chance."""
    rng = np.random.default_rng(seed)
    data = data.take(rng.choice(len(data), cases, replace=False))
    scanner = pd.Series(rng.choice(SCANNERS, cases), index=data.frame.index, name=BATCH_COLUMN)
    column = FeatureColumn(BATCH_COLUMN, "case", BATCH, "preoperative")
    target = replace(data.target, value=rng.permutation(data.target.value))
    return replace(data, frame=data.frame.join(scanner), columns=(*data.columns, column), target=target)


def found(data: TrainingData, cases: int, seed: int) -> Row:
    """The AUROC of every rung and of the choice, mean over the outer folds."""
    one = shuffled(data, cases, seed).sorted()
    folds = patient_folds(one.patients, one.target, SETTINGS.outer_folds, derive_seed(seed, "out"))
    unit = train_unit(
        one.frame, one.columns, one.target, one.patients.tolist(), SETTINGS,
        inputs=InputSet.WITH_PLAN, seed=seed, outer_folds=folds, crops=one.crops,
    )  # fmt: skip
    facts = pd.DataFrame({"y": one.target.value, "fold": folds}, index=one.frame.index)
    rows = unit.out_of_fold.join(facts, on="case_id")
    each = rows.groupby(["rung", "fold"])[["y", "score"]].apply(
        lambda part: auroc(part["y"].to_numpy(), part["score"].to_numpy())
    )
    return {str(rung): float(mean) for rung, mean in each.groupby("rung", sort=False).mean().items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="keep the draw there and use it again")
    parser.add_argument("--results", type=Path, help="a JSON line a finished seed; seeds that stand there stay")
    parser.add_argument("--workers", type=int, default=2, help="seeds at once")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(given.workers) as pool:
        folder = given.keep or Path(scratch)
        data = drawn(folder, DRAW, Asked(folder, given.cases, "full", 1, True, 0.0, True)).data
        table = pd.DataFrame(measured(pool, partial(found, data, given.cases), range(given.seeds), given.results))
    print("| model | mean AUROC | standard error | least | largest |\n|---|---|---|---|---|")
    for name, values in table.items():
        error = values.std() / np.sqrt(len(values))
        print(f"| {name} | {values.mean():.3f} | {error:.3f} | {values.min():.3f} | {values.max():.3f} |")


if __name__ == "__main__":
    main()
