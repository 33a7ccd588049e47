"""The manifest: the closed list of a bundle's files, and what is told beside them.

Version 3 carries a checksum of everything else in it, so that no byte of it can change unnoticed, and names the
libraries it was made with among its facts. Version 2 is read as it is; version 1 held the chosen rung alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcome.bundle.folder import AGAIN, shown
from outcome.bundle.json_text import strict_json
from outcome.bundle.names import LARGEST_BUNDLE, MOST_FILES, clashing, is_safe, largest
from outcome.errors import BundleRefusal
from outcome.store import canonical_json

FORMAT = "surgical-outcome-bundle"
VERSION, READABLE = 3, (2, 3)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEYS = {2: {"format", "version", "facts", "files"}, 3: {"format", "version", "facts", "files", "checksum"}}


@dataclass(frozen=True)
class Listed:
    """A file as the manifest names it."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a manifest says; `files` by relative name."""

    version: int
    files: Mapping[str, Listed]
    facts: Mapping[str, Any]


def manifest_bytes(files: Mapping[str, bytes], facts: Mapping[str, Any]) -> bytes:
    """The manifest of these files. Raises ValueError for a name or size that a bundle may not hold."""
    for name, data in files.items():
        if not is_safe(name) or len(data) > largest(name):
            raise ValueError(f"not a file name a bundle may hold: {name!r}, {len(data)} bytes")
    listed = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
    return _with_checksum(canonical_json({"format": FORMAT, "version": VERSION, "facts": facts, "files": listed}))


def parse_manifest(data: bytes) -> Manifest:
    """What a manifest says. Raises BundleRefusal where it is damaged, of another version, or names impossible files."""
    try:
        told = strict_json(data)
        kind, version = told["format"], told["version"]
    except (ValueError, KeyError, TypeError, RecursionError, MemoryError) as error:
        raise _refused("cannot be read", f"{type(error).__name__}: {error}"[:120]) from error
    _refuse_version(kind, version)
    if isinstance(told.get("files"), dict) and len(told["files"]) > MOST_FILES:
        raise _refused("names impossible files", f"{len(told['files'])} files, more than {MOST_FILES}")
    if set(told) != _KEYS[version]:
        raise _refused("is not as it was written", "other keys")
    checksum = told.pop("checksum", None)
    plain = canonical_json(told)
    if data != (plain if checksum is None else _with_checksum(plain)):
        raise _refused("was changed after it was written", "another checksum, or another form")
    return Manifest(version, _files(told["files"]), _facts(told["facts"]))


def _with_checksum(plain: bytes) -> bytes:
    """Canonical JSON with the key `checksum`, which stands first among a manifest's, of itself without that key."""
    return b'{\n "checksum": "%s",\n' % hashlib.sha256(plain).hexdigest().encode() + plain[2:]


def _refuse_version(kind: Any, version: Any) -> None:
    if kind == FORMAT and type(version) is int and version in READABLE:
        return
    newer = kind == FORMAT and type(version) is int and version > VERSION
    raise BundleRefusal(
        "this is not a bundle of a version known here",
        expected=f"{FORMAT} version {' or '.join(map(str, READABLE))}",
        found=f"{str(kind)[:40]} version {str(version)[:10]}",
        next_step="use a newer version of the program" if newer else "train it again with this version of the program, "
        "or use the version that wrote it",
    )  # fmt: skip


def _files(listed: Any) -> dict[str, Listed]:
    if not isinstance(listed, dict):
        raise _refused("names impossible files", "no list of files")
    bad = [name for name in listed if not is_safe(name)] or clashing(listed)
    if bad:
        raise _refused("names impossible files", ", ".join(shown(name) for name in bad[:3]))
    files = {name: _listed(name, entry) for name, entry in listed.items()}
    total = sum(file.size for file in files.values())
    if total > LARGEST_BUNDLE:
        raise _refused("names impossible files", f"{total} bytes in all, more than {LARGEST_BUNDLE}")
    return files


def _listed(name: str, entry: Any) -> Listed:
    if not isinstance(entry, dict) or set(entry) != {"bytes", "sha256"}:
        raise _refused("names impossible files", f"{shown(name)} without size and hash")
    size, sha256 = entry["bytes"], entry["sha256"]
    if type(size) is not int or not 0 <= size <= largest(name):
        raise _refused("names impossible files", f"{shown(name)} of {str(size)[:24]} bytes, at most {largest(name)}")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise _refused("names impossible files", f"{shown(name)} with no SHA-256")
    return Listed(size, sha256)


def _facts(facts: Any) -> dict[str, Any]:
    if not isinstance(facts, dict):
        raise _refused("cannot be read", "facts that are no list of names")
    return facts


def _refused(what: str, found: str) -> BundleRefusal:
    return BundleRefusal(
        f"the bundle's manifest.json {what}", expected="the manifest that training wrote", found=found, next_step=AGAIN
    )
