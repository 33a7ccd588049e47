"""Eight rows whose copy can be told on paper: what stays, what moves, what is left behind, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from outcome.cohort.build import build_cohort
from outcome.config import Study, load_study
from outcome.deidentification.key import Key
from outcome.deidentification.record import Leaving, leaving
from outcome.deidentification.rules import Rules
from outcome.deidentification.study_file import placed
from outcome.deidentification.traces import in_texts, of_patient
from outcome.dictionary import Availability, Choice, DataDictionary, Role, Variable, VariableKind
from outcome.dictionary.variable import Range
from outcome.errors import ConfigRefusal, DataRefusal, UsageError

PRE, AFTER = Availability.PREOPERATIVE, Availability.POSTOPERATIVE
KEY = Key(bytes(range(32)))
VARIABLES = (
    Variable("op", VariableKind.TEXT, availability=PRE, roles=frozenset({Role.IDENTIFIER})),
    Variable("mrn", VariableKind.NUMERIC, availability=PRE, roles=frozenset({Role.IDENTIFIER})),
    Variable("name", VariableKind.TEXT, roles=frozenset({Role.IDENTIFIER}), source="Family name"),
    Variable("site", VariableKind.CATEGORICAL, choices=(Choice("n", "Northmere"), Choice("s", "Southmere")),
             availability=PRE, roles=frozenset({Role.SITE})),
    Variable("surgery", VariableKind.DATE, availability=PRE),
    Variable("seen", VariableKind.DATE, availability=AFTER),
    Variable("age", VariableKind.NUMERIC, unit="years", availability=PRE, roles=frozenset({Role.PREDICTOR}),
             hard_range=Range(0, 120), missing_codes=("-99",), source="Age of Smith's"),
    Variable("note", VariableKind.TEXT, availability=PRE),
    Variable("died", VariableKind.BOOLEAN, availability=AFTER, roles=frozenset({Role.ENDPOINT})),
)  # fmt: skip
TABLE = pd.DataFrame(
    {
        "op": ["a1", "a2", "b1", "c1"],
        "mrn": ["1001", "1001", "1002", "1003"],
        "Family name": ["Aldous Petersen", "Aldous Petersen", "Bea Quist", None],
        "site": ["n", "Northmere", "s", "s"],
        "surgery": ["2021-02-27", "2021-12-31 07:15:00", "2022-01-01", "soon"],
        "seen": ["2021-03-02", "2022-01-02", None, "2022-05-05"],
        "Age of Smith's": ["91", "92.5", "-99", "9000"],
        "note": ["ok", "wrote to petersen", "ring 0171 555 2368", "stable"],
        "died": ["yes", "0", "1", "perhaps"],
        "undescribed": ["Petersen"] * 4,
    },
    dtype=object,
).where(lambda frame: frame.notna(), None)
STUDY = """schema_version: 1
name: small
title: Small
dictionary: d.csv
table: {format: csv, path: t.csv}
case_id: op
patient_id: mrn
site: site
index_time: surgery
endpoints: {death: {kind: binary, event: {variable: died, equals: true}}}
"""


def study(tmp_path: Path, more: str = "") -> Study:
    (tmp_path / "s.yaml").write_text(STUDY + more)
    return load_study(tmp_path / "s.yaml")


def left(tmp_path: Path, more: str = "", variables: tuple[Variable, ...] = VARIABLES, **rules: object) -> Leaving:
    return leaving(study(tmp_path, more), DataDictionary(variables), TABLE, KEY, Rules(**rules))  # type: ignore[arg-type]


def cells(made: Leaving, name: str) -> dict[str, str | None]:
    """A column of the copy by the source's case id."""
    names = {KEY.pseudonym("case", case): case for case in TABLE["op"]}
    return {names[row["op"]]: row[name] for _, row in made.table.iterrows()}


def test_who_stands_where_is_kept_under_other_names(tmp_path: Path) -> None:
    made = left(tmp_path)
    patients = {"a1": "1001", "a2": "1001", "b1": "1002", "c1": "1003"}
    assert cells(made, "mrn") == {op: KEY.pseudonym("patient", mrn) for op, mrn in patients.items()}
    assert list(made.table["op"]) == sorted(made.table["op"]) != [KEY.pseudonym("case", op) for op in TABLE["op"]]
    north, south = KEY.pseudonym("site", "n"), KEY.pseudonym("site", "s")
    assert cells(made, "site") == {"a1": north, "a2": north, "b1": south, "c1": south}
    assert {(c.code, c.label) for c in made.dictionary["site"].choices} == {(north, north), (south, south)}
    assert [made.dictionary[name].kind for name in ("op", "mrn")] == [VariableKind.TEXT] * 2
    assert all(made.dictionary[name].is_identifier for name in ("op", "mrn"))


