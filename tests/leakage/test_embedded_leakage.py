"""Nothing that an embedded category learned without a fold knows that fold's values; the same check catches a leak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from outcome.features.columns import FeatureColumn
from outcome.models.state import State, same_state
from outcome.training.data import TrainingData
from outcome.training.folds import Folds, patient_folds
from outcome.training.nested import CrossFit, cross_fit
from outcome.training.rungs import FUSION, NETWORK, Rung
from tests.image_cases import COLUMNS, SETTINGS, TINY, image_cases

CHOICES = ("A", "B", "C", "D", "other")
STAGE = FeatureColumn("clinical:stage", "clinical", "categorical", "preoperative", choices=CHOICES)
EMBEDDED = replace(SETTINGS, network=replace(TINY, tables="embedded", epochs=1, refits=0))
RUNG = Rung(FUSION, NETWORK, (EMBEDDED.network.params(),), 6, ("clinical", "radiomics"))
CrossFitter = Callable[[TrainingData, Folds], CrossFit]


def staged_cases() -> TrainingData:
    """Stages A and B in plenty, C seldom, D hardly ever."""
    data = image_cases()
    stage = np.random.default_rng(5).choice(["A", "B", "C", "D"], len(data), p=[0.4, 0.3, 0.25, 0.05])
    return replace(data, frame=data.frame.assign(**{STAGE.name: stage.astype(object)}), columns=(*COLUMNS, STAGE))


def honest(data: TrainingData, folds: Folds) -> CrossFit:
    return cross_fit(data, (RUNG,), EMBEDDED, 1, folds=folds, horizons_days=(100.0,))


def leaky(data: TrainingData, folds: Folds) -> CrossFit:
    """The classic mistake: seldom levels are joined into one, counted over all cases, then cross-validated."""
    stage = data.frame[STAGE.name]
    seldom = stage.map(stage.value_counts()) < len(data) / 3
    return honest(replace(data, frame=data.frame.assign(**{STAGE.name: stage.mask(seldom, "other")})), folds)


def with_other_stages(data: TrainingData, rows: np.ndarray) -> TrainingData:
    stage = data.frame[STAGE.name].mask(rows, "D")
    return replace(data, frame=data.frame.assign(**{STAGE.name: stage}))


def networks(crossed: CrossFit, fold: int) -> list[State]:
    return list(crossed.procedures[fold].to_states().values())


def assert_blind(fitter: CrossFitter) -> None:
    """Other levels in a held-out fold change nothing that was fitted without it."""
    data = staged_cases()
    folds = patient_folds(data.patients, data.target, 2, 4)
    before, after = fitter(data, folds), fitter(with_other_stages(data, folds == 1), folds)
    for one, two in zip(networks(before, 1), networks(after, 1), strict=True):
        assert same_state(one, two), "something fitted without fold 1 knew its stages"
    embeddings = [name for state in networks(before, 0) for name in state.arrays if "embeddings" in name]
    assert embeddings, "nothing was embedded: the check would see nothing"
    changed = zip(networks(before, 0), networks(after, 0), strict=True)
    assert not all(same_state(one, two) for one, two in changed), "stages do not matter at all"


def test_held_out_levels_change_nothing_that_was_fitted() -> None:
    assert_blind(honest)


def test_the_check_catches_levels_joined_over_all_cases() -> None:
    with pytest.raises(AssertionError, match="knew its stages"):
        assert_blind(leaky)
