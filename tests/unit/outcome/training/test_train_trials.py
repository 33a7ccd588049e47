"""Trials of params: what is proposed, what ends early, what is told, and that the best one is what is handed on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import outcome
from outcome.config import load_study
from outcome.config.training import Training
from outcome.errors import DataRefusal
from outcome.models.linear import Params
from outcome.models.registry import fit_model
from outcome.pipeline.train import training_settings
from outcome.training import trials as trials_module
from outcome.training.candidates import metric_of
from outcome.training.data import TrainingData
from outcome.training.folds import derive_seed, patient_folds
from outcome.training.learning import rung_preprocessor
from outcome.training.procedure import FittedProcedure, fit_procedure
from outcome.training.rungs import RIDGE, Rung
from outcome.training.search import search
from outcome.training.search_space import SearchSettings
from outcome.training.settings import TrainingSettings
from outcome.training.trials import DONE, FAILED, PRUNED, best_of, run_trials
from tests.image_cases import NETWORK_RUNG, SETTINGS, TINY, image_cases

LEAST: Params = {"rounds": 3, "leaves": 2, "min_leaf": 5}
TREES = Rung("boosted trees", "boosting", (LEAST, {**LEAST, "rounds": 9}), 5, ("clinical", "radiomics"))
SEARCH = SearchSettings(8, {"boosting": {"rounds": (2, 60), "leaves": (2, 6)}})
SEARCHED = TrainingSettings(outer_folds=2, inner_folds=3, inner_repeats=2, min_events=5, search=SEARCH)


def rising(_number: int, params: Params, _step: int) -> float:
    return float(params["rounds"]) / 100


def test_the_rung_s_own_params_come_first_and_a_seed_says_all_others() -> None:
    found = run_trials(TREES, SEARCH, 3, rising, 4)
    assert [trial.params for trial in found[:2]] == list(TREES.grid)
    assert len(found) == 8
    assert all(2 <= t.params["rounds"] <= 60 and 2 <= t.params["leaves"] <= 6 for t in found)
    assert all(t.params["min_leaf"] == 5 for t in found)
    assert found == run_trials(TREES, SEARCH, 3, rising, 4)
    assert found[2:] != run_trials(TREES, SEARCH, 3, rising, 5)[2:]
    assert found[:4] == run_trials(TREES, replace(SEARCH, trials=4), 3, rising, 4)


def test_proposals_learn_from_the_trials_before_them() -> None:
    many = run_trials(TREES, replace(SEARCH, trials=40), 3, rising, 4)
    assert np.mean([t.params["rounds"] for t in many[-15:]]) > np.mean([t.params["rounds"] for t in many[2:7]]) + 10


def test_a_hopeless_trial_ends_after_its_first_fold_and_cannot_win() -> None:
    asked: list[tuple[int, int]] = []

    def judge(number: int, _params: Params, step: int) -> float:
        asked.append((number, step))
        return 0.2 if number in (0, 6) else 0.6 + 0.01 * number

    found = run_trials(TREES, SEARCH, 3, judge, 4)
    assert (found[6].ended, found[6].means) == (PRUNED, (0.2,))
    assert (found[0].ended, len(found[0].means)) == (DONE, 3)  # the rung's own params are tried in full
    assert (6, 1) not in asked
    assert best_of(found) == 7


def test_of_equal_means_the_first_trial_wins() -> None:
    assert best_of(run_trials(TREES, SEARCH, 3, lambda *_: 0.5, 4)) == 0


def test_a_trial_without_scores_fails_alone_and_none_at_all_is_refused() -> None:
    found = run_trials(TREES, SEARCH, 2, lambda number, *_: float("nan") if number == 3 else 0.6, 4)
    assert [trial.ended for trial in found] == [*[DONE] * 3, FAILED, *[DONE] * 4]
    assert found[3].means == ()
    with pytest.raises(DataRefusal, match="gave every held-out case a score"):
        best_of(run_trials(TREES, SEARCH, 2, lambda *_: float("nan"), 4))


def test_no_trial_begins_after_its_minutes_but_the_rung_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def clock() -> Iterator[float]:
        yield from (0.0, 59.0, 60.0, 61.0)

    ticks = clock()
    monkeypatch.setattr(trials_module.time, "monotonic", lambda: next(ticks))
    assert len(run_trials(TREES, replace(SEARCH, minutes=1.0), 2, rising, 4)) == 4
    late = iter((0.0, 500.0))
    monkeypatch.setattr(trials_module.time, "monotonic", lambda: next(late))
    assert len(run_trials(TREES, replace(SEARCH, minutes=1.0), 2, rising, 4)) == 2


def test_numbers_are_drawn_in_three_digits_within_their_range() -> None:
    narrow, choices = (1.2345e-4, 1.2355e-4), ("film", "daft")
    space = {"fusion": {"learning_rate": narrow, "block_dropout": (0.1, 0.3), "fusion": choices}}
    rung = Rung("n", "network", ({"learning_rate": 2e-3, "epochs": 2},), 1, ("clinical",))
    found = run_trials(rung, SearchSettings(12, space), 1, lambda *_: 0.5, 1)[1:]
    assert all(1.2345e-4 <= trial.params["learning_rate"] <= 1.2355e-4 for trial in found)
    assert all(len(f"{trial.params['block_dropout']}") <= 5 for trial in found)
    assert {trial.params["fusion"] for trial in found} == {"film", "daft"}
    assert all(trial.params["epochs"] == 2 for trial in found)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return image_cases(n=80)


@pytest.fixture(scope="module")
def fitted(data: TrainingData) -> FittedProcedure:
    return fit_procedure(data, [Rung("ridge", "logistic", RIDGE, 1, ("clinical", "radiomics")), TREES], SEARCHED, 3)


def test_the_best_trial_s_scores_are_those_of_its_params_without_each_fold(data: TrainingData) -> None:
    (found,) = search(data, [TREES], SEARCHED, 3)
    done = [trial for trial in found.trials if trial.ended == DONE]
    assert found.mean == max(trial.means[-1] for trial in done)
    assert len(found.fold_scores) == 6  # three folds, drawn twice
    folds = patient_folds(data.patients, data.target, 3, derive_seed(3, "inner"))
    for fold in range(3):
        held = folds == fold
        fit = rung_preprocessor(data.take(~held), TREES, TREES.pick(data.columns), SEARCHED)
        train, test = data.take(~held), data.take(held)
        model = fit_model("boosting", train.inputs("boosting", fit), train.target, found.params, 3)
        np.testing.assert_array_equal(found.out_of_fold[held], model.score(test.inputs("boosting", fit)))
        assert found.fold_scores[fold] == metric_of(test.target, found.out_of_fold[held])


def test_the_ladder_tells_every_trial_and_the_model_has_the_best_params(fitted: FittedProcedure) -> None:
    ridge, trees = fitted.rung_scores
    assert "trials" not in ridge
    assert len(trees["trials"]) == 8
    best = max((t for t in trees["trials"] if t["ended"] == DONE), key=lambda trial: trial["means"][-1])
    assert trees["params"] == best["params"] == fitted.rungs[1].params
    assert trees["mean"] == best["means"][-1]
    assert json.loads(json.dumps(trees, allow_nan=False)) == trees
    again = FittedProcedure.from_states(fitted.to_states())
    assert again.rung_scores == fitted.rung_scores


def test_a_network_is_searched_too() -> None:
    space = {"fusion": {"learning_rate": (1e-4, 1e-2), "fusion": ("gated", "concat"), "epochs": (1, 2)}}
    settings = replace(SETTINGS, search=SearchSettings(2, space))
    (found,) = search(image_cases(), [NETWORK_RUNG], settings, 3)
    own, other = found.trials
    assert own.params == TINY.params()
    assert {name for name in own.params if own.params[name] != other.params[name]} <= set(space["fusion"])
    assert own.params["learning_rate"] != other.params["learning_rate"]


def test_settings_come_back_and_say_nothing_of_a_search_that_is_not_asked_for() -> None:
    assert TrainingSettings.from_json(json.loads(json.dumps(SEARCHED.to_json()))) == SEARCHED
    assert "search" not in TrainingSettings().to_json()
    assert "search" not in Training().model_dump()
    assert SearchSettings(3, SEARCH.over, 2.5).to_json()["minutes"] == 2.5
    asked = {"trials": 4, "over": {"fusion": {"epochs": [4, 9]}}}
    assert Training(search=asked).model_dump(mode="json")["search"] == asked


def test_what_a_study_asks_for_reaches_training() -> None:
    template = load_study(Path(outcome.__file__).parent.parent / "configs" / "template.yaml")
    asked = {"trials": 4, "minutes": 2, "over": {"fusion": {"fusion": ["film", "daft"]}, "forest": {"trees": [5, 9]}}}
    training = Training(search=asked, network={"ensemble": 3})
    settings = training_settings(template.model_copy(update={"training": training}))
    over = {"fusion": {"fusion": ("film", "daft")}, "forest": {"trees": (5, 9)}}
    assert settings.search == SearchSettings(4, over, 2)
    assert settings.network.params()["ensemble"] == 3
    assert training_settings(template).search is None


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ({}, "no family to search"),
        ({"fusion": {}}, "nothing to search over"),
        ({"fusion": {"learning_rate": [0.01, 0.001]}}, "from the smaller to the larger"),
        ({"fusion": {"learning_rate": [0.0, 0.001]}}, "greater than 0"),
        ({"fusion": {"fusion": ["gated"]}}, "at least two values"),
        ({"fusion": {"fusion": ["gated", "mixed"]}}, "low_rank"),
        ({"fusion": {"learning": [1, 2]}}, "learning_rate"),
        ({"fusion": {"tuning": ["full", "frozen"]}}, "name network.weights"),
        ({"forest": {"min_leaf": [2, 9]}}, "forest, which families leaves out"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(over: object, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Training(search={"trials": 4, "over": over}, families=("ridge", "fusion"))


def test_unknown_params_are_refused_where_settings_are_made() -> None:
    with pytest.raises(ValueError, match="two trials or more"):
        SearchSettings(4, {"boosting": {"depth": (1, 2)}})
    with pytest.raises(ValueError, match="two trials or more"):
        SearchSettings(1, SEARCH.over)
