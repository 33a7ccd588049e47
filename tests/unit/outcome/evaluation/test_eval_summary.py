"""The entry: what comes back for every kind of endpoint, and what is said where nothing can be measured."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from outcome.evaluation import PRIMARY_METRIC, difference, evaluate_target
from outcome.evaluation.kinds import KINDS
from outcome.types import EndpointKind, Estimate, FloatArray, Target

BINARY_NAMES = {
    "auroc", "average_precision", "brier", "scaled_brier", "oe_ratio", "citl", "slope",
    "log_loss", "ici", "e50", "e90", "sensitivity", "specificity", "precision", "recall", "accuracy", "npv",
    "net_benefit",
}  # fmt: skip
TIMED_NAMES = {
    "harrell_c", "uno_c", "brier_t", "scaled_brier_t", "oe_ratio_t", "citl_t", "slope_t", "ici_t", "e50_t", "e90_t",
    "auc_t",
}  # fmt: skip
NUMBER_NAMES = {"mae", "median_ae", "r2", "concordance", "bias"}


def binary_case(n: int = 200, seed: int = 0) -> tuple[Target, FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    lp = rng.normal(size=n)
    risk = 1 / (1 + np.exp(0.5 - lp))
    return Target.binary("complication", (rng.random(n) < risk).astype(float)), risk, lp


def timed_case(n: int = 200, seed: int = 0) -> tuple[Target, FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    lp = rng.normal(size=n)
    ends = np.stack([rng.exponential(100 * np.exp(-lp)), rng.exponential(300, n), rng.exponential(150, n)])
    kind = np.array([1.0, 2.0, 0.0])[ends.argmin(axis=0)]
    return Target.survival("death", ends.min(axis=0), kind), 1 - np.exp(-0.6 * np.exp(lp)), lp


def number_case(kind: EndpointKind, n: int = 60) -> tuple[Target, FloatArray, FloatArray]:
    rng = np.random.default_rng(1)
    predicted = rng.integers(0, 6, n) + rng.random(n)
    value = np.maximum(np.round(predicted + rng.normal(size=n)), 0)
    empty = np.full(n, np.nan)
    return Target("stay", kind, value, empty, empty.copy()), predicted, predicted


def withheld(metrics: dict[str, Estimate]) -> set[str]:
    return {estimate.withheld or "" for estimate in metrics.values()}


def test_binary_metrics_are_those_of_the_store() -> None:
    target, risk, score = binary_case()
    found = evaluate_target(target, risk, score, threshold=0.4)
    assert set(found.metrics) == BINARY_NAMES
    assert all(e.value is not None and e.low <= e.value <= e.high for e in found.metrics.values())
    assert found.metrics["recall"] == found.metrics["sensitivity"]
    assert found.n == 200
    assert found.n_events == target.n_events


def test_timed_metrics_are_those_of_the_store() -> None:
    target, risk, score = timed_case()
    found = evaluate_target(target, risk, score, horizon_days=60)
    assert set(found.metrics) == TIMED_NAMES
    assert all(e.value is not None and e.low <= e.value <= e.high for e in found.metrics.values())
    assert set(evaluate_target(target, risk, score).metrics) == {"harrell_c", "uno_c"}


@pytest.mark.parametrize("kind", [EndpointKind.DURATION, EndpointKind.ORDINAL, EndpointKind.CONTINUOUS])
def test_measured_values_have_the_metrics_of_the_store(kind: EndpointKind) -> None:
    found = evaluate_target(*number_case(kind), seed=4)
    assert set(found.metrics) == NUMBER_NAMES
    assert all(e.value is not None and e.low <= e.value <= e.high for e in found.metrics.values())
    assert found.metrics == evaluate_target(*number_case(kind), seed=4).metrics
    assert found.metrics["mae"] != evaluate_target(*number_case(kind), seed=5).metrics["mae"]
    assert found.n_events is None


def test_a_comparator_that_is_no_risk_gets_ranking_numbers_only() -> None:
    target, _, score = binary_case()
    assert set(evaluate_target(target, None, score, threshold=0.4).metrics) == {"auroc", "average_precision"}
    timed, _, lp = timed_case()
    found = evaluate_target(timed, None, lp, horizon_days=60)
    assert set(found.metrics) == {"harrell_c", "uno_c", "auc_t"}
    assert found.calibration_curve is None
    assert found.risk_histogram is None


def test_every_kind_of_endpoint_has_an_entry_and_a_primary_metric() -> None:
    assert set(KINDS) == set(PRIMARY_METRIC) == set(EndpointKind)


def test_unknown_outcomes_are_left_out_and_counted() -> None:
    target, risk, score = binary_case()
    value = target.value.copy()
    value[:30] = np.nan
    groups = {"site": np.where(np.arange(200) < 30, "lost", "kept")}
    found = evaluate_target(replace(target, value=value), risk, score, groups=groups)
    alone = evaluate_target(target.take(np.arange(30, 200)), risk[30:], score[30:])
    assert found.n_unknown == 30
    assert found.metrics == alone.metrics
    assert [row["group"] for row in found.subgroups] == ["kept"]


@pytest.mark.parametrize(
    ("y", "reason"),
    [
        ([1] * 7 + [0] * 60, "7 events; at least 10"),
        ([1] * 60 + [0] * 4, "4 cases without the event; at least 10"),
        ([0] * 50, "0 events"),
        ([1] * 50, "0 cases without the event"),
        ([], "0 events"),
    ],
)
def test_too_few_of_a_class_withholds_everything(y: list[int], reason: str) -> None:
    risk = np.linspace(0.1, 0.9, len(y))
    found = evaluate_target(Target.binary("x", y), risk, risk, threshold=0.5)
    assert set(found.metrics) == BINARY_NAMES
    (only,) = withheld(dict(found.metrics))
    assert reason in only
    assert found.calibration_curve is None


def test_ten_of_each_class_are_enough() -> None:
    y = np.tile([0.0, 1.0], 10)
    found = evaluate_target(Target.binary("x", y), np.linspace(0.1, 0.9, 20), np.linspace(0.1, 0.9, 20))
    assert found.metrics["auroc"].value is not None


def test_all_censored_is_named() -> None:
    target = Target.survival("death", np.arange(1.0, 61), np.zeros(60))
    found = evaluate_target(target, np.full(60, 0.2), np.arange(60.0), horizon_days=30)
    assert withheld(dict(found.metrics)) == {"0 events; at least 10 are needed for an interval"}
    assert found.risk_histogram["unknown"][4] == 29


def test_events_after_the_horizon_do_not_count_for_it() -> None:
    target, risk, score = timed_case()
    found = evaluate_target(target, risk, score, horizon_days=1.0)
    assert found.metrics["harrell_c"].value is not None
    assert "events by 1 days" in (found.metrics["brier_t"].withheld or "")
    assert found.calibration_curve is None


def test_a_horizon_beyond_follow_up_is_named() -> None:
    target, risk, score = timed_case()
    event = np.where(target.time_days == target.time_days.max(), 0.0, target.event)
    found = evaluate_target(replace(target, event=event), risk, score, horizon_days=5000)
    assert found.metrics["harrell_c"].value is not None
    assert all("follow-up ends" in (found.metrics[name].withheld or "") for name in ("auc_t", "brier_t", "oe_ratio_t"))


@pytest.mark.parametrize("constant", [0.0, 0.3, 1.0])
def test_constant_risks_are_named(constant: float) -> None:
    target, _, _ = binary_case()
    found = evaluate_target(target, np.full(200, constant), np.full(200, constant))
    assert "same score" in (found.metrics["auroc"].withheld or "")
    assert "same risk" in (found.metrics["slope"].withheld or "")
    assert found.metrics["brier"].value is not None
    assert (found.metrics["oe_ratio"].value is None) == (constant == 0)
    assert found.calibration_curve["kind"] == "groups"
    assert len(found.calibration_curve["risk"]) == 1


def test_constant_risks_in_time_and_in_days_are_named() -> None:
    target, _, _ = timed_case()
    found = evaluate_target(target, np.zeros(200), np.zeros(200), horizon_days=60)
    assert "same score" in (found.metrics["harrell_c"].withheld or "")
    assert "all risks are zero" in (found.metrics["oe_ratio_t"].withheld or "")
    stay, _, _ = number_case(EndpointKind.DURATION)
    days = evaluate_target(replace(stay, value=np.full(60, 4.0)), np.full(60, 5.0), np.full(60, 5.0)).metrics
    assert "all observed values are equal" in (days["r2"].withheld or "")
    assert days["bias"].value == 1


def test_complete_separation_claims_no_certainty() -> None:
    y = np.repeat([0.0, 1.0], 20)
    risk = np.linspace(0.05, 0.95, 40)
    found = evaluate_target(Target.binary("x", y), risk, risk).metrics
    assert found["auroc"].value == 1
    assert 0.8 < found["auroc"].low < 1
    assert found["average_precision"].low < 1
    assert "separates" in (found["slope"].withheld or "")
    assert found["citl"].value is not None


def test_risks_of_exactly_zero_and_one_do_not_break_calibration() -> None:
    target, risk, score = binary_case()
    extreme = np.where(risk < 0.2, 0.0, np.where(risk > 0.8, 1.0, risk))
    found = evaluate_target(target, extreme, score, threshold=1.0).metrics
    assert 0 < found["slope"].value < 1
    assert found["citl"].value is not None


def test_json_has_the_shape_of_the_store() -> None:
    target, risk, score = binary_case(400)
    found = evaluate_target(target, risk, score, threshold=0.4, groups={"sex": np.tile(["f", "m"], 200)}).to_json()
    assert set(found) == {
        "metrics", "calibration_curve", "risk_histogram", "decision_curve", "subgroups", "subgroup_analysis"
    }  # fmt: skip
    again = json.loads(json.dumps(found, allow_nan=False))
    assert Estimate.from_json(again["metrics"]["auroc"]).value == found["metrics"]["auroc"]["value"]
    assert set(again["subgroups"][0]) == {"variable", "group", "n", "n_events", "metrics"}
    assert again["calibration_curve"]["kind"] == "spline"
    assert len(again["calibration_curve"]["risk"]) <= 200
    histogram = again["risk_histogram"]
    assert sum(histogram["events"]) == target.n_events
    assert sum(histogram["events"] + histogram["non_events"]) == 400
    assert len(histogram["edges"]) == len(histogram["events"]) + 1


def test_inputs_are_not_changed() -> None:
    target, risk, score = timed_case()
    before = [part.copy() for part in (target.time_days, target.event, risk, score)]
    evaluate_target(target, risk, score, horizon_days=60, groups={"a": np.tile(["x", "y"], 100)})
    difference(target, score, risk)
    for kept, now in zip(before, (target.time_days, target.event, risk, score), strict=True):
        assert np.array_equal(kept, now)


@pytest.mark.parametrize("case", ["binary", "timed", "number"])
def test_difference_is_signed_and_zero_for_the_same_score(case: str) -> None:
    cases = {"binary": binary_case, "timed": timed_case, "number": lambda: number_case(EndpointKind.ORDINAL)}
    target, _, score = cases[case]()
    noise = np.random.default_rng(9).normal(size=len(score))
    better = difference(target, score, noise)
    assert better.low > 0
    assert difference(target, noise, score).value == pytest.approx(-better.value)
    same = difference(target, score, score * 2)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    primary = PRIMARY_METRIC[target.kind]
    values = [evaluate_target(target, None, s).metrics[primary].value for s in (score, noise)]
    assert better.value == pytest.approx(values[0] - values[1])


def test_difference_against_a_constant_score_compares_with_chance() -> None:
    target, _, score = binary_case()
    gain = difference(target, score, np.zeros(200))
    assert gain.value == pytest.approx(evaluate_target(target, None, score).metrics["auroc"].value - 0.5)
    assert gain.low < gain.value < gain.high


def test_difference_is_withheld_with_few_events() -> None:
    y = np.repeat([0.0, 1.0], [60, 7])
    assert "7 events" in (difference(Target.binary("x", y), y, y).withheld or "")
