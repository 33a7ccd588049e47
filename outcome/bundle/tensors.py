"""A network's weights from elsewhere (safetensors), looked at before they are loaded.

The format: 8 bytes with the header's length, a JSON header, then the numbers
(https://github.com/huggingface/safetensors). Each tensor's place must follow the one before, without hole or overlap.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from outcome.bundle.json_text import strict_json

MOST_TENSORS = 20_000
LONGEST_HEADER = 16 * 1024**2
MOST_AXES = 8
METADATA = "__metadata__"
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "|u1", "BOOL": "|b1"}


def check_safetensors(data: bytes) -> None:
    """Raises ValueError with the reason in a few words."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= min(LONGEST_HEADER, len(data) - 8):
        raise ValueError(f"a header of {length} bytes in a file of {len(data)}")
    header = strict_json(data[8 : 8 + length].rstrip(b" "))
    if not isinstance(header, dict) or len(header) > MOST_TENSORS:
        raise ValueError("a header that is no list of tensors")
    _check_metadata(header.pop(METADATA, {}))
    body, at = memoryview(data)[8 + length :], 0
    for name, told in sorted(header.items(), key=_begins):
        at = _check_tensor(name[:60], told, body, at)
    if at != len(body):
        raise ValueError(f"{len(body) - at} bytes that belong to no tensor")


def _check_metadata(told: Any) -> None:
    """Texts by name, each of which the reader of its kind checks as JSON of its own."""
    if not isinstance(told, dict) or not all(isinstance(text, str) for text in told.values()):
        raise ValueError("metadata that are no texts")
    for text in told.values():
        strict_json(text.encode())


def _begins(item: tuple[str, Any]) -> tuple[int, int]:
    """Where a tensor begins and ends: one without numbers stands before the one that begins at its place."""
    try:
        begin, end = item[1]["data_offsets"]
        if not all(type(place) is int and place >= 0 for place in (begin, end)):
            raise ValueError
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"tensor {item[0][:60]} has no place") from error
    return begin, end


def _check_tensor(name: str, told: dict[str, Any], body: memoryview, at: int) -> int:
    """Where the tensor ends, which begins at `at`."""
    kind, shape = told.get("dtype"), told.get("shape")
    if set(told) != {"dtype", "shape", "data_offsets"} or kind not in KINDS:
        raise ValueError(f"tensor {name} holds {str(kind)[:20]}, none of {', '.join(KINDS)}")
    if not isinstance(shape, list) or len(shape) > MOST_AXES or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"tensor {name} has no shape")
    begin, end = told["data_offsets"]
    wanted = math.prod(shape) * np.dtype(KINDS[kind]).itemsize
    if begin != at or end - begin != wanted or end > len(body):
        raise ValueError(f"tensor {name} of {wanted} bytes is said to stand at {begin} to {end} of {len(body)}")
    if kind.startswith("F") and not np.isfinite(np.frombuffer(body[begin:end], dtype=KINDS[kind])).all():
        raise ValueError(f"tensor {name} holds numbers that are not finite")
    return end
