"""Readers, published scores and one number beside a model, on cases whose truth is planted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from outcome.config import PublishedScore, Reader
from outcome.errors import DataRefusal
from outcome.evaluation.comparison.differences import paired_delong
from outcome.pipeline.evidence.multiplicity import multiplicity
from outcome.pipeline.evidence.published import comparators, stated
from outcome.pipeline.evidence.readers import readers
from outcome.types import Target
from tests.evidence_scene import ENDPOINT, INPUTS, Told, drawn, model_cases

Y, RISK = drawn(400, 3)


def reader(name: str, scale: str = "percent") -> Reader:
    return Reader(variable=name, label=name, endpoint=ENDPOINT, scale=scale)


def published(name: str, scale: str, **more: object) -> PublishedScore:
    return PublishedScore(variable=name, label=name, source="Somebody 2020", endpoint=ENDPOINT, scale=scale, **more)


def asked(told: Told, *, target: Target | None = None, horizon: float | None = None, question=readers):
    model = model_cases(target or Target.binary(ENDPOINT, Y), RISK, told, horizon=horizon)
    return question(model.cases, [model])


def test_a_reader_who_knows_the_truth_beats_the_model() -> None:
    told = Told({"readers": (reader("oracle"),)}, variables={"oracle": 100 * (0.1 + 0.8 * Y)}, threshold=0.3)
    found = asked(told)["models"][INPUTS]
    assert found["difference"]["value"] < 0
    assert found["p_value"] < 1e-6
    assert found["net_benefit"][0]["readers"][0]["difference"]["high"] < 0
    assert found["net_benefit"][0]["readers"][0]["net_benefit"]["value"] == pytest.approx(Y.mean())
    assert found["net_benefit"][0]["threshold"] == 0.3


def test_readers_without_a_clue_add_nothing_and_the_model_adds_to_them() -> None:
    rng = np.random.default_rng(1)
    guesses = {f"r{k}": np.round(100 * rng.random(400)) for k in range(3)}
    found = asked(Told({"readers": tuple(reader(name) for name in guesses)}, variables=guesses))
    model = found["models"][INPUTS]
    assert found["readers_are"] == "random"
    assert model["difference"]["value"] > 0.1
    assert model["model_adds"]["p_value"] < 1e-6 < model["readers_add"]["p_value"]
    assert [row["name"] for row in model["by_reader"]] == ["r0", "r1", "r2"]


def test_one_reader_gets_the_paired_test() -> None:
    estimate = np.round(100 * expit(np.random.default_rng(2).normal(size=400) + 2 * Y))
    found = asked(Told({"readers": (reader("one"),)}, variables={"one": estimate}))["models"][INPUTS]
    expected = paired_delong(Y, RISK, estimate)
    assert found["difference"]["value"] == pytest.approx(expected.estimate.value)
    assert found["p_value"] == pytest.approx(expected.p_value)


def test_only_cases_that_every_reader_read_are_compared() -> None:
    both = {"a": 100 * RISK, "b": np.where(np.arange(400) < 300, 50 * RISK, np.nan)}
    y = np.where(np.arange(400) < 20, np.nan, Y)
    found = asked(Told({"readers": (reader("a"), reader("b"))}, variables=both), target=Target.binary(ENDPOINT, y))
    assert found["n"] == 280
    assert found["n_events"] == Y[20:300].sum()
    assert found["models"][INPUTS]["difference"]["value"] == pytest.approx(0, abs=1e-12)


def test_a_rating_has_no_net_benefit_and_times_have_no_readers() -> None:
    told = Told({"readers": (reader("r", "points"), reader("s"))}, variables={"r": RISK, "s": RISK}, threshold=0.2)
    assert [row["name"] for row in asked(told)["models"][INPUTS]["net_benefit"][0]["readers"]] == ["s"]
    times = Target.survival(ENDPOINT, np.arange(1, 401), Y)
    assert "withheld" in asked(told, target=times, horizon=300.0)
    assert asked(Told()) == {}


def test_few_cases_read_by_all_are_withheld() -> None:
    seen = np.where(np.arange(400) < 15, RISK, np.nan)
    assert "read by all" in asked(Told({"readers": (reader("r", "risk"),)}, variables={"r": seen}))["withheld"]


def test_a_reader_of_a_good_outcome_states_the_chance_of_that_outcome() -> None:
    rating = {"r": RISK}
    told = Told({"readers": (reader("r", "points"),)}, variables=rating, favourable=True)
    assert asked(told)["models"][INPUTS]["difference"]["value"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("scale", ["risk", "percent", "points"])
def test_a_score_that_equals_the_model_gives_no_difference(scale: str) -> None:
    value = RISK * (100 if scale == "percent" else 1)
    told = Told({"scores": (published("s", scale),)}, variables={"s": value})
    found = asked(told, question=comparators)["s"]
    assert found["difference"][INPUTS]["value"] == 0
    assert found["p_value"][INPUTS] == 1
    assert ("oe_ratio" in found["metrics"]) == (scale != "points")
    assert (found["source"], found["citation"]) == ("published", "Somebody 2020")


def test_recalibration_mends_the_level_but_says_that_it_flatters() -> None:
    value = expit(0.5 * np.log(RISK / (1 - RISK)) - 2)
    found = asked(Told({"scores": (published("s", "risk"),)}, variables={"s": value}), question=comparators)["s"]
    given, mended = found["metrics"]["oe_ratio"]["value"], found["recalibrated"]["metrics"]["oe_ratio"]["value"]
    assert given > 1.5
    assert mended == pytest.approx(1, abs=0.05)
    assert "flatters" in found["recalibrated"]["metrics"]["oe_ratio"]["method"]
    assert found["recalibrated"]["metrics"]["slope"]["value"] == pytest.approx(1, abs=0.15)


def test_points_that_promise_safety_are_turned_round() -> None:
    safer = published("s", "points", higher_is="safer")
    found = asked(Told({"scores": (safer,)}, variables={"s": -RISK}), question=comparators)["s"]
    assert found["difference"][INPUTS]["value"] == 0
    good = Told({"scores": (safer,)}, variables={"s": RISK}, favourable=True)
    assert asked(good, question=comparators)["s"]["difference"][INPUTS]["value"] == 0


def test_a_score_is_judged_on_its_own_cases_and_time() -> None:
    value = np.where(np.arange(400) < 250, RISK, np.nan)
    times = Target.survival(ENDPOINT, np.random.default_rng(4).exponential(500, 400), Y)
    told = Told({"scores": (published("s", "risk"),)}, variables={"s": value})
    found = asked(told, target=times, horizon=300.0, question=comparators)["s"]
    assert found["metrics"]["oe_ratio_t"]["n"] == 250
    assert found["recalibrated"]["metrics"]["harrell_c"]["n"] == 250
    assert found["difference"][INPUTS]["value"] == 0


def test_a_per_cent_that_is_a_share_and_a_share_that_is_a_per_cent() -> None:
    told = Told(variables={"s": 100 * RISK})
    model = model_cases(Target.binary(ENDPOINT, Y), RISK, told)
    with pytest.raises(DataRefusal, match="values outside"):
        stated(model.cases, "s", "risk")


def test_p_values_are_adjusted_over_endpoints_for_each_set_of_inputs() -> None:
    def entry(p: float | None, plan: float) -> dict:
        rivals = {"size": {"source": "record", "p_value": {"preoperative": p, "with_plan": plan}},
                  "score": {"source": "published", "p_value": {"preoperative": 1e-9}}}  # fmt: skip
        return {"label": "x", "comparators": rivals}

    found = multiplicity({"a": entry(0.01, 0.5), "b": entry(0.04, 0.5), "c": entry(None, 0.5)})
    holm = {(row["endpoint"], row["inputs"]): row["holm"] for row in found["rows"]}
    step_up = {(row["endpoint"], row["inputs"]): row["benjamini_hochberg"] for row in found["rows"]}
    assert len(found["rows"]) == 6
    assert (holm["a", "preoperative"], holm["b", "preoperative"]) == (0.02, 0.04)
    assert holm["c", "preoperative"] is None
    assert (step_up["a", "preoperative"], step_up["a", "with_plan"]) == (0.02, 0.5)
    assert holm["a", "with_plan"] == 1
    assert multiplicity({"a": {"label": "x", "comparators": {}}}) == {}
