"""A PostgreSQL server of the test's own: a temporary folder, a unix socket, no network."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def programs() -> Path | None:
    """The folder of initdb and postgres: on the path, or where Debian keeps them."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").is_file() and (place / "postgres").is_file()), None)


@contextmanager
def server() -> Iterator[str]:
    """The URL of a running server's empty database; skips where its programs are missing, save in CI."""
    place = programs()
    if place is None:
        reason = "PostgreSQL's initdb and postgres are not installed (Debian: postgresql)"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI needs them")
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path must be short
    who = {"user": "postgres"} if os.geteuid() == 0 else {}
    try:
        if who:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
        yield from _running(place, folder, who)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _running(place: Path, folder: Path, who: dict[str, str]) -> Iterator[str]:
    data = folder / "data"
    control = [place / "pg_ctl", "-D", data, "-w", "-t", "120"]
    _run([place / "initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"], who)
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
    _run([*control, "-l", folder / "log", "-o", options, "start"], who)
    try:
        yield f"postgresql+psycopg://tester@/postgres?host={folder}"
    finally:
        _run([*control, "-m", "immediate", "stop"], who)


def _run(command: list[object], who: dict[str, str]) -> None:
    done = subprocess.run(
        list(map(str, command)), cwd="/", env={**os.environ, "LC_ALL": "C"}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, timeout=180, **who,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
