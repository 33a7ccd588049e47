"""A draft says what can be seen in a table, leaves the rest to a person, and works once that person has decided."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

from outcome.cohort.build import build_cohort
from outcome.cohort.column_kind import ranked
from outcome.cohort.draft import Draft, draft
from outcome.config import load_study
from outcome.dictionary import DataDictionary, Role, VariableKind
from outcome.errors import ConfigRefusal, UsageError
from outcome.sources import read_table


@pytest.fixture
def table(tmp_path: Path) -> Path:
    n = 40
    pd.DataFrame(
        {
            "PatientID": [f"P{i:03d}" for i in range(n)],
            "Age (years)": [40 + i for i in range(n)],
            "sex": ["f", "m"] * (n // 2),
            "ASA": [1 + i % 3 for i in range(n)],
            "creatinine_mg_dl": [0.7 + i / 50 for i in range(n)],
            "day": ["2024-01-02"] * n,
            "Remarks": [f"told us {i}" for i in range(n)],
            "died_30d": ["yes" if i % 4 == 0 else "no" for i in range(n)],
            "stay_days": [i % 12 for i in range(n)],
        }
    ).to_csv(tmp_path / "Our table.csv", index=False, sep=";")
    return tmp_path / "Our table.csv"


def decide(table: Path) -> Path:
    """What a person does with the draft: availabilities and one endpoint."""
    made, folder = draft(table), table.parent / "study"
    folder.mkdir()
    after = ("died_30d", "stay_days")
    lines = [
        line.replace("'TODO'", "'postoperative'" if line.startswith(after) else "'preoperative'")
        for line in made.dictionary.splitlines()
    ]
    (folder / "dictionary.csv").write_text("\n".join(lines))
    study = made.study.replace("endpoints: TODO", "endpoints:").replace("  # died_30d_yes", "  died_30d_yes")
    (folder / "study.yaml").write_text(study)
    return folder / "study.yaml"


def test_types_units_codes_and_names_are_read_off(table: Path) -> None:
    dictionary = DataDictionary.load(decide(table).parent / "dictionary.csv")
    kinds = {variable.name: variable.kind for variable in dictionary}
    assert kinds == {
        "patient_id": VariableKind.TEXT, "age": VariableKind.NUMERIC, "sex": VariableKind.CATEGORICAL,
        "asa": VariableKind.CATEGORICAL, "creatinine_mg_dl": VariableKind.NUMERIC, "day": VariableKind.DATE,
        "remarks": VariableKind.TEXT, "died_30d": VariableKind.BOOLEAN, "stay_days": VariableKind.NUMERIC,
    }  # fmt: skip
    assert (dictionary["age"].unit, dictionary["age"].column) == ("years", "Age (years)")
    assert dictionary["creatinine_mg_dl"].unit == "mg/dL"
    assert dictionary["asa"].codes == ("1", "2", "3")
    assert dictionary["patient_id"].is_identifier
    assert [v.name for v in dictionary.with_role(Role.ENDPOINT)] == ["died_30d", "stay_days"]


def test_an_undecided_draft_is_refused_with_everything_that_is_open(table: Path) -> None:
    made, folder = draft(table), table.parent
    (folder / "dictionary.csv").write_text(made.dictionary)
    (folder / "study.yaml").write_text(made.study)
    with pytest.raises(ConfigRefusal, match="8 variable") as caught:
        DataDictionary.load(folder / "dictionary.csv")
    assert all(name in str(caught.value) for name in ("age", "sex", "remarks", "stay_days"))
    with pytest.raises(ConfigRefusal, match="endpoints"):
        load_study(folder / "study.yaml")
    assert "availability of age" in made.todo
    assert "endpoints in study.yaml" in made.todo
    assert not any("patient_id" in open_point for open_point in made.todo)


def test_a_decided_draft_gives_a_cohort_without_rejects(table: Path) -> None:
    study = load_study(decide(table))
    dictionary = DataDictionary.load(study.dictionary)
    cohort = build_cohort(study, dictionary, read_table(study.table, study.root))
    assert cohort.rejects == ()
    assert cohort.cases["case_id"].tolist()[:2] == ["P000", "P001"]
    assert cohort.endpoints["value"].sum() == 10


def test_examples_use_the_likely_outcomes_of_the_table(table: Path) -> None:
    study = draft(table).study
    assert "died_30d_yes: {kind: binary, event: {variable: died_30d, equals: true}, horizon_days: 30}" in study
    assert "stay_days_length: {kind: duration, variable: stay_days}" in study


def test_a_table_without_a_case_column_names_cases_by_row(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("age,outcome\n" + "".join(f"{40 + i},{i % 2}\n" for i in range(30)))
    assert "case_id: '@row'" in draft(tmp_path / "t.csv").study


def test_two_columns_that_would_share_a_name_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Age,age \n" + "".join(f"{40 + i},{i}\n" for i in range(30)))
    names = [line.split(",")[0] for line in draft(tmp_path / "t.csv").dictionary.splitlines()[1:]]
    assert names == ["age", "age_2"]


def test_decimal_commas_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id;size\n" + "".join(f"c{i};{i},5\n" for i in range(30)))
    made = draft(tmp_path / "t.csv")
    assert 'separator: ";", decimal: ","' in made.study
    assert "size,cases,,text,size,,,number" in made.dictionary


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.docx"):
        draft(tmp_path / "table.docx")


def drafted(folder: Path, columns: Mapping[str, Sequence[object]], encoding: str = "utf-8") -> Draft:
    pd.DataFrame(columns).to_csv(folder / "t.csv", index=False, encoding=encoding)
    return draft(folder / "t.csv")


def variables_of(made: Draft) -> DataDictionary:
    text = made.dictionary.replace("'TODO'", "'postoperative'").replace("predictor", "subgroup")
    return DataDictionary.read(io.StringIO(text))


FOLLOWED = {
    "rtime": [100 + 7 * i for i in range(30)],
    "recur": [i % 2 for i in range(30)],
    "dtime": [200 + 9 * i for i in range(30)],
    "death": [i % 3 // 2 for i in range(30)],
    "los": [i for i in range(30)],
}


def test_a_time_is_offered_with_the_event_of_its_own_name(tmp_path: Path) -> None:
    study = drafted(tmp_path, FOLLOWED).study
    recurrence, death = study.index("time_to_recur"), study.index("time_to_death")
    assert "time: rtime" in study[recurrence:death]
    assert "time: dtime" in study[death:]
    assert "variable: recur," in study[recurrence:death]


def test_an_event_with_a_time_is_not_offered_as_yes_or_no_and_a_follow_up_not_as_a_stay(tmp_path: Path) -> None:
    study = drafted(tmp_path, FOLLOWED).study
    assert "recur_yes" not in study
    assert "rtime_length" not in study
    assert "los_length" in study


def test_months_of_follow_up_are_declared_as_months(tmp_path: Path) -> None:
    columns: dict[str, Sequence[object]] = {"follow_up_months": list(range(1, 31)), "died": ["yes", "no"] * 15}
    assert "time_unit: months" in drafted(tmp_path, columns).study


@pytest.mark.parametrize(
    "name", ["asa_status", "smoking_status", "performance_status", "preoperative_hb", "prevention"]
)
def test_what_a_patient_brings_along_is_no_outcome(tmp_path: Path, name: str) -> None:
    made = drafted(tmp_path, {name: [f"{i % 3}" for i in range(30)], "vital_status": ["alive", "dead"] * 15})
    assert [v.name for v in variables_of(made).with_role(Role.ENDPOINT)] == ["vital_status"]


@pytest.mark.parametrize("day", ["{:02d}.03.2021", "03/{:02d}/2021", "2021/03/{:02d}", "{}-3-21 08:30"])
def test_dates_in_another_format_are_named_as_an_open_point(tmp_path: Path, day: str) -> None:
    made = drafted(tmp_path, {"surgery_date": [day.format(i + 1) for i in range(28)], "age": list(range(28))})
    assert "how dates are written in surgery_date" in made.todo
    assert "2024-05-01" in variables_of(made)["surgery_date"].note
    assert "index_time" not in made.study


def test_an_iso_date_of_surgery_becomes_the_index_time(tmp_path: Path) -> None:
    made = drafted(tmp_path, {"surgery_date": [f"2021-03-{i + 1:02d}" for i in range(28)], "age": list(range(28))})
    assert "index_time: surgery_date" in made.study


def test_a_number_column_with_a_few_texts_stays_one_and_says_how_many(tmp_path: Path) -> None:
    values: list[object] = [f"{0.5 + i / 10:.1f}" for i in range(28)]
    made = drafted(tmp_path, {"creatinine": [*values, "pending", "<0.5"]})
    assert variables_of(made)["creatinine"].kind is VariableKind.NUMERIC
    assert "2 cell(s) that are no number in creatinine" in made.todo
    assert "pending" not in made.dictionary


def test_grades_that_are_mostly_digits_stay_codes_in_their_order(tmp_path: Path) -> None:
    made = drafted(tmp_path, {"clavien": ["0", "1", "2", "3a", "3b", "4"] * 6})
    assert variables_of(made)["clavien"].codes == ("0", "1", "2", "3a", "3b", "4")


@pytest.mark.parametrize(
    ("codes", "order"),
    [
        (("high", "low", "intermediate"), ("low", "intermediate", "high")),
        ((">50", "20-50", "<=20"), ("<=20", "20-50", ">50")),
        (("T10", "T2", "T1"), ("T1", "T2", "T10")),
        (("Post", "Pre"), ("Pre", "Post")),
        (("b", "a"), ("a", "b")),
    ],
)
def test_codes_are_ranked_as_far_as_their_words_tell(codes: tuple[str, ...], order: tuple[str, ...]) -> None:
    assert ranked(codes) == order


def test_a_windows_export_is_read_and_its_encoding_written_down(tmp_path: Path) -> None:
    made = drafted(tmp_path, {"Größe": [150 + i for i in range(30)]}, encoding="cp1252")
    assert "encoding: cp1252" in made.study
    assert variables_of(made)["grosse"].label == "Größe"
