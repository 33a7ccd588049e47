"""Every problem of a table is found, named and counted, all of them at once, and no patient's value is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from outcome.cohort.build import build_cohort
from outcome.cohort.coding import code_column
from outcome.cohort.types import Cohort, refuse_rejects
from outcome.dictionary import Availability, Choice, DataDictionary, Variable, VariableKind
from outcome.errors import DataRefusal
from outcome.types import Finding, Level

Build = Callable[..., Cohort]


def found(cohort: Cohort, code: str) -> Finding:
    matching = [finding for finding in cohort.findings if finding.code == code]
    assert len(matching) == 1, [finding.code for finding in cohort.findings]
    return matching[0]


def test_a_sound_table_is_not_rejected(build: Build, table: pd.DataFrame) -> None:
    assert build(table).rejects == ()


@pytest.mark.parametrize(
    ("column", "cell", "code", "level"),
    [
        ("grade", "6", "unknown_code", Level.REJECT),
        ("diabetes", "maybe", "unknown_code", Level.REJECT),
        ("age", "fifty", "not_a_number", Level.REJECT),
        ("stay", "inf", "not_a_number", Level.REJECT),
        ("surgery", "01.02.2024", "not_a_date", Level.REJECT),
        ("age", "130", "out_of_range", Level.REJECT),
        ("age", "99", "implausible_value", Level.REVIEW),
        ("days", "-3", "event_before_surgery", Level.REJECT),
        ("discharge", "2023-12-31", "event_before_surgery", Level.REJECT),
    ],
)
def test_a_spoiled_cell_is_found_with_its_case(
    build: Build, table: pd.DataFrame, column: str, cell: str, code: str, level: Level
) -> None:
    table.loc[2, column] = cell
    finding = found(build(table), code)
    assert (finding.level, finding.case_ids) == (level, ("c",))
    assert cell not in finding.message


@pytest.mark.parametrize(("column", "cell"), [("age", "130"), ("age", "fifty"), ("days", "-3"), ("grade", "6")])
def test_an_impossible_value_becomes_missing_and_an_implausible_one_stays(
    build: Build, table: pd.DataFrame, column: str, cell: str
) -> None:
    table.loc[2, column] = cell
    variables = build(table, inclusion=[]).variables.set_index("case_id")
    assert pd.isna(variables.loc["c", column])
    table.loc[2, "age"] = "99"
    assert build(table, inclusion=[]).variables.set_index("case_id").loc["c", "age"] == 99


@pytest.mark.parametrize(("column", "cell"), [("age", "120"), ("stay", "0"), ("stay", "365"), ("days", "0")])
def test_the_ends_of_a_range_are_possible(build: Build, table: pd.DataFrame, column: str, cell: str) -> None:
    table.loc[2, column] = cell
    cohort = build(table)
    assert cohort.rejects == ()
    assert cohort.variables.set_index("case_id").loc["c", column] == float(cell)


def test_a_code_that_looks_like_missing_is_a_code_where_the_dictionary_says_so() -> None:
    stage = Variable("stage", VariableKind.CATEGORICAL, choices=(Choice("NA", "benign"), Choice("1", "1")))
    assert code_column(stage, pd.Series(["NA", "1", "nan"])).values.tolist() == ["NA", "1", None]
    spelled = replace(stage, missing_codes=("NA",))
    assert code_column(spelled, pd.Series(["NA", "1", "nan"])).values.tolist() == [None, "1", None]


def test_a_case_that_is_out_anyway_need_not_be_mended(build: Build, table: pd.DataFrame) -> None:
    table.loc[7, "stay"] = "999"  # the child
    assert build(table).rejects == ()
    table.loc[5, "stay"] = "999"  # out only because the age is unknown
    assert found(build(table), "out_of_range").case_ids == ("f",)


def test_all_problems_are_found_at_once_and_refused_together(build: Build, table: pd.DataFrame) -> None:
    table.loc[0, "age"], table.loc[1, "grade"], table.loc[3, "days"] = "500", "9", "-1"
    table.loc[4, "case"] = "a"
    cohort = build(table)
    assert [finding.code for finding in cohort.rejects] == [
        "duplicate_case", "out_of_range", "unknown_code", "event_before_surgery",
    ]  # fmt: skip
    with pytest.raises(DataRefusal, match="4 reason") as caught:
        refuse_rejects(cohort.findings)
    assert all(finding.code in str(caught.value) for finding in cohort.rejects)


def test_duplicate_and_nameless_rows_are_rejected_and_counted(build: Build, table: pd.DataFrame) -> None:
    table.loc[1, "case"], table.loc[2, "case"] = "a", None
    cohort = build(table)
    assert found(cohort, "duplicate_case").case_ids == ("a",)
    assert "rows 3 of" in found(cohort, "row_without_case").message
    assert [(step.step, step.n_left) for step in cohort.flow][:2] == [("table", 8), ("identity", 6)]


def test_a_case_without_patient_or_site_is_rejected(build: Build, table: pd.DataFrame) -> None:
    table.loc[0, "patient"], table.loc[1, "hospital"] = None, None
    cohort = build(table)
    assert found(cohort, "case_without_patient_id").case_ids == ("a",)
    assert found(cohort, "case_without_site").case_ids == ("b",)


def two(relation: str = "temporal", first: str = "c", second: str = "c") -> dict[str, Any]:
    return {
        "first": {"relation": "development", "where": [{"variable": "case", "at_most": first}]},
        "second": {"relation": relation, "where": [{"variable": "case", "above": second}]},
    }


def test_a_patient_in_two_partitions_is_rejected(build: Build, table: pd.DataFrame) -> None:
    table.loc[4, "patient"] = "p1"
    finding = found(build(table, partitions=two()), "patient_in_two_partitions")
    assert (finding.level, finding.case_ids) == (Level.REJECT, ("b", "e"))


def test_overlapping_and_empty_partitions_are_found(build: Build, table: pd.DataFrame) -> None:
    overlap = found(build(table, partitions=two(second="b")), "partitions_overlap")
    assert (overlap.level, overlap.case_ids) == (Level.REJECT, ("c",))
    assert found(build(table, partitions=two(second="z")), "empty_partition").level is Level.REVIEW
    assert found(build(table, partitions=two(first="0")), "empty_partition").level is Level.REJECT


def test_an_empty_column_is_rejected_where_a_model_would_learn_from_it(build: Build, table: pd.DataFrame) -> None:
    table["diabetes"] = None
    assert found(build(table), "all_missing").level is Level.REJECT
    external = {"all": {"relation": "external"}}
    assert found(build(table, partitions=external), "all_missing").level is Level.REVIEW


def test_columns_and_variables_that_do_not_meet_are_named(build: Build, table: pd.DataFrame) -> None:
    cohort = build(table.drop(columns="diabetes").assign(shoe_size="42"))
    assert "shoe_size" in found(cohort, "column_without_description").message
    absent = found(cohort, "variable_without_column")
    assert (absent.level, absent.message.split(":")[0]) == (Level.REVIEW, "diabetes")
    assert cohort.variables["diabetes"].isna().all()


def test_constant_and_often_missing_predictors_are_noted(build: Build, table: pd.DataFrame) -> None:
    table["diabetes"] = "no"
    table.loc[[0, 1], "op.access"] = None
    cohort = build(table)
    assert "diabetes" in found(cohort, "constant_column").message
    assert "access 67%" in found(cohort, "often_missing").message


def test_a_one_class_endpoint_is_noted_with_what_follows(build: Build, table: pd.DataFrame) -> None:
    table["grade"] = "0"
    finding = found(build(table), "one_class_endpoint")
    assert finding.level is Level.NOTE
    assert "complication in 'development': none of all 6 cases had the event; no model is trained" in finding.message


def test_few_events_are_noted_by_partition(build: Build, table: pd.DataFrame) -> None:
    findings = [f.message for f in build(table, training={"min_events": 3}).findings if f.code == "few_events"]
    assert any("complication in 'development': 3 events in 5 cases" in message for message in findings)
    assert any("survival in 'development': 2 events in 6 cases" in message for message in findings)


def test_unknown_outcomes_are_counted(build: Build, table: pd.DataFrame) -> None:
    assert "complication: the outcome is unknown in 1 of 6" in found(build(table), "unknown_outcome").message


def test_a_preoperative_date_after_surgery_is_for_a_person_to_judge(
    make_study: Callable[..., Any], dictionary: Any, table: pd.DataFrame
) -> None:
    early = [replace(v, availability=Availability.PREOPERATIVE) if v.name == "discharge" else v for v in dictionary]
    finding = found(build_cohort(make_study(), DataDictionary(tuple(early)), table), "known_after_surgery")
    assert (finding.level, len(finding.case_ids)) == (Level.REVIEW, 6)


def test_the_same_day_is_no_contradiction_whatever_the_hour(build: Build, table: pd.DataFrame) -> None:
    table.loc[2, "surgery"], table.loc[2, "discharge"] = "2024-01-03 14:00", "2024-01-03"
    assert build(table).rejects == ()


def test_a_subgroup_known_only_afterwards_is_for_a_person_to_judge(build: Build, table: pd.DataFrame) -> None:
    assert found(build(table, subgroups=[{"variable": "stay", "cut": [3]}]), "late_subgroup").level is Level.REVIEW


def test_nobody_left_is_rejected(build: Build, table: pd.DataFrame) -> None:
    cohort = build(table, inclusion=[{"variable": "age", "above": 110}])
    assert found(cohort, "no_cases").level is Level.REJECT
