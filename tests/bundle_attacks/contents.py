"""Attacks by what stands in a file, with right sizes and hashes: JSON, arrays, weights, tables, text."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from outcome.parquet import parquet_bytes
from tests.bundle_attacks.sealing import Files, in_arrays, npy, zipped
from tests.tiny_bundle import BOOSTED, COX

ARRAYS, TABLE, WEIGHTS = f"{COX}/procedure.npz", f"{COX}/out_of_fold.parquet", "weights.safetensors"
COEFFICIENTS = "model.coefficients"
Attack = Callable[[Files], None]


def holds(name: str, data: bytes | Callable[[bytes], bytes]) -> Attack:
    """A file of other bytes, or of bytes made of its own."""

    def spoil(files: Files) -> None:
        files[name] = data(files[name]) if callable(data) else data

    return spoil


def swaps(name: str, old: bytes, new: bytes) -> Attack:
    def spoil(files: Files) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new, 1)

    return spoil


def _array(array: Any) -> Attack:
    return in_arrays(ARRAYS, lambda arrays: arrays.update({COEFFICIENTS: array}))


def _npy_header(text: str) -> Attack:
    """One array whose header is this text."""
    head = text.encode() + b"\n"
    raw = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + np.zeros(2).tobytes()
    return holds(ARRAYS, zipped({f"{COEFFICIENTS}.npy": raw}))


def _header(shape: str, kind: str = "<f8", order: str = "False") -> str:
    return f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}"


def bomb(files: Files) -> None:
    """Eight megabytes of zeros from eight kilobytes."""
    files[ARRAYS] = zipped({f"{COEFFICIENTS}.npy": npy(np.zeros(2**20))})


def stated_size(files: Files) -> None:
    """The index states four gigabytes."""
    data = bytearray(files[ARRAYS])
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 2**32 - 2)
    files[ARRAYS] = bytes(data)


def overlapping(files: Files) -> None:
    """Two names for one place, as in bombs that unpack to themselves."""
    data = zipped({"a.npy": npy(np.zeros(2)), "b.npy": npy(np.zeros(2))})
    at = data.rindex(b"PK\x01\x02")
    files[ARRAYS] = data[: at + 42] + struct.pack("<I", 0) + data[at + 46 :]


def locked(files: Files) -> None:
    data = bytearray(files[ARRAYS])
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    files[ARRAYS] = bytes(data)


def spelled_twice(files: Files) -> None:
    files[ARRAYS] = zipped({"a.npy": npy(np.zeros(2)), "A.npy": npy(np.zeros(2))})


def pickled(files: Files) -> None:
    content = io.BytesIO()
    np.lib.format.write_array(content, np.array([{}], dtype=object), allow_pickle=True)
    files[ARRAYS] = zipped({f"{COEFFICIENTS}.npy": content.getvalue()})


def _tensors(header: dict[str, Any], body: bytes = bytes(24)) -> Attack:
    text = json.dumps(header).encode()
    return holds(WEIGHTS, struct.pack("<Q", len(text)) + text + body)


def _tensor(**changes: Any) -> Attack:
    return _tensors({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24], **changes}})


def _table(frame: pd.DataFrame) -> Attack:
    return holds(TABLE, parquet_bytes(frame))


def nested_table(files: Files) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"risk": pa.array([], pa.list_(pa.float64()))}), sink)
    files[TABLE] = sink.getvalue()


JSON = {
    "json_without_end": b"[" * 100_000,
    "json_deep": b"[" * 65 + b"]" * 65,
    "json_deep_object": b'{"a":' * 300 + b"1" + b"}" * 300,
    "json_nan": b'{"a": NaN}',
    "json_infinite": b'{"a": -Infinity}',
    "json_beyond": b'{"a": 1e999}',
    "json_key_twice": b'{"a": 1, "a": 2}',
    "json_in_utf16": '{"a": 1}'.encode("utf-16"),
    "json_byte_order_mark": b'\xef\xbb\xbf{"a": 1}',
    "json_long_number": b"1" * 5000,
    "json_cut": b'{"a": ',
    "json_of_pickle": b"\x80\x04K\x01.",
    "json_no_utf8": b'"\xff"',
}
CONTENT_ATTACKS: dict[str, Attack] = {
    **{name: holds("ladder.json", data) for name, data in JSON.items()},
    **{
        f"arrays_{function.__name__}": function
        for function in (bomb, stated_size, overlapping, locked, spelled_twice, pickled)
    },
    "arrays_nan": _array(np.array([np.nan, 1.0])),
    "arrays_infinite": _array(np.array([np.inf, 1.0])),
    "arrays_of_text": _array(np.array(["a", "b"])),
    "arrays_of_bytes": _array(np.array([b"a", b"b"])),
    "arrays_complex": _array(np.array([1j, 1.0])),
    "arrays_of_dates": _array(np.array([1, 2], dtype="datetime64[s]")),
    "arrays_of_records": _array(np.zeros(2, dtype=[("a", "<f8")])),
    "arrays_other_end_first": _array(np.array([1.0, 2.0], dtype=">f8")),
    "arrays_evaluated": _npy_header("__import__('os').system('true')"),
    "arrays_deep_header": _npy_header("(" * 500 + ")" * 500),
    "arrays_shape_larger": _npy_header(_header("(99999999999,)")),
    "arrays_shape_beyond": _npy_header(_header("(999999999999, 999999999999, 999999999999)")),
    "arrays_shape_below_zero": _npy_header(_header("(-1,)")),
    "arrays_shape_smaller": _npy_header(_header("(1,)")),
    "arrays_columns_first": _npy_header(_header("(2,)", order="True")),
    "arrays_of_long_doubles": _npy_header(_header("(1,)", kind="<f16")),
    "arrays_without_header": holds(ARRAYS, zipped({f"{COEFFICIENTS}.npy": b"\x93NUM"})),
    "arrays_climbing": holds(ARRAYS, zipped({"../../evil.npy": npy(np.zeros(2))})),
    "arrays_from_the_root": holds(ARRAYS, zipped({"/tmp/evil.npy": npy(np.zeros(2))})),
    "arrays_with_a_program": holds(ARRAYS, zipped({"run.py": b"import os"})),
    "arrays_packed_otherwise": holds(ARRAYS, zipped({"a.npy": npy(np.zeros(2))}, zipfile.ZIP_LZMA)),
    "arrays_behind_a_script": holds(ARRAYS, lambda data: b"#!/bin/sh\n" + data),
    "arrays_before_a_script": holds(ARRAYS, lambda data: data + b"\n#!/bin/sh\n"),
    "arrays_cut": holds(ARRAYS, lambda data: data[:-30]),
    "arrays_no_archive": holds(ARRAYS, b"PK"),
    "arrays_too_many": holds(ARRAYS, zipped({f"{i}.npy": b"" for i in range(20_001)}, zipfile.ZIP_STORED)),
    "weights_empty": holds(WEIGHTS, b""),
    "weights_header_longer": holds(WEIGHTS, struct.pack("<Q", 2**62) + b"{}"),
    "weights_header_of_words": holds(WEIGHTS, struct.pack("<Q", 4) + b"null"),
    "weights_header_deep": holds(WEIGHTS, struct.pack("<Q", 5000) + b"[" * 5000),
    "weights_named_twice": holds(WEIGHTS, struct.pack("<Q", 15) + b'{"a":1,"a":{} }'),
    "weights_overlapping": _tensors({n: {"dtype": "F32", "shape": [6], "data_offsets": [0, 24]} for n in "ab"}),
    "weights_with_a_hole": _tensor(data_offsets=[4, 28]),
    "weights_beyond": _tensor(shape=[200], data_offsets=[0, 800]),
    "weights_backwards": _tensor(data_offsets=[24, 0]),
    "weights_place_in_words": _tensor(data_offsets=["0", "24"]),
    "weights_without_place": _tensors({"a": {"dtype": "F32", "shape": [6]}}),
    "weights_of_objects": _tensor(dtype="OBJECT"),
    "weights_shape_smaller": _tensor(shape=[1]),
    "weights_shape_below_zero": _tensor(shape=[-2, -3]),
    "weights_shape_beyond": _tensor(shape=[2**40, 2**40]),
    "weights_many_axes": _tensor(shape=[1] * 2000 + [6]),
    "weights_with_more": _tensor(run="rm"),
    "weights_behind": _tensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}),
    "weights_nan": _tensors(
        {"a": {"dtype": "F32", "shape": [6], "data_offsets": [0, 24]}}, np.full(6, np.nan, "<f4").tobytes()
    ),
    "weights_deep_facts": _tensors({"__metadata__": {"segmenter": "[" * 5000}}, b""),
    "weights_facts_no_text": _tensors({"__metadata__": {"segmenter": 1}}, b""),
    "table_of_patients": _table(pd.DataFrame({"case_id": ["p1"], "risk": [0.5]})),
    "table_wide": _table(pd.DataFrame({f"c{i}": pd.Series(dtype=float) for i in range(200)})),
    "table_nested": nested_table,
    "table_cut": holds(TABLE, lambda data: data[:-9]),
    "table_footer_longer": holds(TABLE, lambda data: data[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1"),
    "table_of_zeros": holds(TABLE, bytes(5000)),
    "table_beyond_its_kind": holds(TABLE, bytes(2**20 + 1)),
    "card_with_an_escape": holds("MODEL_CARD.md", b"# Safe\x1b]8;;http://evil\x07\n"),
    "card_turned_round": holds("MODEL_CARD.md", "# \u202eefas".encode()),
    "dictionary_no_text": holds("dictionary.csv", b"\xff\xfe\x00"),
    "trees_no_text": holds(f"{BOOSTED}/procedure.txt", lambda data: data + b"\x00"),
}
