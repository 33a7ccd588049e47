"""Threshold, choice and standard error, worked out on paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from outcome.evaluation.discrimination.roc import delong_variance, placements
from outcome.features.columns import FeatureColumn
from outcome.training.candidates import Candidate
from outcome.training.choice import choose
from outcome.training.data import TrainingData
from outcome.training.folds import derive_seed, patient_folds
from outcome.training.rungs import Rung
from outcome.training.search import search
from outcome.training.settings import TrainingSettings
from outcome.training.threshold import youden_threshold
from outcome.types import Target


def candidate(name: str, complexity: int, scores: list[float], pulls: list[float]) -> Candidate:
    rung = Rung(name, "logistic", ({"penalty": 1.0},), complexity, ("clinical",))
    return Candidate(rung, rung.grid[0], np.zeros(3), np.array(scores), np.array(pulls))


def test_youden_of_eight_patients() -> None:
    # at >= 0.6: sensitivity 3/4, specificity 4/4 -> 0.75; at >= 0.2: 4/4 and 2/4 -> 0.5
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1], dtype=float)
    risk = np.array([0.1, 0.1, 0.3, 0.4, 0.2, 0.6, 0.7, 0.9])
    found = youden_threshold(y, risk)
    assert found.value == 0.6
    assert "Youden index 0.75" in found.provenance
    assert "8 training cases, 4 with the event" in found.provenance


def test_of_equal_thresholds_the_lower_wins() -> None:
    # >= 0.2: 2/2 + 1/2; >= 0.4: 1/2 + 2/2
    found = youden_threshold(np.array([0, 1, 0, 1], dtype=float), np.array([0.1, 0.2, 0.3, 0.4]))
    assert found.value == 0.2


def test_a_threshold_needs_both_outcomes() -> None:
    with pytest.raises(ValueError, match="0 events of 3"):
        youden_threshold(np.zeros(3), np.array([0.1, 0.2, 0.3]))


def test_the_error_of_a_difference_leaves_out_what_two_candidates_share() -> None:
    # apart 0.06 and 0.08 on two patients: sqrt(0.0036 + 0.0064) = 0.1; each alone would have an error of 0.5 and more
    one = candidate("a", 0, [0.5, 0.6, 0.7], [0.50, 0.00, -0.50])
    two = candidate("b", 1, [0.7, 0.8, 0.9], [0.56, 0.08, -0.50])
    assert one.behind(two) == (pytest.approx(0.2), pytest.approx(0.1))
    assert two.behind(one) == (pytest.approx(-0.2), pytest.approx(0.1))


def test_folds_that_cannot_be_scored_are_left_out() -> None:
    assert candidate("a", 0, [0.5, np.nan, 0.7], [0.0]).mean == pytest.approx(0.6)
    assert candidate("a", 0, [np.nan, np.nan, np.nan], [0.0]).mean == 0.5


def test_the_simplest_within_one_error_of_the_difference_is_chosen() -> None:
    # a lies 0.10 behind c with an error of 0.05; b lies 0.04 behind with an error of 0.05
    low, middle = candidate("a", 0, [0.60], [0.03, -0.04]), candidate("b", 1, [0.66], [0.04, 0.03])
    found = choose((low, middle, candidate("c", 2, [0.70], [0.0, 0.0])), "auroc")
    assert found.candidate is middle
    assert found.best.rung.name == "c"
    assert "'b' is the simplest rung within one standard error of the best" in found.reason
    assert "auroc 0.660 is 0.040 behind 'c', with a standard error of 0.050" in found.reason


def test_a_clear_winner_and_a_tie() -> None:
    low, high = candidate("a", 0, [0.6], [0.01, 0.0]), candidate("b", 1, [0.7], [0.0, 0.0])
    assert choose((low, high), "auroc").candidate is high
    found = choose((high, candidate("c", 2, [0.7], [0.0, 0.0])), "auroc")
    assert found.candidate is high
    assert "no simpler rung came within" in found.reason


def test_pulls_sum_to_the_variance_of_the_mean_over_folds_by_patient() -> None:
    """One rung: sum of squared pulls = (DeLong's variances of the folds' AUROC, patients' rows added up) / folds^2."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=120)
    y = (rng.random(120) < 1 / (1 + np.exp(-x))).astype(float)
    frame = pd.DataFrame({"clinical:x": x}, index=[f"case{i}" for i in range(120)])
    alone = np.array([f"p{i}" for i in range(120)])
    rung = Rung("x", "logistic", ({"penalty": 1.0},), 0, ("clinical",))
    columns = (FeatureColumn("clinical:x", "clinical", "numeric", "preoperative"),)
    target, settings = Target.binary("e", y), TrainingSettings(inner_folds=3)
    found = search(TrainingData(frame, columns, target, alone), (rung,), settings, 1)[0]
    folds = patient_folds(alone, target, 3, derive_seed(1, "inner"))
    variances = []
    for fold in range(3):
        events, others = placements(y[folds == fold], found.out_of_fold[folds == fold])
        variances.append(delong_variance(events, others))
    assert np.sum(found.pulls**2) == pytest.approx(sum(variances) / 9)
    twins = np.repeat([f"p{i}" for i in range(60)], 2)
    assert len(search(TrainingData(frame, columns, target, twins), (rung,), settings, 1)[0].pulls) == 60


def test_a_repeat_draws_other_folds_and_its_scores_are_averaged() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=90)
    y = (rng.random(90) < 1 / (1 + np.exp(-x))).astype(float)
    frame = pd.DataFrame({"clinical:x": x}, index=[f"case{i}" for i in range(90)])
    columns = (FeatureColumn("clinical:x", "clinical", "numeric", "preoperative"),)
    data = TrainingData(frame, columns, Target.binary("e", y), frame.index.to_numpy())
    rung = Rung("x", "logistic", ({"penalty": 1.0},), 0, ("clinical",))
    once, twice = (search(data, (rung,), TrainingSettings(inner_repeats=n), 1)[0] for n in (1, 2))
    assert len(twice.fold_scores) == 2 * len(once.fold_scores) == 6
    assert np.array_equal(twice.fold_scores[:3], once.fold_scores)
    assert not np.array_equal(twice.fold_scores[3:], once.fold_scores)
    assert twice.mean == pytest.approx(np.mean([once.mean, twice.fold_scores[3:].mean()]))
    assert np.array_equal(twice.out_of_fold, once.out_of_fold)
    # folds differ, so do the pulls; the mean of two is no longer the first
    assert not np.array_equal(twice.pulls, once.pulls)
    assert twice.pulls.sum() == pytest.approx(0, abs=1e-12)
