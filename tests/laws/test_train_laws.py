"""Laws of folds, thresholds and calibration."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit

from outcome.training.calibration import fit_calibrator
from outcome.training.folds import patient_folds
from outcome.training.threshold import youden_threshold
from outcome.types import Target

LABELS = st.lists(st.integers(0, 1), min_size=12, max_size=80)


@settings(max_examples=60, deadline=None)
@given(LABELS, st.integers(2, 5), st.integers(0, 1000))
def test_folds_part_patients_evenly(labels: list[int], count: int, seed: int) -> None:
    y = np.array(labels, dtype=float)
    patients = np.array([f"p{i}" for i in range(len(y))])
    folds = patient_folds(patients, Target.binary("e", y), count, seed)
    for stratum in (y == 0, y == 1, y >= 0):
        assert np.ptp(np.bincount(folds[stratum], minlength=count)) <= 1


@settings(max_examples=60, deadline=None)
@given(LABELS, st.integers(0, 1000))
def test_no_threshold_beats_the_one_found(labels: list[int], seed: int) -> None:
    y = np.array(labels, dtype=float)
    assume(0 < y.sum() < len(y))
    risk = np.random.default_rng(seed).integers(1, 10, len(y)) / 10
    found = youden_threshold(y, risk).value

    def youden(at: float) -> float:
        return float(np.mean(risk[y == 1] >= at) - np.mean(risk[y == 0] >= at))

    assert youden(found) >= max(youden(at) for at in risk) - 1e-12


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 4), st.floats(-3, 3))
def test_calibration_undoes_a_stretch_and_a_shift_of_the_score(seed: int, stretch: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    score = rng.normal(size=200)
    target = Target.binary("e", (rng.random(200) < expit(score)).astype(float))
    straight = fit_calibrator(target, score, 20).risk(score)
    bent = fit_calibrator(target, stretch * score + shift, 20).risk(stretch * score + shift)
    np.testing.assert_allclose(straight, bent, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(-5, 5), st.booleans())
def test_calibrated_risks_always_sum_to_the_events(seed: int, direction: float, few: bool) -> None:
    rng = np.random.default_rng(seed)
    score = rng.normal(size=150)
    y = (rng.random(150) < expit(direction * score - 1)).astype(float)
    assume(0 < y.sum() < len(y))
    fitted = fit_calibrator(Target.binary("e", y), score, 1000 if few else 1)
    np.testing.assert_allclose(fitted.risk(score).sum(), y.sum(), atol=1e-6)
