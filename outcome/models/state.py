"""What a fitted thing is made of, without pickle: JSON-ready numbers and named arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
TEXT = "text"  # the name of an array that holds UTF-8 bytes


@dataclass(frozen=True, eq=False)
class State:
    """`numbers` goes through JSON (floats by repr, so bit-equal); `arrays` through npz. No object arrays."""

    numbers: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wrong = [name for name, array in self.arrays.items() if array.dtype.hasobject]
        if wrong:
            raise ValueError(f"a state holds plain arrays only, found objects in {wrong}")

    def under(self, prefix: str) -> dict[str, Array]:
        """The arrays, named below a prefix."""
        return {f"{prefix}.{name}": array for name, array in self.arrays.items()}

    def part(self, numbers: Mapping[str, Any], prefix: str) -> State:
        """The state whose arrays stand below a prefix here."""
        start = f"{prefix}."
        arrays = {name.removeprefix(start): array for name, array in self.arrays.items() if name.startswith(start)}
        return State(numbers, arrays)


def same_state(a: State, b: State) -> bool:
    """Whether two fitted things are the same to the last bit."""
    if a.numbers != b.numbers or a.arrays.keys() != b.arrays.keys():
        return False
    return all(_same_array(a.arrays[name], b.arrays[name]) for name in a.arrays)


def text_array(text: str) -> Array:
    """A text as an array of its UTF-8 bytes."""
    return np.frombuffer(text.encode(), dtype=np.uint8).copy()


def array_text(array: Array) -> str:
    """The text behind such an array."""
    return array.astype(np.uint8).tobytes().decode()


def _same_array(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
