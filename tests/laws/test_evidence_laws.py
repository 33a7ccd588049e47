"""Laws of what is said of sites, sizes and many endpoints, whatever the numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from outcome.config import Reader
from outcome.evaluation.planning.sample_size import LinearPredictor
from outcome.pipeline.evidence.multiplicity import multiplicity
from outcome.pipeline.evidence.precision import at_rate, auroc_of, precision
from outcome.pipeline.evidence.readers import readers
from outcome.pipeline.evidence.risk_groups import risk_groups
from outcome.pipeline.evidence.sites import sites
from outcome.types import Target
from tests.evidence_scene import ENDPOINT, INPUTS, Told, drawn, model_cases

SEEDS = st.integers(0, 2**20)
P = st.floats(0, 1)


def entries(p_values: list[float]) -> dict:
    return {
        f"e{k}": {"label": "", "comparators": {"size": {"source": "record", "p_value": {INPUTS: p}}}}
        for k, p in enumerate(p_values)
    }


@given(st.lists(P, min_size=1, max_size=12))
def test_adjusted_p_values_never_fall_and_holm_is_the_stricter(p_values: list[float]) -> None:
    rows = multiplicity(entries(p_values))["rows"]
    assert len(rows) == len(p_values)
    for row in rows:
        assert row["p_value"] <= row["benjamini_hochberg"] + 1e-12
        assert row["benjamini_hochberg"] <= row["holm"] + 1e-12


@given(st.floats(-4, 3), st.floats(0.2, 3), st.floats(0.01, 0.99))
@settings(max_examples=15, deadline=None)
def test_moving_a_spread_keeps_its_shape_and_a_wider_one_ranks_better(mean: float, sd: float, rate: float) -> None:
    moved = at_rate(LinearPredictor.normal(mean, sd), rate)
    again = at_rate(LinearPredictor.normal(mean + 1, sd), rate)
    wider = at_rate(LinearPredictor.normal(mean, 1.3 * sd), rate)
    assert moved.value == pytest.approx(again.value, abs=1e-6)
    assert 0.5 < auroc_of(moved) < auroc_of(wider) < 1


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_more_cases_of_the_same_kind_are_never_less_precise(seed: int) -> None:
    y, risk = drawn(120, seed)
    told = Told(risks={"n": 500, "lp_mean": -1.0, "lp_sd": 1.0})
    once, twice = (
        precision(model_cases(Target.binary(ENDPOINT, np.tile(y, k)), np.tile(risk, k), told)) for k in (1, 2)
    )
    assert once["n_needed"] == twice["n_needed"]
    for few, many in zip(once["criteria"], twice["criteria"], strict=True):
        assert many["width_here"] < few["width_here"]


@given(SEEDS, st.integers(2, 5))
@settings(max_examples=15, deadline=None)
def test_the_next_site_is_never_surer_than_the_average(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    y, risk = drawn(150 * k, seed)
    spoilt = np.clip(expit(np.log(risk / (1 - risk)) + np.repeat(rng.normal(0, 0.7, k), 150)), 1e-6, 1 - 1e-6)
    found = sites(
        model_cases(Target.binary(ENDPOINT, y), spoilt, Told(groups={"site": np.repeat(list("abcde")[:k], 150)}))
    )
    for row in found["pooled"]:
        assert 0 <= (row["i2"] or 0) < 1
        if row["prediction"]["value"] is None:
            assert k < 3
            continue
        assert row["prediction"]["low"] <= row["estimate"]["low"]
        assert row["prediction"]["high"] >= row["estimate"]["high"]


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_names_and_order_of_sites_change_no_number(seed: int) -> None:
    y, risk = drawn(450, seed)
    where, order = np.repeat(["a", "b", "c"], 150), np.random.default_rng(seed).permutation(450)
    other = np.array(["z", "y", "x"])[np.searchsorted(["a", "b", "c"], where)]
    first = sites(model_cases(Target.binary(ENDPOINT, y), risk, Told(groups={"site": where})))
    second = sites(model_cases(Target.binary(ENDPOINT, y[order]), risk[order], Told(groups={"site": other[order]})))
    for a, b in zip(first["pooled"], second["pooled"], strict=True):
        assert a["estimate"]["value"] == pytest.approx(b["estimate"]["value"], rel=1e-6)


@given(SEEDS, st.lists(st.floats(0.05, 0.95), min_size=1, max_size=4, unique=True))
@settings(max_examples=25, deadline=None)
def test_risk_groups_share_out_every_case_by_the_bundle_s_cuts(seed: int, cuts: list[float]) -> None:
    y, risk = drawn(300, seed)
    told = Told(risks={"n": 500, "cuts": cuts})
    right, wrong = (risk_groups(model_cases(Target.binary(ENDPOINT, each), risk, told)) for each in (y, 1 - y))
    assert right["cuts"] == wrong["cuts"] == sorted(cuts)
    assert [g["n"] for g in right["groups"]] == [g["n"] for g in wrong["groups"]]
    if all(g["n"] is not None for g in right["groups"]):
        assert sum(g["n"] for g in right["groups"]) == 300


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_the_order_of_readers_changes_nothing_but_the_order(seed: int) -> None:
    y, risk = drawn(200, seed)
    rng = np.random.default_rng(seed)
    said = {f"r{k}": np.round(100 * expit(np.log(risk / (1 - risk)) + rng.normal(0, 1 + k, 200))) for k in range(3)}
    asked = [Reader(variable=name, endpoint=ENDPOINT, scale="percent") for name in said]
    found = []
    for named in (asked, asked[::-1]):
        model = model_cases(Target.binary(ENDPOINT, y), risk, Told({"readers": tuple(named)}, variables=said))
        found.append(readers(model.cases, [model])["models"][INPUTS])
    first, second = found
    assert first["difference"]["value"] == pytest.approx(second["difference"]["value"])
    assert first["p_value"] == pytest.approx(second["p_value"])
    assert first["model_adds"]["p_value"] == pytest.approx(second["model_adds"]["p_value"], rel=1e-6)
