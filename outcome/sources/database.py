"""A hospital's database through SQLAlchemy: one read-only transaction, always rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from outcome.config import TableSource, expand
from outcome.errors import ConfigRefusal, DataRefusal

# one state of the database for all queries, and the server itself refuses to write
_READ_ONLY: dict[str, dict[str, Any]] = {
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
}


@contextmanager
def reading(source: TableSource, root: Path, next_step: str) -> Iterator[sqlalchemy.Connection]:
    """A connection to the study's database that cannot write.

    SQLite files are opened read-only and relative to the study's root; PostgreSQL's transaction is READ ONLY; every
    other database's is rolled back. Raises ConfigRefusal for a URL that cannot be meant, DataRefusal where the database
    refuses.
    """
    engine = _engine(expand(source.url or "", "table.url"), root)
    try:
        with engine.connect() as connection:
            yield connection.execution_options(**_READ_ONLY.get(engine.dialect.name, {}))
            connection.rollback()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__)  # never the URL: it may hold a password
        raise DataRefusal("the database refused the query", found=reason, next_step=next_step) from None
    finally:
        engine.dispose()


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
