"""Tables as Parquet, in and out of memory, without Arrow's threads.

A thread of Arrow's that still holds a Python object when the interpreter ends takes the whole process down after its
work is done ("terminate called without an active exception", apache/arrow issues 34314 and 39862): a run that
succeeded would end as a failure. One thread reads a study's tables fast enough.
"""

from __future__ import annotations

import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """A frame as Parquet, without its index: the same frame gives the same bytes."""
    sink = io.BytesIO()
    table = pa.Table.from_pandas(frame, preserve_index=False, nthreads=1)
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def arrow_table(data: bytes) -> pa.Table:
    """The table in a Parquet file's bytes; pyarrow.ArrowInvalid or OSError where they are damaged."""
    return pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(use_threads=False)


def parquet_frame(data: bytes) -> pd.DataFrame:
    """The frame in a Parquet file's bytes; raises as `arrow_table` does."""
    return arrow_table(data).to_pandas(use_threads=False)
