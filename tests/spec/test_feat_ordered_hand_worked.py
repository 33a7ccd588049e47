"""An ordered category as steps, worked out on paper."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from outcome.features.columns import FeatureColumn
from outcome.features.preprocess import Preprocessor, Rules, fit_preprocessor

ASA = FeatureColumn("clinical:asa", "clinical", "categorical", "preoperative", ("1", "2", "3", "4"), ordered=True)
KEEP = Rules(rare_below=1, redundant_above=2.0)  # every step that varies


def frame(*choices: str | None) -> pd.DataFrame:
    return pd.DataFrame({"clinical:asa": pd.Series(choices, dtype=object)})


def matrix(fitted: Preprocessor, *choices: str | None) -> list[list[float]]:
    return [[float(cell) for cell in row] for row in fitted.transform(frame(*choices))]


def test_six_patients_are_coded_by_what_they_reach() -> None:
    fitted = fit_preprocessor(frame("1", "2", "2", "3", "4", "4"), [ASA], KEEP)
    assert fitted.output_names == ("clinical:asa>=2", "clinical:asa>=3", "clinical:asa>=4")
    assert matrix(fitted, "1", "2", "2", "3", "4", "4") == [
        [0, 0, 0],
        [1, 0, 0],
        [1, 0, 0],
        [1, 1, 0],
        [1, 1, 1],
        [1, 1, 1],
    ]


def test_often_missing_the_median_is_taken_and_said_to_be_missing() -> None:
    # known 1 1 2 3 4 4: the third and fourth are 2 and 3, and the lower counts; 2 of 8 are missing
    fitted = fit_preprocessor(frame("4", None, "1", "3", "1", None, "2", "4"), [ASA], KEEP)
    assert fitted.output_names == ("clinical:asa>=2", "clinical:asa>=3", "clinical:asa>=4", "clinical:asa=missing")
    assert matrix(fitted, None, "1", "4") == [[1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 0]]


def test_rarely_missing_the_median_is_taken_in_silence() -> None:
    # 1 of 25 missing, below 5 %; the thirteenth of 24 known is 3 and the twelfth too
    cases = ["1"] * 4 + ["2"] * 7 + ["3"] * 8 + ["4"] * 5 + [None]
    fitted = fit_preprocessor(frame(*cases), [ASA], KEEP)
    assert fitted.output_names == ("clinical:asa>=2", "clinical:asa>=3", "clinical:asa>=4")
    assert matrix(fitted, None) == [[1, 1, 0]]


def test_the_share_at_which_a_column_says_missing_is_that_of_numbers() -> None:
    cases = ["1"] * 9 + ["2"] * 10
    told = fit_preprocessor(frame(*cases, None), [ASA], KEEP)  # 1 of 20
    silent = fit_preprocessor(frame(*cases, "2", None), [ASA], KEEP)  # 1 of 21
    assert [fitted.output_names[-1] for fitted in (told, silent)] == ["clinical:asa=missing", "clinical:asa>=2"]


def test_a_choice_that_nobody_knows_is_the_median_and_not_the_lowest() -> None:
    fitted = fit_preprocessor(frame("1", "3", "3", None, "4", "2"), [ASA], KEEP)
    assert matrix(fitted, "5", "1") == [[1, 1, 0, 0], [0, 0, 0, 0]]
    assert fitted.unseen(frame("5", "1", None)) == {"clinical:asa": 1}


def test_a_choice_that_nobody_knows_is_no_part_of_the_median() -> None:
    # were x above all choices, the median of 1 1 2 4 x x x would be 4; were it below all, that of x x x 1 4 4 4 were 1
    fitted = fit_preprocessor(frame("x", "x", "x", "1", "1", "2", "4"), [ASA], KEEP)
    assert matrix(fitted, "x") == [[0, 0, 0]]
    fitted = fit_preprocessor(frame("x", "x", "x", "1", "4", "4", "4"), [ASA], KEEP)
    assert matrix(fitted, "x") == [[1, 1, 1]]


def test_a_step_that_few_reach_or_few_miss_is_dropped_with_the_reason() -> None:
    cases = ["1"] * 3 + ["2"] * 6 + ["3"] * 7 + ["4"] * 4
    fitted = fit_preprocessor(frame(*cases), [ASA], Rules())
    assert fitted.output_names == ("clinical:asa>=3",)
    few = "fewer than 5 training cases off the commonest value"
    assert fitted.dropped == (("clinical:asa>=2", few), ("clinical:asa>=4", few))


def test_a_choice_between_that_training_lacks_still_ranks() -> None:
    # nobody has 3: its step is that of 4, which is dropped as a repetition, and a 3 counts with the 4s, above every 2
    fitted = fit_preprocessor(frame(*["1"] * 6, *["2"] * 6, *["4"] * 6), [ASA], Rules())
    assert fitted.output_names == ("clinical:asa>=2", "clinical:asa>=3")
    assert matrix(fitted, "2", "3", "4") == [[1, 0], [1, 1], [1, 1]]


def test_two_choices_are_one_step() -> None:
    two = replace(ASA, choices=("no", "yes"), choice_labels=())
    fitted = fit_preprocessor(frame("no", "yes", "yes"), [two], KEEP)
    assert fitted.output_names == ("clinical:asa>=yes",)
    assert matrix(fitted, "no", "yes") == [[0], [1]]


@pytest.mark.parametrize("cases", [(None, None, None), ("x", None, "y")])
def test_nothing_known_is_nothing_read(cases: tuple[str | None, ...]) -> None:
    fitted = fit_preprocessor(frame(*cases), [ASA], KEEP)
    assert fitted.outputs == ()
    assert fitted.dropped[0] == ("clinical:asa", "no training case has one of its choices")
