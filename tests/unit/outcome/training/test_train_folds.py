"""Folds keep patients together, share the outcome out, and do not depend on the order of rows."""

from __future__ import annotations

import numpy as np
import pytest

from outcome.training.folds import derive_seed, patient_folds, strata
from outcome.types import EndpointKind, Target


def test_a_patient_stays_in_one_fold() -> None:
    patients = np.repeat([f"p{i}" for i in range(30)], 3)
    target = Target.binary("e", np.tile([0, 1, 0], 30))
    folds = patient_folds(patients, target, 5, 1)
    assert all(len(set(folds[patients == name])) == 1 for name in set(patients))


def test_events_and_sizes_differ_by_one_at_most() -> None:
    patients = np.array([f"p{i}" for i in range(103)])
    y = (np.arange(103) < 23).astype(float)
    folds = patient_folds(patients, Target.binary("e", y), 5, 1)
    assert np.ptp(np.bincount(folds, weights=y)) <= 1
    assert np.ptp(np.bincount(folds)) <= 1


def test_row_order_is_irrelevant_and_the_seed_is_not() -> None:
    patients = np.array([f"p{i}" for i in range(50)])
    y = np.arange(50) % 4 == 0
    order = np.random.default_rng(0).permutation(50)
    folds = patient_folds(patients, Target.binary("e", y.astype(float)), 5, 1)
    shuffled = patient_folds(patients[order], Target.binary("e", y[order].astype(float)), 5, 1)
    assert np.array_equal(shuffled, folds[order])
    assert not np.array_equal(patient_folds(patients, Target.binary("e", y.astype(float)), 5, 2), folds)


def test_strata_by_event_by_quarter_and_unknown() -> None:
    assert strata(Target.survival("e", [1.0, 2.0, 3.0, np.nan], [1, 2, 0, 0])).tolist() == [2, 1, 0, -1]
    assert strata(Target.binary("e", [1.0, np.nan, 0.0])).tolist() == [1, -1, 0]
    value = np.array([1.0, 2.0, 3.0, 4.0, np.nan])
    nothing = np.full(5, np.nan)
    duration = Target("e", EndpointKind.DURATION, value, nothing, nothing.copy())
    assert strata(duration).tolist() == [0, 1, 2, 3, -1]


def test_a_patient_counts_by_the_worst_of_its_cases() -> None:
    # six patients of two cases: one event case is enough, so each of three folds holds one such patient
    patients = np.repeat([f"p{i}" for i in range(6)], 2)
    y = np.array([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], dtype=float)
    folds = patient_folds(patients, Target.binary("e", y), 3, 5)
    assert np.bincount(folds, weights=y).tolist() == [1, 1, 1]


def test_more_folds_than_patients_are_refused() -> None:
    with pytest.raises(ValueError, match="found 2"):
        patient_folds(np.array(["a", "a", "b"]), Target.binary("e", [0, 1, 0]), 3, 1)


def test_seeds_differ_by_purpose() -> None:
    seeds = {derive_seed(1, "a"), derive_seed(1, "b"), derive_seed(2, "a"), derive_seed(1, "a", 0)}
    assert len(seeds) == 4
    assert derive_seed(1, "a") == derive_seed(1, "a")
