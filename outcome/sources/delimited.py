"""CSV, read strictly: a row of another length is a damaged file, not a case with gaps."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pyarrow as pa

from outcome.config import TableSource
from outcome.errors import DataRefusal
from outcome.sources.compact import compact_frame, text_column

CELLS_AT_ONCE = 2_000_000  # as Python texts, some sixty bytes each


def read_delimited(path: Path, source: TableSource) -> pd.DataFrame:
    """The rows of a CSV file as raw text; blank lines are skipped."""
    with path.open(encoding=source.encoding, newline="") as file:
        reader = csv.reader(file, delimiter=source.separator, strict=True)
        header = next(reader, [])
        rows, ragged, parts = list[list[str]](), list[str](), list[list[pa.Array]]()
        for row in reader:
            if len(row) == len(header):
                rows.append(row)
            elif any(row):
                ragged.append(f"line {reader.line_num}: {len(row)} cells")
            if len(rows) * len(header) >= CELLS_AT_ONCE:
                parts.append(_packed(rows))
                rows = []
    _refuse_wrong_separator(header, source, path)
    if ragged:
        raise DataRefusal(
            f"{path.name} has {len(ragged)} row(s) of another length than its header",
            expected=f"{len(header)} cells a row",
            found="; ".join(ragged[:5]),
            next_step="quote cells that hold the separator, or correct table.separator",
        )
    parts += [_packed(rows)] if rows or not parts else []
    columns = zip(*parts, strict=True) if parts[0] else [[pa.array([], pa.string())] for _ in header]
    return compact_frame(header, map(text_column, columns), path.name)


def _packed(rows: list[list[str]]) -> list[pa.Array]:
    """These rows column by column, without surrounding blanks; None where nothing stands."""
    return [pa.array([cell.strip() or None for cell in column], pa.string()) for column in zip(*rows, strict=True)]


def _refuse_wrong_separator(header: list[str], source: TableSource, path: Path) -> None:
    rivals = [sign for sign in ";\t|," if sign != source.separator and header and sign in header[0]]
    if len(header) == 1 and rivals:
        raise DataRefusal(
            f"{path.name} seems to use another separator",
            expected=f"columns separated by {source.separator!r}",
            found=f"one column whose name holds {rivals[0]!r}",
            next_step=f"set table.separator to {rivals[0]!r}",
        )
