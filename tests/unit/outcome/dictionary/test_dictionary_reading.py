"""What a dictionary says, what it refuses, and that it survives being read and written."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pandera.errors
import pytest

from outcome.dictionary import HEADER, Availability, Choice, DataDictionary, Role, VariableKind, codebook, readme
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.types import InputSet

Row = dict[str, str]


def row(name: str, annotation: str = "", kind: str = "text", **cells: str) -> Row:
    keys = {"label": HEADER[4], "choices": HEADER[5], "note": HEADER[6], "validation": HEADER[7],
            "low": HEADER[8], "high": HEADER[9], "identifier": HEADER[10], "branching": HEADER[11]}  # fmt: skip
    filled = {HEADER[0]: name, HEADER[3]: kind, HEADER[17]: annotation}
    return {**dict.fromkeys(HEADER, ""), **filled, **{keys[key]: value for key, value in cells.items()}}


def text_of(*rows: Row, header: tuple[str, ...] = HEADER) -> str:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, header)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def read(*rows: Row) -> DataDictionary:
    return DataDictionary.read(io.StringIO(text_of(*rows)), "d.csv")


AGE = row("age", "@UNIT='years' @AVAILABILITY='preoperative' @ROLE='predictor,subgroup' @PLAUSIBLE='18..95'",
          validation="number", low="0", high="120", label="Age")  # fmt: skip
GRADE = row("grade", "@ROLE='endpoint'", "radio", choices="0, none | 3a, grade IIIa, surgical | 5, death")
PLAN = row("plan", "@AVAILABILITY='planned' @ROLE='predictor' @SOURCE='op.planned' @MISSING='-99,NA'", "yesno")


def test_every_tag_reaches_the_variable() -> None:
    age, grade, plan = read(AGE, GRADE, PLAN)
    assert (age.kind, age.unit, age.availability) == (VariableKind.NUMERIC, "years", Availability.PREOPERATIVE)
    assert age.roles == {Role.PREDICTOR, Role.SUBGROUP}
    assert (age.hard_range.low, age.hard_range.high, age.plausible_range.low, age.plausible_range.high) == (
        0,
        120,
        18,
        95,
    )
    assert grade.choices == (Choice("0", "none"), Choice("3a", "grade IIIa, surgical"), Choice("5", "death"))
    assert (plan.kind, plan.column, plan.missing_codes) == (VariableKind.BOOLEAN, "op.planned", ("-99", "NA"))


def test_a_variable_without_availability_is_taken_as_postoperative() -> None:
    assert read(GRADE)["grade"].availability is Availability.POSTOPERATIVE


def test_planned_predictors_join_only_with_the_plan() -> None:
    dictionary = read(AGE, GRADE, PLAN)
    assert [v.name for v in dictionary.predictors(InputSet.PREOPERATIVE)] == ["age"]
    assert [v.name for v in dictionary.predictors(InputSet.WITH_PLAN)] == ["age", "plan"]


@pytest.mark.parametrize("availability", ["intraoperative", "postoperative"])
def test_a_late_predictor_is_refused_by_name_and_availability(availability: str) -> None:
    late = row("blood_loss", f"@AVAILABILITY='{availability}' @ROLE='predictor'", validation="number")
    with pytest.raises(ConfigRefusal, match=rf"blood_loss \({availability}\)"):
        read(AGE, late)


def test_an_identifier_or_a_text_never_becomes_a_predictor() -> None:
    named = row("zip_code", "@AVAILABILITY='preoperative' @ROLE='predictor'", "yesno", identifier="y")
    story = row("story", "@AVAILABILITY='preoperative' @ROLE='predictor'", "notes")
    with pytest.raises(ConfigRefusal, match=r"zip_code \(identifier\), story \(text\)"):
        read(named, story)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ("@AVAILABLE='preoperative'", "unknown tag @AVAILABLE .did you mean 'AVAILABILITY'"),
        ("@role='predictor'", "unknown tag @role .did you mean 'ROLE'"),
        ("@ROLE='predicter'", "unknown role 'predicter' .did you mean 'predictor'"),
        ("@AVAILABILITY='preop'", "unknown availability 'preop' .did you mean 'preoperative'"),
        ("@UNIT='mg/dL", "@UNIT is never closed"),
        ("@UNIT= @ROLE='endpoint'", "@UNIT needs a value"),
        ("@UNIT", "@UNIT needs a value"),
        ("@MODIFIABLE='yes'", "@MODIFIABLE takes no value"),
        ("@UNIT='a' @UNIT='b'", "@UNIT appears twice"),
        ("@PLAUSIBLE='18-95'", "low..high"),
        ("@PLAUSIBLE='95..18'", "low 95 exceeds high 18"),
    ],
)
def test_a_malformed_tag_is_refused_with_its_row(annotation: str, words: str) -> None:
    with pytest.raises(DataRefusal, match=words) as caught:
        read(AGE, row("wrong", annotation, validation="number"))
    assert "line 3, wrong" in str(caught.value)


def test_every_bad_row_is_named_at_once() -> None:
    bad = [row("a", "@ROLE='x'"), row("B"), row("c", kind="checkbox"), row("d", kind="radio", choices="no comma"),
           row("e", kind="radoi"), row("f", validation="number", low="low")]  # fmt: skip
    with pytest.raises(DataRefusal) as caught:
        read(AGE, *bad)
    for words in (
        "6 row",
        "unknown role",
        "'B' must be lower-case",
        "checkbox",
        "code, label",
        "'radio'",
        "found 'low'",
    ):
        assert words in str(caught.value)


def test_tags_of_redcap_itself_and_free_text_are_kept_and_not_interpreted() -> None:
    text = "ask again @HIDDEN-SURVEY mail a@b.org @DEFAULT='3'"
    dictionary = read(row("x", f"@UNIT='cm' {text}", validation="number"))
    assert dictionary["x"].other_annotation == text
    assert text in dictionary.to_csv()


def test_a_variable_described_twice_is_refused() -> None:
    with pytest.raises(DataRefusal, match="age"):
        read(AGE, AGE)


def test_open_availabilities_are_listed_all_at_once() -> None:
    with pytest.raises(ConfigRefusal, match=r"2 variable.*\n.*\n.*bmi, size"):
        read(AGE, row("bmi", "@AVAILABILITY='TODO'"), row("size", "@AVAILABILITY='TODO' @ROLE='predictor'"))


def test_another_header_is_refused_naming_the_difference() -> None:
    text = text_of(AGE).replace("Field Annotation", "Annotation")
    with pytest.raises(DataRefusal, match=r"absent: \['Field Annotation'\]; not REDCap's: \['Annotation'\]"):
        DataDictionary.read(io.StringIO(text))


def test_a_dictionary_saved_with_semicolons_reads_the_same() -> None:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, HEADER, delimiter=";")
    writer.writeheader()
    writer.writerows([AGE, GRADE, PLAN])
    assert DataDictionary.read(io.StringIO(file.getvalue())) == read(AGE, GRADE, PLAN)


def test_a_missing_or_undecodable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefusal, match="does not exist"):
        DataDictionary.load(tmp_path / "none.csv")
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataRefusal, match="cannot be read"):
        DataDictionary.load(tmp_path / "bad.csv")


def test_writing_and_reading_gives_the_same_dictionary(tmp_path: Path) -> None:
    first = read(AGE, GRADE, PLAN, row("day", validation="date_ymd", low="2000-01-01", branching="[age] > 3"))
    first.save(tmp_path / "d.csv")
    again = DataDictionary.load(tmp_path / "d.csv")
    assert again == DataDictionary.read(io.StringIO(again.to_csv()))
    assert [(v.name, v.roles, v.choices, v.hard_range) for v in again] == [
        (v.name, v.roles, v.choices, v.hard_range) for v in first
    ]
    assert "2000-01-01" in again.to_csv()
    assert "[age] > 3" in again.to_csv()


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigRefusal, match="did you mean 'grade'"):
        read(AGE, GRADE)["grad"]


def test_the_schema_accepts_coded_values_and_refuses_impossible_ones() -> None:
    schema = read(AGE, GRADE, PLAN).schema()
    good = pd.DataFrame({"age": [50.0, float("nan")], "grade": ["3a", None], "plan": [1.0, float("nan")]})
    schema.validate(good)
    for column, value in (("age", [121.0, 1.0]), ("grade", ["4", "5"]), ("plan", [2.0, 0.0])):
        with pytest.raises(pandera.errors.SchemaError):
            schema.validate(good.assign(**{column: value}))


def test_the_codebook_shows_every_variable_under_its_availability() -> None:
    page = codebook(read(AGE, GRADE, PLAN), "Ours")
    known = page.split("## Known: ")
    assert [part.split("\n")[0] for part in known[1:]] == ["preoperative", "planned", "postoperative"]
    assert "| `age` | Age | numeric | years | possible 0–120; plausible 18–95 | predictor, subgroup |" in known[1]
    assert "`op.planned`" in known[2]
    assert "0 = none; 3a = grade IIIa, surgical; 5 = death" in known[3]


def test_the_generated_overview_is_fresh() -> None:
    folder = Path(__file__).parents[4] / "data_dictionary"
    files = [path for path in folder.glob("*.csv") if path.read_text().startswith(HEADER[0])]
    assert (folder / "README.md").read_text() == readme({path.name: DataDictionary.load(path) for path in files})


def test_a_dictionary_saved_in_another_encoding_says_how_to_save_it(tmp_path: Path) -> None:
    path = tmp_path / "dictionary.csv"
    path.write_bytes("Größe".encode("cp1252"))
    with pytest.raises(DataRefusal, match="CSV UTF-8"):
        DataDictionary.load(path)


def test_a_blank_before_the_first_tag_changes_nothing() -> None:
    plain = row("age", "@UNIT='years' @AVAILABILITY='preoperative'", validation="number")
    assert read({**plain, HEADER[17]: f" {plain[HEADER[17]]}"}) == read(plain)


GENE = row("expr_01", "@AVAILABILITY='preoperative' @ROLE='predictor' @BLOCK='genomics'", validation="number")


def test_a_block_survives_being_written() -> None:
    dictionary = read(GENE, AGE)
    assert [variable.block for variable in dictionary] == ["genomics", ""]
    assert DataDictionary.read(io.StringIO(dictionary.to_csv(), newline="")) == DataDictionary.read(
        io.StringIO(DataDictionary.read(io.StringIO(dictionary.to_csv(), newline="")).to_csv(), newline="")
    )
    assert "@BLOCK='genomics'" in dictionary.to_csv()


@pytest.mark.parametrize("block", ["radiomics", "image", "Genomics", "image:ct"])
def test_a_block_that_the_program_makes_or_that_is_no_name_is_refused(block: str) -> None:
    with pytest.raises(DataRefusal, match="block"):
        read({**GENE, HEADER[17]: GENE[HEADER[17]].replace("genomics", block)})


ASA = row(
    "asa",
    "@AVAILABILITY='preoperative' @ROLE='predictor' @ORDERED",
    "radio",
    choices="1, healthy | 2, ill | 3, very ill",
)


def test_an_order_survives_the_file_to_the_byte() -> None:
    text = read(ASA, GRADE).to_csv()
    assert ",@AVAILABILITY='preoperative' @ROLE='predictor' @ORDERED\n" in text
    again = DataDictionary.read(io.StringIO(text, newline=""))
    assert again.to_csv() == text
    assert [variable.ordered for variable in again] == [True, False]


def test_the_codebook_says_which_choices_are_steps() -> None:
    page = codebook(read(ASA, GRADE), "Ours")
    assert "| `asa` |  | categorical, ordered |  | 1 = healthy; 2 = ill; 3 = very ill |" in page
    assert "| `grade` |  | categorical |" in page


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (row("age", "@ORDERED", validation="number"), "found numeric (choices: 0)"),
        (row("smoker", "@ORDERED", "yesno"), "found boolean (choices: 0)"),
        (row("story", "@ORDERED", "notes"), "found text (choices: 0)"),
        (row("only", "@ORDERED", "radio", choices="1, one"), "found categorical (choices: 1)"),
    ],
)
def test_an_order_of_what_has_no_steps_is_refused_by_name(wrong: Row, found: str) -> None:
    with pytest.raises(DataRefusal, match="@ORDERED says that choices are steps of one scale") as caught:
        read(GRADE, wrong)
    assert f"line 3, {wrong[HEADER[0]]}: " in str(caught.value)
    assert found in str(caught.value)


def test_two_choices_may_have_an_order_and_a_value_of_the_tag_is_refused() -> None:
    assert read(row("side", "@ORDERED", "radio", choices="0, one | 1, both"))["side"].ordered
    with pytest.raises(DataRefusal, match="@ORDERED takes no value"):
        read(row("side", "@ORDERED='yes'", "radio", choices="0, one | 1, both"))
