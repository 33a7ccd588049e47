"""Sites: pooled over hospitals that agree or do not, and small ones that stay hidden."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from outcome.evaluation.summary import evaluate_target
from outcome.pipeline.evidence.sites import sites
from outcome.types import Target
from tests.evidence_scene import ENDPOINT, Told, drawn, model_cases


def asked(y: np.ndarray, risk: np.ndarray, groups: dict, **study: object) -> dict:
    return sites(model_cases(Target.binary(ENDPOINT, y), risk, Told(study, groups=groups)))


def test_three_sites_of_equal_performance_do_not_scatter() -> None:
    y, risk = drawn(300, 5)
    found = asked(np.tile(y, 3), np.tile(risk, 3), {"site": np.repeat(["a", "b", "c"], 300)})
    assert [row["site"] for row in found["rows"]] == ["a", "b", "c"]
    assert {row["metric"] for row in found["pooled"]} == {"auroc", "oe_ratio", "slope"}
    for row in found["pooled"]:
        assert row["i2"] == 0
        assert row["tau2"] == 0
        inner, outer = row["estimate"], row["prediction"]
        assert outer["low"] <= inner["low"] < inner["value"] < inner["high"] <= outer["high"]


def test_a_site_with_another_event_rate_is_seen_in_the_ratio() -> None:
    (y, risk), (other, risk_too) = drawn(500, 5), drawn(500, 6)
    worse = np.where(np.random.default_rng(1).random(500) < 0.35, 1.0, other)
    groups = {"site": np.repeat(["a", "b", "c"], 500)}
    found = asked(np.concatenate([y, y, worse]), np.concatenate([risk, risk, risk_too]), groups)
    ratio = next(row for row in found["pooled"] if row["metric"] == "oe_ratio")
    assert ratio["i2"] > 0.8
    assert ratio["prediction"]["high"] > ratio["estimate"]["high"]


def test_one_site_has_nothing_to_pool_and_too_few_events_are_named_by_site() -> None:
    y, risk = drawn(400, 7)
    assert "one site" in asked(y, risk, {"site": ["a"] * 400})["withheld"]
    rare = np.where(np.arange(400) < 200, y, 0.0)
    rare[200:206] = 1
    found = asked(rare, risk, {"site": np.repeat(["a", "b"], 200)})
    assert found["pooled"][0]["estimate"]["value"] is None
    assert found["pooled"][0]["left_out"] == ["b: 6 events; at least 10 are needed for an interval"]
    assert "Not pooled" in found["words"]


def test_a_small_site_is_hidden_and_so_is_what_would_give_it_away() -> None:
    y, risk = drawn(403, 8)
    found = asked(y, risk, {"site": ["a"] * 200 + ["b"] * 200 + ["c"] * 3})
    rows = {row["site"]: row for row in found["rows"]}
    assert rows["c"]["n"] is None
    assert rows["c"]["metrics"]["auroc"]["value"] is None
    assert sum(row["n"] is None for row in found["rows"]) == 2


def test_a_crossed_table_hides_as_much_here_as_among_the_subgroups() -> None:
    y, risk = drawn(90, 9)
    groups = {"site": np.repeat(["a", "b", "c"], 30), "sex": np.array([*["f"] * 2, *["m"] * 28, *["f", "m"] * 30])}
    named = (SimpleNamespace(variable="sex", label="sex"), SimpleNamespace(variable="s", label="site"))
    found = asked(y, risk, groups, subgroups=named, crossed=(("sex", "s"),))
    target = Target.binary(ENDPOINT, y)
    section = evaluate_target(target, risk, risk, groups=groups, crossed=[("sex", "site")]).subgroups
    expected = {row["group"]: (row["n"], row["n_events"]) for row in section if row["variable"] == "site"}
    assert {row["site"]: (row["n"], row["n_events"]) for row in found["rows"]} == expected
    alone = {row["site"]: (row["n"], row["n_events"]) for row in asked(y, risk, groups)["rows"]}
    assert alone != expected  # the crossed cells of two women are what hides more


def test_times_and_amounts_have_their_own_metrics() -> None:
    rng = np.random.default_rng(3)
    y, risk = drawn(600, 10)
    times = Target.survival(ENDPOINT, rng.exponential(400, 600), y)
    told = Told(groups={"site": np.repeat(["a", "b", "c"], 200)})
    found = sites(model_cases(times, risk, told, horizon=300.0))
    assert [row["metric"] for row in found["pooled"]] == ["harrell_c", "oe_ratio_t", "slope_t"]
    assert all(row["estimate"]["value"] is not None for row in found["pooled"])
