"""An update built into a trained unit: risks, intervals, thresholds, the other rungs, and files."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from outcome.evaluation.updating.closed_testing import Update, closed_test, fit_rungs
from outcome.features.columns import FeatureColumn
from outcome.pipeline.updating.refitted_layer import no_refit
from outcome.pipeline.updating.unit_update import UpdatePlan, update_unit
from outcome.pipeline.updating.updated_calibrator import moved_threshold
from outcome.pipeline.updating.updated_unit import Patients, cases_of, updated_unit
from outcome.training.settings import TrainingSettings
from outcome.training.threshold import Threshold
from outcome.training.unit import TrainedUnit, train_unit
from outcome.types import EndpointKind, FloatArray, InputSet, Target

NAMES = ("clinical:age", "clinical:size", "radiomics:t.v")
COLUMNS = tuple(FeatureColumn(name, name.split(":")[0], "numeric", "preoperative") for name in NAMES)
DAYS = (100.0, 300.0)
BINARY, TIMED = EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT


def table(n: int, seed: int) -> pd.DataFrame:
    index = pd.Index([f"c{i:03d}" for i in range(n)], name="case_id")
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(n, 3)), columns=list(NAMES), index=index)


def outcome(kind: EndpointKind, drive: FloatArray, seed: int) -> Target:
    rng = np.random.default_rng(seed)
    if kind is BINARY:
        return Target.binary("e", (rng.random(len(drive)) < expit(drive - 0.5)).astype(float))
    days = np.ceil(rng.exponential(300 * np.exp(-drive)))
    return Target.survival("e", np.minimum(days, 400.0), np.where(days > 400, 0, rng.choice([1, 1, 2], len(drive))))


@cache
def trained(kind: EndpointKind, families: tuple[str, ...] = ("ridge",)) -> TrainedUnit:
    frame = table(160, 1)
    settings = TrainingSettings(outer_folds=2, inner_folds=2, bootstraps=6, families=families)
    target = outcome(kind, frame.to_numpy() @ [1.2, 0.8, 0.5], 2)
    return train_unit(frame, COLUMNS, target, list(frame.index), settings, inputs=InputSet.PREOPERATIVE, seed=1,
                      horizons=DAYS if kind is TIMED else (), one_number="clinical:age")  # fmt: skip


def elsewhere(kind: EndpointKind, shift: float = 0.0, weights: tuple[float, ...] = (1.2, 0.8, 0.5)) -> Patients:
    frame = table(400, 7)
    target = outcome(kind, frame.to_numpy() @ weights + shift, 8)
    names = frame.index.to_numpy(dtype=str)
    return Patients(frame, target, names, "the study elsewhere", horizon_days=300.0 if kind is TIMED else None)


def risks(unit: TrainedUnit, frame: pd.DataFrame, column: str = "risk") -> FloatArray:
    return unit.predict(frame)[column].to_numpy()


def test_an_intercept_and_slope_move_every_log_odds_and_its_interval() -> None:
    unit, seen = trained(BINARY), elsewhere(BINARY)
    made = updated_unit(unit, Update("slope", 0.7, 0.5), seen, seed=0)
    for column in ("risk", "low", "high"):
        before, after = (logit(risks(each, seen.frame, column)) for each in (unit, made))
        np.testing.assert_allclose(after, 0.7 + 0.5 * before, atol=0.05 if column != "risk" else 1e-9)
    assert made.procedure.chosen in made.procedure.rungs


def test_an_intercept_multiplies_the_event_s_hazard_alone() -> None:
    unit, seen = trained(TIMED), elsewhere(TIMED)
    made = updated_unit(unit, Update("intercept", 0.4), seen, seed=0)
    old, new = (each.procedure.chosen.calibrator.baseline for each in (unit, made))
    np.testing.assert_allclose(new.event, old.event * np.exp(0.4))
    np.testing.assert_array_equal(new.competing, old.competing)
    assert (risks(made, seen.frame) >= risks(unit, seen.frame)).all()
    assert (risks(made, seen.frame, "low") > risks(unit, seen.frame, "low")).mean() > 0.99


@pytest.mark.parametrize("kind", [BINARY, TIMED])
def test_the_updated_model_expects_what_was_seen(kind: EndpointKind) -> None:
    unit, seen = trained(kind), elsewhere(kind, shift=1.0)
    for rung in ("intercept", "slope", "refit"):
        update = fit_rungs(cases_of(unit.procedure.chosen, seen), [rung])[0][rung]
        made = updated_unit(unit, update, seen, seed=0)
        cases = cases_of(made.procedure.chosen, seen)
        nothing_left = fit_rungs(cases, ["intercept", "slope"])[0]
        assert nothing_left["intercept"].intercept == pytest.approx(0, abs=1e-6)
        if rung != "intercept":
            assert nothing_left["slope"].slope == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("kind", [BINARY, TIMED])
def test_a_refit_learns_other_coefficients_with_refits_of_its_own(kind: EndpointKind) -> None:
    unit, seen = trained(kind, ("ridge",)), elsewhere(kind, weights=(-1.2, 0.8, 0.5))
    old = unit.procedure.chosen
    choice = closed_test(cases_of(old, seen), no_refit=no_refit(old))
    assert choice.chosen.rung == "refit"
    made = updated_unit(unit, choice.chosen, seen, seed=0)
    assert len(made.ensemble.members) == len(unit.ensemble.members)
    low, risk, high = (risks(made, seen.frame, name) for name in ("low", "risk", "high"))
    assert ((low <= risk) & (risk <= high) & (low < high)).all()
    after = cases_of(made.procedure.chosen, seen)
    np.testing.assert_allclose(
        after.log_likelihood(after.linear_predictor),
        choice.chosen.log_likelihood + _shift_of_baseline(after, made, unit),
        rtol=1e-6,
    )


def _shift_of_baseline(after, made: TrainedUnit, unit: TrainedUnit) -> float:  # type: ignore[no-untyped-def]
    """Likelihoods are told up to events times the log of the baseline's scale."""
    new, old = (each.procedure.chosen.calibrator.baseline for each in (made, unit))
    return 0.0 if new is None else -after.n_events * float(np.log(new.event.sum() / old.event.sum()))