def test_sites_stay_where_that_is_asked_for(tmp_path: Path) -> None:
    made = left(tmp_path, keep_sites=True)
    assert cells(made, "site") == {"a1": "n", "a2": "n", "b1": "s", "c1": "s"}
    assert made.dictionary["site"].choices == VARIABLES[3].choices


def test_dates_of_a_patient_move_alike_and_lose_their_time_of_day(tmp_path: Path) -> None:
    made = left(tmp_path)
    surgery, seen = cells(made, "surgery"), cells(made, "seen")
    days = KEY.days("1001", 365)
    moved = [pd.Timestamp(day) - pd.Timedelta(days=days) for day in ("2021-02-27", "2021-12-31", "2021-03-02")]
    assert [surgery["a1"], surgery["a2"], seen["a1"]] == [f"{day:%Y-%m-%d}" for day in moved]
    assert KEY.days("1002", 365) != days
    assert (surgery["c1"], seen["b1"]) == (None, None)


def test_what_the_dictionary_cannot_read_is_left_empty_and_counted(tmp_path: Path) -> None:
    made = left(tmp_path)
    assert cells(made, "age") == {"a1": "91", "a2": "92.5", "b1": None, "c1": None}
    assert cells(made, "died") == {"a1": "1", "a2": "0", "b1": "1", "c1": None}
    assert made.facts["left_empty"] == {
        "surgery": {"not_a_date": 1}, "age": {"out_of_range": 1}, "died": {"unknown_code": 1}
    }  # fmt: skip


def test_names_free_text_and_strange_columns_stay_behind(tmp_path: Path) -> None:
    made = left(tmp_path)
    assert made.facts["dropped"] == {"name": "identifier", "note": "free text"}
    assert made.facts["columns_not_described"] == 1
    assert "Petersen" not in made.table.to_csv() + made.dictionary.to_csv()
    assert "Smith" not in made.dictionary.to_csv()


def test_a_kept_text_loses_the_cells_that_name_their_patient(tmp_path: Path) -> None:
    made = left(tmp_path, keep_text=("note",))
    assert cells(made, "note") == {"a1": "ok", "a2": None, "b1": None, "c1": "stable"}
    assert made.facts["left_empty"]["note"] == {"names_the_patient": 2}


def test_ages_above_89_are_told_and_on_request_one_number(tmp_path: Path) -> None:
    assert left(tmp_path).facts["ages_above_89"] == {"age": 2}
    made = left(tmp_path, top_ages=("age",))
    assert cells(made, "age") == {"a1": "90", "a2": "90", "b1": None, "c1": None}
    assert made.facts["ages_above_89"] == {}


LIMITS = """inclusion:
  - {variable: surgery, below: 2022-01-01, reason: operated before 2022}
  - {variable: op, not_equals: a2}
partitions:
  north: {relation: development, where: [{variable: site, equals: n}]}
  south: {relation: geographic, where: [{variable: site, equals: s}]}
"""


def test_limits_on_what_changes_leave_as_their_answers(tmp_path: Path) -> None:
    made = left(tmp_path, LIMITS)
    assert cells(made, "criterion_1") == {"a1": "1", "a2": "1", "b1": "0", "c1": None}
    assert cells(made, "criterion_2") == {"a1": "1", "a2": "0", "b1": "1", "c1": "1"}
    assert made.document["inclusion"] == [
        {"reason": "operated before 2022", "variable": "criterion_1", "equals": True},
        {"variable": "criterion_2", "equals": True},
    ]
    assert "a2" not in str(made.document)


