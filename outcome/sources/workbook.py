"""Excel sheets and Parquet files."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd

from outcome.config import TableSource
from outcome.dictionary import nearest
from outcome.errors import DataRefusal
from outcome.parquet import open_parquet
from outcome.sources.compact import arrow_column, compact_frame
from outcome.sources.raw import raw_frame


def read_workbook(path: Path, source: TableSource) -> pd.DataFrame:
    """One sheet of an Excel workbook, its first row the header; formulas give their last computed value."""
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        if source.sheet is not None and source.sheet not in book.sheetnames:
            raise DataRefusal(
                f"{path.name} has no sheet {source.sheet!r}", expected=nearest(source.sheet, book.sheetnames)
            )
        sheet = book[source.sheet] if source.sheet is not None else book.worksheets[0]
        header, *rows = [list(row) for row in sheet.iter_rows(values_only=True)] or [[]]
    finally:
        book.close()
    filled = [row for row in rows if any(value is not None for value in row)]
    width = max((i for i, name in enumerate(header, start=1) if name is not None), default=0)
    return raw_frame([name or "" for name in header[:width]], list(zip(*filled, strict=True))[:width], path.name)


def read_parquet_table(path: Path, source: TableSource) -> pd.DataFrame:
    """A Parquet file; only its columns count, not a pandas index stored beside them."""
    file = open_parquet(path)
    columns = (arrow_column(file.read([name], use_threads=False).column(0)) for name in file.schema_arrow.names)
    return compact_frame(file.schema_arrow.names, columns, path.name)
