"""JSON from elsewhere, read strictly: UTF-8, no key twice, no depth without end, no number that is none.

Python's reader takes NaN, UTF-16, repeated keys and 1e999 (infinity), and a bracket too many costs its stack: each of
them could mean one thing here and another to whoever checked the file (RFC 8259, sections 4, 6 and 8.1).
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import numpy as np

DEEPEST = 64  # brackets within brackets; what training writes has ten
LONGEST_NUMBER = 40  # digits
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_STEP = np.zeros(256, dtype=np.int64)
_STEP[[ord("["), ord("{")]], _STEP[[ord("]"), ord("}")]] = 1, -1


def strict_json(data: bytes) -> Any:
    """The value. Raises ValueError with the reason in a few words."""
    text = data.decode("utf-8")
    if text.startswith("\ufeff"):
        raise ValueError("a byte order mark")
    if _depth(data) > DEEPEST:
        raise ValueError(f"brackets deeper than {DEEPEST}")
    return json.loads(
        text, object_pairs_hook=_once, parse_float=_finite, parse_int=_whole, parse_constant=_refuse_constant
    )


def _depth(data: bytes) -> int:
    """How deep brackets stand outside strings."""
    bare = np.frombuffer(_STRING.sub(b"", data), dtype=np.uint8)
    return int(np.cumsum(_STEP[bare]).max(initial=0))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number beyond what a computer holds")
    return number


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
