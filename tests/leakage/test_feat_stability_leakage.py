"""Which columns are stable is judged by a fold's own training cases; and the same check catches a planted leak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from outcome.features.columns import FeatureColumn
from outcome.features.stability import Repeats
from outcome.models.state import same_state
from outcome.training.data import TrainingData
from outcome.training.folds import Folds, patient_folds
from outcome.training.nested import CrossFit, cross_fit
from outcome.training.rungs import Rung
from outcome.training.settings import TrainingSettings
from outcome.training.stability import without_unstable
from outcome.types import Target

SETTINGS = TrainingSettings(outer_folds=3, inner_folds=2)
COLUMNS = tuple(FeatureColumn(f"radiomics:tumor.x{i}", "radiomics", "numeric", "preoperative") for i in range(6))
RUNGS = (Rung("all", "logistic", ({"penalty": 0.3},), 0, ("radiomics",)),)
CrossFitter = Callable[[TrainingData, Folds], CrossFit]


def example(n: int = 60) -> TrainingData:
    """Every case measured four times; columns differ in how much they move, some of them near the limit."""
    rng = np.random.default_rng(3)
    ids = [f"c{i:03d}" for i in range(n)]
    X = rng.normal(size=(n, len(COLUMNS)))
    moves = (0.05, 0.3, 0.42, 0.45, 0.48, 1.5)
    tables = {
        column.name: pd.DataFrame(X[:, [j]] + moves[j] * rng.normal(size=(n, 4)), index=ids)
        for j, column in enumerate(COLUMNS)
    }
    frame = pd.DataFrame(X, columns=list(tables), index=ids)
    target = Target.binary("e", (X[:, 0] + rng.logistic(size=n) > 0).astype(float))
    return TrainingData(frame, COLUMNS, target, np.array(ids), repeats=Repeats(tables))


def honest(data: TrainingData, folds: Folds) -> CrossFit:
    return cross_fit(data, RUNGS, SETTINGS, 1, folds=folds)


def leaky(data: TrainingData, folds: Folds) -> CrossFit:
    """The mistake: agreement over all cases, then cross-validation."""
    seen = without_unstable(data)
    return honest(replace(seen, repeats=None), folds)


def with_other_repeats(data: TrainingData, rows: np.ndarray) -> TrainingData:
    """The same cases, but those rows' repeated measurements agree with nothing."""
    assert data.repeats is not None
    rng, tables = np.random.default_rng(9), {}
    for name, table in data.repeats.tables.items():
        tables[name] = table.copy()
        tables[name].iloc[np.flatnonzero(rows)] = rng.normal(0, 50, size=(int(rows.sum()), table.shape[1]))
    return replace(data, repeats=Repeats(tables))


def assert_blind(fitter: CrossFitter) -> None:
    data = example()
    folds = patient_folds(data.patients, data.target, 3, 4)
    before = fitter(data, folds)
    for fold in range(3):
        after = fitter(with_other_repeats(data, folds == fold), folds)
        pairs = zip(before.procedures[fold].to_states().values(), after.procedures[fold].to_states().values(),
                    strict=True)  # fmt: skip
        assert all(same_state(a, b) for a, b in pairs), f"something fitted without fold {fold} knew its repeats"


def test_repeats_of_held_out_cases_change_nothing() -> None:
    assert_blind(honest)


def test_the_check_catches_agreement_over_all_cases() -> None:
    with pytest.raises(AssertionError, match="knew its repeats"):
        assert_blind(leaky)


def test_the_example_has_something_to_drop_in_every_fold() -> None:
    """Else the test above would hold for a program that drops nothing."""
    data = example()
    crossed = honest(data, patient_folds(data.patients, data.target, 3, 4))
    for procedure in crossed.procedures:
        dropped = dict(procedure.chosen.preprocessor.dropped)
        assert "radiomics:tumor.x5" in dropped
        assert "radiomics:tumor.x0" not in dropped
        assert "radiomics:tumor.x5" not in [column.name for column in procedure.chosen.preprocessor.columns]
