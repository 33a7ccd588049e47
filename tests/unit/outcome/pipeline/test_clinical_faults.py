"""A few of the faults of `benchmarks.clinical_faults`, on few coarse patients: where each is caught."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.clinical_faults import FAULTS, Hospital, affected, hospital, judged, level, reference_of, seen

COARSE, TRAIN, BATCH = 3, 80, 30


@pytest.fixture(scope="module")
def trained() -> dict[str, object]:
    return reference_of(seen(hospital(1, TRAIN, "t", COARSE)))


@pytest.fixture(scope="module")
def later() -> Hospital:
    return hospital(2, BATCH, "n", COARSE)


def test_patients_without_a_fault_are_left_alone(trained: dict[str, object], later: Hospital) -> None:
    here = seen(later)
    answer = judged(trained, here, frozenset(map(str, here.observed.index)))
    assert answer.warned <= 1 / BATCH
    assert (answer.refused, answer.alarm_after) == (0.0, None)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("creatinine in µmol/L", "case by case"),
        ("weight in pounds", "case by case"),
        ("image and mask flipped left-right", "over a batch, some cases alone"),
        ("wrong affine", "case by case"),
        ("empty mask", "case by case"),
        ("HU offset of 1024", "case by case"),
        ("constant column", "over a batch"),
        ("a block all missing", "over a batch"),
        ("patients twice", "case by case"),
        ("decimal comma in text", "case by case"),
    ],
)
def test_a_fault_is_caught_where_the_table_says(
    name: str, where: str, trained: dict[str, object], later: Hospital
) -> None:
    spoiled = FAULTS[name](later, np.random.default_rng(3))
    answer = judged(trained, seen(spoiled), affected(later, spoiled))
    assert level(answer) == where, answer
