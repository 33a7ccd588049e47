"""What happened, in SQLite: runs, cases tried and failed, and the hashes of files already read.

Host facts only: nothing here enters an artefact's hash. Write-ahead logging keeps it whole through a kill.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from outcome.store import file_digest

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, command TEXT NOT NULL, started REAL NOT NULL,
                                 finished REAL, exit_code INTEGER);
CREATE TABLE IF NOT EXISTS attempts (run INTEGER NOT NULL, stage TEXT NOT NULL, case_id TEXT NOT NULL,
                                     status TEXT NOT NULL, seconds REAL NOT NULL, message TEXT NOT NULL,
                                     at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS attempts_by_case ON attempts (stage, case_id, at);
CREATE TABLE IF NOT EXISTS file_hashes (path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
                                        sha256 TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Attempt:
    """One try at one case in one stage: status is "done" or "failed"; `message` says why it failed."""

    stage: str
    case_id: str
    status: str
    seconds: float
    message: str = ""


class Ledger:
    """A study's journal. Use as a context manager: `with Ledger.open(path) as ledger`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._run = 0

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Ledger]:
        """Open (and create) the journal; closed on leaving."""
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.executescript(_SCHEMA)
            yield cls(connection)
        finally:
            connection.close()

    def start_run(self, command: str) -> None:
        cursor = self._db.execute("INSERT INTO runs (command, started) VALUES (?, ?)", (command, time.time()))
        self._run = cursor.lastrowid or 0

    def finish_run(self, exit_code: int) -> None:
        self._db.execute("UPDATE runs SET finished=?, exit_code=? WHERE id=?", (time.time(), exit_code, self._run))

    def record(self, attempt: Attempt) -> None:
        """Append one try."""
        row = (self._run, attempt.stage, attempt.case_id, attempt.status, attempt.seconds, attempt.message, time.time())
        self._db.execute("INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def latest(self, stage: str) -> list[Attempt]:
        """The last try of every case in a stage, by case id."""
        query = """SELECT stage, case_id, status, seconds, message FROM attempts a WHERE stage=? AND at=(
                   SELECT MAX(at) FROM attempts b WHERE b.stage=a.stage AND b.case_id=a.case_id) ORDER BY case_id"""
        return [Attempt(*row) for row in self._db.execute(query, (stage,))]

    def unfinished_runs(self) -> int:
        """Runs that started and never ended: they were killed, or are still under way."""
        return int(self._db.execute("SELECT COUNT(*) FROM runs WHERE finished IS NULL").fetchone()[0])

    def sha256(self, path: Path) -> str:
        """A file's hash, read again only where its size or time of change differs from the last reading."""
        facts = path.stat()
        known = self._db.execute(
            "SELECT sha256 FROM file_hashes WHERE path=? AND size=? AND mtime_ns=?",
            (str(path), facts.st_size, facts.st_mtime_ns),
        ).fetchone()
        if known:
            return str(known[0])
        value = file_digest(path)
        self._db.execute(
            "INSERT OR REPLACE INTO file_hashes VALUES (?, ?, ?, ?)",
            (str(path), facts.st_size, facts.st_mtime_ns, value),
        )
        return value
