"""What a reader is told of how much is known of a case, and of a number that is kept back because it is too little."""

from __future__ import annotations

import math
from collections.abc import Sequence

NAMES = {
    "clinical": "health record",
    "plan": "planned procedure",
    "genomics": "genomics",
    "radiomics": "measurements on the mask",
}
IMAGE = "image:"
KNOWN = "{share} % of what this model reads is known of this patient{missing}."
ABSTAINED = (
    "No number: {share} % of what this model reads is known of this patient{missing}. It speaks from {level:g} % on."
)


def known_words(share: float, blocks_missing: Sequence[str]) -> str:
    """The known share (in [0, 1]) of a case and the blocks it lacks, as one sentence."""
    return KNOWN.format(share=_percent(share), missing=_missing(blocks_missing))


def abstention_words(share: float, level: float, blocks_missing: Sequence[str]) -> str:
    """Why a case gets no number: its known share lies below the level (both in [0, 1])."""
    return ABSTAINED.format(share=_percent(share), level=100 * level, missing=_missing(blocks_missing))


def blocks_named(blocks_missing: str) -> tuple[str, ...]:
    """The blocks in a cell of `blocks_missing` (docs/store.md)."""
    return tuple(name for name in blocks_missing.split(", ") if name)


def _percent(share: float) -> int:
    """Rounded down, so that 100 says that everything is known."""
    return math.floor(100 * share + 1e-9)


def _missing(blocks: Sequence[str]) -> str:
    names = (f"image {b.removeprefix(IMAGE)}" if b.startswith(IMAGE) else NAMES.get(b, b) for b in blocks)
    return f"; missing: {', '.join(names)}" if blocks else ""
