"""What is said beyond the risk of a held-out case knows no held-out outcome; and the same check catches a leak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from outcome.training.data import TrainingData
from outcome.training.details import rung_details
from outcome.training.folds import Folds
from outcome.training.nested import cross_fit
from outcome.training.procedure import fit_procedure
from outcome.training.rungs import FUSION, NETWORK, Rung
from outcome.types import EndpointKind, Target
from tests.image_cases import NETWORK_RUNG, SETTINGS, TINY, image_cases

HORIZONS = (100.0,)
RUNGS = {
    EndpointKind.TIME_TO_EVENT: Rung("all", "cox", ({"penalty": 0.1},), 1, ("clinical", "radiomics")),
    EndpointKind.ORDINAL: Rung(
        FUSION, NETWORK, (replace(TINY, ordinal_head="cumulative").params(),), 6, NETWORK_RUNG.blocks
    ),
}
Sayer = Callable[[TrainingData, Folds], pd.DataFrame]


def honest(data: TrainingData, folds: Folds) -> pd.DataFrame:
    return cross_fit(data, [RUNGS[data.target.kind]], SETTINGS, 1, folds=folds, horizons_days=HORIZONS).details


def leaky(data: TrainingData, folds: Folds) -> pd.DataFrame:
    """The mistake: the model of all cases asked about the cases that it was learned from."""
    fit = fit_procedure(data, [RUNGS[data.target.kind]], SETTINGS, 1).chosen
    return rung_details(fit, fit.predict(data.frame, HORIZONS, data.crops), data.frame, HORIZONS, data.crops)


def with_other_outcomes(data: TrainingData, rows: np.ndarray) -> TrainingData:
    """Those rows have other times and causes, and a grade that no other case has."""
    target = data.target
    value, time, event = target.value.copy(), target.time_days.copy(), target.event.copy()
    value[rows] = 7.0
    time[rows] = time[rows] * 3 + 1
    event[rows] = (event[rows] + 1) % 3
    return replace(data, target=Target("e", target.kind, value, time, event))


def assert_blind(sayer: Sayer, kind: EndpointKind) -> None:
    data = image_cases(kind).sorted()
    folds = np.arange(len(data)) // 2 % 2  # whole patients
    held = set(data.frame.index[folds == 1])
    before, after = sayer(data, folds), sayer(with_other_outcomes(data, folds == 1), folds)
    of_held = [table[table["case_id"].isin(held)].reset_index(drop=True) for table in (before, after)]
    assert len(of_held[0]), "nothing was said of held-out cases: the check would see nothing"
    assert of_held[0].equals(of_held[1]), "what was said of held-out cases knew their outcomes"
    assert not before.equals(after), "outcomes do not matter at all"


@pytest.mark.parametrize("kind", list(RUNGS))
def test_held_out_outcomes_change_nothing_said_of_their_cases(kind: EndpointKind) -> None:
    assert_blind(honest, kind)


@pytest.mark.parametrize("kind", list(RUNGS))
def test_the_check_catches_a_model_asked_about_its_own_cases(kind: EndpointKind) -> None:
    with pytest.raises(AssertionError, match="knew their outcomes"):
        assert_blind(leaky, kind)
