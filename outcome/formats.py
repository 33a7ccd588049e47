"""The versions of what a store holds, and the refusal of any other: what is newer is left alone, what is older is made
anew by the stage that is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcome.errors import StoreRefusal

STAGE_MANIFEST = 1
METRICS = 2  # version 1 had neither `integrity` nor the parts of partitions beyond the plain numbers
MONITOR = 1
DATABASE = 1  # journal, evaluations and reviews; 0 is written in those from before the number was, of the same form
VERSION_KEY = "schema_version"


def require_version(document: Mapping[str, Any], known: int, what: str, remake: str) -> None:
    """Raises StoreRefusal, naming both versions, where a document of a store is of another version than this reads."""
    refuse_other_version(document.get(VERSION_KEY), known, what, remake)


def refuse_other_version(found: Any, known: int, what: str, remake: str) -> None:
    """Raises StoreRefusal where `found` is not `known`; `remake` makes what is older anew."""
    if type(found) is int and found == known:
        return
    newer = type(found) is int and found > known
    raise StoreRefusal(
        f"{what} is of a {'newer' if newer else 'different'} version than this program reads",
        expected=f"version {known}",
        found=f"version {found}" if type(found) is int else "no version",
        next_step="use the newer version of the program that wrote it, or another store" if newer else remake,
    )
