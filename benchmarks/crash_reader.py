"""Whoever reads a store while it is written, and while its writer dies: whole files, or a refusal that names them."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from benchmarks.kill_resume import HOST_FACTS
from outcome.bundle import read_bundle
from outcome.errors import Refusal
from outcome.store import TEMPORARY_PREFIX, read_json, read_parquet

Whole = Mapping[str, set[str]]  # by an artefact's name below the store, the sha256 of all that it may hold
_READERS = {".json": read_json, ".parquet": read_parquet}


def read_through(store: Path, whole: Whole) -> Counter[str]:
    """Read every artefact of a store once, by the readers of the house.

    Counts "whole" (one of the contents that are known to be whole), "refused" (named by a refusal) and "torn".
    """
    seen: Counter[str] = Counter()
    for path in sorted(_files(store)):
        _count(seen, _artefact(path, whole.get(str(path.relative_to(store)), set())), path)
    for bundle in store.glob("*/bundle"):
        _count(seen, _bundle(bundle, whole), bundle)
    return seen


def _count(seen: Counter[str], what: str, path: Path) -> None:
    seen[what] += 1
    if what == "torn":
        print(f"torn: {path}", flush=True)


def _files(store: Path) -> list[Path]:
    found = []
    for place, folders, names in os.walk(store):
        folders[:] = [name for name in folders if not name.startswith(TEMPORARY_PREFIX)]
        found += [Path(place) / name for name in names if not name.startswith(TEMPORARY_PREFIX)]
    return [path for path in found if path.name not in HOST_FACTS]


def _artefact(path: Path, contents: set[str]) -> str:
    try:
        read = _READERS.get(path.suffix)
        if read is not None:
            read(path)
        data = path.read_bytes()
    except FileNotFoundError:
        return "refused"
    except Refusal as refusal:
        return "torn" if "damaged" in refusal.message else "refused"
    return "whole" if hashlib.sha256(data).hexdigest() in contents else "torn"


def _bundle(folder: Path, whole: Whole) -> str:
    try:
        read = read_bundle(folder)
    except Refusal:
        return "refused"
    prefix = f"{folder.parent.name}/{folder.name}/"
    good = all(hashlib.sha256(data).hexdigest() in whole.get(prefix + name, set()) for name, data in read.files.items())
    return "whole" if good else "torn"
