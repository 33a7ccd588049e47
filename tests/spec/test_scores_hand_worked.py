"""Published scores of patients whose points can be counted on paper, from the publications."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from outcome.errors import ConfigRefusal, DataRefusal
from outcome.scores import SCORES, asa_classes, compute_score, conditions_of, from_codes, read_code_lists, score_named
from outcome.scores.charlson import age_points

CHARLSON, AGED = SCORES["charlson"], SCORES["charlson_age"]
ELIXHAUSER, WALRAVEN = SCORES["elixhauser"], SCORES["elixhauser_van_walraven"]


def items(score: str, *rows: set[str], **more: list[float]) -> pd.DataFrame:
    """One row a case with the named conditions present and all others absent."""
    table = {name: [float(name in row) for row in rows] for name in SCORES[score].yes_no}
    return pd.DataFrame({**table, **more})


def coded(score: str, *lists: str | None, **more: list[float]) -> np.ndarray:
    frame = pd.DataFrame(more, index=range(len(lists)), dtype=float)
    definition = SCORES[score]
    return compute_score(definition, from_codes(definition, read_code_lists(lists), frame)).value


def test_charlson_counts_the_graver_form_alone() -> None:
    rows = (
        set(),
        {"myocardial_infarction", "heart_failure", "dementia"},
        {"diabetes", "diabetes_with_damage"},
        {"mild_liver_disease", "severe_liver_disease"},
        {"solid_tumour", "metastatic_tumour"},
        {"leukaemia", "lymphoma", "solid_tumour"},
        {"hemiplegia", "renal_disease", "aids"},
        set(CHARLSON.yes_no),
    )
    assert compute_score(CHARLSON, items("charlson", *rows)).value.tolist() == [0, 3, 2, 3, 6, 6, 10, 33]


def test_age_adds_a_point_a_decade_from_fifty_to_eighty() -> None:
    ages = np.array([18.0, 40.0, 49.9, 50.0, 59.0, 60.0, 70.0, 79.0, 80.0, 95.0, np.nan])
    assert age_points(ages).tolist()[:-1] == [0, 0, 0, 1, 1, 2, 3, 3, 4, 4]
    table = items("charlson_age", {"diabetes"}, {"diabetes"}, age=[67.0, np.nan])
    value = compute_score(AGED, table, missing="absent").value
    assert value[0] == 3
    assert np.isnan(value[1])


def test_a_case_without_an_answer_has_no_score_or_counts_it_as_absent() -> None:
    table = items("charlson", {"diabetes"}, {"diabetes"})
    table.loc[1, "dementia"] = np.nan
    strict = compute_score(CHARLSON, table)
    assert strict.n_missing == {"dementia": 1}
    assert strict.n_scored == 1
    assert np.isnan(strict.value[1])
    assert "dementia (1)" in strict.words
    assert compute_score(CHARLSON, table, missing="absent").value.tolist() == [1, 1]


def test_an_item_that_was_never_recorded_is_named_or_refused() -> None:
    table = items("rcri", {"insulin"}).drop(columns="creatinine_above_2")
    with pytest.raises(ConfigRefusal, match="nothing is said of creatinine_above_2"):
        compute_score(SCORES["rcri"], table)
    told = compute_score(SCORES["rcri"], table, without=["creatinine_above_2"])
    assert told.value.tolist() == [1]
    assert "counted as absent: serum creatinine" in told.words
    with pytest.raises(ConfigRefusal, match="no score without age"):
        compute_score(AGED, items("charlson_age", {"aids"}), without=["age"])


def test_elixhauser_counts_and_weighs() -> None:
    rows = (
        {"hypertension", "hypertension_with_complications"},
        {"metastatic_cancer", "solid_tumour", "obesity"},
        {"drug_abuse", "depression", "deficiency_anaemia"},
        {"heart_failure", "liver_disease", "renal_failure"},
    )
    table = items("elixhauser", *rows)
    assert compute_score(ELIXHAUSER, table).value.tolist() == [1, 2, 3, 3]
    assert compute_score(WALRAVEN, table).value.tolist() == [0, 12 - 4, -7 - 3 - 2, 7 + 11 + 5]


def test_rcri_gives_points_and_the_rates_of_its_derivation() -> None:
    names = SCORES["rcri"].names
    found = compute_score(SCORES["rcri"], items("rcri", *(set(names[:k]) for k in range(7))))
    assert found.value.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert found.risk is not None
    assert found.risk.tolist() == [0.005, 0.013, 0.04, 0.09, 0.09, 0.09, 0.09]
    assert compute_score(CHARLSON, items("charlson", set())).risk is None


def test_frailty_is_the_share_of_the_known_items() -> None:
    table = items("mfi5", {"diabetes", "hypertension"}, {"diabetes"}, {"diabetes"})
    table.loc[1, ["hypertension", "dependent", "heart_failure"]] = np.nan
    table.loc[2] = np.nan
    value = compute_score(SCORES["mfi5"], table).value
    assert value[:2].tolist() == [2 / 5, 1 / 2]
    assert np.isnan(value[2])
    unrecorded = compute_score(SCORES["mfi5"], table.iloc[:1].drop(columns="dependent"), without=["dependent"])
    assert unrecorded.value.tolist() == [2 / 4]
    assert "left out" in unrecorded.words


def test_asa_classes_are_read_as_anaesthetists_write_them() -> None:
    cells = pd.Series(["1", "III", "ASA IV", "2E", "asa 5", " iv e", 3.0, None], dtype=object)
    assert asa_classes(cells).tolist()[:-1] == [1, 3, 4, 2, 5, 4, 3]
    for wrong in ("6", "IIII", "healthy", "0", "2.5"):
        with pytest.raises(DataRefusal, match="ASA") as refusal:
            asa_classes(pd.Series(["1", wrong], dtype=object))
        assert "1 of 2" in refusal.value.found


@pytest.mark.parametrize(
    ("codes", "points"),
    [
        ("", np.nan),
        ("Z00.0", 0),
        ("I21.9; I50.0", 2),
        ("E11.9, E11.5", 2),
        ("K70.3|K76.7", 3),
        ("C64 C78.0", 6),
        ("C91.1", 2),
        ("C44.9", 0),  # other skin cancer is no malignancy of the index
        ("i50.22", 1),  # ICD-10-CM, lower case
        ("E1142", 2),
        ("E11", 0),  # without a fourth character nothing is said of complications
        ("N18.9 B24 G82.2", 10),
        ("I25.1", 0),
        ("I25.2", 1),
        ("D63.0* C18.7†", 2),
        ("K74.6+", 1),
        ("Z94.4", 1),
        ("C61;C79.5;B20;I85.0;K70.0;E10.2;E10.9;G81;N19;I22;I43;I70;G46;F00;J45;M06;K25", 33 - 4),
    ],
)
def test_charlson_from_codes(codes: str, points: float) -> None:
    value = coded("charlson", codes)[0]
    assert value == points or (np.isnan(points) and np.isnan(value))


def test_leukaemia_by_code_counts_once_with_a_tumour_and_apart_in_a_record_that_names_it() -> None:
    assert coded("charlson", "C64 C91.0").tolist() == [2]
    assert compute_score(CHARLSON, items("charlson", {"solid_tumour", "leukaemia"})).value.tolist() == [4]


@pytest.mark.parametrize(
    ("codes", "count", "points"),
    [
        ("I10", 1, 0),
        ("I10 I11.0", 2, 7),  # hypertension once, and heart failure
        ("F31.5", 2, -3),
        ("K25.0", 0, 0),
        ("K25.7", 1, 0),
        ("C90.0", 1, 9),
        ("C90.1", 0, 0),
        ("I42.6", 2, 7),
        ("E11.6", 1, 0),
        ("C50.9 C79.5 E66.9", 2, 8),
        ("D50.0 D50.8", 2, -4),
        ("F17.2", 0, 0),
    ],
)
def test_elixhauser_from_codes(codes: str, count: float, points: float) -> None:
    assert coded("elixhauser", codes).tolist() == [count]
    assert coded("elixhauser_van_walraven", codes).tolist() == [points]


def test_an_empty_list_is_not_known_unless_it_is_said_to_mean_none() -> None:
    conditions = SCORES["charlson"].conditions
    silent = conditions_of(read_code_lists(["", None, "  ", float("nan")]), conditions)
    assert silent.isna().all(axis=None)
    stated = conditions_of(read_code_lists(["", None], empty_is_none=True), conditions)
    assert (stated == 0).all(axis=None)
    frame = from_codes(CHARLSON, read_code_lists(["", "I50"]), pd.DataFrame(index=range(2)))
    assert "every condition (1)" in compute_score(CHARLSON, frame).words


@pytest.mark.parametrize("cell", ["250.00", "4280", "I50-I52", "heart failure", "I50.0,J44", "i5-"])
def test_what_is_no_code_is_refused_and_never_shown(cell: str) -> None:
    with pytest.raises(DataRefusal, match="no ICD-10 codes") as refusal:
        read_code_lists(["I50.0", cell], separators=";")
    assert "1 of 2" in refusal.value.found
    assert cell not in refusal.value.render()


def test_values_that_cannot_be_right_are_refused() -> None:
    with pytest.raises(DataRefusal, match="dementia"):
        compute_score(CHARLSON, items("charlson", set()).assign(dementia=2.0))
    with pytest.raises(DataRefusal, match="age"):
        compute_score(AGED, items("charlson_age", set(), age=[670.0]))
    with pytest.raises(ConfigRefusal, match="no input is called gout"):
        compute_score(CHARLSON, items("charlson", set()).assign(gout=1.0))
    with pytest.raises(ConfigRefusal, match="not offered"):
        compute_score(CHARLSON, items("charlson", set()), missing="of_known")
    with pytest.raises(ConfigRefusal, match="did you mean 'charlson'"):
        score_named("charlston")
    with pytest.raises(ConfigRefusal, match="cannot be read from ICD-10"):
        from_codes(SCORES["rcri"], read_code_lists(["I50"]), pd.DataFrame(index=[0]))
