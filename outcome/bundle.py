"""The frozen, hashed, pickle-free folder that travels to another hospital. Files only: this module knows no model.

A bundle is a closed list of files: `manifest.json` names every other file with its size and sha256, and reading
refuses a file that is missing, added, changed, too large, or anything but a plain file. The bundle's id is the
first 12 hex digits of the manifest's own sha256, so equal content has an equal id.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcome.errors import BundleRefusal
from outcome.store import canonical_json, write_bytes, write_folder

FORMAT = "surgical-outcome-bundle"
VERSION = 2
MANIFEST = "manifest.json"
ID_LENGTH = 12
LARGEST_FILE_BYTES = 2 * 1024**3
MOST_FILES = 10_000
LARGEST_MANIFEST_BYTES = 16 * 1024**2
_SAFE_NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,120}/){0,3}[A-Za-z0-9_][A-Za-z0-9._-]{0,120}")


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every byte was checked: `files` by relative name, and what the manifest says beside them."""

    id: str
    files: Mapping[str, bytes]
    facts: Mapping[str, Any]

    def json(self, name: str) -> Any:
        """One of the bundle's JSON files."""
        try:
            return json.loads(self.files[name])
        except KeyError as error:
            raise BundleRefusal(
                f"the bundle has no {name}", expected=name, next_step="write the bundle again with `outcome train`"
            ) from error

    def under(self, folder: str) -> dict[str, bytes]:
        """The files below one of the bundle's folders, by name relative to it."""
        prefix = folder.rstrip("/") + "/"
        return {name[len(prefix) :]: data for name, data in self.files.items() if name.startswith(prefix)}


def write_bundle(folder: Path, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> str:
    """Write a bundle whole or not at all; returns its id. `facts` goes into the manifest (versions, study, seeds)."""
    for name in files:
        if not _SAFE_NAME.fullmatch(name) or name == MANIFEST:
            raise ValueError(f"not a file name a bundle may hold: {name!r}")
    listed = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
    manifest = canonical_json({"format": FORMAT, "version": VERSION, "facts": facts, "files": listed})

    def produce(target: Path) -> None:
        for name, data in files.items():
            write_bytes(target / name, data)
        write_bytes(target / MANIFEST, manifest)

    write_folder(folder, produce)
    return hashlib.sha256(manifest).hexdigest()[:ID_LENGTH]


def read_bundle(folder: Path) -> Bundle:
    """Read and verify a bundle. Raises BundleRefusal naming the first thing that is not as the manifest says."""
    manifest_bytes = _read_plain(folder, MANIFEST, LARGEST_MANIFEST_BYTES)
    manifest = _parse_manifest(manifest_bytes)
    listed = manifest["files"]
    _refuse_strangers(folder, set(listed) | {MANIFEST})
    files = {name: _read_listed(folder, name, entry) for name, entry in sorted(listed.items())}
    return Bundle(hashlib.sha256(manifest_bytes).hexdigest()[:ID_LENGTH], files, manifest["facts"])


def _parse_manifest(data: bytes) -> dict[str, Any]:
    again = "ask for the bundle again from where it was made"
    try:
        manifest = json.loads(data)
        listed = manifest["files"]
        named = {name: (int(entry["bytes"]), str(entry["sha256"])) for name, entry in listed.items()}
        kind, version, facts = manifest["format"], manifest["version"], manifest["facts"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleRefusal(
            "the bundle's manifest.json cannot be read", found=repr(error)[:120], next_step=again
        ) from error
    if kind != FORMAT or version != VERSION:
        raise BundleRefusal(
            "this is not a bundle of a version known here",
            expected=f"{FORMAT} version {VERSION}",
            found=f"{str(kind)[:40]} version {str(version)[:10]}",
            next_step="use the version of the program that wrote it",
        )
    bad = [name for name in named if not _SAFE_NAME.fullmatch(name) or name == MANIFEST]
    if bad or len(named) > MOST_FILES or not isinstance(facts, dict):
        raise BundleRefusal("the bundle's manifest names impossible files", found=repr(bad[:3])[:120], next_step=again)
    return dict(manifest)


def _refuse_strangers(folder: Path, allowed: set[str]) -> None:
    for base, folders, names in os.walk(folder, followlinks=False):
        entries = [Path(base) / name for name in (*names, *(f for f in folders if (Path(base) / f).is_symlink()))]
        for path in entries:
            name = str(path.relative_to(folder))
            if name not in allowed:
                raise BundleRefusal(
                    f"the bundle holds a file its manifest does not name: {name}",
                    expected=f"{len(allowed)} files and no other",
                    next_step="remove it if you know it, or ask for the bundle again",
                )


def _read_listed(folder: Path, name: str, entry: Mapping[str, Any]) -> bytes:
    data = _read_plain(folder, name, min(int(entry["bytes"]), LARGEST_FILE_BYTES))
    found = hashlib.sha256(data).hexdigest()
    if found != entry["sha256"]:
        raise BundleRefusal(
            f"the bundle's {name} was changed after it was written",
            expected=f"sha256 {str(entry['sha256'])[:16]}…",
            found=f"sha256 {found[:16]}…",
            next_step="ask for the bundle again from where it was made; do not use this copy",
        )
    return data


def _read_plain(folder: Path, name: str, limit: int) -> bytes:
    """A plain file's bytes: no link is followed at any step, and never more than `limit` bytes are taken."""
    path = folder / name
    try:
        for parent in [*reversed(path.relative_to(folder).parents)][1:]:
            if (folder / parent).is_symlink():
                raise OSError(f"{parent} is a link")
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise BundleRefusal(
            f"the bundle's {name} cannot be read",
            expected="a plain file",
            found=str(error.strerror or error),
            next_step="check the path: BUNDLE is the folder that holds manifest.json",
        ) from error
    with os.fdopen(descriptor, "rb") as handle:
        facts = os.fstat(handle.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > limit:
            raise BundleRefusal(
                f"the bundle's {name} is not the file its manifest names",
                expected=f"a plain file of at most {limit} bytes",
                found=f"{facts.st_size} bytes, mode {stat.filemode(facts.st_mode)}",
                next_step="ask for the bundle again from where it was made",
            )
        return handle.read(limit + 1)
