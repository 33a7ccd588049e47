"""New cases against a reference: order, what is judged, what an alarm says, doubles, the page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from outcome.dictionary import Availability, DataDictionary, Variable, VariableKind
from outcome.errors import ConfigRefusal
from outcome.evaluation.monitoring.check import alarm_threshold
from outcome.features.columns import FeatureColumn
from outcome.features.observed import observed_frame
from outcome.pipeline.monitor import check_count
from outcome.pipeline.monitoring.alarms import alarms_of, check_table, timeline
from outcome.pipeline.monitoring.answers_watched import Answers, answer_checks
from outcome.pipeline.monitoring.arrival import Asked, arrival, asked_order
from outcome.pipeline.monitoring.doubles import duplicated_cases
from outcome.pipeline.monitoring.inputs_watched import input_checks
from outcome.pipeline.reference import monitoring_summary as summaries
from outcome.pipeline.reference.monitoring_summary import monitoring_summary
from outcome.pipeline.reference.population import reference_summary
from outcome.report.monitor_page import render_monitor
from outcome.serving.unlike import BEYOND, TOGETHER, UNSEEN, unlike_training

PRE = Availability.PREOPERATIVE
DATED = DataDictionary(
    (Variable("surgery", VariableKind.DATE, "Surgery", availability=PRE),
     Variable("scan", VariableKind.DATE, "Scan", availability=PRE))
)  # fmt: skip
COLUMNS = (
    FeatureColumn("clinical:hb", "clinical", "numeric", "preoperative", label="Haemoglobin", unit="g/dL"),
    FeatureColumn("clinical:age", "clinical", "numeric", "preoperative", label="Age", unit="years"),
    FeatureColumn("clinical:systolic", "clinical", "numeric", "preoperative", unit="mmHg"),
    FeatureColumn("clinical:diastolic", "clinical", "numeric", "preoperative", unit="mmHg"),
    FeatureColumn("clinical:asa", "clinical", "categorical", "preoperative", choices=("1", "2", "3", "4")),
)


def patients(seed: int, n: int, prefix: str = "c") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    systolic = 135 + 15 * rng.standard_normal(n)
    return pd.DataFrame(
        {
            "clinical:hb": np.round(13.8 + 1.5 * rng.standard_normal(n), 1),
            "clinical:age": np.round(62 + 10 * rng.standard_normal(n)),
            "clinical:systolic": np.round(systolic),
            "clinical:diastolic": np.round(80 + 0.5 * (systolic - 135) + 4 * rng.standard_normal(n)),
            "clinical:asa": rng.choice(["1", "2", "3"], n, p=[0.2, 0.6, 0.2]).astype(object),
        },
        index=pd.Index([f"{prefix}{i:04d}" for i in range(n)], name="case_id"),
    )


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    frame = patients(0, 200)
    none = pd.DataFrame(columns=["case_id", "endpoint", "value", "time_days", "event"])
    told = {**monitoring_summary(frame, COLUMNS, []), "units": {}}
    return {**reference_summary(frame, none, {}), "monitoring": told}


def alarms(reference: dict[str, Any], frame: pd.DataFrame) -> list[dict[str, Any]]:
    told = reference["monitoring"]
    came = arrival([str(case) for case in frame.index], pd.DataFrame(index=frame.index), Asked())
    threshold = alarm_threshold(0.01, check_count(told))
    return alarms_of(list(input_checks(told, frame)), came, frame, told, threshold)


def test_clean_cases_raise_neither_warning_nor_alarm(reference: dict[str, Any]) -> None:
    frame = patients(1, 150)
    assert alarms(reference, frame) == []
    assert len(unlike_training(frame, reference, COLUMNS)) == 0


def test_a_unit_changed_half_way_is_dated_and_explained(reference: dict[str, Any]) -> None:
    frame = patients(2, 80)
    frame.loc[frame.index[50:], "clinical:hb"] /= 1.611
    found = next(alarm for alarm in alarms(reference, frame) if alarm["name"] == "clinical:hb")
    assert abs(int(found["since_case"][1:]) - 50) <= 3
    assert found["raised_after_cases"] <= 65
    assert "lower" in found["what"] or "part" in found["what"]
    assert "g/dL" in found["seen"]
    assert "unit" in found["next_step"]


def test_a_case_alone_is_warned_of_with_value_unit_and_range(reference: dict[str, Any]) -> None:
    frame = patients(30, 3)
    frame.loc["c0000", "clinical:hb"] = 138.0
    frame.loc["c0001", ["clinical:systolic", "clinical:diastolic"]] = [85.0, 130.0]
    frame.loc["c0002", "clinical:asa"] = "4"
    table = unlike_training(frame, reference, COLUMNS)
    assert list(table["case_id"]) == sorted(table["case_id"])
    found = {(row.case_id, row.code): row for row in table.itertuples()}
    beyond = found["c0000", BEYOND]
    assert (beyond.value, beyond.unit) == ("138", "g/dL")
    assert beyond.low < 13.8 < beyond.high < 138
    assert ("c0001", TOGETHER) in found
    assert "no training case" in found["c0002", UNSEEN].message


def test_an_older_reference_warns_of_the_record_alone(reference: dict[str, Any]) -> None:
    older = {name: part for name, part in reference.items() if name != "monitoring"}
    frame = patients(3, 2)
    frame.loc["c0000", "clinical:hb"] = 138.0
    assert unlike_training(frame, older, COLUMNS)[["case_id", "code"]].values.tolist() == [["c0000", BEYOND]]


def test_a_column_that_stays_away_is_seen_although_no_value_is_odd(reference: dict[str, Any]) -> None:
    frame = patients(4, 30)
    frame["clinical:hb"] = np.nan
    found = alarms(reference, frame)
    assert [(alarm["check"], alarm["name"]) for alarm in found] == [("missing", "clinical:hb")]
    assert found[0]["seen"] == f"missing in 100% of {found[0]['cases_since']} cases"


def test_a_constant_column_and_codes_given_out_anew_are_seen_over_a_batch(reference: dict[str, Any]) -> None:
    constant, recoded = patients(5, 60), patients(6, 150)
    constant["clinical:hb"] = 13.8
    recoded["clinical:asa"] = recoded["clinical:asa"].map({"1": "3", "2": "1", "3": "2"})
    assert "clinical:hb" in {alarm["name"] for alarm in alarms(reference, constant)}
    assert "clinical:asa" in {alarm["name"] for alarm in alarms(reference, recoded)}


def test_too_few_cases_are_not_judged_and_never_called_quiet(reference: dict[str, Any]) -> None:
    told = reference["monitoring"]
    table = check_table(list(input_checks(told, patients(7, 4))), alarm_threshold(0.01, check_count(told)))
    assert set(table["status"]) == {"not judged"}
    assert table["why_not"].str.contains("10 are needed").all()


def test_outcomes_that_are_not_known_are_not_judged() -> None:
    none = pd.DataFrame(columns=["case_id", "endpoint", "value", "time_days", "event"])
    rows = {"case_id": ["a"], "endpoint": ["e"], "inputs": ["preoperative"], "rung": ["chosen"], "risk": [0.2],
            "score": [0.2], "horizon_days": [np.nan]}  # fmt: skip
    answers = Answers(("a",), pd.DataFrame(rows), none, none, 1e-4)
    told = {"e.preoperative": {"kind": "binary", "calibration": {"shift": 0.0, "se": 0.1, "scale": "log odds"},
                               "ranking": {"value": 0.7, "se": 0.02}}}  # fmt: skip
    found = {check.kind: check.why_not for check in answer_checks(told, answers)}
    assert found["calibration"] == found["ranking"] == "no outcome is known"
    again = {check.why_not for check in answer_checks(told, answers, "recalibrated")}
    assert again == {"recalibrated"}


def test_cases_come_by_date_and_periods_hang_on_no_first_case() -> None:
    dates = pd.DataFrame({"surgery": ["2024-05-02", None, "2024-01-31", "2024-04-01"]}, index=list("abcd"))
    came = arrival(list("abcd"), dates, Asked("surgery", 3))
    assert came.case_ids == ("c", "d", "a", "b")
    assert came.periods == ("2024-01", "2024-04", "2024-04", "no date")
    assert "1 case(s) without it" in came.words


@pytest.mark.parametrize(("by", "index_time"), [("3", None), ("admission", "surgery"), ("0", "surgery")])
def test_periods_of_no_date_are_refused(by: str, index_time: str | None) -> None:
    with pytest.raises(ConfigRefusal, match="--by needs a date"):
        asked_order(by, index_time, DATED)


def test_without_being_asked_the_date_of_surgery_orders() -> None:
    assert asked_order(None, "surgery", DATED) == Asked("surgery", 1)
    assert asked_order("scan", "surgery", DATED) == Asked("scan", 1)
    assert asked_order("6", "surgery", DATED) == Asked("surgery", 6)
    assert asked_order(None, None, DATED) == Asked(None)


def test_days_between_dates_are_looked_at() -> None:
    variables = pd.DataFrame({"surgery": ["2024-03-01", "2024-03-01"], "scan": ["2024-02-01", None]}, index=["a", "b"])
    frame = observed_frame(pd.DataFrame(index=["a", "b"]), pd.DataFrame(index=["a"]), variables, DATED, "surgery")
    assert frame["interval:scan"].tolist() == pytest.approx([29.0, np.nan], nan_ok=True)


def test_copies_are_named_with_what_they_copy() -> None:
    frame = patients(8, 20)
    frame.iloc[15] = frame.iloc[4]
    assert duplicated_cases(frame, COLUMNS).to_dict("records") == [{"case_id": "c0015", "like": "c0004"}]
    assert duplicated_cases(frame[["clinical:hb"]].round(0), COLUMNS).empty  # too little to tell copies by


def test_the_page_says_what_since_when_how_strong_and_what_next(reference: dict[str, Any]) -> None:
    frame, told = patients(9, 60), reference["monitoring"]
    frame.iloc[30:, 0] = frame.iloc[30:, 0] * 10
    dates = pd.DataFrame({"surgery": [f"2024-{1 + i // 10:02d}-15" for i in range(60)]}, index=frame.index)
    came, threshold = arrival(list(frame.index), dates, Asked("surgery")), alarm_threshold(0.01, check_count(told))
    checks = list(input_checks(told, frame))
    document = {
        "title": "<b>Site</b>", "study": "s", "bundle_id": "b", "cases": 60, "order": came.words, "rate": 0.01,
        "development": {"study": "d", "n": 200}, "n_checks": check_count(told), "log10_threshold": threshold / 2.303,
        "periods": list(dict.fromkeys(came.periods)), "guarantee": "g", "cases_warned_of": 0,
        "checks": {"alarm": 1, "quiet": 5, "not judged": 0}, "alarms": alarms_of(checks, came, frame, told, threshold),
    }  # fmt: skip
    over_time = timeline(checks, came)
    assert list(over_time["period"].unique()) == [f"2024-{month:02d}" for month in range(1, 7)]
    none = pd.DataFrame(columns=["case_id", "code", "message"])
    page = render_monitor(document, check_table(checks, threshold), over_time, none)
    for words in ("Research use only", "Since: about 2024-04", "How strong", "Next:", "&lt;b&gt;Site", "<svg"):
        assert words in page
    assert page == render_monitor(document, check_table(checks, threshold), over_time, none)


def test_of_many_cases_a_part_finds_relations_and_all_of_them_fit_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"clinical:a": rng.normal(size=400), "clinical:c": rng.normal(size=400)})
    frame["clinical:b"] = 3 * frame["clinical:a"] + rng.normal(size=400)
    frame.index = pd.Index([f"c{i:03d}" for i in range(400)], name="case_id")
    columns = [FeatureColumn(name, "clinical", "numeric", "preoperative") for name in frame]
    whole = monitoring_summary(frame, columns, ())["relations"]
    monkeypatch.setattr(summaries, "MOST_SEARCHED", 100)
    part = monitoring_summary(frame, columns, ())["relations"]
    assert len(whole) == 2
    assert sorted(part, key=str) == sorted(whole, key=str)
