"""A real PostgreSQL: the same tables as from files, read in a transaction that cannot write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from outcome.config import TableSource, load_study
from outcome.errors import DataRefusal
from outcome.sources import read_table
from outcome.sources.compact import as_text
from outcome.sources.database import reading
from tests.health_records import COLUMNS, hospital
from tests.health_studies import csv_study, omop_study, read
from tests.postgres import server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with server() as found:
        yield found


@pytest.fixture(scope="module")
def filled(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the OMOP study whose database, beside a plain table of the planned rows, stands on the server."""
    folder, made = tmp_path_factory.mktemp("postgres"), hospital(patients=6)
    engine = sa.create_engine(url)
    pd.DataFrame(made.rows).astype(str).to_sql("cases", engine, index=False)
    omop_study(made, folder, engine, url)
    return folder


def ordered(table: pd.DataFrame) -> pd.DataFrame:
    return as_text(table)[list(COLUMNS)].sort_values("case_id").reset_index(drop=True)


def test_a_select_gives_what_the_file_gives(url: str, filled: Path) -> None:
    planned = ordered(read(csv_study(hospital(patients=6), filled / "csv")).table)
    found = read_table(TableSource(format="sql", url=url, query="select * from cases"), filled)
    pd.testing.assert_frame_equal(ordered(found), planned)


def test_an_omop_database_gives_what_the_file_gives(url: str, filled: Path) -> None:
    planned = ordered(read(csv_study(hospital(patients=6), filled / "csv")).table)
    pd.testing.assert_frame_equal(ordered(read(load_study(filled / "study.yaml")).table), planned)


def test_the_server_itself_refuses_to_write(url: str, filled: Path) -> None:
    source = TableSource(format="sql", url=url, query="select 1")
    sly = "with gone as (delete from cases returning *) select * from gone"
    with pytest.raises(DataRefusal, match="read-only transaction"):
        read_table(source.model_copy(update={"query": sly}), filled)
    with reading(source, filled, "") as connection:
        assert connection.execute(sa.text("show transaction_read_only")).scalar() == "on"
        assert connection.execute(sa.text("select count(*) from cases")).scalar() == len(hospital(patients=6).rows)


def test_an_absent_server_is_refused_without_its_password(tmp_path: Path) -> None:
    gone = f"postgresql+psycopg://tester:secret@/postgres?host={tmp_path}"
    with pytest.raises(DataRefusal) as caught:
        read_table(TableSource(format="sql", url=gone, query="select 1"), tmp_path)
    assert "secret" not in str(caught.value)
