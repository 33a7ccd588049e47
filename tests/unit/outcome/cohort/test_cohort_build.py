"""The way from raw text to a cohort: coding, inclusion, flow, partitions, what leaves the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from outcome.cohort.build import build_cohort
from outcome.cohort.endpoints import endpoint_target
from outcome.cohort.types import Cohort
from outcome.dictionary import Availability, DataDictionary, Role, Variable, VariableKind
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.types import EndpointKind

Build = Callable[..., Cohort]
READER = {"variable": "age", "endpoint": "complication", "scale": "percent"}
SCORE = {"source": "Somebody 2020", "endpoint": "complication", "scale": "points"}
ADULTS = ["a", "b", "c", "d", "e", "g"]


def test_cases_carry_patient_site_and_partition_in_case_order(build: Build, table: pd.DataFrame) -> None:
    cases = build(table.iloc[::-1].reset_index(drop=True)).cases
    assert list(cases.columns) == ["case_id", "patient_id", "site", "partition"]
    assert cases["case_id"].tolist() == ADULTS
    assert cases["site"].tolist() == ["north"] * 4 + ["south"] * 2
    assert set(cases["partition"]) == {"development"}


def test_raw_text_becomes_values_by_the_dictionary(build: Build, table: pd.DataFrame) -> None:
    variables = build(table).variables.set_index("case_id")
    assert variables["diabetes"].tolist()[:5] == [1.0, 0.0, 1.0, 0.0, 1.0]
    assert pd.isna(variables.loc["g", "diabetes"])
    assert variables["access"].tolist() == ["open", "robotic", "robotic", None, "open", None]
    assert variables["age"].tolist() == [50, 61, 72, 44, 39, 80]
    assert variables["stay"].dtype == np.float64


def test_identifiers_do_not_leave_the_table(build: Build, table: pd.DataFrame) -> None:
    variables = build(table).variables
    assert "patient" not in variables.columns
    assert "case" not in variables.columns
    assert "p1" not in variables.to_csv()


def test_whatever_is_marked_as_identifier_stays_behind(
    make_study: Any, dictionary: DataDictionary, table: pd.DataFrame
) -> None:
    phone = Variable(
        "phone", VariableKind.TEXT, availability=Availability.PREOPERATIVE, roles=frozenset({Role.IDENTIFIER})
    )
    cohort = build_cohort(make_study(), DataDictionary((*dictionary, phone)), table.assign(phone="555-0100"))
    assert "phone" not in cohort.variables.columns
    assert "555-0100" not in cohort.variables.to_csv() + cohort.cases.to_csv()


def test_the_flow_counts_who_was_taken_out_and_whose_answer_is_unknown(build: Build, table: pd.DataFrame) -> None:
    flow = [(step.step, step.reason, step.n_left, step.n_excluded) for step in build(table).flow]
    assert flow == [
        ("table", "rows of the table", 8, 0),
        ("inclusion 1", "adults: not met", 7, 1),
        ("inclusion 1", "adults: not known", 6, 1),
    ]


def test_a_case_in_no_partition_leaves_with_a_step_of_its_own(build: Build, table: pd.DataFrame) -> None:
    where = [{"variable": "surgery", "at_most": "2024-01-03"}]
    cohort = build(table, partitions={"early": {"relation": "development", "where": where}})
    assert cohort.cases["case_id"].tolist() == ["a", "b", "c"]
    assert (cohort.flow[-1].step, cohort.flow[-1].n_left, cohort.flow[-1].n_excluded) == ("partition", 3, 3)
    assert set(cohort.endpoints["case_id"]) == {"a", "b", "c"}
    assert cohort.table_case_ids == tuple("abcdefgh")


def test_partitions_by_order_of_text(build: Build, table: pd.DataFrame) -> None:
    partitions = {
        "first": {"relation": "development", "where": [{"variable": "case", "at_most": "c"}]},
        "later": {"relation": "temporal", "where": [{"variable": "case", "above": "c"}]},
    }
    cases = build(table, partitions=partitions).cases
    assert cases["partition"].tolist() == ["first"] * 3 + ["later"] * 3


def test_a_date_limit_means_the_whole_day(build: Build, table: pd.DataFrame) -> None:
    table.loc[2, "surgery"] = "2024-01-03T09:30"
    where = [{"variable": "surgery", "at_most": "2024-01-03"}]
    cohort = build(table, partitions={"early": {"relation": "development", "where": where}})
    assert cohort.cases["case_id"].tolist() == ["a", "b", "c"]


def test_endpoints_are_long_and_become_targets_in_the_asked_order(build: Build, table: pd.DataFrame) -> None:
    cohort = build(table)
    assert list(cohort.endpoints.columns) == ["case_id", "endpoint", "value", "time_days", "event"]
    assert len(cohort.endpoints) == 3 * len(ADULTS)
    target = endpoint_target(cohort.endpoints, "complication", EndpointKind.BINARY, ["d", "a", "g"])
    np.testing.assert_array_equal(target.value, [1, 0, np.nan])
    survival = endpoint_target(cohort.endpoints, "survival", EndpointKind.TIME_TO_EVENT, ADULTS)
    assert survival.event.tolist() == [0, 0, 0, 1, 0, 1]
    assert survival.time_days.tolist() == [100, 200, 300, 12, 500, 700]
    with pytest.raises(DataRefusal, match="1 absent, the first: z"):
        endpoint_target(cohort.endpoints, "stay", EndpointKind.DURATION, ["a", "z"])


def test_a_time_in_months_is_told_in_days(table: pd.DataFrame, make_study: Any, dictionary: Any) -> None:
    in_months = [replace(variable, unit="months") if variable.name == "days" else variable for variable in dictionary]
    survival = {
        "kind": "time_to_event", "time": "days", "time_unit": "months",
        "event": {"variable": "died", "equals": "yes"}, "horizons_days": [365],
    }  # fmt: skip
    study = make_study(endpoints={"survival": survival})
    endpoints = build_cohort(study, DataDictionary(tuple(in_months)), table).endpoints
    assert endpoints["time_days"].tolist()[0] == pytest.approx(100 * 30.4375)


def test_no_endpoints_are_no_obstacle(build: Build, table: pd.DataFrame, make_study: Any, dictionary: Any) -> None:
    study = make_study().model_copy(update={"endpoints": {}})
    cohort = build_cohort(study, dictionary, table)
    assert list(cohort.endpoints.columns) == ["case_id", "endpoint", "value", "time_days", "event"]
    assert len(cohort.endpoints) == 0


def test_the_table_is_not_changed(build: Build, table: pd.DataFrame) -> None:
    before = table.copy(deep=True)
    build(table)
    pd.testing.assert_frame_equal(table, before)


def test_decimal_commas_are_read_where_the_study_says_so(build: Build, table: pd.DataFrame) -> None:
    table["stay"] = table["stay"].str.replace(".", ",")
    source = {"format": "csv", "path": "table.csv", "decimal": ","}
    assert build(table, table=source).variables.set_index("case_id").loc["b", "stay"] == 2.5
    table.loc[1, "stay"] = "1.500"
    assert build(table, table=source).rejects[0].code == "not_a_number"


def test_cases_can_be_named_by_their_row(build: Build, table: pd.DataFrame) -> None:
    cohort = build(table, case_id="@row", patient_id=None, site=None)
    assert cohort.cases["case_id"].tolist()[:2] == ["row_00001", "row_00002"]
    assert cohort.cases["patient_id"].tolist() == cohort.cases["case_id"].tolist()
    assert set(cohort.cases["site"]) == {"small"}
    assert any(finding.code == "cases_by_row_number" for finding in cohort.findings)


def test_a_table_without_the_case_column_is_refused_with_the_nearest(build: Build, table: pd.DataFrame) -> None:
    with pytest.raises(DataRefusal, match="did you mean 'cases'"):
        build(table.rename(columns={"case": "cases"}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subgroups": [{"variable": "agee"}]}, "subgroups.0.: no variable 'agee', did you mean 'age'"),
        ({"endpoints": {"x": {"kind": "duration", "variable": "grade"}}}, "grade must be numeric"),
        ({"endpoints": {"x": {"kind": "ordinal", "variable": "stay"}}}, "stay must be categorical"),
        ({"index_time": "age"}, "age must be date"),
        ({"comparator": {"variable": "stay"}}, "stay is postoperative"),
        ({"readers": [{**READER, "variable": "stay"}]}, "readers.0.: stay is postoperative"),
        ({"readers": [{**READER, "variable": "access"}]}, "readers.0.: access must be numeric"),
        ({"readers": [{**READER, "variable": "agee"}]}, "readers.0.: no variable 'agee', did you mean 'age'"),
        ({"scores": [{**SCORE, "variable": "stay"}]}, "scores.0.: stay is postoperative"),
        ({"endpoints": {"x": {"kind": "binary", "event": {"variable": "age", "above": 70}}}}, "age is a predictor"),
        ({"inclusion": [{"variable": "grade", "at_least": "3c"}]}, "grade has no choice '3c' .0, 1, 2, 3a"),
        ({"inclusion": [{"variable": "age", "at_least": "old"}]}, "age is numeric, found 'old'"),
        ({"inclusion": [{"variable": "died", "at_least": 1}]}, "died is yes/no and has no order"),
        ({"inclusion": [{"variable": "case", "at_most": 210}]}, "compares letter by letter"),
        ({"inclusion": [{"variable": "surgery", "at_most": 2024}]}, "surgery is a date"),
    ],
)
def test_a_study_that_disagrees_with_its_dictionary_is_refused(
    build: Build, table: pd.DataFrame, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigRefusal, match=words):
        build(table, **changes)


def test_all_unknown_variables_are_named_at_once(build: Build, table: pd.DataFrame) -> None:
    with pytest.raises(ConfigRefusal, match="3 place") as caught:
        build(table, site="hospitals", index_time="surgry", inclusion=[{"variable": "agee", "above": 1}])
    assert all(name in str(caught.value) for name in ("hospitals", "surgry", "agee"))
