"""A model of the subdistribution hazard on other patients: a competing event does not end a patient's exposure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from outcome.evaluation.updating.closed_testing import INTERCEPT, fit_rungs
from outcome.features.preprocess import Preprocessor
from outcome.models.fine_gray import fit_subdistribution_baseline
from outcome.models.fitted import FittedModel
from outcome.models.hazard import fit_baseline
from outcome.models.linear import LinearScorer
from outcome.pipeline.updating.updated_calibrator import timed_cases
from outcome.training.calibration import Calibrator
from outcome.training.procedure import RungFit
from outcome.training.rungs import Rung
from outcome.types import EndpointKind, FloatArray, Target


def fit_of(algorithm: str, target: Target, score: FloatArray) -> RungFit:
    fit: Any = fit_subdistribution_baseline if algorithm == "fine_gray" else fit_baseline
    baseline = fit(target, score)
    kind = EndpointKind.TIME_TO_EVENT
    model = FittedModel(algorithm, kind, LinearScorer(np.ones(1), 0.0), baseline)
    rung = Rung("r", algorithm, ({"penalty": 1.0},), 1, ("clinical",))
    return RungFit(rung, {}, Preprocessor((), (), ()), model, Calibrator(kind, 0.0, 0.0, 1.0, baseline, ""), None)


@pytest.mark.parametrize("algorithm", ["fine_gray", "cox"])
def test_on_its_own_patients_an_updated_intercept_stays(algorithm: str) -> None:
    rng = np.random.default_rng(4)
    score = rng.normal(size=200)
    days = np.ceil(100 * rng.exponential(np.exp(-score)))
    target = Target.survival("e", days, rng.choice([0, 1, 2, 2], 200))
    cases = timed_cases(fit_of(algorithm, target, score), target, score, float(days.max()), None)
    assert cases.exposure is not None
    assert cases.exposure @ np.exp(score) == pytest.approx(np.sum(target.event == 1))
    assert fit_rungs(cases, [INTERCEPT])[0][INTERCEPT].intercept == pytest.approx(0.0, abs=1e-8)
