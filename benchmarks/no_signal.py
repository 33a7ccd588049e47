"""Is the record alone chosen where images say nothing? Outcomes drawn anew from the true risk, many times.

    python -m benchmarks.no_signal [--cases 600] [--seeds 10] [--keep DIR] [--results FILE]

One synthetic draw of site A, variant `no_image_signal`, is measured once: its images say nothing of the risk, and its
genes, which do, are left out. For every seed the outcomes (any complication) are drawn anew from the true risks, and
the whole ladder, the network included, is fitted and chosen from as in `train`. Right is any rung that reads the record
alone.
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
from threadpoolctl import threadpool_limits

from benchmarks.recovery import INPUTS, Asked, Draw, drawn
from benchmarks.seed_lines import Row, measured
from outcome.config import load_study
from outcome.pipeline.train import training_settings
from outcome.training.data import TrainingData
from outcome.training.procedure import fit_procedure
from outcome.training.rungs import default_ladder
from outcome.training.settings import TrainingSettings
from outcome.types import EndpointKind

DRAW, GENES = 6, "genomics"


def redrawn(draw: Draw, seed: int) -> TrainingData:
    """The cases without their genes, outcomes drawn from the true risks."""
    event = np.random.default_rng(seed).random(len(draw.risk)) < draw.risk.to_numpy()
    kept = tuple(column for column in draw.data.columns if column.block != GENES)
    target = replace(draw.data.target, value=event.astype(float))
    return replace(draw.data, columns=kept, target=target).sorted()


def chosen(draw: Draw, settings: TrainingSettings, seed: int) -> Row:
    """The rung that is chosen, and the mean inner score of each."""
    data = redrawn(draw, seed)
    rungs = default_ladder(data.columns, EndpointKind.BINARY, INPUTS, settings, draw.one_number)
    with threadpool_limits(limits=1):
        fitted = fit_procedure(data, rungs, settings, seed)
    return {"chosen": fitted.chosen.rung.name, "inner": {row["rung"]: row["mean"] for row in fitted.rung_scores}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--inner-repeats", type=int, default=1, help="partitions into inner folds behind the choice")
    parser.add_argument("--keep", type=Path, help="keep the draw there and use it again")
    parser.add_argument("--results", type=Path, help="a JSON line a finished seed; seeds that stand there stay")
    parser.add_argument("--workers", type=int, default=2, help="seeds at once")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(given.workers) as pool:
        folder = given.keep or Path(scratch)
        draw = drawn(folder, DRAW, Asked(folder, given.cases, "no_image_signal", 1, True, 0.0, True))
        settings = replace(training_settings(load_study(folder / "study.yaml")), inner_repeats=given.inner_repeats)
        made = measured(pool, partial(chosen, draw, settings), range(given.seeds), given.results)
    names = [row["chosen"] for row in made]
    inner = pd.DataFrame([row["inner"] for row in made]).mean()
    print("| rung | chosen in | mean inner AUROC |\n|---|---|---|")
    for name, mean in inner.items():
        print(f"| {name} | {names.count(str(name))} of {len(names)} | {mean:.3f} |")


if __name__ == "__main__":
    main()
