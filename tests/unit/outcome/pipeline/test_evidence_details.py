"""Observed beside predicted, for whatever stands in details.parquet; silence where nothing does."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from outcome.pipeline.evidence.details import details, reached_grades
from outcome.pipeline.evidence.scene import ModelCases
from outcome.types import EndpointKind, FloatArray, Target
from tests.evidence_scene import ENDPOINT, INPUTS, Told, ids_of, model_cases

N = 600


def rows_of(what: str, at: list[float], value: FloatArray) -> pd.DataFrame:
    n, k = value.shape
    return pd.DataFrame(
        {"case_id": np.repeat(ids_of(n), k), "endpoint": ENDPOINT, "inputs": INPUTS, "what": what,
         "at": np.tile(at, n), "value": value.ravel()}
    )  # fmt: skip


def with_details(target: Target, *tables: pd.DataFrame, **told: Any) -> ModelCases:
    model = model_cases(target, np.full(len(target), 0.3), Told(**told))
    part = replace(model.cases.partition, details=pd.concat(tables, ignore_index=True))
    return replace(model, cases=replace(model.cases, partition=part))


def amounts(kind: EndpointKind, value: FloatArray) -> Target:
    empty = np.full(len(value), np.nan)
    return Target(ENDPOINT, kind, np.asarray(value, dtype=float), empty, empty)


def graded(value: FloatArray, *tables: pd.DataFrame) -> ModelCases:
    model = with_details(amounts(EndpointKind.ORDINAL, value), *tables)
    choices = tuple(SimpleNamespace(label=label) for label in ("none", "minor", "major"))
    scene = replace(model.scene, dictionary={"grade": SimpleNamespace(choices=choices)})  # type: ignore[arg-type]
    scene.run.study.endpoints[ENDPOINT] = SimpleNamespace(variable="grade")
    part = replace(model.cases.partition, scene=scene)
    return replace(model, cases=replace(model.cases, partition=part))


def test_a_model_that_says_one_number_has_no_part() -> None:
    assert details(model_cases(Target.binary(ENDPOINT, np.arange(20) % 2), np.full(20, 0.3), Told())) == {}


def test_rows_of_another_endpoint_or_input_set_do_not_count() -> None:
    table = rows_of("quantile", [0.1, 0.9], np.zeros((20, 2)))
    target = amounts(EndpointKind.CONTINUOUS, np.zeros(20))
    assert details(with_details(target, table.assign(endpoint="other"), table.assign(inputs="with_plan"))) == {}


def test_too_few_cases_are_withheld() -> None:
    target = amounts(EndpointKind.CONTINUOUS, np.array([*range(9), *[np.nan] * 3]))
    found = details(with_details(target, rows_of("quantile", [0.1, 0.9], np.tile([0.0, 9.0], (12, 1)))))
    assert found == {"withheld": "9 cases; at least 10 are needed"}


def test_grades_are_counted_beside_their_chances() -> None:
    value = np.repeat([0.0, 1.0, 2.0], [6, 3, 1])
    found = details(graded(value, rows_of("grade_at_least", [0, 1, 2], np.tile([1, 0.5, 0.2], (10, 1)))))
    assert [(r["grade"], r["label"], r["observed"]["value"], r["expected"]) for r in found["grades"]] == [
        (1, "minor", 4, pytest.approx(5)),
        (2, "major", 1, pytest.approx(2)),
    ]
    # Wilson's interval of 4 of 10, times 10
    assert (found["grades"][0]["observed"]["low"], found["grades"][0]["observed"]["high"]) == pytest.approx(
        (1.682, 6.873), abs=1e-3
    )


def test_a_grade_that_a_fold_never_saw_takes_the_chance_of_the_next_it_knows() -> None:
    # the first fold saw grades 0, 2; the second 1, 2, 3; grade 4 was seen by none
    table = pd.DataFrame({0.0: [1, np.nan], 1.0: [np.nan, 1], 2.0: [0.3, 0.4], 3.0: [np.nan, 0.1]})
    found = reached_grades(table, np.arange(5.0))
    assert found.tolist() == [[1, 0.3, 0.3, 0, 0], [1, 1, 0.4, 0.1, 0]]


def test_right_quantiles_cover_what_they_promise_and_narrow_ones_do_not() -> None:
    levels = [0.1, 0.25, 0.5, 0.75, 0.9]
    value = np.random.default_rng(0).normal(size=N)
    target = amounts(EndpointKind.CONTINUOUS, value)
    right, narrow = (np.tile(width * norm.ppf(levels), (N, 1)) for width in (1.0, 0.5))
    found, other = (details(with_details(target, rows_of("quantile", levels, q)))["quantiles"] for q in (right, narrow))
    assert found["coverage"]["low"] < 0.8 < found["coverage"]["high"]
    assert other["coverage"]["high"] < 0.8
    assert [row["level"] for row in found["rows"]] == levels
    assert all(row["below"]["low"] < row["level"] < row["below"]["high"] for row in found["rows"])


def times(seed: int = 0) -> Target:
    """Constant hazards 0.01 and 0.02, censored at day 100."""
    rng = np.random.default_rng(seed)
    first = rng.exponential(1 / 0.03, N)
    cause = np.where(rng.random(N) < 1 / 3, 1.0, 2.0)
    return Target.survival(ENDPOINT, np.minimum(first, 100.0), np.where(first < 100, cause, 0.0))


def test_incidences_lie_beside_the_observed_curve_of_each_cause() -> None:
    days = np.array([20.0, 60.0, 90.0, 120.0])
    gone = (1 - np.exp(-0.03 * days)) / 3
    event, competing = (
        rows_of(what, days.tolist(), np.tile(share * gone, (N, 1)))
        for what, share in (("incidence", 1), ("competing_incidence", 2))
    )
    found = details(with_details(times(), event, competing))["incidence"]
    assert [(row["cause"], row["days"]) for row in found] == [(c, d) for c in ("event", "competing") for d in days]
    inside = [row for row in found if row["days"] < 100]
    assert [row["observed"]["value"] for row in inside] == pytest.approx([row["predicted"] for row in inside], abs=0.06)
    assert all(row["observed"]["low"] < row["observed"]["value"] < row["observed"]["high"] for row in inside)
    assert all("follow-up ends" in row["observed"]["withheld"] for row in found if row["days"] > 100)


def test_a_competing_event_that_nobody_had_and_nobody_foretold_is_left_out() -> None:
    target = times()
    alone = replace(target, event=np.where(target.event == 2, 0.0, target.event))
    nothing = rows_of("competing_incidence", [20.0], np.zeros((N, 1)))
    event = rows_of("incidence", [20.0], np.full((N, 1), 0.2))
    assert {row["cause"] for row in details(with_details(alone, event, nothing))["incidence"]} == {"event"}
    assert {row["cause"] for row in details(with_details(target, event, nothing))["incidence"]} == {
        "event",
        "competing",
    }


def test_cases_of_folds_that_say_nothing_of_a_cause_are_left_out_of_it() -> None:
    target = times()
    event = rows_of("incidence", [20.0], np.full((N, 1), 0.2))
    some = rows_of("competing_incidence", [20.0], np.full((N, 1), 0.3))
    some = some[some["case_id"].isin(ids_of(N)[: N // 2])]
    found = {row["cause"]: row for row in details(with_details(target, event, some))["incidence"]}
    assert found["event"]["observed"]["n"] == N
    assert (found["competing"]["observed"]["n"], found["competing"]["predicted"]) == (N // 2, pytest.approx(0.3))


def test_the_part_says_how_many_cases_it_speaks_of() -> None:
    table = rows_of("incidence", [20.0], np.full((N, 1), 0.2))
    found = details(with_details(times(), table[table["case_id"] < "c000100"]))
    assert found["n"] == 100
    assert "100 of 600 cases" in found["words"]
