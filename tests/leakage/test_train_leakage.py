"""Nothing fitted without a fold knows that fold; and the same check catches a planted leak."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from outcome.features.columns import FeatureColumn
from outcome.features.preprocess import Rules, fit_preprocessor
from outcome.models.state import State, same_state
from outcome.training.candidates import metric_of
from outcome.training.data import TrainingData
from outcome.training.folds import Folds, patient_folds
from outcome.training.nested import CrossFit, cross_fit
from outcome.training.rungs import Rung
from outcome.training.settings import TrainingSettings
from outcome.types import EndpointKind, Target

SETTINGS = TrainingSettings(outer_folds=3, inner_folds=2)
WIDTH = 40
COLUMNS = tuple(FeatureColumn(f"clinical:x{i:02d}", "clinical", "numeric", "preoperative") for i in range(WIDTH))
CrossFitter = Callable[[TrainingData, tuple[Rung, ...], Folds], CrossFit]


def ladder(kind: EndpointKind) -> tuple[Rung, ...]:
    linear = "cox" if kind is EndpointKind.TIME_TO_EVENT else "logistic"
    grid = ({"penalty": 0.3}, {"penalty": 0.03})
    # its weights hold a censoring curve, which is learned too
    weighted = (Rung("weighted", "fine_gray", grid, 1.5, ("clinical",)),) if linear == "cox" else ()
    return (
        Rung("five", linear, grid, 0, ("clinical",), top_k=5),
        Rung("all", linear, grid, 1, ("clinical",)),
        Rung("forest", "forest", ({"trees": 5, "min_leaf": 5, "feature_share": 0.3},), 2, ("clinical",)),
        Rung("boosting", "boosting", ({"rounds": 5, "leaves": 4, "min_leaf": 10},), 3, ("clinical",)),
        *weighted,
    )


def example(kind: EndpointKind, seed: int = 0, n: int = 90) -> TrainingData:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, WIDTH))
    X[rng.random(X.shape) < 0.08] = np.nan
    frame = pd.DataFrame(X, columns=[column.name for column in COLUMNS], index=[f"c{i:03d}" for i in range(n)])
    drive = np.nan_to_num(X[:, 0])
    if kind is EndpointKind.TIME_TO_EVENT:
        target = Target.survival("e", np.ceil(rng.exponential(300 * np.exp(-drive))), rng.choice([0, 1, 1, 2], n))
    else:
        target = Target.binary("e", (drive + rng.logistic(size=n) > 0).astype(float))
    return TrainingData(frame, COLUMNS, target, np.array([f"p{i // 2}" for i in range(n)]))


def honest(data: TrainingData, rungs: tuple[Rung, ...], folds: Folds) -> CrossFit:
    return cross_fit(data, rungs, SETTINGS, 1, folds=folds, horizons_days=(100.0,))


def leaky(data: TrainingData, rungs: tuple[Rung, ...], folds: Folds) -> CrossFit:
    """The classic mistake: columns selected by the outcome on all rows, then cross-validated."""
    seen = fit_preprocessor(data.frame, data.columns, Rules(top_k=5), data.target)
    kept = {output.source for output in seen.outputs}
    return honest(data.limited([column for column in data.columns if column.name in kept]), rungs, folds)


def with_other_rows(data: TrainingData, rows: np.ndarray) -> TrainingData:
    """The same cases, but those rows have other features and other outcomes."""
    frame = data.frame.copy()
    rng = np.random.default_rng(77)
    frame.iloc[np.flatnonzero(rows)] = rng.normal(5, 30, size=(int(rows.sum()), frame.shape[1]))
    value, time, event = data.target.value.copy(), data.target.time_days.copy(), data.target.event.copy()
    value[rows] = 1 - value[rows]
    time[rows] = time[rows] * 3 + 1
    event[rows] = (event[rows] + 1) % 3
    return TrainingData(frame, data.columns, Target("e", data.target.kind, value, time, event), data.patients)


def fitted_states(crossed: CrossFit, fold: int) -> list[State]:
    """Choice, scores, preprocessing, model, calibrator and threshold of the procedure and of every rung."""
    return list(crossed.procedures[fold].to_states().values())


def assert_blind(fitter: CrossFitter, data: TrainingData) -> None:
    """Changing a held-out fold changes nothing that was fitted without it."""
    rungs = ladder(data.target.kind)
    folds = patient_folds(data.patients, data.target, 3, 4)
    before = fitter(data, rungs, folds)
    for fold in range(3):
        after = fitter(with_other_rows(data, folds == fold), rungs, folds)
        pairs = zip(fitted_states(before, fold), fitted_states(after, fold), strict=True)
        assert all(same_state(a, b) for a, b in pairs), f"something fitted without fold {fold} knew fold {fold}"


KINDS = pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT])


@KINDS
def test_held_out_rows_change_nothing_that_was_fitted(kind: EndpointKind) -> None:
    assert_blind(honest, example(kind))


@KINDS
def test_the_check_catches_a_selection_before_the_folds(kind: EndpointKind) -> None:
    with pytest.raises(AssertionError, match="knew fold"):
        assert_blind(leaky, example(kind))


def test_the_check_sees_training_rows_matter() -> None:
    data = example(EndpointKind.BINARY)
    rungs, folds = ladder(EndpointKind.BINARY), patient_folds(data.patients, data.target, 3, 4)
    before, after = (honest(d, rungs, folds) for d in (data, with_other_rows(data, folds == 1)))
    assert not same_state(fitted_states(before, 0)[0], fitted_states(after, 0)[0])


def test_cases_with_unknown_outcomes_are_predicted_but_never_learned_from() -> None:
    data = example(EndpointKind.BINARY)
    value = data.target.value.copy()
    value[::9] = np.nan
    hidden = TrainingData(data.frame, data.columns, Target.binary("e", value), data.patients)
    folds = patient_folds(data.patients, hidden.target, 3, 4)
    frame = data.frame.copy()
    frame.iloc[::9] = 1000.0
    changed = TrainingData(frame, data.columns, hidden.target, data.patients)
    before, after = (honest(d, ladder(EndpointKind.BINARY), folds) for d in (hidden, changed))
    for fold in range(3):
        assert same_state(fitted_states(before, fold)[0], fitted_states(after, fold)[0])
    assert np.isfinite(before.predictions["chosen"].risk).all()


def noise(seed: int, n: int = 80, width: int = 300) -> TrainingData:
    rng = np.random.default_rng(seed)
    columns = tuple(FeatureColumn(f"n:x{i:03d}", "n", "numeric", "preoperative") for i in range(width))
    frame = pd.DataFrame(rng.normal(size=(n, width)), columns=[c.name for c in columns], index=np.arange(n).astype(str))
    target = Target.binary("e", rng.permutation(np.arange(n) % 2).astype(float))
    return TrainingData(frame, columns, target, np.arange(n).astype(str))


def mean_auc(select_before_the_folds: bool) -> float:
    rung = (Rung("ten", "logistic", ({"penalty": 0.1},), 0, ("n",), top_k=10),)
    found = []
    for seed in range(6):
        data = noise(seed)
        folds = patient_folds(data.patients, data.target, 3, seed)
        fitter = leaky if select_before_the_folds else honest
        found.append(metric_of(data.target, fitter(data, rung, folds).predictions["chosen"].score))
    return float(np.mean(found))


def test_noise_predicts_nothing_when_selection_stays_inside_the_folds() -> None:
    assert mean_auc(False) == pytest.approx(0.5, abs=0.1)


def test_noise_seems_to_predict_when_selection_saw_all_rows() -> None:
    assert mean_auc(True) > 0.6
