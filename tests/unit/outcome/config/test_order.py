"""A study in canonical JSON comes back in the order in which its author wrote it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outcome.config import in_order, load_study, name_orders, study_from_resolved
from outcome.store import canonical_json

CONFIGS = Path(__file__).parents[4] / "configs"


@pytest.mark.parametrize("name", ["kits23.yaml", "lgg.yaml", "sts.yaml"])
def test_a_study_keeps_its_order_through_canonical_json(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTCOME_REAL_DATA", "/data")
    study = load_study(CONFIGS / name)
    told = json.loads(canonical_json(study.resolved()))
    orders = json.loads(canonical_json(name_orders(study)))
    again = study_from_resolved(in_order(told, orders))
    assert again.resolved() == study.resolved()
    assert list(again.endpoints) == list(study.endpoints)
    assert name_orders(again) == name_orders(study)


def test_only_what_is_out_of_order_is_told() -> None:
    assert in_order({"a": {"x": 1, "y": 2}, "b": 0}, {"a": ["y", "x"]}) == {"a": {"y": 2, "x": 1}, "b": 0}
    assert list(in_order({"a": {"x": 1, "y": 2}}, {"a": ["y", "x"]})["a"]) == ["y", "x"]
    assert list(in_order({"a": 1, "c": 2, "b": 3}, {"": ["b", "gone"]})) == ["b", "a", "c"]
