"""Intraclass correlation of the published six targets and four judges, and of tables counted on paper."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.radiomics import measure
from segmentation.radiomics.robustness.agreement import (
    ONE_WAY,
    TWO_WAY,
    agreement,
    agreements,
    feature_intervals,
    measure_each,
    repeat_tables,
    stable_features,
)
from segmentation.radiomics.robustness.perturbations import draw_perturbations, perturbed
from segmentation.types import Mask, Volume

# Shrout & Fleiss 1979, table 2; their mean squares: 11.24 between, 6.26 within, 1.02 residual.
JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])


@pytest.mark.parametrize(("kind", "value", "low", "high"), [(ONE_WAY, 0.17, -0.13, 0.72), (TWO_WAY, 0.71, 0.34, 0.95)])
def test_the_published_table(kind: str, value: float, low: float, high: float) -> None:
    found = agreement(JUDGES, kind)
    assert (found.n_cases, found.n_repeats) == (6, 4)
    # The values are printed in the paper, the limits by R's psych::ICC, both to two digits.
    assert [round(x, 2) for x in (found.value, found.low, found.high) if x is not None] == [value, low, high]


def test_three_cases_twice() -> None:
    # Cases (0, 2), (4, 6), (8, 10): means 1, 5, 9; between 2 * 32 / 2 = 32; within 6 / 3 = 2; (32 - 2) / (32 + 2).
    # The second repeat is 2 higher in each: as consistency nothing is left over.
    table = np.array([[0.0, 2.0], [4.0, 6.0], [8.0, 10.0]])
    assert agreement(table).value == pytest.approx(30 / 34)
    consistent = agreement(table, TWO_WAY)
    assert (consistent.value, consistent.low, consistent.high) == (1.0, 1.0, 1.0)


def test_what_cannot_be_had_is_missing_with_the_reason() -> None:
    gap = np.array([[1.0, np.nan], [2.0, 2.5], [np.nan, np.nan]])
    for table, reason in ((gap, "found 1 and 2"), (np.ones((5, 1)), "found 5 and 1"), (np.full((4, 3), 7.1), "equal")):
        found = agreement(table)
        assert (found.value, found.low, found.high) == (None, None, None)
        assert reason in found.reason


def test_a_case_that_lacks_a_repeat_is_left_out() -> None:
    with_gap = np.vstack([JUDGES, [[50, np.nan, 3, 4]]])
    assert agreement(with_gap) == agreement(JUDGES)


def test_repeats_about_a_case_alike_give_a_negative_value() -> None:
    # Case means are equal, all spread lies within: the least value is -1 / (k - 1).
    assert agreement(np.array([[1.0, 3.0], [3.0, 1.0], [0.0, 4.0]])).value == pytest.approx(-1.0)


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    truth, covered = 0.8, 0
    for _ in range(400):
        table = rng.normal(0, np.sqrt(truth), (15, 1)) + rng.normal(0, np.sqrt(1 - truth), (15, 4))
        found = agreement(table)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= truth <= found.high
    assert covered / 400 == pytest.approx(0.95, abs=0.035)


@pytest.mark.parametrize("kind", [ONE_WAY, TWO_WAY])
def test_neither_unit_nor_order_matters(kind: str) -> None:
    rng = np.random.default_rng(5)
    table = rng.normal(size=(9, 1)) + 0.4 * rng.normal(size=(9, 3))
    first = agreement(table, kind)
    again = agreement((1000 + 7 * table)[rng.permutation(9)][:, [2, 0, 1]], kind)
    assert again.value == pytest.approx(first.value)
    assert again.low == pytest.approx(first.low)


def test_stable_means_stable_at_the_lower_limit() -> None:
    rng = np.random.default_rng(0)
    cases = rng.normal(size=(30, 1))
    tables = {
        "sure": cases + 0.1 * rng.normal(size=(30, 4)),
        "unsure": np.linspace(-1.5, 1.5, 5)[:, None] + 0.6 * rng.normal(size=(5, 4)),
        "wild": rng.normal(size=(30, 4)),
        "flat": np.zeros((30, 4)),
    }
    found = agreements(tables)
    assert found["unsure"].value is not None
    assert found["unsure"].value > 0.75
    assert stable_features(found) == ("sure",)
    assert stable_features(found, least=-1.0) == ("sure", "unsure", "wild")


def test_percentiles_over_masks() -> None:
    masks = [{"volume": float(v)} for v in range(101)] + [{"other": 1.0}]
    found = feature_intervals(masks, level=0.9)
    volume = found["volume"]
    assert (volume.low, volume.median, volume.high) == pytest.approx((5.0, 50.0, 95.0))
    assert (volume.n, volume.n_missing) == (101, 1)
    assert found["other"].low is None
    assert found["other"].reason == "measured in 1 of 102 masks"


def test_from_images_to_stable_features() -> None:
    # Balls of different size and brightness: size and mean survive small changes.
    i, j, k = np.indices((26, 26, 26)) - 13
    changes = draw_perturbations(3, 1)
    cases = []
    for number, radius in enumerate((4, 5, 6, 7, 8, 9)):
        labels = (i**2 + j**2 + k**2 < radius**2).astype(np.uint8)
        values = 20.0 * ((number * 5) % 7) + np.random.default_rng(number).normal(0, 3, labels.shape)
        image, mask = Volume(values, np.eye(4)), Mask(labels, np.eye(4), {"ball": 1})
        cases.append(
            measure_each(perturbed(image, mask, "ball", changes), lambda image, mask: measure(mask, "ball", image)[0])
        )
    stable = stable_features(agreements(repeat_tables(cases)))
    assert {"morph_volume", "morph_area_mesh", "stat_mean", "stat_median"} <= set(stable)
    assert "stat_skew" not in stable


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda: agreement(JUDGES, "ICC(2,1)"), "bad_kind"),
        (lambda: agreement(JUDGES, level=95), "bad_level"),
        (lambda: agreement(JUDGES[0]), "bad_table"),
        (lambda: repeat_tables([[{"a": 1.0}], [{"a": 1.0}, {"a": 2.0}]]), "uneven_repeats"),
        (lambda: repeat_tables([]), "uneven_repeats"),
        (lambda: feature_intervals([], level=0.0), "bad_level"),
    ],
)
def test_refusals(act: Callable[[], object], code: str) -> None:
    with pytest.raises(ImageRefusal) as refusal:
        act()
    assert refusal.value.code == code
