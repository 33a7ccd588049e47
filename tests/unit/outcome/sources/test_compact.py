"""A compact column says what its cells say one by one, to the bit, whatever the cells are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outcome.cohort.coding import NOT_A_NUMBER, code_column
from outcome.config import TableSource
from outcome.dictionary import Variable, VariableKind
from outcome.sources import delimited
from outcome.sources.compact import arrow_column, as_text, cells, text_column
from outcome.sources.raw import raw_text
from outcome.sources.tables import read_table

NUMBER = Variable("x", VariableKind.NUMERIC, missing_codes=("-99", "7.50", "inf"))
TEXTS = ["1", "+5", "-0", "0.1", ".5", "5.", "1e3", "1e400", "007", "-99", "-99.0", "7.5", "7.50", "NA", "nan", "inf",
         "x1", "1,5", "1_0", "٣", "0x10", "1 2", None,
         "0.30000000000000004", "123456789012345678901", "5e-324"]  # fmt: skip
FLOATS = [1.0, -0.0, 0.1, -99.0, 7.5, np.nan, np.inf, -np.inf, 1e15, 1e22, 2.0**53 + 2, 5e-324, 1 / 3]


def arrow(texts: list[str | None]) -> pd.Series:
    return text_column([pa.array(texts[:7], pa.string()), pa.array(texts[7:], pa.string())])


def same_coding(compact: pd.Series, plain: list[str | None]) -> None:
    one, other = code_column(NUMBER, compact), code_column(NUMBER, pd.Series(plain, dtype=object))
    assert one.values.to_numpy().tobytes() == other.values.to_numpy().tobytes()
    assert {name: rows.tolist() for name, rows in one.problems.items()} == {
        name: rows.tolist() for name, rows in other.problems.items()
    }


def test_text_is_coded_as_if_read_cell_by_cell() -> None:
    assert cells(arrow(TEXTS)) == TEXTS
    same_coding(arrow(TEXTS), TEXTS)
    wrong = code_column(NUMBER, arrow(TEXTS)).problems[NOT_A_NUMBER]
    assert [TEXTS[i] for i in np.flatnonzero(wrong)] == ["1e400", "x1", "1,5", "1_0", "٣", "0x10", "1 2"]


def test_numbers_of_a_typed_file_are_coded_as_the_text_they_stand_for() -> None:
    column = arrow_column(pa.chunked_array([pa.array(FLOATS[:5]), pa.array([*FLOATS[5:], None])]))
    assert column.dtype == float
    texts = [raw_text(value) for value in [*FLOATS, None]]
    assert cells(column) == texts
    same_coding(column, texts)


@pytest.mark.parametrize("numbers", [[1, None, -3], [10**15, 1], [None, None], [True, False], ["a", None]])
def test_other_types_keep_the_text_they_always_had(numbers: list[object]) -> None:
    assert cells(arrow_column(pa.chunked_array([pa.array(numbers)]))) == [raw_text(value) for value in numbers]


def test_a_file_read_in_pieces_is_the_file_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f" c{i} ,{i / 7},\n" for i in range(10))
    (tmp_path / "table.csv").write_text(f"case,x,empty\n{rows}")
    source = TableSource(format="csv", path="table.csv")
    whole = read_table(source, tmp_path)
    monkeypatch.setattr(delimited, "CELLS_AT_ONCE", 6)
    pd.testing.assert_frame_equal(read_table(source, tmp_path), whole)
    assert whole.loc[3].tolist() == ["c3", repr(3 / 7), None]


def test_a_parquet_table_is_read_as_its_values_would_be(tmp_path: Path) -> None:
    frame = pd.DataFrame({"case.id": ["a", " b "], "x": [1.0, np.nan], "n": [3, 4], "ok": [True, False]})
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "table.parquet")
    read = read_table(TableSource(format="parquet", path="table.parquet"), tmp_path)
    assert read.to_dict("list") == {
        "case.id": ["a", "b"], "x": ["1", None], "n": ["3", "4"], "ok": ["true", "false"],
    }  # fmt: skip
    assert as_text(read).equals(read)
