"""What a file of a bundle may be called, and how large a file of each kind may be."""

from __future__ import annotations

import re
from collections.abc import Iterable

MANIFEST = "manifest.json"
SIGNATURE = "signature.json"
MOST_FILES = 4_000
MIB = 1024**2
LARGEST_MANIFEST = MIB
LARGEST_BUNDLE = 2048 * MIB  # all files together: they are held in memory
LARGEST = {  # bytes by kind of file; a kind that is not named here has no place in a bundle
    ".json": 16 * MIB,
    ".npz": 256 * MIB,
    ".txt": 16 * MIB,
    ".parquet": MIB,  # of a unit without cases: columns and no row
    ".csv": 16 * MIB,
    ".md": 4 * MIB,
    ".safetensors": 1024 * MIB,
}
_SAFE = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,120}/){0,3}[A-Za-z0-9_][A-Za-z0-9._-]{0,120}")
_OWN = {MANIFEST, SIGNATURE}


def largest(name: str) -> int:
    """The most bytes that a file of this name may have; 0 for a kind that no bundle holds."""
    return LARGEST.get(f".{name.rpartition('.')[2]}", 0)


def is_safe(name: str) -> bool:
    """Whether a bundle may hold a file of this name: plain letters below at most three folders, of a kind it knows."""
    return bool(_SAFE.fullmatch(name)) and name.casefold() not in _OWN and largest(name) > 0


def clashing(names: Iterable[str]) -> list[str]:
    """Names that no folder holds together on every system: alike but for capitals, or a file where a folder stands."""
    seen: dict[str, tuple[str, bool]] = {}
    for name in names:
        steps = name.split("/")
        for count in range(1, len(steps) + 1):
            path = "/".join(steps[:count])
            before = seen.setdefault(path.casefold(), (path, path == name))
            if before != (path, path == name):
                return [before[0], path]
    return []
