"""Likelihood-ratio tests of a ladder: which rungs are compared, on what, and when a test is withheld."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.discrete.discrete_model import Logit

from outcome.features.batches import HarmoniseRules
from outcome.features.columns import FeatureColumn
from outcome.training.data import TrainingData
from outcome.training.nested_rungs import likelihood_ratios
from outcome.training.settings import TrainingSettings
from outcome.training.unit import TrainedUnit, train_unit
from outcome.training.unpenalised import NoTest, log_likelihood
from outcome.types import EndpointKind, FloatArray, InputSet, Target

COLUMNS = (
    FeatureColumn("clinical:age", "clinical", "numeric", "preoperative"),
    FeatureColumn("clinical:stage", "clinical", "categorical", "preoperative", ("I", "II", "III")),
    FeatureColumn("plan:open", "plan", "boolean", "planned"),
    FeatureColumn("radiomics:t.morph_volume", "radiomics", "numeric", "preoperative"),
    FeatureColumn("radiomics:t.stat_mean", "radiomics", "numeric", "preoperative"),
)
QUICK = TrainingSettings(outer_folds=2, inner_folds=2, bootstraps=0, families=("ridge", "elastic_net", "fine_gray"))
N = 240
PREOPERATIVE, WITH_PLAN = InputSet.PREOPERATIVE, InputSet.WITH_PLAN


def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    columns = {
        "clinical:age": rng.normal(60, 9, N),
        "clinical:stage": rng.choice(np.array(["I", "II", "III"], dtype=object), N),
        "plan:open": (rng.random(N) < 0.5).astype(float),
        "radiomics:t.morph_volume": rng.normal(size=N),
        "radiomics:t.stat_mean": rng.normal(size=N),
    }
    return pd.DataFrame(columns, index=pd.Index([f"c{i:03d}" for i in range(N)], name="case_id"))


def target_of(kind: EndpointKind, level: float = 0.0) -> Target:
    frame, rng = table(), np.random.default_rng(8)
    drive = frame["radiomics:t.morph_volume"].to_numpy() + 0.1 * (frame["clinical:age"].to_numpy() - 60) + level
    if kind is EndpointKind.TIME_TO_EVENT:
        days = np.ceil(rng.exponential(300 * np.exp(-drive)))
        return Target.survival("e", days, rng.choice([0, 1, 1, 2], N))
    value = (drive + rng.logistic(size=N) > 0).astype(float)
    value[::40] = np.nan
    return Target.binary("e", value)


@cache
def trained(kind: EndpointKind, inputs: InputSet, level: float = 0.0, *, harmonised: bool = False) -> TrainedUnit:
    settings = replace(QUICK, harmonise=HarmoniseRules(by="site")) if harmonised else QUICK
    return train_unit(
        table(), COLUMNS, target_of(kind, level), [f"p{i}" for i in range(N)], settings, inputs=inputs, seed=1,
        horizons=(200.0,) if kind is EndpointKind.TIME_TO_EVENT else (), one_number="clinical:age",
    )  # fmt: skip


def ratios_of(unit: TrainedUnit) -> dict[str, dict[str, Any] | None]:
    return {row["rung"]: row["likelihood_ratio"] for row in unit.ladder["rungs"]}


@pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT])
def test_each_regression_is_compared_with_the_one_nested_in_it(kind: EndpointKind) -> None:
    found = ratios_of(trained(kind, PREOPERATIVE))
    beyond = {name: test and test["beyond"] for name, test in found.items()}
    assert beyond.pop("clinical + radiomics, Fine-Gray", None) is None
    assert beyond == {
        "one number": None,
        "clinical": "one number",
        "clinical + shape": "clinical",
        "clinical + radiomics, elastic net": "clinical + shape",
    }
    clinical, shape = found["clinical"], found["clinical + shape"]
    assert clinical is not None
    assert shape is not None
    assert (clinical["df"], clinical["columns"]) == (2, 3)  # three stages, of which the level leaves two
    assert (shape["df"], shape["columns"]) == (1, 4)
    assert shape["p_value"] < 0.001 < clinical["p_value"]  # stage says nothing, volume much
    ladder = trained(kind, PREOPERATIVE).ladder
    assert (shape["n"], shape["n_events"]) == (ladder["n_known"], ladder["n_events"])
    json.dumps(found, allow_nan=False)


def test_the_plan_is_compared_with_the_record_without_it() -> None:
    found = ratios_of(trained(EndpointKind.BINARY, WITH_PLAN))
    plan, shape = found["clinical + plan"], found["clinical + plan + shape"]
    assert plan is not None
    assert shape is not None
    assert (plan["beyond"], plan["df"]) == ("clinical + plan without planned variables", 1)
    assert (shape["beyond"], shape["df"]) == ("clinical + plan", 1)


def test_the_statistic_is_that_of_fits_to_the_prepared_columns() -> None:
    unit = trained(EndpointKind.BINARY, PREOPERATIVE)
    fit = unit.rung_named("clinical + shape")
    assert fit is not None
    y = target_of(EndpointKind.BINARY).value
    known = np.isfinite(y)
    columns = pd.DataFrame(
        fit.preprocessor.transform(table())[known], columns=[output.name for output in fit.preprocessor.outputs]
    ).assign(level=1.0)
    record = columns[[name for name in columns if "stage" not in name or not name.endswith("III")]]
    larger = Logit(y[known], record.to_numpy()).fit(disp=False).llf
    smaller = Logit(y[known], record[[n for n in record if "volume" not in n]].to_numpy()).fit(disp=False).llf
    shape = ratios_of(unit)["clinical + shape"]
    assert shape is not None
    assert shape["statistic"] == pytest.approx(2 * (larger - smaller), abs=1e-6)


def test_too_few_events_for_the_columns() -> None:
    found = ratios_of(trained(EndpointKind.BINARY, PREOPERATIVE, -3.2))["clinical + shape"]
    assert found is not None
    assert found["statistic"] is None
    assert found["n_events"] // 10 < 4
    assert "more than one column for every 10" in found["withheld"]


def test_harmonised_rungs_and_amounts_have_none() -> None:
    found = ratios_of(trained(EndpointKind.BINARY, PREOPERATIVE, harmonised=True))
    harmonised = [test for name, test in found.items() if name.endswith("harmonised")]
    assert harmonised == [None] * len(harmonised) != []
    unit = trained(EndpointKind.BINARY, PREOPERATIVE)
    assert not any(ratios_of(train_amount(unit)).values())


def train_amount(like: TrainedUnit) -> TrainedUnit:
    values, nothing = table()["radiomics:t.morph_volume"].to_numpy(), np.full(N, np.nan)
    target = Target("e", EndpointKind.CONTINUOUS, values, nothing, nothing.copy())
    return train_unit(table(), COLUMNS, target, [f"p{i}" for i in range(N)], QUICK, inputs=like.inputs, seed=1)


def test_a_record_alone_is_tested_once() -> None:
    """The elastic net reads what the ridge below it reads."""
    unit = train_unit(
        table(), COLUMNS[:2], target_of(EndpointKind.BINARY), [f"p{i}" for i in range(N)], QUICK,
        inputs=PREOPERATIVE, seed=1, one_number="clinical:age",
    )  # fmt: skip
    found = ratios_of(unit)
    assert found["clinical"] is not None
    assert found["clinical, elastic net"] is None


SIDE = np.repeat([0.0, 1.0], 40)
OTHER: FloatArray = np.random.default_rng(1).normal(size=80)


@pytest.mark.parametrize(
    "target",
    [
        Target.binary("e", SIDE),
        Target.binary("e", SIDE * (OTHER > 0)),  # one side has no event at all
        Target.survival("e", 100 + OTHER, SIDE * (OTHER > 0)),
        Target.survival("e", np.exp(-5 * SIDE) * (2 + np.tanh(OTHER)), np.ones(80)),  # all of one side before the other
    ],
)
def test_separated_outcomes_have_no_maximum(target: Target) -> None:
    with pytest.raises(NoTest, match="separate"):
        log_likelihood(np.column_stack([SIDE, OTHER]), target)


def test_a_rare_column_without_an_event_has_no_maximum_among_many_cases() -> None:
    """Eight of 2000 cases, none with an event: the likelihood rises for ever, by less and less."""
    rng = np.random.default_rng(1)
    rare = (np.arange(2000) < 8).astype(float)
    event = (rng.random(2000) < 0.2) * (1 - rare)
    X = np.column_stack([rng.normal(size=2000), rare])
    one = np.where(np.arange(2000) == 0, 1.0, event)  # an event among the eight: rare, not separated
    days = rng.exponential(1, 2000)
    for runaway, settled in (
        (Target.survival("e", days, event), Target.survival("e", days, one)),
        (Target.binary("e", event), Target.binary("e", one)),
    ):
        with pytest.raises(NoTest, match="separate"):
            log_likelihood(X, runaway)
        assert np.isfinite(log_likelihood(X, settled))


@pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT])
def test_units_of_measurement_change_nothing(kind: EndpointKind) -> None:
    frame, target = table(), target_of(kind)
    X = frame[["clinical:age", "radiomics:t.morph_volume"]].to_numpy()[target.known]
    known = target.take(target.known)
    assert log_likelihood(X * [1000, 1e-4] + 7, known) == pytest.approx(log_likelihood(X, known), abs=1e-6)


def test_columns_that_say_nothing_are_seldom_found() -> None:
    """Of 200 tests of a noise column 5 in 100 fall below 0.05, give or take."""
    rng, found = np.random.default_rng(12), 0
    for _ in range(200):
        X = rng.normal(size=(150, 2))
        target = Target.binary("e", (X[:, 0] + rng.logistic(size=150) > 0).astype(float))
        found += 2 * (log_likelihood(X, target) - log_likelihood(X[:, :1], target)) > 3.8415
    assert 3 <= found <= 20


def test_a_rung_that_is_alone_has_none() -> None:
    unit = trained(EndpointKind.BINARY, PREOPERATIVE)
    data = TrainingData(table(), COLUMNS, target_of(EndpointKind.BINARY), np.arange(N).astype(str))
    assert likelihood_ratios(data, unit.rungs[:1]) == {}
