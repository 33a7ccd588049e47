"""How much of what is knowable does each model recover on fresh synthetic patients?

    python -m benchmarks.recovery --cases 1000 --first 11 --seeds 5 [--variant no_image_signal] [--keep DIR]

For every seed two draws of site A are written as a hospital would hand them over: one to learn from, one to test on.
The stages cohort to features run on both; then the whole ladder is fitted to the first (search, choice and
calibration inside its own folds) and every rung predicts the second. Recovered: (AUROC - clinical) / (best - clinical)
on the test cases, clinical being the ridge model of the record and best the true risk.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from outcome.cohort.endpoints import endpoint_target
from outcome.config import load_study
from outcome.evaluation.discrimination.roc import auroc
from outcome.executor import Workers
from outcome.features.columns import allowed_columns, columns_from_json
from outcome.features.crops import open_crops
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.synth import write_synthetic_study
from outcome.pipeline.train import one_number_column, training_settings
from outcome.store import StudyStore, read_json, read_parquet
from outcome.training.data import TrainingData
from outcome.training.procedure import fit_procedure
from outcome.training.rungs import default_ladder
from outcome.types import EndpointKind, InputSet

ENDPOINT = "any_complication"
STAGES = ("cohort", "segment", "radiomics", "features")
SHIFT = 10_000  # seeds of test cases lie apart from those of training cases
INPUTS = InputSet.WITH_PLAN


def drawn(folder: Path, cases: int, seed: int, variant: str) -> tuple[TrainingData, pd.Series, str | None]:
    """A draw of site A as a model reads it, the true risks, and the column of the one number."""
    if not (folder / "study.yaml").exists():
        write_synthetic_study(folder, cases, seed, "A", variant=variant)
    study = load_study(folder / "study.yaml")
    with open_run(study, folder / "store", command="benchmark", workers=Workers(1)) as run:
        run_stages(run, [STAGE_RUNNERS[stage] for stage in STAGES])
    store = StudyStore(folder / "store", study.name)
    features = store.stage("features")
    frame = read_parquet(features / "features.parquet").set_index("case_id")
    columns = columns_from_json(read_json(features / "columns.json"))
    endpoints = read_parquet(store.stage("cohort") / "endpoints.parquet")
    target = endpoint_target(endpoints, ENDPOINT, EndpointKind.BINARY, frame.index.tolist())
    truth = read_json(folder / "truth.json")["cases"]
    risk = pd.Series({case: truth[case]["risk"][ENDPOINT] for case in frame.index})
    patients = frame.index.to_numpy(dtype=str)
    data = TrainingData(frame, allowed_columns(columns, INPUTS), target, patients, open_crops(features))
    return data, risk, one_number_column(study, columns)


def measure(folder: Path, cases: int, seed: int, variant: str, repeats: int) -> dict[str, float | str]:
    """The AUROC on the test draw by rung, of the chosen rung and of the true risk; seconds of the fit."""
    train, _, one_number = drawn(folder / f"train_{seed}", cases, seed, variant)
    test, risk, _ = drawn(folder / f"test_{seed}", cases, seed + SHIFT, variant)
    settings = replace(training_settings(load_study(folder / f"train_{seed}" / "study.yaml")), inner_repeats=repeats)
    rungs = default_ladder(train.columns, EndpointKind.BINARY, INPUTS, settings, one_number)
    start = time.perf_counter()
    with threadpool_limits(limits=1):
        fitted = fit_procedure(train.sorted(), rungs, settings, seed)
    seconds = time.perf_counter() - start
    y = test.target.value
    found = {fit.rung.name: auroc(y, fit.predict(test.frame, (), test.crops).score) for fit in fitted.rungs}
    chosen = fitted.chosen.rung.name
    inner = (
        f"{row['rung']} {row['mean']:.3f} ({-row['behind']:+.3f}, error {row['standard_error']:.3f})"
        for row in fitted.rung_scores
    )
    print(f"seed {seed}, inner scores: {'; '.join(inner)}", file=sys.stderr)
    return {**found, "CHOSEN": found[chosen], "BEST": auroc(y, risk.to_numpy()), "chosen": chosen, "seconds": seconds}


def rows(results: list[dict[str, float | str]]) -> Iterator[str]:
    """The table: each model's mean AUROC over seeds, its spread, and the mean share of the gap it recovers."""
    table = pd.DataFrame(results)
    names = [name for name in table.columns if name not in ("chosen", "seconds")]
    clinical = next(name for name in names if name.startswith("clinical") and "+ shape" not in name and "," not in name)
    gap = table["BEST"].astype(float) - table[clinical].astype(float)
    yield f"| model | AUROC, mean of {len(table)} seeds | sd | minus clinical | share of the gap recovered |"
    yield "|---|---|---|---|---|"
    for name in names:
        values = table[name].astype(float)
        ahead = values - table[clinical].astype(float)
        label = {"CHOSEN": "**chosen**", "BEST": "**best possible (true risk)**"}.get(name, name)
        cells = (
            label,
            f"{values.mean():.3f}",
            f"{values.std():.3f}",
            f"{ahead.mean():+.3f}",
            f"{(ahead / gap).mean():.0%}",
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield f"gap {gap.mean():.3f} (smallest {gap.min():.3f}); chosen: {', '.join(map(str, table['chosen']))}; "
    yield f"fit of the whole ladder {np.median(table['seconds'].astype(float)):.0f} s a seed on one core"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000, help="in each of the two draws")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=11, help="the first seed; models were tuned on seeds 1 and 2")
    parser.add_argument("--variant", default="full")
    parser.add_argument("--inner-repeats", type=int, default=1, help="partitions into inner folds behind the choice")
    parser.add_argument("--keep", type=Path, help="keep the studies there and use them again")
    parser.add_argument("--workers", type=int, default=2, help="seeds at once")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(asked.workers) as pool:
        folder = (asked.keep or Path(scratch)) / f"{asked.variant}_{asked.cases}"
        seeds = range(asked.first, asked.first + asked.seeds)
        work = [pool.submit(measure, folder, asked.cases, seed, asked.variant, asked.inner_repeats) for seed in seeds]
        print("\n".join(rows([done.result() for done in work])))


if __name__ == "__main__":
    main()