def test_the_copy_has_the_cohort_of_the_source(tmp_path: Path) -> None:
    source = study(tmp_path, LIMITS)
    before = build_cohort(source, DataDictionary(VARIABLES), TABLE)
    made = left(tmp_path, LIMITS)
    written = placed(made.document, source, set())
    (tmp_path / "copy.yaml").write_text(yaml.safe_dump(written))
    after = build_cohort(load_study(tmp_path / "copy.yaml"), made.dictionary, made.table)
    names = {case: KEY.pseudonym("case", case) for case in before.cases["case_id"]}
    assert set(after.cases["case_id"]) == set(names.values())
    assert [step.n_left for step in after.flow] == [step.n_left for step in before.flow]
    a, b = (c.endpoints.set_index("case_id")["value"] for c in (before, after))
    assert all(a[case] == b[name] or a[case] != a[case] for case, name in names.items())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("title: Operations on Bea Quist", "title"),
        ("notes: [Two hospitals, 'seen by Aldous Petersen']", r"notes\[1\]"),
    ],
)
def test_an_identifier_in_the_authors_words_is_refused_by_its_place(more: str, words: str, tmp_path: Path) -> None:
    text = STUDY.replace("title: Small", more) if more.startswith("title") else STUDY + more
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(ConfigRefusal, match=words) as caught:
        leaving(load_study(tmp_path / "s.yaml"), DataDictionary(VARIABLES), TABLE, KEY, Rules())
    assert not {"Quist", "Petersen"} & set(str(caught.value).replace(",", " ").split())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("subgroups: [{variable: note}]\n", r"subgroups\[0\]: note \(free text\)"),
        ("training: {network: {weights: encoder.safetensors}}\n", "training.network.weights"),
    ],
)
def test_studies_that_need_what_stays_behind_are_refused(more: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigRefusal, match=words):
        left(tmp_path, more)


def test_an_endpoint_of_a_date_is_refused_and_one_of_its_absence_is_not(tmp_path: Path) -> None:
    event = "event: {variable: died, equals: true}"
    for condition, fine in (("above: 2022-01-01", False), ("missing: false", True)):
        (tmp_path / "s.yaml").write_text(STUDY.replace(event, f"event: {{variable: seen, {condition}}}"))
        asked = load_study(tmp_path / "s.yaml")
        if fine:
            assert leaving(asked, DataDictionary(VARIABLES), TABLE, KEY, Rules()).document["endpoints"]
        else:
            with pytest.raises(ConfigRefusal, match=r"endpoints\.death\.event"):
                leaving(asked, DataDictionary(VARIABLES), TABLE, KEY, Rules())


def test_rows_without_a_name_get_one(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(STUDY.replace("case_id: op", "case_id: '@row'"))
    asked = load_study(tmp_path / "s.yaml")
    made = leaving(asked, DataDictionary(VARIABLES), TABLE, KEY, Rules())
    assert set(made.table["case_id"]) == {KEY.pseudonym("case", f"row_0000{n}") for n in range(1, 5)}
    assert placed(made.document, asked, set())["case_id"] == "case_id"
    described = DataDictionary((*VARIABLES, Variable("case_id", VariableKind.TEXT, roles=frozenset({Role.IDENTIFIER}))))
    with pytest.raises(DataRefusal, match="case_id"):
        leaving(asked, described, TABLE, KEY, Rules())


def test_options_that_name_no_such_variable_are_refused(tmp_path: Path) -> None:
    for rules in ({"keep_text": ("name",)}, {"keep_text": ("nots",)}, {"top_ages": ("site",)}):
        with pytest.raises(UsageError):
            left(tmp_path, **rules)
    with pytest.raises(UsageError, match="shift-days"):
        Rules(most_days=7)


def test_what_is_handed_over_is_not_changed(tmp_path: Path) -> None:
    before = TABLE.copy(deep=True)
    left(tmp_path, LIMITS, keep_text=("note",))
    pd.testing.assert_frame_equal(TABLE, before)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("C22.0; K70.3", False), ("see Mrs O'Hara", True), ("o'hara", True), ("mail a.b@c.org", True),
        ("op on 3.4.2021", True), ("tel 030/1234567", True), ("ASA 3", False), ("", False), ("https://x", True),
    ],
)  # fmt: skip
def test_a_note_names_its_patient_by_word_address_number_or_date(text: str, named: bool) -> None:
    assert of_patient(text, {"O'Hara", "77"}) == named


def test_identifiers_are_looked_for_as_wholes_and_short_ones_not_at_all() -> None:
    texts = {"a": "made at Northmere.", "b": "Northmerean", "c": "at 7", "d": "of (1234567)", "e": "12345678"}
    assert in_texts(texts, {"northmere", "7", "1234567", ""}) == ["a", "d"]
    assert in_texts(texts, set()) == []
