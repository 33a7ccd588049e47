"""Nested JSON, as KiTS publishes its record: a list of cases, each with groups inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.config import TableSource
from outcome.errors import DataRefusal
from outcome.sources.raw import raw_frame


def read_nested(path: Path, source: TableSource) -> pd.DataFrame:
    """One row a record, one column a leaf (dotted path), in the order leaves first appear; absent leaves are None."""
    records = json.loads(path.read_text(encoding=source.encoding))
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise DataRefusal(
            f"{path.name} is not a list of records",
            expected="[{…}, {…}]: one JSON object a case",
            found=type(records).__name__,
            next_step="export the record as a list with one object a case",
        )
    rows = [_leaves(record, path.name) for record in records]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return raw_frame(names, [[row.get(name) for row in rows] for name in names], path.name)


def _leaves(record: dict[str, Any], where: str, prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for key, value in record.items():
        inner = _leaves(value, where, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
        if leaves.keys() & inner.keys():
            raise DataRefusal(f"{where} names a leaf twice", found=", ".join(sorted(leaves.keys() & inner.keys())))
        leaves.update(inner)
    return leaves
