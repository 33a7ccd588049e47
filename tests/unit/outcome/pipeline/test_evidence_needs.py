"""Precision, risk groups and updating advice: what is taken from the bundle, and what from the cases."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.special import expit, logit

from outcome.evaluation.planning.sample_size import LinearPredictor
from outcome.evaluation.planning.validation_size import validation_size
from outcome.pipeline.evidence.acting import acting
from outcome.pipeline.evidence.advice import advice, update_cases
from outcome.pipeline.evidence.precision import FROM_BUNDLE, at_rate, auroc_of, precision
from outcome.pipeline.evidence.risk_groups import risk_groups
from outcome.pipeline.updating.updated_unit import Patients, cases_of
from outcome.store import write_parquet
from outcome.types import EndpointKind, Target
from tests.evidence_scene import ENDPOINT, Told, drawn, ids_of, model_cases
from tests.unit.outcome.pipeline.test_updated_unit import COLUMNS, outcome, table, trained

TOLD = {"n": 500, "lp_mean": -1.0, "lp_sd": 1.2, "cuts": [0.2, 0.4]}
Y, RISK = drawn(200, 3)


def binary(y: np.ndarray, risk: np.ndarray, **told: object):
    return model_cases(Target.binary(ENDPOINT, y), risk, Told(risks=TOLD, **told))


def test_the_spread_comes_from_the_bundle_and_the_rate_from_here() -> None:
    found = precision(binary(Y, RISK))
    rate = Y.mean()
    assert found["assumed"]["spread_of"] == FROM_BUNDLE
    assert found["assumed"]["lp_sd"] == pytest.approx(1.2)
    assert found["assumed"]["event_rate"] == rate
    spread = at_rate(LinearPredictor.normal(-1.0, 1.2), rate)
    expected = validation_size(rate, auroc_of(spread), spread)
    assert {row["metric"]: row["n_needed"] for row in found["criteria"]} == dict(expected.criteria)
    assert found["n_needed"] == expected.n
    assert not found["enough"]
    assert re.match(rf"{int(Y.sum())} events of 200: the interval of the calibration slope is about", found["words"])
    assert precision(binary(Y, expit(3 * logit(RISK))))["n_needed"] == expected.n


def test_the_width_wanted_is_reached_with_the_cases_needed() -> None:
    y, risk = drawn(20_000, 4)
    found = precision(binary(y, risk, threshold=0.3))
    assert found["enough"]
    for row in found["criteria"]:
        assert row["width_here"] <= row["width_wanted"]
    assert {row["metric"] for row in found["criteria"]} == {"oe_ratio", "auroc", "slope", "net_benefit"}


def test_a_bundle_that_is_silent_leaves_the_spread_seen_here_and_it_is_said() -> None:
    model = model_cases(Target.binary(ENDPOINT, Y), RISK, Told())
    found = precision(model)
    assert found["assumed"]["lp_sd"] == pytest.approx(logit(RISK).std())
    assert "does not state it" in found["words"]
    assert risk_groups(model)["withheld"]
    updated = binary(Y, RISK, bundle_files=("updates.json",))
    assert precision(updated)["n_needed"] == found["n_needed"]
    assert "recalibrated" in risk_groups(updated)["withheld"]


def test_the_auroc_of_a_spread_is_that_of_cases_drawn_from_it() -> None:
    y, risk = drawn(400_000, 5)
    ranks = np.argsort(np.argsort(risk))
    events = y == 1
    seen = (ranks[events].mean() - (events.sum() - 1) / 2) / (~events).sum()
    assert auroc_of(LinearPredictor.normal(-1.0, 1.0)) == pytest.approx(seen, abs=0.003)


def test_the_auroc_of_four_risks_by_hand() -> None:
    """Risks 0.2, 0.5, 0.5, 0.8: events 2, others 2; 0.8·(0.8 + 1 + 0.2/2) + 1·(0.8 + 1/2) + 0.2·0.8/2 = 2.9 of 4."""
    four = LinearPredictor.seen(logit(np.array([0.2, 0.5, 0.5, 0.8])))
    assert auroc_of(four) == pytest.approx(2.9 / 4)


@pytest.mark.parametrize("rate", [1e-6, 0.01, 0.5, 0.999])
def test_the_spread_is_moved_to_any_rate(rate: float) -> None:
    moved = at_rate(LinearPredictor.normal(-3.0, 2.0), rate)
    assert moved.mean(expit(moved.value)) == pytest.approx(rate, rel=1e-6)


def test_precision_of_times_only_where_nobody_left_early() -> None:
    times = Target.survival(ENDPOINT, np.where(Y == 1, 100.0, 400.0), Y)
    told = Told(risks=TOLD)
    found = precision(model_cases(times, RISK, told, horizon=300.0))
    assert found["n_events"] == Y.sum()
    assert found["assumed"]["spread_of"] == FROM_BUNDLE
    hazard = LinearPredictor.normal(TOLD["lp_mean"], TOLD["lp_sd"])
    by_hand = at_rate(
        LinearPredictor(logit(1 - np.exp(-np.exp(np.minimum(hazard.value, 2.0)))), hazard.weight), Y.mean()
    )
    assert found["assumed"]["auroc"] == pytest.approx(auroc_of(by_hand), abs=0.005)
    first = np.arange(200) == 0
    left = Target.survival(ENDPOINT, np.where(first, 50.0, times.time_days), np.where(first, 0, Y))
    assert "follow-up" in precision(model_cases(left, RISK, told, horizon=300.0))["withheld"]
    rival = Target.survival(ENDPOINT, left.time_days, np.where(first, 2, Y))
    assert "criteria" in precision(model_cases(rival, RISK, told, horizon=300.0))


def test_no_events_one_risk_and_development_need_no_size() -> None:
    assert "0 events" in precision(binary(np.zeros(200), RISK))["withheld"]
    flat = model_cases(Target.binary(ENDPOINT, Y), np.full(200, 0.3), Told())
    assert "same risk" in precision(flat)["withheld"]
    assert precision(binary(Y, RISK, relation="development")) == {}
    assert advice(binary(Y, RISK, relation="development")) == {}


def test_cuts_are_the_bundle_s_whatever_happened_here() -> None:
    first, other = (risk_groups(binary(y, RISK)) for y in (Y, 1 - Y))
    shifted = risk_groups(binary(Y, RISK / 2))
    assert first["cuts"] == other["cuts"] == shifted["cuts"] == [0.2, 0.4]
    assert [g["n"] for g in first["groups"]] == [g["n"] for g in other["groups"]]
    assert [g["n"] for g in first["groups"]] == np.histogram(RISK, [0, 0.2, 0.4, 1])[0].tolist()
    assert sum(g["n_events"] for g in first["groups"]) == Y.sum()
    assert "500 development cases" in first["provenance"]
    assert "these very cases" not in first["provenance"]
    assert "these very cases" in risk_groups(binary(Y, RISK, relation="development"))["provenance"]


@pytest.mark.parametrize(("rival", "method"), [(False, "Kaplan-Meier"), (True, "Aalen-Johansen")])
def test_times_get_a_curve_for_every_group(rival: bool, method: str) -> None:
    rng = np.random.default_rng(1)
    kinds = np.where(Y == 1, 1, np.where(rng.random(200) < 0.3, 2, 0)) if rival else Y
    times = Target.survival(ENDPOINT, rng.exponential(500, 200), kinds)
    found = risk_groups(model_cases(times, RISK, Told(risks=TOLD), horizon=300.0))
    for group in found["groups"]:
        assert method in group["curve"]["method"]
        assert list(group["curve"]["value"]) == sorted(group["curve"]["value"])
        assert len(group["curve"]["ticks_days"]) == 5


class _Store:
    def __init__(self, folder) -> None:
        self.folder = folder

    def stage(self, name: str):
        return self.folder


def advised(tmp_path, kind: EndpointKind, shift: float):
    """The model of the updating tests on 400 cases elsewhere, with their features on disk."""
    unit = trained(kind)
    frame = table(400, 7).set_axis(ids_of(400)).rename_axis("case_id")
    target = outcome(kind, frame.to_numpy() @ [1.2, 0.8, 0.5] + shift, 8)
    write_parquet(tmp_path / "features.parquet", frame.reset_index())
    days = 300.0 if kind is EndpointKind.TIME_TO_EVENT else None
    made = unit.procedure.predict(frame, [] if days is None else [days])
    told = Told(unit=unit, store=_Store(tmp_path), columns=COLUMNS)
    model = model_cases(target, made.risk[:, 0], told, horizon=days, score=made.score)
    return model, Patients(frame, target, np.asarray(frame.index), "elsewhere", horizon_days=days)


@pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT])
def test_advice_sees_the_cases_that_recalibrate_would_see(tmp_path, kind: EndpointKind) -> None:
    model, seen = advised(tmp_path, kind, 0.5)
    fit = model.unit.procedure.chosen
    ours, theirs = update_cases(model, fit), cases_of(fit, seen)
    np.testing.assert_allclose(ours.linear_predictor, theirs.linear_predictor, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(ours.happened, theirs.happened)
    assert (ours.columns is None) == (theirs.columns is None)
    if ours.columns is not None:
        np.testing.assert_allclose(ours.columns, theirs.columns)
    if theirs.exposure is not None:
        np.testing.assert_allclose(ours.exposure, theirs.exposure)


def test_a_hospital_with_more_events_is_told_to_move_all_risks_up(tmp_path) -> None:
    found = advice(advised(tmp_path, EndpointKind.BINARY, 1.5)[0])
    assert found["rung"] != "none"
    assert found["intercept"] > 0.8
    assert found["tests"][0]["p"] < 0.001
    assert "outcome recalibrate" in found["words"]
    assert "these very cases" in found["words"]


def test_a_model_that_fits_is_left_alone_and_too_few_events_give_no_advice(tmp_path) -> None:
    model, _ = advised(tmp_path, EndpointKind.BINARY, 0.0)
    rng = np.random.default_rng(2)
    fits = (rng.random(400) < model.chosen.first_risk).astype(float)
    assert advice(_with(model, fits))["rung"] == "none"
    few = np.where(np.arange(400) < 12, 1.0, 0.0)
    assert advice(_with(model, few))["rung"] is None
    assert "Too little" in advice(_with(model, few))["words"]
    assert "no events" in advice(_with(model, np.zeros(400)))["withheld"]


def _with(model, y: np.ndarray):
    told = Told(unit=model.unit, store=model.scene.run.store, columns=COLUMNS)
    return model_cases(Target.binary(ENDPOINT, y), model.chosen.first_risk, told, score=model.chosen.score)


def test_acting_on_the_risk_is_compared_with_acting_on_everybody() -> None:
    y = np.repeat([1.0, 0.0], [30, 70])
    right = np.where(y == 1, 0.8, 0.1)
    found = acting(binary(y, right, threshold=0.25))
    # everybody: 0.3 - 0.7 / 3; the model spares all 70 without the event: 0.3
    assert found["over_everybody"]["value"] == pytest.approx(0.7 / 3)
    assert found["over_everybody"]["low"] > 0
    assert found["p_value"] < 0.001
    assert acting(binary(y, np.full(100, 0.5), threshold=0.25))["over_everybody"]["value"] == 0
    assert acting(binary(y, right)) == {}
    assert acting(binary(y[22:], right[22:], threshold=0.25))["over_everybody"]["withheld"]
