"""The frozen, hashed, pickle-free folder that travels to another hospital. Files only: this package knows no model.

A bundle is a closed list of files: `manifest.json` names every other file with its size and sha256, and reading
refuses a file that is missing, added, changed, too large, or anything but a plain file, and content that is not what
its kind of file may hold (`outcome.bundle.content`). `signature.json` may stand beside it. The bundle's id is the first
12 hex digits of the manifest's own sha256, so equal content has an equal id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcome.bundle.content import check_contents
from outcome.bundle.folder import is_there, read_plain, refuse_strangers
from outcome.bundle.libraries import refuse_newer_libraries
from outcome.bundle.manifest import FORMAT, READABLE, VERSION, Listed, manifest_bytes, parse_manifest
from outcome.bundle.names import LARGEST_MANIFEST, MANIFEST, SIGNATURE
from outcome.bundle.signature import LARGEST_KEY, sign, signer
from outcome.errors import BundleRefusal
from outcome.store import write_bytes, write_folder

__all__ = [
    "FORMAT",
    "ID_LENGTH",
    "MANIFEST",
    "READABLE",
    "SIGNATURE",
    "VERSION",
    "Bundle",
    "copy_bundle",
    "read_bundle",
    "sign_bundle",
    "write_bundle",
]
ID_LENGTH = 12
# manifests whose files were looked into in this process: equal hashes are equal bytes, which need no second look
_LOOKED_INTO: set[str] = set()


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every byte was checked: `files` by relative name, and what the manifest says beside them.

    `signed_by` is the fingerprint of the key whose signature holds, None where there is no signature.
    """

    id: str
    files: Mapping[str, bytes]
    facts: Mapping[str, Any]
    version: int = VERSION
    signed_by: str | None = None
    own: Mapping[str, bytes] | None = None  # manifest and signature as they were read

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
    manifest = manifest_bytes(files, facts)
    _write(folder, {**files, MANIFEST: manifest})
    return _id(manifest)


def copy_bundle(bundle: Bundle, folder: Path) -> None:
    """Write a bundle that was read to another place, to the byte: version, id and signature stay."""
    if bundle.own is None:
        raise ValueError("only a bundle that was read can be copied")
    _write(folder, {**bundle.files, **bundle.own})


def sign_bundle(folder: Path, private: Path) -> Bundle:
    """Put a signature beside a bundle's manifest, in place of one that is there; the bundle as it is then.

    Raises BundleRefusal where the bundle is not whole, ConfigRefusal for a key that is none.
    """
    bundle = read_bundle(folder)
    write_bytes(folder / SIGNATURE, sign((bundle.own or {})[MANIFEST], private))
    return read_bundle(folder)


def read_bundle(folder: Path) -> Bundle:
    """Read and verify a bundle. Raises BundleRefusal naming the first thing that is not as the manifest says."""
    raw = read_plain(folder, MANIFEST, LARGEST_MANIFEST)
    manifest, own = parse_manifest(raw), {MANIFEST: raw}
    if is_there(folder, SIGNATURE):
        own[SIGNATURE] = read_plain(folder, SIGNATURE, LARGEST_KEY)
    signed_by = signer(raw, own[SIGNATURE]) if SIGNATURE in own else None
    refuse_strangers(folder, {*manifest.files, *own})
    files = {name: _read_listed(folder, name, listed) for name, listed in sorted(manifest.files.items())}
    digest = hashlib.sha256(raw).hexdigest()
    if digest not in _LOOKED_INTO:
        check_contents(files)
        _LOOKED_INTO.add(digest)
    refuse_newer_libraries(manifest.facts, files)
    return Bundle(_id(raw), files, manifest.facts, manifest.version, signed_by, own)


def _id(manifest: bytes) -> str:
    return hashlib.sha256(manifest).hexdigest()[:ID_LENGTH]


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    def produce(target: Path) -> None:
        for name, data in files.items():
            write_bytes(target / name, data)

    write_folder(folder, produce)


def _read_listed(folder: Path, name: str, listed: Listed) -> bytes:
    data = read_plain(folder, name, listed.size, expected=listed.size)
    found = hashlib.sha256(data).hexdigest()
    if found != listed.sha256:
        raise BundleRefusal(
            f"the bundle's {name} was changed after it was written",
            expected=f"sha256 {listed.sha256[:16]}…",
            found=f"sha256 {found[:16]}…",
            next_step="ask for the bundle again from where it was made; do not use this copy",
        )
    return data
