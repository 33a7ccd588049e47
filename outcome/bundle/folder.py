"""Plain files below one folder: no link is followed at any step, nothing stands there that is not expected.

A hard link is a plain file: it cannot be told from one that a backup made, and every byte that is read is verified.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from outcome.errors import BundleRefusal

AGAIN = "ask for the bundle again from where it was made"
_DEEPEST = 8  # folders; a bundle has three
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def refuse_strangers(folder: Path, allowed: set[str]) -> None:
    """Raises BundleRefusal for the first thing below the folder that is none of these files, or a folder without any.

    Stops at the first, so that a folder of a million strangers is refused as soon as one of ten.
    """
    shelves = {name[:at] for name in allowed for at, sign in enumerate(name) if sign == "/"}
    for name, is_folder in _entries(folder, "", 0):
        if name not in (shelves if is_folder else allowed):
            raise BundleRefusal(
                f"the bundle holds a file its manifest does not name: {shown(name)}",
                expected=f"{len(allowed)} files and no other",
                found="a folder" if is_folder else "a file or a link",
                next_step="remove it if you know it, or ask for the bundle again",
            )


def read_plain(folder: Path, name: str, limit: int, *, expected: int | None = None) -> bytes:
    """A plain file's bytes: never more than `limit` are taken, and exactly `expected` where that is known.

    Raises BundleRefusal for what is no plain file (a link, a pipe, a device), is not there, or has another size.
    """
    with _opened(folder, name) as descriptor, os.fdopen(os.dup(descriptor), "rb") as handle:
        facts = os.fstat(descriptor)
        wrong = facts.st_size > limit or (expected is not None and facts.st_size != expected)
        if not stat.S_ISREG(facts.st_mode) or wrong:
            size = f"at most {limit}" if expected is None else str(expected)
            raise BundleRefusal(
                f"the bundle's {shown(name)} is not the file its manifest names",
                expected=f"a plain file of {size} bytes",
                found=f"{facts.st_size} bytes, mode {stat.filemode(facts.st_mode)}",
                next_step=AGAIN,
            )
        return handle.read(limit + 1)


def is_there(folder: Path, name: str) -> bool:
    """Whether anything goes by this name, a dangling link included."""
    return os.path.lexists(folder / name)


def shown(name: str) -> str:
    """A name as a message may show it: what a terminal would obey is escaped, and it is cut."""
    return name[:120] if name.isprintable() else ascii(name)[:120]


def _entries(folder: Path, prefix: str, depth: int) -> Iterator[tuple[str, bool]]:
    """(name, whether it is a folder) of everything below, each before what it holds; no link is entered."""
    with os.scandir(folder / prefix) as found:
        for entry in found:
            name, is_folder = f"{prefix}{entry.name}", entry.is_dir(follow_symlinks=False)
            yield name, is_folder
            if is_folder and depth < _DEEPEST:
                yield from _entries(folder, f"{name}/", depth + 1)


@contextmanager
def _opened(folder: Path, name: str) -> Iterator[int]:
    """A descriptor of a file, opened step by step from the folder, so that no step can be a link."""
    steps, held = PurePosixPath(name).parts, []
    try:
        held.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        for i, step in enumerate(steps, start=1):
            held.append(os.open(step, _OPEN if i == len(steps) else _OPEN | os.O_DIRECTORY, dir_fd=held[-1]))
    except OSError as error:
        for descriptor in held:
            os.close(descriptor)
        raise BundleRefusal(
            f"the bundle's {shown(name)} cannot be read",
            expected="a plain file",
            found=str(error.strerror or error),
            next_step="check the path: BUNDLE is the folder that holds manifest.json",
        ) from error
    try:
        yield held[-1]
    finally:
        for descriptor in held:
            os.close(descriptor)
