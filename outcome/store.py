"""The folder where a study's artefacts live: whole files or none, one writer at a time, every stage with its manifest.

Layout: docs/store.md. Only `outcome.pipeline` writes here; the dashboard and the report read.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import math
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from outcome.errors import StoreRefusal
from outcome.parquet import read_parquet_file, write_parquet_file

STAGES = ("cohort", "segment", "radiomics", "features", "train", "predict", "evaluate", "report")
MANIFEST = "manifest.json"
RUN_LOG = "run.log.json"
TEMPORARY_PREFIX = ".tmp-"
_DISK_ERRORS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "writing is not permitted",
    errno.ENOTDIR: "a file stands where a folder is needed",
    errno.EEXIST: "a file stands where a folder is needed",
    errno.EFBIG: "the file is larger than this disk or process may write",
    errno.EPERM: "writing is not permitted",
    errno.EIO: "the disk reports an error",
    errno.ESTALE: "the network folder is gone",
    errno.ENOTCONN: "the network folder is gone",
    errno.ENOENT: "a file or folder in it is gone",
    errno.ENOLCK: "this disk has no locks",
}


class StudyStore:
    """One study's folder in a store. Creating the object creates nothing on disk; writing does."""

    def __init__(self, root: Path | str, study: str) -> None:
        self.root = Path(root)
        self.study = study
        self.folder = self.root / study

    def stage(self, name: str, part: str = "") -> Path:
        """The folder of a stage, or of one part of it (a bundle id)."""
        return self.folder / name / part if part else self.folder / name

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.sqlite"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store against a second process; the kernel lets go when this process ends, however it ends.

        Raises StoreRefusal where another process holds it. Left-over temporary files are removed once held.
        """
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = open(self.folder / ".lock", "a+b", buffering=0)  # noqa: SIM115 - closed below, after the work
        try:
            with writing(self.folder):
                _take_lock(handle, self.folder)
                sweep_temporary(self.folder)
            yield
        finally:
            handle.close()


def _take_lock(handle: io.FileIO, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        handle.seek(0)
        raise StoreRefusal(
            f"the store {folder} is in use",
            expected="one process at a time",
            found=f"process {handle.read(200).decode(errors='replace').strip() or 'unknown'} is working on it",
            next_step="wait for it to end, or choose another store with --store",
        ) from error
    handle.truncate(0)
    handle.write(f"{os.getpid()} on {platform.node()}, since {time.strftime('%Y-%m-%d %H:%M:%S %Z')},".encode())


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an operating-system failure while writing into a refusal that names the path and the remedy.

    A failure that names a file somewhere else is not about `path` and goes on as it is.
    """
    try:
        yield
    except OSError as error:
        reason = _DISK_ERRORS.get(error.errno or 0)
        if reason is None or not _concerns(error, path):
            raise
        raise StoreRefusal(
            f"cannot write {path}: {reason}",
            next_step="free space or choose another place, then repeat the command: finished work is kept",
        ) from error


@contextmanager
def staying(folder: Path) -> Iterator[None]:
    """Make a folder and refuse, at the end of the work in it, where it is no longer the one the work began in.

    Whoever removes or moves it meanwhile leaves a new one with half of the work, which nobody must take for the whole.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # open, so that its number goes to no other folder
    try:
        yield
        if not folder.exists() or not os.path.samestat(os.fstat(held), os.stat(folder)):
            raise StoreRefusal(
                f"{folder} was removed or moved while it was written",
                next_step="keep the store where it is and repeat the command: what is left of it is used",
            )
    finally:
        os.close(held)


def _concerns(error: OSError, path: Path) -> bool:
    """Whether the file that a failure names, if it names one, lies beside or below `path`, or is a folder above it."""
    if not isinstance(error.filename, (str, bytes)):
        return True
    named, place = Path(os.path.abspath(os.fsdecode(error.filename))), Path(os.path.abspath(path))
    return named.is_relative_to(place.parent) or place.is_relative_to(named)


def sweep_temporary(folder: Path) -> None:
    """Remove what a killed process left half written."""
    for path in [p for p in folder.rglob(f"{TEMPORARY_PREFIX}*")]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def write_with(path: Path, produce: Callable[[Path], None]) -> None:
    """Let `produce` write a temporary file beside `path`, make it durable, and rename it: whole or not at all."""
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            produce(temporary)
            _flush(temporary)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _flush(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    write_with(path, lambda temporary: _put(temporary, data))


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write canonical JSON (sorted keys, NaN as null): the same value gives the same bytes."""
    write_bytes(path, canonical_json(value))


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame without its index; the same frame gives the same bytes."""
    write_with(path, lambda temporary: write_parquet_file(temporary, frame))


def write_folder(folder: Path, produce: Callable[[Path], None]) -> None:
    """Let `produce` fill a temporary folder, make it durable, and rename it over `folder`.

    The old folder is first put aside as a whole, so that nobody reads half of it. A crash between the two renames
    leaves none: the work is then simply done again.
    """
    temporary = folder.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{folder.name}")
    aside = folder.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-old-{folder.name}")
    with writing(folder):
        for left in (temporary, aside):
            shutil.rmtree(left, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            produce(temporary)
            for path in sorted(temporary.rglob("*")):
                _flush(path)
            if folder.exists():
                os.replace(folder, aside)
            os.replace(temporary, folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        _flush(folder.parent)


def _put(path: Path, data: bytes) -> None:
    with open(path, "wb") as handle:
        handle.write(data)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_json(path: Path) -> Any:
    """Read a JSON artefact; a missing or damaged one is refused by name."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise _missing(path) from error
    except ValueError as error:
        raise _damaged(path, error) from error


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table artefact, or those of these columns that it has; a missing or damaged one is refused by name."""
    try:
        return read_parquet_file(path, columns)
    except FileNotFoundError as error:
        raise _missing(path) from error
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(path, error) from error


def _missing(path: Path) -> StoreRefusal:
    stage = next((part for part in reversed(path.parts) if part in STAGES), path.parent.name)
    return StoreRefusal(
        f"{path.name} is missing from the {stage} stage",
        expected=str(path),
        found="no such file",
        next_step=f"outcome {stage} STUDY.yaml",
    )


def _damaged(path: Path, error: Exception) -> StoreRefusal:
    return StoreRefusal(
        f"{path} is damaged",
        found=str(error).splitlines()[0][:120],
        next_step="delete the file and repeat the command of its stage",
    )


def canonical_json(value: Any) -> bytes:
    """JSON bytes with sorted keys and no NaN: equal values give equal bytes."""
    return (json.dumps(plain(value), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def plain(value: Any) -> Any:
    """The same value in JSON's own types: numpy scalars and arrays, sets and paths converted, NaN and inf as None."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def digest(value: Any) -> str:
    """sha256 of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def folder_digests(folder: Path, ignore: Iterable[str] = (MANIFEST, RUN_LOG)) -> dict[str, str]:
    """sha256 of every file below a folder by relative name, without manifests, run logs and temporary files."""
    skip = set(ignore)
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(TEMPORARY_PREFIX))
    return {str(p.relative_to(folder)): file_digest(p) for p in files if p.name not in skip}
