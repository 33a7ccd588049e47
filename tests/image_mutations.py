"""Image files spoiled by chance: flipped bits, cut ends, doubled, swapped and strange parts."""

from __future__ import annotations

import numpy as np

_STRANGE = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\x00\x00\xc0\x7f", b"<b>", b"../", b"\\", b"1e999")


def spoiled(content: bytes, rng: np.random.Generator) -> bytes:
    """The content after one to four random changes; headers are changed as often as all the rest together."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        if not changed:
            break
        _spoil(changed, rng)
    return bytes(changed)


def _spoil(content: bytearray, rng: np.random.Generator) -> None:
    reach = len(content) if rng.random() < 0.5 else min(len(content), 1500)
    at, kind = int(rng.integers(reach)), int(rng.integers(6))
    length = int(rng.integers(1, 64))
    if kind == 0:
        content[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        content[at] = int(rng.integers(256))
    elif kind == 2:
        del content[at:]
    elif kind == 3:
        del content[at : at + length]
    elif kind == 4:
        content[at:at] = content[int(rng.integers(reach)) :][:length]
    else:
        strange = _STRANGE[int(rng.integers(len(_STRANGE)))]
        content[at : at + len(strange)] = strange
