"""No harmonisation fitted without a fold knows that fold, and the same check catches one fitted on all rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from outcome.features.batches import HarmoniseRules, harmonised
from outcome.features.columns import BATCH, BATCH_COLUMN, FeatureColumn
from outcome.features.harmonise import fit_harmoniser
from outcome.training.data import TrainingData
from outcome.training.ensemble import Ensemble, refit_ensemble
from outcome.training.folds import Folds, derive_seed, patient_folds
from outcome.training.nested import CrossFit, cross_fit
from outcome.training.procedure import fit_procedure
from outcome.training.rungs import Rung
from outcome.training.settings import TrainingSettings
from outcome.types import Target

WIDTH = 6
NAMES = tuple(f"radiomics:r.f{i}" for i in range(WIDTH))
COLUMNS = (
    FeatureColumn("clinical:age", "clinical", "numeric", "preoperative"),
    *(FeatureColumn(name, "radiomics", "numeric", "preoperative") for name in NAMES),
    FeatureColumn(BATCH_COLUMN, "case", BATCH, "preoperative", label="site"),
)
RULES = HarmoniseRules("site", covariates=("clinical:age",))
SETTINGS = TrainingSettings(outer_folds=3, inner_folds=2, bootstraps=3, harmonise=RULES)
PLAIN = Rung("plain", "logistic", ({"penalty": 0.1},), 0, ("clinical", "radiomics"))
RUNGS = (PLAIN, replace(PLAIN, name="plain, harmonised", complexity=0.5, harmonised=True))
CrossFitter = Callable[[TrainingData, Folds], CrossFit]


def example(n: int = 90, seed: int = 0) -> TrainingData:
    rng = np.random.default_rng(seed)
    site = np.where(np.arange(n) % 3 == 0, "b", "a")
    age, signal = rng.normal(60, 9, n), rng.normal(size=n)
    X = rng.normal(size=(n, WIDTH)) + signal[:, None] + 2.0 * (site == "b")[:, None]
    X[rng.random(X.shape) < 0.05] = np.nan
    ids = [f"c{i:03d}" for i in range(n)]
    frame = pd.DataFrame(X, columns=list(NAMES), index=ids).assign(**{"clinical:age": age})
    frame[BATCH_COLUMN] = pd.Series(site, index=ids, dtype=object)
    y = (signal + rng.logistic(size=n) > 0).astype(float)
    return TrainingData(frame, COLUMNS, Target.binary("e", y), np.array([f"p{i // 2}" for i in range(n)]))


def with_other_rows(data: TrainingData, rows: np.ndarray) -> TrainingData:
    """The same cases, but those rows have other features, outcomes and batches."""
    rng, frame, at = np.random.default_rng(7), data.frame.copy(), np.flatnonzero(rows)
    for name in ("clinical:age", *NAMES):
        values = frame[name].to_numpy(copy=True)
        values[at] = rng.normal(40, 30, len(at))
        frame[name] = values
    batch = frame[BATCH_COLUMN].to_numpy(copy=True)
    batch[at] = rng.choice(["a", "b", "c"], len(at))
    frame[BATCH_COLUMN] = batch
    value = data.target.value.copy()
    value[rows] = 1 - value[rows]
    return TrainingData(frame, data.columns, Target.binary("e", value), data.patients)


def honest(data: TrainingData, folds: Folds) -> CrossFit:
    return cross_fit(data, RUNGS, SETTINGS, 1, folds=folds)


def leaky(data: TrainingData, folds: Folds) -> CrossFit:
    """The classic mistake: ComBat on all cases, then cross-validation."""
    fitted = fit_harmoniser(data.frame, list(data.frame[BATCH_COLUMN]), NAMES, ["clinical:age"])
    return honest(replace(data, frame=harmonised(fitted, data.frame)), folds)


def fitted_words(crossed: CrossFit, fold: int) -> list[str]:
    """Every preprocessing of a fold, harmonisation included, to the last digit."""
    return [json.dumps(fit.preprocessor.to_json()) for fit in crossed.procedures[fold].rungs]


def assert_blind(fitter: CrossFitter) -> None:
    data = example()
    folds = patient_folds(data.patients, data.target, 3, 4)
    before = fitter(data, folds)
    for fold in range(3):
        after = fitter(with_other_rows(data, folds == fold), folds)
        assert fitted_words(before, fold) == fitted_words(after, fold), f"it knew fold {fold}"


def test_held_out_rows_change_no_byte_of_a_fitted_harmonisation() -> None:
    assert_blind(honest)


def test_the_check_catches_a_harmonisation_of_all_rows() -> None:
    with pytest.raises(AssertionError, match="it knew fold"):
        assert_blind(leaky)


def test_each_fold_and_each_refit_has_a_harmonisation_of_its_own() -> None:
    data = example()
    folds = patient_folds(data.patients, data.target, 3, 4)
    means = [p.rungs[1].preprocessor.harmoniser.model.mean for p in honest(data, folds).procedures]  # type: ignore[union-attr]
    assert len({tuple(mean) for mean in means}) == 3
    procedure = fit_procedure(data, RUNGS[1:], SETTINGS, derive_seed(1, "final"))
    ensemble = refit_ensemble(procedure, data, SETTINGS, 5)
    drawn = {tuple(m.preprocessor.harmoniser.model.mean) for m in ensemble.members}  # type: ignore[union-attr]
    assert len(drawn) == 3


def test_refits_are_read_back_to_the_last_bit_and_enter_a_site_alike() -> None:
    data = example()
    procedure = fit_procedure(data, RUNGS[1:], SETTINGS, 3)
    ensemble = refit_ensemble(procedure, data, SETTINGS, 5)
    again = Ensemble.from_state(ensemble.to_state())
    new = data.frame.assign(**{BATCH_COLUMN: "new"})
    np.testing.assert_array_equal(ensemble.risks(data.frame), again.risks(data.frame))
    cases = {"new": new.iloc[:10]}
    np.testing.assert_array_equal(ensemble.entered(cases).risks(new), again.entered(cases).risks(new))
    assert not np.array_equal(ensemble.risks(new), ensemble.entered(cases).risks(new))


def test_entering_a_site_reads_its_given_cases_alone_and_moves_no_other() -> None:
    data = example()
    procedure = fit_procedure(data, RUNGS, SETTINGS, 3)
    new = (data.frame.iloc[:30] * 1).assign(**{BATCH_COLUMN: "new"})
    told = procedure.entered({"new": new.iloc[:8]})
    after = procedure.entered({"new": new.iloc[:8].copy()})
    for name, made in procedure.predict_rungs(data.frame).items():
        np.testing.assert_array_equal(made.risk, told.predict_rungs(data.frame)[name].risk)
    later = new.copy()
    later.iloc[8:, later.columns.get_loc(NAMES[0])] = 99.0
    np.testing.assert_array_equal(
        told.predict_rungs(new.iloc[:8])["plain, harmonised"].risk,
        after.predict_rungs(later.iloc[:8])["plain, harmonised"].risk,
    )
    assert told.chosen in told.rungs
