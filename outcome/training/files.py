"""A trained unit as files: JSON for numbers, npz for arrays, LightGBM's text, parquet for predictions. No pickle.

The same unit gives the same bytes: JSON keys keep their order, floats are written by repr, and the members of an
npz carry a fixed date.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from outcome.errors import BundleRefusal
from outcome.models.state import TEXT, Array, State, array_text, text_array
from outcome.parquet import parquet_bytes, parquet_frame

UNIT = "unit.json"
PREDICTIONS = "out_of_fold.parquet"
# the chosen model's text stands beside its arrays; those of other rungs and refits stay inside their npz
READABLE = "procedure"
FIXED_DATE = (1980, 1, 1, 0, 0, 0)


def unit_files(facts: Mapping[str, Any], states: Mapping[str, State], out_of_fold: pd.DataFrame) -> dict[str, bytes]:
    """Every file of a unit, by name."""
    files = {UNIT: json_bytes(facts), PREDICTIONS: parquet_bytes(out_of_fold)}
    for name, state in states.items():
        files.update(state_files(name, state))
    return files


def read_unit(files: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, State], pd.DataFrame]:
    """(facts, states, out-of-fold predictions) behind such files. Raises BundleRefusal where one is absent."""
    absent = [name for name in (UNIT, PREDICTIONS) if name not in files]
    if absent:
        raise BundleRefusal("this is no trained unit", expected=f"{UNIT}, {PREDICTIONS}", found=f"no {absent[0]}")
    names = sorted(name.removesuffix(".json") for name in files if name.endswith(".json") and name != UNIT)
    states = {name: read_state(name, files) for name in names}
    return json.loads(files[UNIT]), states, parquet_frame(files[PREDICTIONS])


@contextmanager
def read_as(name: str) -> Iterator[None]:
    """Whatever keeps the files of this name from being what they should be is a BundleRefusal that names them."""
    try:
        yield
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise BundleRefusal(
            f"a model was written in another form than this version reads: {name}",
            expected="files of this version of the program",
            found=f"{type(error).__name__}: {error}"[:120],
            next_step="use the version that the bundle's manifest names, or train again",
        ) from error


def state_files(name: str, state: State) -> dict[str, bytes]:
    """`<name>.json`, `<name>.npz` and, where the model is a text, `<name>.txt`."""
    arrays = dict(state.arrays)
    files = {f"{name}.json": json_bytes(state.numbers)}
    text = f"model.{TEXT}"
    if name == READABLE and text in arrays:
        files[f"{name}.txt"] = array_text(arrays.pop(text)).encode()
    files[f"{name}.npz"] = npz_bytes(arrays)
    return files


def read_state(name: str, files: Mapping[str, bytes]) -> State:
    """The state behind `<name>.json`, `<name>.npz` and `<name>.txt`. Raises BundleRefusal where one is damaged."""
    try:
        numbers = json.loads(files[f"{name}.json"])
        arrays = read_npz(files[f"{name}.npz"])
        if f"{name}.txt" in files:
            arrays[f"model.{TEXT}"] = text_array(files[f"{name}.txt"].decode())
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BundleRefusal(
            f"the files of '{name}' cannot be read",
            expected=f"{name}.json and {name}.npz as training wrote them",
            found=type(error).__name__,
            next_step="train again, or copy the folder anew",
        ) from error
    return State(numbers, arrays)


def json_bytes(data: Any) -> bytes:
    """JSON with floats by repr and no NaN."""
    return (json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def npz_bytes(arrays: Mapping[str, Array]) -> bytes:
    """The arrays in numpy's npz format, in name order, with a fixed date, compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(arrays):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", FIXED_DATE), content.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def read_npz(content: bytes) -> dict[str, Array]:
    """The arrays of an npz; object arrays are refused (ValueError)."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
