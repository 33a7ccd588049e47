"""Subgroup rows: which numbers are shown, withheld or suppressed."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import json

import numpy as np
import pytest

from outcome.evaluation import evaluate_target
from outcome.types import Target

RNG_SEED = 5


@pytest.fixture
def rows() -> dict[str, dict[str, object]]:
    """100 cases of a large group, 30 of one with few events, 3 of a tiny one, 7 without a label."""
    rng = np.random.default_rng(RNG_SEED)
    labels = np.array(["large"] * 100 + ["few"] * 30 + ["tiny"] * 3 + [None] * 7, dtype=object)
    y = np.concatenate([np.tile([0.0, 1.0], 50), np.repeat([0.0, 1.0], [26, 4]), [1, 1, 0], np.ones(7)])
    risk = np.clip(0.5 + 0.2 * (y - 0.5) + 0.15 * rng.normal(size=140), 0.01, 0.99)
    found = evaluate_target(Target.binary("x", y), risk, risk, threshold=0.5, groups={"size": labels})
    return {row["group"]: row for row in found.to_json()["subgroups"]}


def test_groups_come_in_sorted_order_with_their_counts(rows: dict[str, dict[str, object]]) -> None:
    assert list(rows) == ["(missing)", "few", "large", "tiny"]
    assert (rows["large"]["n"], rows["large"]["n_events"]) == (100, 50)
    assert rows["large"]["variable"] == "size"
    assert rows["large"]["metrics"]["auroc"]["value"] is not None


def test_few_events_withhold_with_the_count(rows: dict[str, dict[str, object]]) -> None:
    assert rows["few"]["n"] == 30
    assert {m["value"] for m in rows["few"]["metrics"].values()} == {None}
    assert "4 events; at least 10" in rows["few"]["metrics"]["auroc"]["withheld"]
    assert "7 events" in rows["(missing)"]["metrics"]["brier"]["withheld"]


def test_a_small_cell_tells_neither_size_nor_events(rows: dict[str, dict[str, object]]) -> None:
    tiny = rows["tiny"]
    assert tiny["n"] is None
    assert tiny["n_events"] is None
    assert set(tiny["metrics"]) == set(rows["large"]["metrics"])
    assert {m["n"] for m in tiny["metrics"].values()} == {0}
    assert "3" not in json.dumps(tiny)


def test_a_group_gets_the_numbers_of_its_cases_alone() -> None:
    rng = np.random.default_rng(RNG_SEED)
    y, sex = np.tile([0.0, 1.0], 60), np.repeat(["f", "m"], 60)
    risk = rng.random(120)
    found = evaluate_target(Target.binary("x", y), risk, risk, groups={"sex": sex})
    women = evaluate_target(Target.binary("x", y[:60]), risk[:60], risk[:60])
    assert found.subgroups[0]["metrics"] == women.metrics


def test_groups_of_times_and_of_days() -> None:
    rng = np.random.default_rng(RNG_SEED)
    days, score = rng.exponential(50, 80), rng.random(80)
    timed = Target.survival("death", days, np.tile([1.0, 1.0, 0.0, 2.0], 20))
    found = evaluate_target(timed, score, score, horizon_days=30, groups={"arm": np.repeat(["a", "b"], 40)})
    assert [row["n_events"] for row in found.subgroups] == [20, 20]
    assert found.subgroups[1]["metrics"]["harrell_c"].value is not None
