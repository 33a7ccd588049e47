"""Every moment at which a process changes what stands on disk below a folder, numbered; and a fault at one of them.

A durable point lies before an operation: a file opened for writing, its write (which then stops half way), a flush,
a rename, a folder made, a file or folder removed, a statement that commits to SQLite. The moment after an operation is
the point before the next. Meant for a process of its own: what is replaced stays replaced.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_COMMITS = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "PRAGMA")
_FILLING = ("create", "write", "flush", "replace", "mkdir", "commit")  # what a full disk refuses; it lets things go
_ERRORS = {"full": errno.ENOSPC, "read-only": errno.EROFS, "broken": errno.EIO}
FAULTS = ("kill", *_ERRORS, "vanish")


@dataclass
class Trace:
    """The points below `root` in their order, and the fault that strikes at point `at` (from 1; 0: never).

    `fault`: "kill" is SIGKILL; "full", "read-only" and "broken" are what the operating system says from then on;
    "vanish" takes the folder `root` away once.
    """

    root: Path
    at: int = 0
    fault: str = "kill"
    points: list[tuple[str, str]] = field(default_factory=list)

    def reach(self, kind: str, path: str, half: Callable[[], None] | None = None) -> None:
        """Count a point. `half` does half of the operation, for a write that breaks off."""
        if not Path(path).is_relative_to(self.root):
            return
        self.points.append((kind, str(Path(path).relative_to(self.root))))
        if self.at and len(self.points) >= self.at:
            self._strike(kind, path, half)

    def _strike(self, kind: str, path: str, half: Callable[[], None] | None) -> None:
        if self.fault == "vanish":
            if len(self.points) == self.at:
                self.at = 0
                shutil.rmtree(self.root, ignore_errors=True)
            return
        if self.fault == "full" and kind not in _FILLING:
            return
        if half is not None and self.fault != "read-only":
            half()
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "commit":
            raise sqlite3.OperationalError("database or disk is full")
        number = _ERRORS[self.fault]
        # A write's own error carries no file name, as from the operating system.
        raise OSError(number, os.strerror(number)) if kind == "write" else OSError(number, os.strerror(number), path)


class _Handle:
    """A file open for writing whose writes are points."""

    def __init__(self, handle: Any, path: str, trace: Trace) -> None:
        self._handle, self._path, self._trace = handle, path, trace

    def write(self, data: Any) -> int:
        def half() -> None:
            self._handle.write(data[: len(data) // 2])
            self._handle.flush()

        self._trace.reach("write", self._path, half)
        return int(self._handle.write(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)

    def __enter__(self) -> _Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.close()


def install(trace: Trace) -> None:
    """Put the trace before every operation of this process, for good."""
    builtins.open = io.open = _opening(io.open, trace)  # type: ignore[assignment]
    for name, kind in (("fsync", "flush"), ("rmdir", "rmdir"), ("unlink", "unlink"), ("remove", "unlink")):
        setattr(os, name, _before(getattr(os, name), kind, trace))
    for name in ("replace", "rename"):
        setattr(os, name, _renaming(getattr(os, name), trace))
    os.mkdir = _making(os.mkdir, trace)
    sqlite3.connect = _connecting(sqlite3.connect, trace)


def _opening(real: Callable[..., Any], trace: Trace) -> Callable[..., Any]:
    def opened(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if isinstance(file, int) or not set(mode) & set("wax+"):
            return real(file, mode, *rest, **named)
        path = os.path.abspath(os.fspath(file))
        trace.reach("create", path)
        return _Handle(real(file, mode, *rest, **named), path, trace)

    return opened


def _before(real: Callable[..., Any], kind: str, trace: Trace) -> Callable[..., Any]:
    def done(what: Any, *rest: Any, dir_fd: int | None = None) -> Any:
        path = _path(what, dir_fd)
        if os.path.lexists(path):
            trace.reach(kind, path)
        return real(what, *rest) if dir_fd is None else real(what, *rest, dir_fd=dir_fd)

    return done


def _renaming(real: Callable[..., None], trace: Trace) -> Callable[..., None]:
    def done(source: Any, target: Any) -> None:
        trace.reach("replace", os.path.abspath(os.fspath(target)))
        real(source, target)

    return done


def _making(real: Callable[..., None], trace: Trace) -> Callable[..., None]:
    def done(path: Any, *rest: Any, **named: Any) -> None:
        if not os.path.lexists(path):
            trace.reach("mkdir", os.path.abspath(os.fspath(path)))
        real(path, *rest, **named)

    return done


def _path(what: Any, dir_fd: int | None) -> str:
    if isinstance(what, int):
        return os.readlink(f"/proc/self/fd/{what}")
    name = os.fspath(what)
    return os.path.abspath(name) if dir_fd is None else os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), name)


def _connecting(real: Callable[..., sqlite3.Connection], trace: Trace) -> Callable[..., sqlite3.Connection]:
    def connected(database: Any, *rest: Any, **named: Any) -> sqlite3.Connection:
        path = os.path.abspath(os.fspath(database))

        class Connection(sqlite3.Connection):
            def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
                if statement.lstrip().upper().startswith(_COMMITS):
                    trace.reach("commit", path)
                return super().execute(statement, *values)

            def executescript(self, script: str) -> sqlite3.Cursor:
                trace.reach("commit", path)
                return super().executescript(script)

        return real(database, *rest, factory=Connection, **named)

    return connected
