"""A loss for rare events changes what a network takes for probable; the risk that is told stays at the prevalence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from outcome.training.data import TrainingData
from outcome.training.procedure import fit_procedure
from outcome.training.rungs import Rung
from outcome.types import Target
from tests.image_cases import NETWORK_RUNG, SETTINGS, TINY, image_cases

EVENTS, CASES = 24, 160


@pytest.fixture(scope="module")
def rare() -> TrainingData:
    """15 % have the event, the more likely the older."""
    data = image_cases(n=CASES)
    drive = data.frame["clinical:age"].to_numpy() + np.random.default_rng(2).logistic(size=CASES)
    value = np.zeros(CASES)
    value[np.argsort(drive)[-EVENTS:]] = 1
    return replace(data, target=Target.binary("e", value))


@pytest.mark.parametrize("imbalance", ["weights", "focal"])
def test_the_mean_calibrated_risk_is_the_prevalence(rare: TrainingData, imbalance: str) -> None:
    network = replace(TINY, imbalance=imbalance)
    rung: Rung = replace(NETWORK_RUNG, grid=(network.params(),))
    fitted = fit_procedure(rare, (rung,), replace(SETTINGS, network=network), 3)
    prevalence = EVENTS / CASES
    assert fitted.inner_scores is not None
    unseen = fitted.chosen.calibrator.risk(fitted.inner_scores)[:, 0]
    told = fitted.predict(rare.frame, (), rare.crops).risk[:, 0]
    raw = expit(fitted.inner_scores)
    assert abs(unseen.mean() - prevalence) < 1e-6
    assert abs(told.mean() - prevalence) < 0.02
    if imbalance == "weights":  # else there was nothing to set right
        assert raw.mean() - prevalence > 0.2
