"""Nothing that a network learned without a fold knows that fold's auxiliary outcomes; and the check catches a leak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from outcome.models.state import State, same_state
from outcome.training.data import TrainingData
from outcome.training.folds import Folds, patient_folds
from outcome.training.nested import CrossFit, cross_fit
from outcome.training.rungs import FUSION, NETWORK, Rung
from outcome.types import BoolArray, EndpointKind, Target
from tests.image_cases import SETTINGS, TINY, image_cases

PARAMS = replace(TINY, epochs=1, continuous_head="gaussian").params()
RUNG = Rung(FUSION, NETWORK, (PARAMS,), 6, ("clinical", "radiomics", "image:ct"))
CrossFitter = Callable[[TrainingData, Folds], CrossFit]


def joint_cases() -> TrainingData:
    """A yes/no endpoint, beside it an amount and a time to an event."""
    data = image_cases()
    amount = replace(image_cases(EndpointKind.CONTINUOUS).target, endpoint="amount")
    time = replace(image_cases(EndpointKind.TIME_TO_EVENT).target, endpoint="time")
    return replace(data, joint=(amount, time))


def honest(data: TrainingData, folds: Folds) -> CrossFit:
    return cross_fit(data, (RUNG,), SETTINGS, 1, folds=folds)


def leaky(data: TrainingData, folds: Folds) -> CrossFit:
    """The classic mistake: an amount made into high and low at the median of all cases, then cross-validated."""
    amount = data.joint[0]
    high = Target.binary("high", (amount.value > np.median(amount.value)).astype(float))
    return honest(replace(data, joint=(high,)), folds)


def with_other_auxiliary_outcomes(data: TrainingData, rows: BoolArray) -> TrainingData:
    changed = []
    for target in data.joint:
        value, time, event = target.value.copy(), target.time_days.copy(), target.event.copy()
        value[rows], time[rows], event[rows] = value[rows] * 3 + 500, time[rows] * 2 + 1, (event[rows] + 1) % 3
        changed.append(Target(target.endpoint, target.kind, value, time, event))
    return replace(data, joint=tuple(changed))


def fitted_states(crossed: CrossFit, fold: int) -> list[State]:
    return list(crossed.procedures[fold].to_states().values())


def assert_blind(fitter: CrossFitter) -> None:
    """Changing the auxiliary outcomes of a held-out fold changes nothing that was fitted without it."""
    data = joint_cases()
    folds = patient_folds(data.patients, data.target, 2, 4)
    before, after = fitter(data, folds), fitter(with_other_auxiliary_outcomes(data, folds == 1), folds)
    others = [fitted_states(crossed, 0) for crossed in (before, after)]
    assert not all(map(same_state, *others)), "auxiliary outcomes do not matter at all: the check would see nothing"
    pairs = zip(fitted_states(before, 1), fitted_states(after, 1), strict=True)
    assert all(same_state(a, b) for a, b in pairs), "something fitted without fold 1 knew its auxiliary outcomes"


def test_held_out_auxiliary_outcomes_change_nothing_that_was_fitted() -> None:
    assert_blind(honest)


def test_the_check_catches_a_threshold_over_all_cases() -> None:
    with pytest.raises(AssertionError, match="knew its auxiliary outcomes"):
        assert_blind(leaky)
