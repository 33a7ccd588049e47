"""What somebody might do to a bundle, each by name; hashes are made right again wherever that helps the attacker."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.bundle_attacks.contents import CONTENT_ATTACKS
from tests.bundle_attacks.folders import FOLDER_ATTACKS
from tests.bundle_attacks.parts import PART_ATTACKS
from tests.bundle_attacks.sealing import manifest_of, put

__all__ = ["ATTACKS", "attacked"]
_IN_FILES = CONTENT_ATTACKS | PART_ATTACKS
ATTACKS = (*FOLDER_ATTACKS, *_IN_FILES)


def attacked(name: str, files: Mapping[str, bytes], folder: Path) -> Path:
    """A bundle of these files in a new folder, spoiled in the way of that name."""
    spoiled = dict(files)
    if name in _IN_FILES:
        _IN_FILES[name](spoiled)
    put(folder, spoiled, manifest_of(spoiled))
    if name in FOLDER_ATTACKS:
        FOLDER_ATTACKS[name](folder)
    return folder
