"""How many cases lie below the level, and the primary metric above and below it; nobody leaves the evaluation."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from outcome.pipeline.evidence.information import information
from outcome.pipeline.evidence.instability import instability
from outcome.pipeline.evidence.scene import ModelCases
from outcome.types import FloatArray, Target
from tests.evidence_scene import ENDPOINT, INPUTS, Told, model_cases

N = 600


def known(share: FloatArray, level: float | None) -> ModelCases:
    """Cases of which nothing is known have a risk that says nothing; all others one that is right."""
    rng = np.random.default_rng(3)
    drive = rng.normal(size=N)
    target = Target.binary(ENDPOINT, (rng.random(N) < expit(2 * drive)).astype(float))
    risk = np.where(share < 0.5, expit(rng.normal(size=N)), expit(2 * drive))
    model = model_cases(target, risk, Told())
    table = pd.DataFrame({"case_id": model.cases.ids, "endpoint": ENDPOINT, "inputs": INPUTS, "known_share": share,
                          "blocks_missing": np.where(share < 1, "image:ct", "")})  # fmt: skip
    told: Any = SimpleNamespace(**vars(model.scene.model), min_information=level)
    part = replace(model.cases.partition, information=table, scene=replace(model.scene, model=told))
    return replace(model, cases=replace(model.cases, partition=part))


SHARE = np.where(np.arange(N) < 150, 0.2, 1.0)


def test_the_metric_stands_above_and_below_and_says_what_abstaining_does() -> None:
    found = information(known(SHARE, 0.5))
    assert (found["level"], found["n"], found["n_below"]) == (0.5, N, 150)
    rows = {row["group"]: row for row in found["rows"]}
    assert {name: row["n"] for name, row in rows.items()} == {"at least 50 % known": 450, "less than 50 % known": 150}
    above, below = (rows[name]["metrics"]["auroc"]["value"] for name in ("at least 50 % known", "less than 50 % known"))
    assert above > 0.75
    assert 0.35 < below < 0.65


def test_a_case_at_the_level_gets_a_number() -> None:
    assert information(known(SHARE, 0.2))["n_below"] == 0


def test_few_cases_below_are_not_counted_for_a_reader() -> None:
    assert information(known(np.where(np.arange(N) < 2, 0.2, 1.0), 0.5))["n_below"] is None


def test_without_a_level_there_is_no_part() -> None:
    assert information(known(SHARE, None)) == {}


@pytest.mark.parametrize("share", [np.full(N, np.nan)])
def test_a_bundle_that_tells_no_share_is_said(share: FloatArray) -> None:
    assert "train again" in information(known(share, 0.5))["withheld"]


def test_intervals_widened_by_missing_blocks_are_no_instability_of_a_network() -> None:
    """Refits that reach 1.96 * 0.1 either way; the intervals of cases without an image are as wide as can be."""
    model = known(SHARE, None)
    column = SimpleNamespace(kind="image")
    members = tuple(range(20))
    chosen = SimpleNamespace(preprocessor=SimpleNamespace(columns=(column,)))
    unit: Any = SimpleNamespace(
        procedure=SimpleNamespace(chosen=chosen), ensemble=SimpleNamespace(members=members), horizons_days=()
    )
    model.scene.model.units[f"{ENDPOINT}.{INPUTS}"] = unit
    reach = np.where(SHARE < 1, 0.5, 0.196)
    rows = pd.DataFrame({"case_id": model.cases.ids, "inputs": INPUTS, "rung": "chosen", "horizon_days": np.nan,
                         "risk": 0.5, "low": 0.5 - reach, "high": 0.5 + reach})  # fmt: skip
    found = instability(replace(model, cases=replace(model.cases, rows=rows)))
    assert found["n"] == 450
    assert found["mean_absolute_difference"] == pytest.approx(0.1 * (2 / np.pi) ** 0.5)