@pytest.mark.parametrize("kind", [BINARY, TIMED])
def test_an_updated_unit_reads_back_to_the_same_bits(kind: EndpointKind) -> None:
    unit, seen = trained(kind), elsewhere(kind, shift=0.8, weights=(-0.2, 0.8, 0.5))
    for rung in ("slope", "refit"):
        update = fit_rungs(cases_of(unit.procedure.chosen, seen), [rung])[0][rung]
        made = updated_unit(unit, update, seen, seed=3)
        back = TrainedUnit.from_files(made.files())
        pd.testing.assert_frame_equal(
            back.predict(seen.frame, every_rung=True), made.predict(seen.frame, every_rung=True)
        )
        assert made.files() == updated_unit(unit, update, seen, seed=3).files()


def test_every_case_keeps_its_decision_under_intercept_and_slope() -> None:
    unit, seen = trained(BINARY), elsewhere(BINARY)
    for update in (Update("intercept", -1.3), Update("slope", 0.9, 0.35), Update("slope", -0.2, 2.5)):
        made = updated_unit(unit, update, seen, seed=0)
        for old, new in zip(unit.rungs, made.rungs, strict=True):
            decided = old.predict(seen.frame).risk[:, 0] >= old.threshold.value
            again = new.predict(seen.frame).risk[:, 0] >= new.threshold.value
            np.testing.assert_array_equal(decided, again)
            assert "no decision changes" in new.threshold.provenance or new is old


def test_a_risk_at_the_threshold_stays_on_its_side() -> None:
    rng = np.random.default_rng(0)
    for value in rng.uniform(0.01, 0.99, 200):
        update = Update("slope", rng.normal(), rng.uniform(0.1, 3))
        new = moved_threshold(Threshold(float(value), "x"), update, "y", rung="slope")
        risk = expit(update.intercept + update.slope * logit(value))
        assert risk >= new.value
        assert new.value == pytest.approx(risk, rel=1e-9)


def test_a_refit_says_how_many_decisions_change() -> None:
    unit, seen = trained(BINARY), elsewhere(BINARY, weights=(-1.2, 0.8, 0.5))
    found = update_unit(unit, seen, np.zeros(400, dtype=bool), UpdatePlan(draws=20), 20)
    threshold = found.facts["threshold"]
    assert found.facts["rung"] == "refit"
    assert threshold["other_decisions"] > 20
    assert "another decision" in found.unit.procedure.threshold.provenance


