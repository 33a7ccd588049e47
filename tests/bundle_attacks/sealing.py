"""A bundle put on disk as an attacker would: whatever stands in it, its sizes, hashes and checksum are right."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from outcome.bundle import FORMAT, MANIFEST, VERSION
from outcome.bundle.libraries import FACT, recorded_libraries
from outcome.store import canonical_json

Files = dict[str, bytes]
FACTS = {"study": "tiny", FACT: recorded_libraries()}


def listed(files: Mapping[str, bytes]) -> dict[str, Any]:
    return {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}


def sealed(told: Mapping[str, Any]) -> bytes:
    """A manifest of these keys with its checksum."""
    return canonical_json({**told, "checksum": hashlib.sha256(canonical_json(told)).hexdigest()})


def manifest_of(files: Mapping[str, bytes], **changes: Any) -> bytes:
    """The manifest of these files, with other keys where they are given."""
    return sealed({"format": FORMAT, "version": VERSION, "facts": FACTS, "files": listed(files), **changes})


def put(folder: Path, files: Mapping[str, bytes], manifest: bytes) -> Path:
    """Write files and manifest, without asking whether a bundle may hold them."""
    for name, data in {**files, MANIFEST: manifest}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def relisted(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what the manifest lists, and seal it again."""
    told = json.loads((folder / MANIFEST).read_bytes())
    del told["checksum"]
    change(told)
    (folder / MANIFEST).write_bytes(sealed(told))


def in_json(name: str, change: Callable[[Any], object]) -> Callable[[Files], None]:
    """Change a JSON file's value in place."""

    def spoil(files: Files) -> None:
        value = json.loads(files[name])
        change(value)
        files[name] = json.dumps(value, separators=(",", ":")).encode()

    return spoil


def in_arrays(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Files], None]:
    """Change the arrays of an npz in place."""

    def spoil(files: Files) -> None:
        with np.load(io.BytesIO(files[name])) as archive:
            arrays = {key: archive[key] for key in archive.files}
        change(arrays)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
            for key, array in arrays.items():
                target.writestr(zipfile.ZipInfo(f"{key}.npy", (1980, 1, 1, 0, 0, 0)), npy(array), zipfile.ZIP_DEFLATED)
        files[name] = buffer.getvalue()

    return spoil


def npy(array: Any) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, np.asanyarray(array))
    return content.getvalue()


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as target:
        for name, data in members.items():
            target.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, method)
    return buffer.getvalue()
