"""One SELECT of a hospital's database through SQLAlchemy, in a transaction that is always rolled back."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import sqlalchemy
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from outcome.config import TableSource, expand
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.sources.raw import raw_frame

_READS = re.compile(r"\s*(select|with)\b", re.IGNORECASE)


def read_query(source: TableSource, root: Path) -> pd.DataFrame:
    """The rows of the study's query as raw text.

    The query must begin with SELECT or WITH. SQLite files are opened read-only and relative to the study's root.
    Raises ConfigRefusal for a URL or query that cannot be meant, DataRefusal where the database refuses.
    """
    if not _READS.match(source.query or ""):
        raise ConfigRefusal("table.query must only read", expected="a query that begins with SELECT or WITH")
    engine = _engine(expand(source.url or "", "table.url"), root)
    try:
        with engine.connect() as connection:
            result = connection.execute(sqlalchemy.text(source.query or ""))
            names, rows = list(result.keys()), [tuple(row) for row in result]
            connection.rollback()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__)  # never the URL: it may hold a password
        raise DataRefusal(
            "the database refused the query", found=reason, next_step="check table.url, table.query and the network"
        ) from None
    finally:
        engine.dispose()
    columns = list(zip(*rows, strict=True)) or [() for _ in names]
    return raw_frame(names, columns, "the query's result")


def _engine(url: str, root: Path) -> sqlalchemy.Engine:
    try:
        parsed = sqlalchemy.make_url(url)
        if parsed.get_backend_name() == "sqlite":
            parsed = _read_only_sqlite(parsed, root)
        return sqlalchemy.create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigRefusal(
            "table.url is not a database this program can reach",
            expected="a SQLAlchemy URL such as postgresql+psycopg://user:${PASSWORD}@host/database",
            found=type(error).__name__,
            next_step="correct the URL, or install the database's driver",
        ) from None


def _read_only_sqlite(url: sqlalchemy.URL, root: Path) -> sqlalchemy.URL:
    path = root / (url.database or "")
    if not path.is_file():
        raise DataRefusal("the database file does not exist", found=f"nothing at {path}", next_step="correct table.url")
    return url.set(database=f"file:{quote(str(path))}").update_query_dict({"mode": "ro", "uri": "true"})