def test_other_rungs_are_told_the_same_level() -> None:
    unit, seen = trained(BINARY), elsewhere(BINARY, shift=-1.5)
    update = fit_rungs(cases_of(unit.procedure.chosen, seen), ["intercept"])[0]["intercept"]
    made = updated_unit(unit, update, seen, seed=0)
    for old, new in zip(unit.rungs, made.rungs, strict=True):
        assert new.predict(seen.frame).risk.mean() == pytest.approx(seen.target.value.mean(), abs=1e-6)
        assert new.calibrator.slope == old.calibrator.slope


def test_a_model_without_a_last_layer_ends_at_the_slope() -> None:
    unit = trained(BINARY, ("forest",))
    forest = next(fit for fit in unit.rungs if fit.rung.algorithm == "forest")
    assert "ends at the slope" in no_refit(forest)
    seen = elsewhere(BINARY, weights=(-1.2, 0.8, 0.5))
    choice = closed_test(cases_of(forest, seen), no_refit=no_refit(forest))
    assert "ends at the slope" in choice.not_offered["refit"]


def test_held_out_patients_teach_nothing() -> None:
    unit, seen = trained(BINARY), elsewhere(BINARY, shift=-1.5)
    held = np.arange(400) % 2 == 0
    plan = UpdatePlan(hold_out=0.5, draws=20)
    found = update_unit(unit, seen, held, plan, 20)
    other = seen.target.value.copy()
    other[held] = 1 - other[held]
    again = update_unit(unit, replace(seen, target=Target.binary("e", other)), held, plan, 20)
    assert found.unit.files() == again.unit.files()
    assert found.facts["gain"]["after"]["brier"]["n"] == 200
    assert found.facts["gain"]["after"] != again.facts["gain"]["after"]
    assert "held-out" in found.facts["gain"]["how"]


def test_a_handful_of_held_out_events_is_neither_judged_nor_counted() -> None:
    unit, seen = trained(BINARY), elsewhere(BINARY, shift=-1.5)
    held = np.zeros(400, dtype=bool)
    held[np.flatnonzero(seen.target.value == 1)[:3]] = True
    gain = update_unit(unit, seen, held, UpdatePlan(hold_out=0.01, draws=20), 20).facts["gain"]
    assert [(e["value"], e["n_events"]) for e in gain["after"].values()] == [(None, None)]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (Target.binary("e", np.full(400, np.nan)), "no case has a known outcome"),
        (Target.binary("e", np.zeros(400)), "no events"),
        (Target.binary("e", np.repeat([1.0, 0.0], [3, 397])), "fewer than 5"),
        (Target.binary("e", np.repeat([1.0, 0.0], [15, 385])), "15 cases of the rarer outcome; at least 20"),
    ],
)
def test_too_little_is_told_and_nothing_is_changed(target: Target, reason: str) -> None:
    unit, seen = trained(BINARY), replace(elsewhere(BINARY), target=target)
    found = update_unit(unit, seen, np.zeros(400, dtype=bool), UpdatePlan(), 20)
    assert reason in found.facts["untouched"]
    assert found.unit is unit
    assert not found.tested
    assert found.facts["n_events"] in (None, 0, 15)


def test_a_horizon_beyond_the_follow_up_leaves_the_model_alone() -> None:
    unit, seen = trained(TIMED), elsewhere(TIMED)
    short = Target.survival(
        "e", np.minimum(seen.target.time_days, 50), np.where(seen.target.time_days > 50, 0, seen.target.event)
    )
    nobody = np.zeros(400, dtype=bool)
    found = update_unit(unit, replace(seen, target=short), nobody, UpdatePlan(), 20)
    assert "follow-up ends at 50 days" in found.facts["untouched"]
    reaching = Target.survival(
        "e", np.minimum(seen.target.time_days, 200), np.where(seen.target.time_days > 200, 0, seen.target.event)
    )
    assert (
        update_unit(unit, replace(seen, target=reaching), nobody, UpdatePlan(draws=10), 20).facts["horizon_days"] == 100
    )
