"""Nothing that a network rung learned without a fold knows that fold's crops; and the same check catches a leak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from outcome.features.crops import Crops
from outcome.models.state import State, same_state
from outcome.training.data import TrainingData
from outcome.training.folds import Folds, patient_folds
from outcome.training.nested import CrossFit, cross_fit
from outcome.training.rungs import default_ladder
from outcome.training.settings import TrainingSettings
from outcome.types import EndpointKind, InputSet
from tests.image_cases import COLUMNS, SETTINGS, TINY, image_cases, with_other_crops

CrossFitter = Callable[[TrainingData, Folds], CrossFit]


def honest(data: TrainingData, folds: Folds, settings: TrainingSettings = SETTINGS) -> CrossFit:
    rungs = default_ladder(COLUMNS, data.target.kind, InputSet.PREOPERATIVE, settings)
    return cross_fit(data, rungs, settings, 1, folds=folds, horizons_days=(100.0,))


def of_two_seeds(data: TrainingData, folds: Folds) -> CrossFit:
    network = replace(TINY, ensemble=2, epochs=1)
    return honest(data, folds, replace(SETTINGS, families=("fusion",), network=network))


def leaky(data: TrainingData, folds: Folds) -> CrossFit:
    """The classic mistake: voxels standardised over all cases, then cross-validated."""
    images = np.array([crops["ct"][0] for crops in data.crops.held.values()])
    mean, sd = float(images.mean()), float(images.std())
    held = {case: {"ct": standardised(crops["ct"], mean, sd)} for case, crops in data.crops.held.items()}
    return honest(replace(data, crops=Crops(held=held)), folds)


def standardised(crop: np.ndarray, mean: float, sd: float) -> np.ndarray:
    return np.stack([(crop[0] - mean) / sd, *crop[1:]]).astype(np.float32)


def fitted_states(crossed: CrossFit, fold: int) -> list[State]:
    return list(crossed.procedures[fold].to_states().values())


def assert_blind(fitter: CrossFitter, data: TrainingData) -> None:
    """Changing the crops of a held-out fold changes nothing that was fitted without it."""
    folds = patient_folds(data.patients, data.target, 2, 4)
    before, after = fitter(data, folds), fitter(with_other_crops(data, folds == 1), folds)
    pairs = zip(fitted_states(before, 1), fitted_states(after, 1), strict=True)
    assert all(same_state(a, b) for a, b in pairs), "something fitted without fold 1 knew its crops"
    networks = [[s for s in fitted_states(crossed, 0) if _is_network(s)] for crossed in (before, after)]
    assert all(networks), "no network was fitted: the check would see nothing"
    assert not any(same_state(a, b) for a, b in zip(*networks, strict=True)), "crops do not matter at all"


def _is_network(state: State) -> bool:
    fit = state.numbers.get("chosen", state.numbers)
    return bool(fit["model"]["algorithm"] == "network")


@pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT])
def test_held_out_crops_change_nothing_that_was_fitted(kind: EndpointKind) -> None:
    assert_blind(honest, image_cases(kind))


def test_held_out_crops_change_none_of_several_seeds() -> None:
    assert_blind(of_two_seeds, image_cases(n=32))


def test_the_check_catches_voxels_standardised_over_all_cases() -> None:
    with pytest.raises(AssertionError, match="knew its crops"):
        assert_blind(leaky, image_cases())


def test_crops_of_cases_without_a_known_outcome_are_never_learned_from() -> None:
    data = image_cases()
    value = data.target.value.copy()
    hidden = np.arange(len(data)) % 9 == 0
    value[hidden] = np.nan
    data = replace(data, target=type(data.target).binary("e", value))
    folds = patient_folds(data.patients, data.target, 2, 4)
    before, after = honest(data, folds), honest(with_other_crops(data, hidden), folds)
    for fold in range(2):
        pairs = zip(fitted_states(before, fold), fitted_states(after, fold), strict=True)
        assert all(same_state(a, b) for a, b in pairs)
