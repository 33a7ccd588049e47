"""Benchmarks counted on paper: paired differences, ranks, errors near borders, splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from segmentation.benchmark.config import SplitRule
from segmentation.benchmark.document import number
from segmentation.benchmark.errors_of_case import Errors, errors_of
from segmentation.benchmark.noise import noisy
from segmentation.benchmark.overlays import representative
from segmentation.benchmark.parts import parts_of
from segmentation.benchmark.ranking import paired_difference, ranks
from segmentation.errors import ImageRefusal
from segmentation.learning.training_case import TrainingCase
from segmentation.metrics import Measured
from segmentation.metrics.estimates import PatientDraws
from segmentation.types import Mask, Volume


def _values(*numbers: float | None) -> list[Measured]:
    return [Measured(None, "none") if one is None else Measured(one) for one in numbers]


def test_two_patients_give_three_means_and_the_ends_are_the_interval() -> None:
    # Differences .2 and -.1. A resample's mean is .2 (1/4), .05 (1/2) or -.1 (1/4): the 2.5 % points are the ends.
    found = paired_difference(_values(0.9, 0.5), _values(0.7, 0.6), PatientDraws(["a", "b"]))
    assert (found.value, found.low, found.high) == pytest.approx((0.05, -0.1, 0.2))
    assert found.n == 2


def test_a_patient_is_drawn_with_all_cases() -> None:
    # Patient a: one case, +1. Patient b: three cases, 0. Means: 1 (aa), 1/4 (ab), 0 (bb).
    draws = PatientDraws(["a", "b", "b", "b"])
    found = paired_difference(_values(1, 0.5, 0.5, 0.5), _values(0, 0.5, 0.5, 0.5), draws)
    assert (found.value, found.low, found.high) == pytest.approx((0.25, 0.0, 1.0))


def test_pairing_takes_away_what_the_cases_share() -> None:
    hard_and_easy = [0.1, 0.9, 0.2, 0.8]
    better = [value + 0.05 for value in hard_and_easy]
    found = paired_difference(_values(*better), _values(*hard_and_easy), PatientDraws(list("abcd")))
    assert (found.low, found.high) == pytest.approx((0.05, 0.05)), "every case gains the same"


def test_a_case_without_a_value_in_one_model_is_left_out_of_both() -> None:
    found = paired_difference(_values(0.9, None, 0.6), _values(0.8, 0.1, 0.5), PatientDraws(list("abc")))
    assert (found.value, found.n, sum(found.missing.values())) == (pytest.approx(0.1), 2, 1)


def test_ranks_over_two_patients() -> None:
    # Equal means: x and y share rank 1. Patient p twice: x is first; q twice: y; both: they tie. z is always last.
    found = ranks({"x": _values(0.9, 0.1), "y": _values(0.5, 0.5), "z": _values(0.05, 0.05)}, PatientDraws(["p", "q"]))
    assert [found[name].rank for name in "xyz"] == [1, 1, 3]
    assert [(found[name].low, found[name].high) for name in "xyz"] == [(1, 2), (1, 2), (3, 3)]
    assert found["x"].first == pytest.approx(0.5, abs=0.05)
    assert found["x"].first + found["y"].first == pytest.approx(1)
    assert found["z"].first == 0


def _line(inside: range, spacing: float = 1.0) -> Mask:
    labels = np.zeros((10, 1, 1), dtype=np.uint8)
    labels[list(inside)] = 1
    return Mask(labels, np.diag([spacing, 1, 1, 1]), {"organ": 1})


def test_errors_along_a_line() -> None:
    # Given 3-6, drawn 4-9: voxel 3 is left out, 1 mm from voxel 2; 7, 8 and 9 are added, 1, 2 and 3 mm from voxel 6.
    given, drawn = range(3, 7), range(4, 10)
    assert errors_of(_line(given), _line(drawn), 1, 2.0) == Errors(given=4, added=3, left_out=1, near=3)
    assert errors_of(_line(given, 2.0), _line(drawn, 2.0), 1, 2.0).near == 2, "two voxels lie 4 mm and 6 mm away"
    assert errors_of(_line(given, 2.0), _line(drawn, 2.0), 1, 2.0, in_mm=False).near == 3
    assert errors_of(_line(given), _line(drawn), 1, 2.0).near_share == pytest.approx(3 / 4)


def test_no_border_no_share() -> None:
    nothing = errors_of(_line(range(0)), _line(range(2)), 1, 2.0)
    assert (nothing.added, nothing.near, nothing.near_share) == (2, 0, None)
    assert errors_of(_line(range(3)), _line(range(3)), 1, 2.0).near_share is None
    whole = errors_of(_line(range(10)), _line(range(9)), 1, 1.0)
    assert (whole.left_out, whole.near) == (1, 1), "beyond the image is outside"


def _cases(*patients: str) -> list[TrainingCase]:
    return [TrainingCase(f"c{n}", (Path("i"),), Path("m"), patient) for n, patient in enumerate(patients)]


def _names(cases: tuple[TrainingCase, ...]) -> str:
    return "".join(case.case_id[1:] for case in cases)


def test_splits_by_file_order() -> None:
    cases = _cases("a", "a", "b", "c", "d", "b", "e")
    (last,) = parts_of(cases, SplitRule(last=2))
    assert (_names(last.learn), _names(last.test)) == ("01235", "46")
    (every,) = parts_of(cases, SplitRule(every=2))
    assert _names(every.test) == "245", "patients b and d, with all their cases"
    (few,) = parts_of(cases, SplitRule(last=2, learn=2, test=1))
    assert (_names(few.learn), _names(few.test)) == ("0125", "4")


@pytest.mark.parametrize("rule", [SplitRule(folds=3, seed=1), SplitRule(share=0.4, seed=1), SplitRule(every=4)])
def test_no_patient_stands_on_both_sides(rule: SplitRule) -> None:
    cases = _cases(*"aabbccddeeffgg")
    parts = parts_of(cases, rule)
    for part in parts:
        assert not {case.patient for case in part.learn} & {case.patient for case in part.test}
    tested = [case.case_id for part in parts for case in part.test]
    assert len(tested) == len(set(tested))
    if rule.folds:
        assert len(tested) == len(cases), "each case judges once"


def test_splits_that_cannot_be() -> None:
    for wrong in ({}, {"last": 2, "folds": 3}, {"folds": 1}, {"share": 1.0}):
        with pytest.raises(ValidationError):
            SplitRule.model_validate(wrong)
    with pytest.raises(ImageRefusal, match="one side empty"):
        parts_of(_cases("a", "b"), SplitRule(last=2))


def test_representative_cases() -> None:
    assert representative({"a": 0.5, "b": 0.9, "c": 0.1, "d": 0.7}) == {"best": "b", "median": "a", "worst": "c"}
    assert representative({"z": 0.5, "y": 0.5}) == {"best": "y", "median": "z", "worst": "z"}


def test_noise_has_the_stated_size_and_meets_every_model_alike() -> None:
    rng = np.random.default_rng(0)
    channels = tuple(Volume(rng.normal(5, spread, (30, 30, 30)).astype(np.float32), np.eye(4)) for spread in (1, 20))
    changed = noisy(channels, 0.5, "case")
    for before, after in zip(channels, changed, strict=True):
        added = np.asarray(after.array) - np.asarray(before.array)
        assert added.std() == pytest.approx(0.5 * before.array.std(), rel=0.02)
        assert abs(added.mean()) < 0.01 * before.array.std()
    again = noisy(channels, 0.5, "case")
    assert all((a.array == b.array).all() for a, b in zip(changed, again, strict=True))
    assert (noisy(channels, 0.5, "other")[0].array != changed[0].array).any()


def test_numbers_keep_what_tells_them_apart() -> None:
    shown = [number(value) for value in (None, 3, 0.76543, 0.00012346, 0.99987, 72.123, 1234.5, 0.0, 1.0)]
    assert shown == ["", "3", "0.765", "0.00012", "0.9999", "72.1", "1234", "0", "1"]
