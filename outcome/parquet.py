"""Tables as Parquet, in and out of memory, without Arrow's threads.

A thread of Arrow's that still holds a Python object when the interpreter ends takes the whole process down after its
work is done ("terminate called without an active exception", apache/arrow issues 34314 and 39862): a run that
succeeded would end as a failure. One thread reads a study's tables fast enough.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """A frame as Parquet, without its index: the same frame gives the same bytes."""
    sink = io.BytesIO()
    _write(frame, sink)
    return sink.getvalue()


def write_parquet_file(path: Path, frame: pd.DataFrame) -> None:
    """The bytes of `parquet_bytes` into a file, which is as large as the table and never in memory as a whole."""
    with open(path, "wb") as file:
        _write(frame, file)


def _write(frame: pd.DataFrame, sink: BinaryIO) -> None:
    table = pa.Table.from_pandas(frame, preserve_index=False, nthreads=1)
    repeated = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
    # measurements seldom repeat: a dictionary of them takes longer and more room than they do
    pq.write_table(table, sink, compression="zstd", use_dictionary=repeated)


def open_parquet(source: Path | pa.BufferReader) -> pq.ParquetFile:
    """A Parquet file that is read when asked; FileNotFoundError, pyarrow.ArrowInvalid or OSError where it cannot."""
    return pq.ParquetFile(source, pre_buffer=False)


def arrow_table(data: bytes) -> pa.Table:
    """The table in a Parquet file's bytes; pyarrow.ArrowInvalid or OSError where they are damaged."""
    return open_parquet(pa.BufferReader(data)).read(use_threads=False)


def parquet_frame(data: bytes) -> pd.DataFrame:
    """The frame in a Parquet file's bytes; raises as `arrow_table` does."""
    return arrow_table(data).to_pandas(use_threads=False)


def read_parquet_file(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The frame in a Parquet file, or those of these columns that it has; what was read is let go of while the frame is
    made. Raises as `open_parquet`."""
    wanted = None if columns is None else list(columns)
    table = open_parquet(path).read(columns=wanted, use_threads=False)
    return table.to_pandas(use_threads=False, self_destruct=True)
