"""Nothing of the index time or later becomes a predictor, whether the record is an OMOP database or FHIR files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from outcome.config import Study
from outcome.config.mapping import Window
from outcome.errors import ConfigRefusal
from outcome.sources.ehr import windows
from outcome.sources.ehr.moments import Moment
from outcome.sources.ehr.records import Entry
from tests.health_records import (
    CREATININE,
    DIABETES_2,
    DRUG,
    HAEMOGLOBIN,
    NEPHRECTOMY,
    SYSTOLIC,
    Fact,
    Hospital,
    hospital,
)
from tests.health_studies import PREDICTORS, fhir_study, omop_study, read

Make = Callable[[Hospital, Path], Study]
FORMS = pytest.mark.parametrize("make", [omop_study, fhir_study], ids=["omop", "fhir"])
PATIENTS = 4
INSTANT = dt.timedelta(seconds=1)


def planted(clean: Hospital, wheres: Callable[[dt.datetime], list[dt.datetime | dt.date]]) -> Hospital:
    """The hospital with extreme values of every kind at these times around each patient's last index time."""
    last = {}
    for row in clean.rows:
        last[int(row["patient_id"])] = dt.datetime.fromisoformat(row["index_time"])
    facts = [
        fact
        for patient, index in last.items()
        for when in wheres(index)
        for fact in (
            Fact("lab", patient, CREATININE, when, 99.0, "mg/dL"),
            Fact("lab", patient, HAEMOGLOBIN, when, 0.5, "g/dL"),
            Fact("pressure", patient, SYSTOLIC, when, 299.0, "mm[Hg]"),
            Fact("diagnosis", patient, DIABETES_2, when),
            Fact("drug", patient, DRUG, when),
        )
    ]
    return replace(clean, facts=[*clean.facts, *facts])


def at_and_after(index: dt.datetime) -> list[dt.datetime | dt.date]:
    """The index instant, later, and the same day without a time: as a date, and as the midnight that stands for it."""
    midnight = dt.datetime.combine(index.date(), dt.time.min)
    return [index, index + INSTANT, index + dt.timedelta(days=1), index.date(), midnight]


def just_before(index: dt.datetime) -> list[dt.datetime | dt.date]:
    return [index - INSTANT]


def predictors(study: Study) -> pd.DataFrame:
    return read(study).table.set_index("case_id")[PREDICTORS].sort_index()


def assert_blind(make: Make, changed: Hospital, folder: Path) -> None:
    before = predictors(make(hospital(PATIENTS), folder / "clean"))
    after = predictors(make(changed, folder / "changed"))
    other = [name for name in PREDICTORS if not before[name].equals(after[name])]
    assert not other, f"predictors know what came later: {other}"


@FORMS
def test_what_is_planted_at_or_after_the_index_time_changes_no_predictor(make: Make, tmp_path: Path) -> None:
    assert_blind(make, planted(hospital(PATIENTS), at_and_after), tmp_path)


@FORMS
def test_what_is_planted_just_before_it_changes_them(make: Make, tmp_path: Path) -> None:
    """Otherwise the check above would be blind for nothing."""
    with pytest.raises(AssertionError, match=r"creatinine.*lowest_haemoglobin.*systolic.*diabetes.*ace_inhibitor"):
        assert_blind(make, planted(hospital(PATIENTS), just_before), tmp_path)


def by_the_day(entry: Entry, index: Moment, window: Window) -> bool:
    """A copy of the rule with a planted fault: what lies on the day of the index counts as before it."""
    if window.reaches_index:
        return RULE(entry, index, window)
    start = window.from_index
    return entry.when.day <= index.day and (start is None or entry.when.high >= index.low + start)


def by_the_first_instant(entry: Entry, index: Moment, window: Window) -> bool:
    """Another one: a date without a time is taken as the midnight that begins it."""
    low = replace(
        entry, when=replace(entry.when, high=entry.when.low), known=replace(entry.known, high=entry.known.low)
    )
    return RULE(low, index, window)


RULE = windows.in_window


@FORMS
@pytest.mark.parametrize("faulty", [by_the_day, by_the_first_instant])
def test_the_check_catches_a_planted_leak(
    make: Make, faulty: Callable[..., bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "in_window", faulty)
    with pytest.raises(AssertionError, match="predictors know what came later"):
        assert_blind(make, planted(hospital(PATIENTS), at_and_after), tmp_path)


def recorded_late(clean: Hospital) -> Hospital:
    """Results drawn before surgery and issued after it; a diagnosis dated back from after surgery."""
    facts = []
    for row in clean.rows:
        patient, index = int(row["patient_id"]), dt.datetime.fromisoformat(row["index_time"])
        late = index + dt.timedelta(hours=2)
        facts.append(Fact("lab", patient, CREATININE, index - INSTANT, 99.0, "mg/dL", known=late))
        facts.append(Fact("diagnosis", patient, DIABETES_2, index - dt.timedelta(days=900), known=late))
    return replace(clean, facts=[*clean.facts, *facts])


def only_one_operation_each() -> Hospital:
    return hospital(1)


def test_what_was_recorded_after_the_index_time_was_not_known_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = predictors(fhir_study(only_one_operation_each(), tmp_path / "clean"))
    study = fhir_study(recorded_late(only_one_operation_each()), tmp_path / "changed")
    assert predictors(study).equals(before)

    def blind_to_the_record(entry: Entry, index: Moment, window: Window) -> bool:
        return RULE(replace(entry, known=entry.when), index, window)

    monkeypatch.setattr(windows, "in_window", blind_to_the_record)
    assert not predictors(study).equals(before)


@FORMS
@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("creatinine", {"end": "1 h"}), ("creatinine", {"end": None}), ("diabetes", {"start": "-30 d", "end": "30 d"}),
        ("lowest_haemoglobin", {"start": "1 d", "end": "2 d"}),
    ],
)  # fmt: skip
def test_a_predictor_whose_window_reaches_the_index_time_is_refused(
    make: Make, name: str, window: dict[str, str | None], tmp_path: Path
) -> None:
    study = make(hospital(1), tmp_path)
    assert study.table.mapping is not None
    document = yaml.safe_load(study.table.mapping.read_text())
    document["variables"][name]["window"] = window
    study.table.mapping.write_text(yaml.safe_dump(document))
    with pytest.raises(ConfigRefusal, match=f"{name}: its window reaches the index time"):
        read(study)


@FORMS
def test_an_index_without_a_time_is_later_than_nothing_of_its_day(make: Make, tmp_path: Path) -> None:
    made = only_one_operation_each()
    day = dt.datetime.fromisoformat(made.rows[0]["index_time"]).date()
    facts = [
        replace(fact, when=day) if fact.table == "procedure" and fact.patient == 1 else fact for fact in made.facts
    ]
    table = read(make(replace(made, facts=facts), tmp_path)).table
    assert table.loc[0, "index_time"] == day.isoformat()
    assert table.loc[0, "creatinine"] == "5.5"  # that of twenty days before; the same morning's is not taken
    assert table.loc[0, "systolic"] is None


@FORMS
def test_an_operation_is_no_earlier_operation_of_itself(make: Make, tmp_path: Path) -> None:
    made = only_one_operation_each()
    made.add(Fact("procedure", 1, NEPHRECTOMY, dt.datetime.fromisoformat(made.rows[0]["index_time"])))
    reading = read(make(made, tmp_path))
    assert reading.table["earlier_operations"].tolist() == ["0"]
    assert [finding.code for finding in reading.findings] == ["procedures_at_one_time"]
