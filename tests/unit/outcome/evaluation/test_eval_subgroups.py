"""Subgroup rows and the section made of them: what is shown, withheld, suppressed, tested and said."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from outcome.errors import DataRefusal
from outcome.evaluation import evaluate_target
from outcome.evaluation.subgroups.groups import subgroup_rows
from outcome.evaluation.subgroups.metrics import COMPARED
from outcome.types import EndpointKind, FloatArray, Target

RNG_SEED = 5


@pytest.fixture
def rows() -> dict[str, dict[str, object]]:
    """200 cases of two large groups, 30 of one with four events, 40 with seven, 3 of a tiny one, 7 without a label."""
    rng = np.random.default_rng(RNG_SEED)
    labels = np.repeat(np.array(["large", "big", "few", "seven", "tiny", None], dtype=object), [100, 100, 30, 40, 3, 7])
    y = np.concatenate(
        [
            np.tile([0.0, 1.0], 100),
            np.repeat([0.0, 1.0], [26, 4]),
            np.repeat([0.0, 1.0], [33, 7]),
            [1, 1, 0],
            np.ones(7),
        ]
    )
    risk = np.clip(0.5 + 0.2 * (y - 0.5) + 0.15 * rng.normal(size=280), 0.01, 0.99)
    found = evaluate_target(Target.binary("x", y), risk, risk, threshold=0.5, groups={"size": labels})
    return {row["group"]: row for row in found.to_json()["subgroups"]}


def test_groups_come_in_sorted_order_with_their_counts(rows: dict[str, dict[str, object]]) -> None:
    assert list(rows) == ["(missing)", "big", "few", "large", "seven", "tiny"]
    assert (rows["large"]["n"], rows["large"]["n_events"]) == (100, 50)
    assert rows["large"]["variable"] == "size"
    assert rows["large"]["metrics"]["auroc"]["value"] is not None


def test_few_events_withhold_with_the_count(rows: dict[str, dict[str, object]]) -> None:
    assert (rows["seven"]["n"], rows["seven"]["n_events"]) == (40, 7)
    assert {m["value"] for m in rows["seven"]["metrics"].values()} == {None}
    assert "7 events; at least 10" in rows["seven"]["metrics"]["auroc"]["withheld"]


def test_a_handful_of_events_is_not_told_though_the_group_is(rows: dict[str, dict[str, object]]) -> None:
    few = rows["few"]
    assert (few["n"], few["n_events"]) == (30, None)
    assert {m["n_events"] for m in few["metrics"].values()} == {None}
    assert all(m["withheld"].startswith("suppressed") for m in few["metrics"].values())


def test_a_small_cell_tells_neither_size_nor_events_nor_does_the_next_smallest(
    rows: dict[str, dict[str, object]],
) -> None:
    for group in ("tiny", "(missing)"):
        hidden = rows[group]
        assert hidden["n"] is None
        assert hidden["n_events"] is None
        assert set(hidden["metrics"]) == set(rows["large"]["metrics"])
        assert {m["n"] for m in hidden["metrics"].values()} == {0}
        assert "3" not in json.dumps(hidden)
        assert "7" not in json.dumps(hidden)
    # A reader of the two must not see which one is small.
    assert rows["tiny"]["metrics"] == rows["(missing)"]["metrics"]


def test_a_group_gets_the_numbers_of_its_cases_alone() -> None:
    rng = np.random.default_rng(RNG_SEED)
    y, sex = np.tile([0.0, 1.0], 60), np.repeat(["f", "m"], 60)
    risk = rng.random(120)
    found = evaluate_target(Target.binary("x", y), risk, risk, groups={"sex": sex})
    women = evaluate_target(Target.binary("x", y[:60]), risk[:60], risk[:60])
    without_curve = {name: value for name, value in women.metrics.items() if name not in ("ici", "e50", "e90")}
    assert found.subgroups[0]["metrics"] == without_curve


def test_groups_of_times_and_of_days() -> None:
    rng = np.random.default_rng(RNG_SEED)
    days, score = rng.exponential(50, 80), rng.random(80)
    timed = Target.survival("death", days, np.tile([1.0, 1.0, 0.0, 2.0], 20))
    found = evaluate_target(timed, score, score, horizon_days=30, groups={"arm": np.repeat(["a", "b"], 40)})
    assert [row["n_events"] for row in found.subgroups] == [20, 20]
    assert found.subgroups[1]["metrics"]["harrell_c"].value is not None


def test_only_stated_pairs_are_crossed_and_empty_combinations_have_no_row() -> None:
    y = np.tile([0.0, 1.0], 40)
    groups = {"sex": np.repeat(["m", "f"], 40), "site": np.array(["a"] * 40 + ["a", "b"] * 20, dtype=object)}
    rows = subgroup_rows(groups, y == 1, lambda members: {}, (), pairs=[("sex", "site")])
    assert [row["group"] for row in rows] == ["f", "m", "a", "b", "f × a", "f × b", "m × a"]
    assert [row["n"] for row in rows][4:] == [20, 20, 40]
    assert {row["variable"] for row in rows} == {"sex", "site", "sex × site"}
    assert len(subgroup_rows(groups, y == 1, lambda members: {}, ())) == 4
    for wrong in (("sex", "sex"), ("sex", "age")):
        with pytest.raises(DataRefusal, match="cannot be crossed"):
            subgroup_rows(groups, y == 1, lambda members: {}, (), pairs=[wrong])


def sample(kind: EndpointKind, n: int = 600) -> tuple[Target, FloatArray, FloatArray]:
    rng = np.random.default_rng(3)
    lp = rng.normal(-0.5, 1, n)
    if kind is EndpointKind.BINARY:
        return Target.binary("x", (rng.random(n) < expit(lp)).astype(float)), expit(lp), lp
    if kind is EndpointKind.TIME_TO_EVENT:
        ends = np.stack([rng.exponential(100 * np.exp(-lp)), rng.exponential(150, n)])
        target = Target.survival("x", ends.min(axis=0), 1.0 - ends.argmin(axis=0))
        return target, -np.expm1(-0.5 * np.exp(lp)), lp
    empty = np.full(n, np.nan)
    return Target("x", kind, np.round(lp + rng.normal(size=n)), empty, empty.copy()), lp, lp


@pytest.mark.parametrize("kind", list(EndpointKind))
@pytest.mark.parametrize("as_risk", [True, False])
def test_the_section_answers_for_every_kind_of_endpoint(kind: EndpointKind, as_risk: bool) -> None:
    target, risk, score = sample(kind)
    groups = {"arm": np.repeat(["a", "b", "c"], 200), "sex": np.tile(["f", "m"], 300)}
    found = evaluate_target(
        target,
        risk if as_risk else None,
        score,
        horizon_days=50.0,
        threshold=0.4,
        groups=groups,
        crossed=[("arm", "sex")],
    )
    section: dict[str, Any] = json.loads(json.dumps(found.to_json()["subgroup_analysis"], allow_nan=False))
    tested = {test["metric"] for test in section["interaction_tests"]}
    expected = {m.name for m in COMPARED[kind] if m.tested and (as_risk or not m.needs_risk)}
    has_events = kind in (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT)
    assert tested == expected | ({"calibration"} if as_risk and has_events else set())
    assert {t["variable"] for t in section["interaction_tests"]} == {"arm", "sex", "arm × sex"}
    rising = [[t[name] for name in ("p_value", "benjamini_hochberg", "holm")] for t in section["interaction_tests"]]
    assert np.all(np.diff(rising) >= -1e-12)
    assert len(section["gaps"]) == 11 * len([m for m in COMPARED[kind] if as_risk or not m.needs_risk])
    assert all(gap["detectable"] > 0 for gap in section["gaps"])
    fair = section["fairness"]
    assert [part["withheld"] is None for part in fair] == [as_risk and has_events] * 3


def test_the_section_hides_what_the_rows_hide() -> None:
    target, risk, score = sample(EndpointKind.BINARY)
    labels = np.array(["a"] * 300 + ["b"] * 250 + ["next"] * 47 + ["tiny"] * 3, dtype=object)
    found = evaluate_target(target, risk, score, threshold=0.4, groups={"arm": labels}).to_json()
    text = json.dumps(found["subgroup_analysis"])
    assert "tiny" not in text
    assert "next" not in text
    assert {row["group"] for row in found["subgroups"] if row["n"] is None} == {"next", "tiny"}


def test_fairness_is_withheld_without_a_threshold() -> None:
    target, risk, score = sample(EndpointKind.BINARY)
    found = evaluate_target(target, risk, score, groups={"arm": np.tile(["a", "b"], 300)})
    assert "no threshold" in found.subgroup_analysis["fairness"][0]["withheld"]
    assert evaluate_target(target, risk, score).subgroup_analysis is None


def test_a_group_of_everybody_and_of_nobody_else_says_so() -> None:
    target, risk, score = sample(EndpointKind.BINARY)
    section = evaluate_target(target, risk, score, groups={"all": np.full(600, "x")}).subgroup_analysis
    assert {test["withheld"] for test in section["interaction_tests"]} == {
        "1 usable groups; at least 2 are needed to compare"
    }
    assert all("the rest" in gap["difference"]["withheld"] for gap in section["gaps"])
    assert all("no sign" in gap["words"] for gap in section["gaps"])
    assert {test["holm"] for test in section["interaction_tests"]} == {None}
