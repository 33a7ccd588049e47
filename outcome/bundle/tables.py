"""The table of a unit in a bundle (Parquet): which columns there would be, and no case, since no patient travels."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

MOST_COLUMNS = 64
_PLAIN = (pa.types.is_floating, pa.types.is_integer, pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean,
          pa.types.is_null)  # fmt: skip


def check_parquet(data: bytes) -> None:
    """Raises ValueError with the reason in a few words; no page of the file is read."""
    try:
        facts = pq.read_metadata(io.BytesIO(data))
        rows, columns, groups = facts.num_rows, facts.num_columns, facts.num_row_groups
        held = sum(facts.row_group(i).num_rows for i in range(min(groups, 2)))
        types = [] if columns > MOST_COLUMNS else list(facts.schema.to_arrow_schema())
    except (pa.ArrowException, OSError, MemoryError) as error:
        raise ValueError(f"no whole table ({type(error).__name__})") from error
    if columns > MOST_COLUMNS:
        raise ValueError(f"{columns} columns, more than {MOST_COLUMNS}")
    if rows or held or groups > 1:
        raise ValueError(f"{rows or held} rows of cases; a bundle holds none")
    strange = next((field for field in types if not any(plain(field.type) for plain in _PLAIN)), None)
    if strange is not None:
        raise ValueError(f"column {strange.name[:60]} holds {str(strange.type)[:60]}")
