"""Every format gives the same raw text, and a damaged table is refused instead of half read."""

from __future__ import annotations

import datetime
import json
import sqlite3
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from outcome.config import TableSource
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.sources import read_table

EXPECTED = pd.DataFrame(
    {"id": ["a", "b"], "age": ["49", None], "size": ["2.5", "3"], "died": ["true", "false"]}, dtype=object
)


def source(kind: str, **changes: Any) -> TableSource:
    return TableSource.model_validate({"format": kind, "path": f"t.{kind}", **changes})


def write_csv(folder: Path) -> TableSource:
    (folder / "t.csv").write_text("\ufeffid,age,size,died\na,49,2.5,true\n\nb,, 3 ,false\n", encoding="utf-8")
    return source("csv")


def write_json(folder: Path) -> TableSource:
    rows = [{"id": "a", "age": 49, "size": 2.5, "died": True}, {"id": "b", "age": None, "size": 3.0, "died": False}]
    (folder / "t.json").write_text(json.dumps(rows))
    return source("json")


def write_parquet(folder: Path) -> TableSource:
    frame = pd.DataFrame({"id": ["a", "b"], "age": [49, None], "size": [2.5, 3.0], "died": [True, False]})
    frame.to_parquet(folder / "t.parquet")
    return source("parquet")


def write_excel(folder: Path) -> TableSource:
    book = openpyxl.Workbook()
    book.active.append(["id", "age", "size", "died"])
    book.active.append(["a", 49, 2.5, True])
    book.active.append(["b", None, 3.0, False])
    book.save(folder / "t.excel")
    (folder / "t.excel").rename(folder / "t.xlsx")
    return source("excel", path="t.xlsx")


def write_sql(folder: Path) -> TableSource:
    with sqlite3.connect(folder / "t.db") as connection:
        connection.execute("create table cases (id text, age real, size real, died text)")
        connection.executemany(
            "insert into cases values (?, ?, ?, ?)", [("a", 49, 2.5, "true"), ("b", None, 3.0, "false")]
        )
    connection.close()
    return TableSource(format="sql", url="sqlite:///t.db", query="select * from cases order by id")


WRITERS = [write_csv, write_json, write_parquet, write_excel, write_sql]


@pytest.mark.parametrize("write", WRITERS)
def test_every_format_gives_the_same_raw_text(write: Any, tmp_path: Path) -> None:
    pd.testing.assert_frame_equal(read_table(write(tmp_path), tmp_path), EXPECTED)


def test_nested_records_become_dotted_columns_in_order_of_appearance(tmp_path: Path) -> None:
    rows = [{"id": "a", "lab": {"value": 1.5, "unit": {"name": "x"}}}, {"id": "b", "extra": [1, 2]}]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    table = read_table(source("json"), tmp_path)
    assert list(table.columns) == ["id", "lab.value", "lab.unit.name", "extra"]
    assert list(table.loc[1]) == ["b", None, None, "[1, 2]"]


def test_excel_dates_become_iso_text(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Patients"
    book.active.append(["day", "moment"])
    book.active.append([datetime.datetime(2024, 5, 1), datetime.datetime(2024, 5, 1, 8, 30)])
    book.save(tmp_path / "t.xlsx")
    table = read_table(source("excel", path="t.xlsx", sheet="Patients"), tmp_path)
    assert list(table.loc[0]) == ["2024-05-01", "2024-05-01 08:30:00"]
    with pytest.raises(DataRefusal, match="did you mean 'Patients'"):
        read_table(source("excel", path="t.xlsx", sheet="Patient"), tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("id,age\n", "is empty"),
        ("id,age,id\na,1,b\n", "several columns of the same name.*\n.*id"),
        ("id,age\na,1\nb,2,3\n", "line 3: 3 cells"),
        ("id;age\na;1\n", "set table.separator to ';'"),
        ('id,age\na,"1\n', "unexpected end of data"),
    ],
)
def test_a_damaged_csv_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataRefusal, match=words):
        read_table(source("csv"), tmp_path)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "excel"])
def test_a_missing_or_unreadable_file_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataRefusal, match="does not exist"):
        read_table(source(kind), tmp_path)
    (tmp_path / f"t.{kind}").write_bytes(b"\xff\xfe\xfa broken \x80")
    with pytest.raises(DataRefusal, match=f"cannot be read as {kind}"):
        read_table(source(kind), tmp_path)


def test_a_json_that_is_no_list_of_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('{"cases": []}')
    with pytest.raises(DataRefusal, match="not a list of records"):
        read_table(source("json"), tmp_path)
    (tmp_path / "t.json").write_text('[{"a.b": 1, "a": {"b": 2}}]')
    with pytest.raises(DataRefusal, match=r"a\.b"):
        read_table(source("json"), tmp_path)


def test_a_query_cannot_write_and_says_why_the_database_refused(tmp_path: Path) -> None:
    table = write_sql(tmp_path)
    before = (tmp_path / "t.db").read_bytes()
    with pytest.raises(ConfigRefusal, match="must only read"):
        read_table(table.model_copy(update={"query": "delete from cases"}), tmp_path)
    sly = table.model_copy(update={"query": "with x as (select 1) insert into cases select 1, 2, 3, 4"})
    with pytest.raises(DataRefusal, match="readonly"):
        read_table(sly, tmp_path)
    with pytest.raises(DataRefusal, match="no such table"):
        read_table(table.model_copy(update={"query": "select * from absent"}), tmp_path)
    assert (tmp_path / "t.db").read_bytes() == before


def test_a_database_url_takes_its_secret_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = write_sql(tmp_path).model_copy(update={"url": "sqlite:///${OURS_FILE}"})
    monkeypatch.setenv("OURS_FILE", "t.db")
    assert len(read_table(table, tmp_path)) == 2
    monkeypatch.setenv("OURS_FILE", "gone.db")
    with pytest.raises(DataRefusal, match="does not exist"):
        read_table(table, tmp_path)


def test_an_unusable_url_is_refused_without_showing_it(tmp_path: Path) -> None:
    table = TableSource(format="sql", url="nodatabase://user:secret@host/db", query="select 1")
    with pytest.raises(ConfigRefusal) as caught:
        read_table(table, tmp_path)
    assert "secret" not in str(caught.value)
