"""Laws of several imputations: nothing missing, nothing changes; a case's values depend on nothing but the case."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcome.features.columns import FeatureColumn
from outcome.features.imputed import imputed
from outcome.features.preprocess import Preprocessor, Rules, fit_preprocessor
from outcome.models.state import same_state
from outcome.training.data import TrainingData
from outcome.training.ensemble import Ensemble, refit_ensemble
from outcome.training.procedure import RungFit, fit_procedure
from outcome.training.rungs import Rung
from outcome.training.settings import TrainingSettings
from outcome.types import FloatArray, Target

SINGLE = TrainingSettings(outer_folds=2, inner_folds=2, bootstraps=2)
SEVERAL = replace(SINGLE, imputations=3)
COLUMNS = (
    *(FeatureColumn(f"clinical:x{i}", "clinical", "numeric", "preoperative") for i in range(4)),
    FeatureColumn("clinical:smoker", "clinical", "boolean", "preoperative"),
    FeatureColumn("clinical:grade", "clinical", "categorical", "preoperative", ("a", "b")),
)
RIDGE = ({"penalty": 0.3}, {"penalty": 0.03})
TREES = ({"trees": 3, "min_leaf": 5, "feature_share": 0.5},)


def frame_of(seed: int, n: int = 60, missing: float = 0.3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)) + rng.normal(size=(n, 1))
    table = {column.name: X[:, i] for i, column in enumerate(COLUMNS[:4])}
    table["clinical:smoker"] = (X[:, 0] + rng.normal(size=n) > 0).astype(float)
    frame = pd.DataFrame(table, index=[f"c{i:03d}" for i in range(n)])
    frame = frame.mask(rng.random(frame.shape) < missing)
    return frame.assign(**{"clinical:grade": rng.choice(np.array(["a", "b", None], dtype=object), n)})


def data_of(seed: int, missing: float = 0.3, timed: bool = False) -> TrainingData:
    frame, rng = frame_of(seed, missing=missing), np.random.default_rng(seed + 1)
    drive = np.nan_to_num(frame["clinical:x0"].to_numpy(dtype=float))
    target = Target.binary("e", (drive + rng.logistic(size=len(frame)) > 0).astype(float))
    if timed:
        target = Target.survival("e", np.ceil(rng.exponential(200 * np.exp(-drive))), rng.choice([0, 1, 1, 2], 60))
    return TrainingData(frame, COLUMNS, target, frame.index.to_numpy(dtype=str))


def rungs_of(algorithm: str) -> tuple[Rung, ...]:
    return (Rung("all", algorithm, TREES if algorithm == "forest" else RIDGE, 0, ("clinical",)),)


def fitted(seed: int = 0) -> tuple[Preprocessor, pd.DataFrame, tuple[FloatArray, ...]]:
    frame = frame_of(seed)
    preprocessor, drawn = imputed(fit_preprocessor(frame, COLUMNS, Rules()), frame, 5, seed)
    return preprocessor, frame, drawn


@pytest.mark.parametrize(("algorithm", "missing"), [("logistic", 0.0), ("forest", 0.3)])
def test_nothing_missing_or_no_regression_nothing_changes(algorithm: str, missing: float) -> None:
    data = data_of(1, missing)
    data = replace(data, frame=data.frame.assign(**{"clinical:grade": "a"}))
    one, other = (fit_procedure(data, rungs_of(algorithm), how, 7).to_states() for how in (SINGLE, SEVERAL))
    assert all(same_state(one[name], other[name]) for name in one)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 100), st.randoms(use_true_random=False))
def test_company_order_and_name_of_a_case_change_nothing(seed: int, random: object) -> None:
    preprocessor, _, _ = fitted()
    frame = frame_of(seed + 500, n=9)
    order = np.random.default_rng(seed).permutation(9)
    X = preprocessor.transform(frame)
    np.testing.assert_array_equal(preprocessor.transform(frame.iloc[order]), X[order])
    np.testing.assert_array_equal(preprocessor.transform(frame.iloc[[3]].rename({"c003": "another"})), X[[3]])


def test_known_values_and_other_columns_stay() -> None:
    preprocessor, frame, drawn = fitted()
    single = replace(preprocessor, imputer=None).transform(frame)
    several = preprocessor.transform(frame)
    for j, output in enumerate(preprocessor.outputs):
        gaps = frame[output.source].isna().to_numpy() & (output.role in ("number", "boolean"))
        for matrix in (several, *drawn):
            np.testing.assert_array_equal(matrix[~gaps, j], single[~gaps, j])
            assert not gaps.any() or np.any(matrix[gaps, j] != single[gaps, j])
    assert any(output.role == "missing" for output in preprocessor.outputs)


def test_draws_differ_and_numbers_stay_within_their_bounds() -> None:
    preprocessor, frame, drawn = fitted()
    assert len({matrix.tobytes() for matrix in drawn}) == 5
    low, high = np.array([output.bounds for output in preprocessor.outputs]).T
    for matrix in (preprocessor.transform(frame), *drawn):
        assert np.isfinite(matrix).all()
        assert np.all((matrix >= low - 1e-12) & (matrix <= high + 1e-12))


def test_a_preprocessing_read_back_imputes_the_same_to_the_bit() -> None:
    preprocessor, frame, _ = fitted()
    again = Preprocessor.from_json(json.loads(json.dumps(preprocessor.to_json())))
    assert again.transform(frame).tobytes() == preprocessor.transform(frame).tobytes()


@pytest.mark.parametrize("algorithm", ["logistic", "cox", "fine_gray"])
def test_rungs_and_refits_read_back_predict_the_same_to_the_bit(algorithm: str) -> None:
    data = data_of(2, timed=algorithm != "logistic")
    procedure = fit_procedure(data, rungs_of(algorithm), SEVERAL, 7)
    ensemble = refit_ensemble(procedure, data, SEVERAL, 8)
    assert procedure.chosen.preprocessor.imputer is not None
    assert all(member.preprocessor.imputer is not None for member in ensemble.members)
    chosen = RungFit.from_state(procedure.chosen.to_state())
    days, new = (50.0,), frame_of(77, n=20)
    assert chosen.predict(new, days).risk.tobytes() == procedure.chosen.predict(new, days).risk.tobytes()
    again = Ensemble.from_state(ensemble.to_state())
    assert again.risks(new, days).tobytes() == ensemble.risks(new, days).tobytes()


def test_the_seed_settles_every_draw() -> None:
    data = data_of(3)
    one, again, other = (fit_procedure(data, rungs_of("logistic"), SEVERAL, seed).chosen for seed in (7, 7, 8))
    assert same_state(one.to_state(), again.to_state())
    assert not same_state(one.to_state(), other.to_state())


def test_outcomes_are_no_part_of_an_imputation() -> None:
    data = data_of(4)
    turned = replace(data, target=Target.binary("e", 1 - data.target.value))
    one, other = (fit_procedure(rows, rungs_of("logistic"), SEVERAL, 7).chosen.preprocessor for rows in (data, turned))
    assert one.imputer is not None
    assert one.to_json() == other.to_json()
