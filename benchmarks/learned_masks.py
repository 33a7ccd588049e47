"""What do learned masks change in the measurements, and what does that do to the risk?

    python -m benchmarks.learned_masks STUDY.yaml STORE

The study was run with a segmenter (or validated with a bundle that has one) and hands over given masks too. Every case
outside development is measured once more on its given mask by the same recipe; then the bundle's elastic net of all
blocks predicts it from either measurement.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from outcome.bundle import read_bundle
from outcome.cases import measure_case, segment_case
from outcome.config import load_study
from outcome.recipe import GIVEN, CaseInput, Recipe
from outcome.serving import RiskModel
from outcome.store import StudyStore, read_json, read_parquet

RUNG = ", elastic net"


def given_measurements(study_file: Path, store: StudyStore, recipe: Recipe) -> pd.DataFrame:
    """The features of every case with a given mask, measured on it, named as in the features frame."""
    study = load_study(study_file)
    if study.mask is None:
        sys.exit("this study hands over no masks")
    ours = replace(recipe, segmenter=GIVEN, regions=dict(study.mask.regions), crop=None)
    rows = {}
    for case_id, entry in read_json(store.stage("cohort") / "inputs.json").items():
        if not entry["mask"]:
            continue
        images = {name: study.root / path for name, path in entry["images"].items() if path}
        case = CaseInput(case_id, images, study.root / entry["mask"])
        segmented = segment_case(case, ours)
        if not segmented.rejected:
            rows[case_id] = measure_case(case, segmented.mask, ours)[0]
    return pd.DataFrame.from_dict(rows, orient="index", dtype=float).add_prefix("radiomics:")


def feature_rows(learned: pd.DataFrame, given: pd.DataFrame) -> list[tuple[str, int, float, float]]:
    """(feature, n, Spearman's correlation, median relative difference), the least alike first."""
    rows = []
    for name in given.columns.intersection(learned.columns):
        pair = pd.DataFrame({"learned": learned[name], "given": given[name]}).dropna()
        if len(pair) < 3 or pair["given"].nunique() < 3:
            continue
        apart = (pair["learned"] - pair["given"]).abs() / pair["given"].abs().clip(lower=1e-9)
        rho = float(pair["learned"].corr(pair["given"], method="spearman"))
        rows.append((name.removeprefix("radiomics:"), len(pair), rho, float(apart.median())))
    return sorted(rows, key=lambda row: row[2])


def risk_rows(model: RiskModel, frame: pd.DataFrame, given: pd.DataFrame) -> list[str]:
    """For every endpoint what exchanging the measurements does to the elastic net's risk."""
    exchanged = frame.copy()
    shared = [name for name in frame.columns if name.startswith("radiomics:") and name in given.columns]
    exchanged[shared] = given[shared].reindex(frame.index)
    lines = []
    for name in model.unit_names:
        unit = model.unit(name)
        fit = next((fit for fit in unit.rungs if fit.rung.name.endswith(RUNG)), None)
        if fit is None:
            continue
        one, two = (fit.predict(table, unit.horizons_days).risk[:, 0] for table in (frame, exchanged))
        apart = np.abs(one - two)
        rho = pd.Series(one).corr(pd.Series(two), method="spearman") if np.ptp(one) and np.ptp(two) else float("nan")
        lines.append(f"| {name} | {len(one)} | {apart.mean():.3f} | {np.quantile(apart, 0.95):.3f} | {rho:.2f} |")
    return lines


def main() -> None:
    study_file, folder = Path(sys.argv[1]), Path(sys.argv[2])
    store = StudyStore(folder, load_study(study_file).name)
    model = RiskModel(read_bundle(store.bundle))
    if model.recipe is None or not model.recipe.draws_masks:
        sys.exit("this bundle draws no masks")
    cases = read_parquet(store.stage("cohort") / "cases.parquet").set_index("case_id")
    development = [n for n, p in load_study(study_file).partitions.items() if p.relation == "development"]
    frame = read_parquet(store.stage("features") / "features.parquet").set_index("case_id")
    frame = frame.loc[~cases["partition"].reindex(frame.index).isin(development)]
    given = given_measurements(study_file, store, model.recipe)
    given = given.loc[given.index.intersection(frame.index)]
    frame = frame.loc[given.index]
    print("| feature | n | Spearman, learned with given | median relative difference |\n|---|---|---|---|")
    for name, n, rho, apart in feature_rows(frame, given):
        print(f"| {name} | {n} | {rho:.2f} | {apart:.1%} |")
    print("\n| endpoint, elastic net | n | mean risk moved | 95th percentile | Spearman |\n|---|---|---|---|---|")
    print("\n".join(risk_rows(model, frame, given)))


if __name__ == "__main__":
    main()
