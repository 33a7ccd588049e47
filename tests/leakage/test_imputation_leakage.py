"""No imputer fitted without a fold knows that fold; and the same check catches an imputation in front of the folds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from outcome.features.imputed import imputed
from outcome.features.preprocess import Rules, fit_preprocessor
from outcome.training.data import TrainingData
from outcome.training.folds import Folds, patient_folds
from outcome.training.nested import CrossFit, cross_fit
from outcome.training.rungs import Rung
from outcome.types import EndpointKind
from tests.leakage.test_train_leakage import COLUMNS, SETTINGS, assert_blind, example, ladder

SEVERAL = replace(SETTINGS, imputations=2)
FEW = 8  # columns, for time


def few(kind: EndpointKind) -> TrainingData:
    data = example(kind)
    names = [column.name for column in COLUMNS[:FEW]]
    return replace(data.limited(COLUMNS[:FEW]), frame=data.frame[names])


def inside(data: TrainingData, rungs: tuple[Rung, ...], folds: Folds) -> CrossFit:
    plain = tuple(rung for rung in rungs if rung.algorithm in ("logistic", "cox", "fine_gray"))
    return cross_fit(data, plain, SEVERAL, 1, folds=folds, horizons_days=(100.0,))


def in_front(data: TrainingData, rungs: tuple[Rung, ...], folds: Folds) -> CrossFit:
    """The classic mistake: gaps filled by equations of all rows, then cross-validated."""
    fitted, _ = imputed(fit_preprocessor(data.frame, data.columns, Rules()), data.frame, 2, 1)
    frame = data.frame.copy()
    for column, output in zip(fitted.transform(data.frame).T, fitted.outputs, strict=True):
        if output.role == "number":
            frame[output.source] = column * output.sd + output.mean
    return inside(replace(data, frame=frame), rungs, folds)


KINDS = pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT])


@KINDS
def test_held_out_rows_change_no_imputer(kind: EndpointKind) -> None:
    data = few(kind)
    folds = patient_folds(data.patients, data.target, 3, 4)
    crossed = inside(data, ladder(kind), folds)
    assert all(fit.preprocessor.imputer is not None for fold in crossed.procedures for fit in fold.rungs)
    assert_blind(inside, data)


def test_the_check_catches_an_imputation_in_front_of_the_folds() -> None:
    with pytest.raises(AssertionError, match="knew fold"):
        assert_blind(in_front, few(EndpointKind.BINARY))
