"""Weights of a stack know no held-out case and no score of a case that the stacked models learned from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from outcome.features.columns import FeatureColumn
from outcome.models.stacking import fit_weights
from outcome.models.state import same_state
from outcome.training.candidates import metric_of
from outcome.training.data import TrainingData
from outcome.training.folds import Folds, patient_folds
from outcome.training.nested import cross_fit
from outcome.training.procedure import fit_procedure
from outcome.training.rungs import Rung, default_ladder
from outcome.training.settings import TrainingSettings
from outcome.training.stacking import _joined, _unseen, search_stack
from outcome.types import EndpointKind, FloatArray, InputSet, Target

SETTINGS = TrainingSettings(outer_folds=3, inner_folds=3, min_events=5, families=("stacking",))
BLOCKS = ("clinical", "radiomics", "genomics")
COLUMNS = tuple(FeatureColumn(f"{b}:x{i}", b, "numeric", "preoperative") for b in BLOCKS for i in range(12))


def example(seed: int = 0, n: int = 90, kind: EndpointKind = EndpointKind.BINARY, effect: float = 1.5) -> TrainingData:
    """Cases whose record and genomics go with the outcome by `effect`; one in nine has no genomics."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, len(COLUMNS))), columns=[c.name for c in COLUMNS])
    drive = effect * (frame["clinical:x0"] + frame["genomics:x0"]).to_numpy()
    frame.loc[rng.random(n) < 1 / 9, [c.name for c in COLUMNS if c.block == "genomics"]] = np.nan
    frame.index = pd.Index([f"c{i:03d}" for i in range(n)], name="case_id")
    if kind is EndpointKind.TIME_TO_EVENT:
        target = Target.survival("e", np.ceil(rng.exponential(300 * np.exp(-drive))), rng.choice([0, 1, 1, 2], n))
    else:
        target = Target.binary("e", (drive + rng.logistic(size=n) > 0).astype(float))
    return TrainingData(frame, COLUMNS, target, np.array([f"p{i // 2}" for i in range(n)]))


def with_other_rows(data: TrainingData, rows: np.ndarray) -> TrainingData:
    """The same cases, but those rows have other features and other outcomes."""
    frame = data.frame.copy()
    frame.iloc[np.flatnonzero(rows)] = np.random.default_rng(77).normal(5, 30, size=(int(rows.sum()), len(COLUMNS)))
    value, time, event = data.target.value.copy(), data.target.time_days.copy(), data.target.event.copy()
    value[rows], time[rows], event[rows] = 1 - value[rows], time[rows] * 3 + 1, (event[rows] + 1) % 3
    return TrainingData(frame, data.columns, Target("e", data.target.kind, value, time, event), data.patients)


@pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT])
def test_held_out_rows_change_nothing_that_was_fitted(kind: EndpointKind) -> None:
    data = example(kind=kind)
    rungs = default_ladder(COLUMNS, kind, InputSet.PREOPERATIVE, SETTINGS)
    folds = patient_folds(data.patients, data.target, 3, 4)
    before = cross_fit(data, rungs, SETTINGS, 1, folds=folds, horizons_days=(100.0,))
    for fold in range(3):
        after = cross_fit(with_other_rows(data, folds == fold), rungs, SETTINGS, 1, folds=folds, horizons_days=(100.0,))
        pairs = [list(crossed.procedures[fold].to_states().values()) for crossed in (before, after)]
        assert all(same_state(a, b) for a, b in zip(*pairs, strict=True))
        assert not same_state(*(next(iter(c.procedures[fold - 1].to_states().values())) for c in (before, after)))


def stack_rung() -> Rung:
    """A stack whose models have one penalty, the weakest: noise is fitted best with it."""
    (rung,) = default_ladder(COLUMNS, EndpointKind.BINARY, InputSet.PREOPERATIVE, SETTINGS)
    return replace(rung, bases=tuple(replace(base, grid=base.grid[-1:]) for base in rung.bases))


def without_a_cause(seed: int) -> tuple[TrainingData, Folds]:
    data = example(seed, effect=0.0)
    return data, patient_folds(data.patients, data.target, 3, seed)


def honest(data: TrainingData, folds: Folds) -> FloatArray:
    return search_stack(data, stack_rung(), SETTINGS, folds, 1, metric_of)[0]


def one_fold_left_out(data: TrainingData, folds: Folds) -> FloatArray:
    """The planted leak: weights for a fold from the other folds' scores, by models that saw this fold."""
    alone = {k: _unseen(data, stack_rung(), folds == k, SETTINGS, 1) for k in range(3)}
    z = np.column_stack([each[0] for each in _joined(alone, folds)])
    result = np.empty(len(data))
    for k in range(3):
        weight = fit_weights(z[folds != k], data.target.take(folds != k), 0.01)
        result[folds == k] = z[folds == k] @ weight
    return result


def mean_auc(scores: Callable[[TrainingData, Folds], FloatArray]) -> float:
    """The mean inner AUC over 30 seeds, of outcomes that nothing goes with; its standard error is about 0.015."""
    found = []
    for seed in range(100, 130):
        data, folds = without_a_cause(seed)
        score = scores(data, folds)
        found += [metric_of(data.target.take(folds == k), score[folds == k]) for k in range(3)]
    return float(np.mean(found))


def test_outcomes_without_any_cause_give_an_inner_auc_of_a_half() -> None:
    assert mean_auc(honest) == pytest.approx(0.5, abs=0.04)


def test_the_check_catches_weights_from_models_that_saw_the_fold() -> None:
    assert mean_auc(one_fold_left_out) > 0.54


def test_a_fold_s_own_outcomes_change_nothing_of_its_stacked_scores() -> None:
    """With the outcomes of a fold turned round its cases keep their scores, to the bit, up to the common level."""
    data = example(effect=1.5)
    folds = patient_folds(data.patients, data.target, 3, 4)
    turned = np.where(folds == 1, 1 - data.target.value, data.target.value)
    changed = TrainingData(data.frame, data.columns, Target.binary("e", turned), data.patients)
    before, after = honest(data, folds), honest(changed, folds)
    for fold, same in ((1, True), (0, False)):
        gap = (before - after)[folds == fold]
        assert (np.ptp(gap) < 1e-12) == same
    leak = [one_fold_left_out(each, folds)[folds == 1] for each in (data, changed)]
    assert np.ptp(leak[0] - leak[1]) > 1e-6


def test_weights_are_not_learned_on_the_scores_of_the_fitted_models() -> None:
    """Twelve columns a block for 90 cases: in-sample every model of noise ranks its own cases, and would be weighed."""
    ranked = []
    for seed in range(4):
        data, folds = without_a_cause(100 + seed)
        fit = fit_procedure(data, [stack_rung()], SETTINGS, seed).chosen
        in_sample = fit.model.score(data.inputs(fit.rung.algorithm, fit.preprocessor))
        ranked.append((metric_of(data.target, in_sample), metric_of(data.target, honest(data, folds))))
    assert np.mean([own for own, _ in ranked]) > 0.6
    assert np.mean([unseen for _, unseen in ranked]) < 0.56
