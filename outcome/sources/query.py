"""One SELECT of a hospital's database."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import sqlalchemy

from outcome.config import TableSource
from outcome.errors import ConfigRefusal
from outcome.sources.database import reading
from outcome.sources.raw import raw_frame

_READS = re.compile(r"\s*(select|with)\b", re.IGNORECASE)


def read_query(source: TableSource, root: Path) -> pd.DataFrame:
    """The rows of the study's query as raw text.

    The query must begin with SELECT or WITH. Raises ConfigRefusal for a URL or query that cannot be meant, DataRefusal
    where the database refuses.
    """
    if not _READS.match(source.query or ""):
        raise ConfigRefusal("table.query must only read", expected="a query that begins with SELECT or WITH")
    with reading(source, root, "check table.url, table.query and the network") as connection:
        result = connection.execute(sqlalchemy.text(source.query or ""))
        names, rows = list(result.keys()), [tuple(row) for row in result]
    columns = list(zip(*rows, strict=True)) or [() for _ in names]
    return raw_frame(names, columns, "the query's result")
