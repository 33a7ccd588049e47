"""Parquet in and out of memory: the same frame back, the same bytes again, and no thread left behind."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from outcome.parquet import open_parquet, parquet_bytes, parquet_frame

FRAME = pd.DataFrame({"case_id": ["ä", "b", None], "risk": [0.1, np.nan, 1e-300], "n": [1, 2, 3]}, index=[7, 8, 9])


def test_a_frame_comes_back_without_its_index() -> None:
    pd.testing.assert_frame_equal(parquet_frame(parquet_bytes(FRAME)), FRAME.reset_index(drop=True))


def test_the_same_frame_gives_the_same_bytes() -> None:
    assert parquet_bytes(FRAME) == parquet_bytes(FRAME.copy())


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: data[::-1]])
def test_damaged_bytes_are_refused(damage) -> None:
    with pytest.raises((pa.ArrowInvalid, OSError)):
        parquet_frame(damage(parquet_bytes(FRAME)))


@pytest.mark.skipif(sys.platform != "linux", reason="threads of a process are counted in /proc")
def test_a_table_starts_no_thread() -> None:
    code = (
        "import os, pandas as pd\n"
        "from outcome.parquet import parquet_bytes, parquet_frame\n"
        "threads = lambda: len(os.listdir('/proc/self/task'))\n"
        "frame = pd.DataFrame({f'f{i}': [float(i)] * 2000 for i in range(60)} | {'case_id': ['a'] * 2000})\n"
        "before = threads()\n"
        "parquet_frame(parquet_bytes(frame))\n"
        "print(threads() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 1, (
        "Arrow's readers started"
    )  # the allocator may keep one of its own, which needs no Python


def test_texts_have_a_dictionary_and_measurements_none() -> None:
    row_group = open_parquet(pa.BufferReader(parquet_bytes(FRAME))).metadata.row_group(0)
    encodings = {row_group.column(i).path_in_schema: row_group.column(i).encodings for i in range(3)}
    assert [name for name, used in encodings.items() if "RLE_DICTIONARY" in used] == ["case_id", "n"]
