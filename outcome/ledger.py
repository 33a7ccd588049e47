"""What happened, in SQLite: runs, cases tried and failed, hashes of files already read; and which data were evaluated.

`Ledger` is a study's journal, `Evaluations` the append-only record of a whole store, `Reviews` that of what people said
about a study's masks. Times are host facts: none of them enters an artefact. All stay whole through a kill.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from outcome.formats import DATABASE, refuse_other_version
from outcome.store import digest, file_digest

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, command TEXT NOT NULL, started REAL NOT NULL,
                                 finished REAL, exit_code INTEGER);
CREATE TABLE IF NOT EXISTS attempts (run INTEGER NOT NULL, stage TEXT NOT NULL, case_id TEXT NOT NULL,
                                     status TEXT NOT NULL, seconds REAL NOT NULL, message TEXT NOT NULL,
                                     at REAL NOT NULL, key TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS attempts_by_case ON attempts (stage, case_id, at);
CREATE TABLE IF NOT EXISTS file_hashes (path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
                                        sha256 TEXT NOT NULL);
"""


_WITH_KEY = "ALTER TABLE attempts ADD COLUMN key TEXT NOT NULL DEFAULT ''"
ENDS = ("done", "failed", "crashed")
STATUSES = (*ENDS, "begun", "released")


@dataclass(frozen=True)
class Attempt:
    """One try at one case in one stage, or what was said of it.

    Status is "done", "failed" or, where its worker process was lost, "crashed": `message` says why. "begun" is kept of
    a case that is done in the run's own process, which it could take along; "released": somebody wants it tried again.
    `key` is that of the case's work: another file, setting or version of the program is other work.
    """

    stage: str
    case_id: str
    status: str
    seconds: float = 0.0
    message: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"a status is one of {STATUSES}, found {self.status!r}")


def require_database(connection: sqlite3.Connection, path: Path) -> None:
    """Write this version's number into a database that has none: a new one, or one of before, of the same form.

    Raises StoreRefusal where another version's number stands there.
    """
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found == 0:
        connection.execute(f"PRAGMA user_version={DATABASE}")
    else:
        refuse_other_version(found, DATABASE, str(path), "choose another store with --store")


class Ledger:
    """A study's journal. Use as a context manager: `with Ledger.open(path) as ledger`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._run = 0
        self.exit_code = 0  # what the run ends with where nothing is raised

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Ledger]:
        """Open (and create) the journal; closed on leaving."""
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        try:
            require_database(connection, path)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.executescript(_SCHEMA)
            if not _has_key(connection):
                connection.execute(_WITH_KEY)
            yield cls(connection)
        finally:
            connection.close()

    @classmethod
    @contextmanager
    def read(cls, path: Path) -> Iterator[Ledger]:
        """Open a journal for reading alone: nothing is written, and a store that cannot be written will do."""
        uri = f"{path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri if os.access(path.parent, os.W_OK) else f"{uri}&immutable=1", uri=True)
        try:
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
        row = (self._run, attempt.stage, attempt.case_id, attempt.status, attempt.seconds, attempt.message, time.time(),
               attempt.key)  # fmt: skip
        self._db.execute(
            """INSERT INTO attempts (run, stage, case_id, status, seconds, message, at, key)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            row,
        )

    def attempts(self, stage: str | None = None) -> list[Attempt]:
        """Everything recorded of a stage's cases (default: of all stages), in its order.

        The order is that of writing: clocks are set back.
        """
        key = "key" if _has_key(self._db) else "''"
        query = f"""SELECT stage, case_id, status, seconds, message, {key} FROM attempts
                    WHERE ? IS NULL OR stage=? ORDER BY rowid"""
        return [Attempt(*row) for row in self._db.execute(query, (stage, stage))]

    def latest(self, stage: str) -> list[Attempt]:
        """How the last try of every case in a stage ended, by case id."""
        last = {tried.case_id: tried for tried in self.attempts(stage) if tried.status in ENDS}
        return [last[case_id] for case_id in sorted(last)]

    def unfinished_runs(self) -> int:
        """Runs that started and never ended: they were killed, or are still under way."""
        return int(self._db.execute("SELECT COUNT(*) FROM runs WHERE finished IS NULL").fetchone()[0])

    def sha256(self, path: Path) -> str:
        """A file's hash, read again only where its size or time of change differs from the last reading.

        A folder's (of a DICOM series) is that of the names and hashes of its files, hidden ones left out.
        """
        if path.is_dir():
            return digest({name: self.sha256(path / name) for name in _files_below(path)})
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


def _has_key(connection: sqlite3.Connection) -> bool:
    """Whether tries are kept by key; journals of earlier versions are not until they are opened for writing."""
    return any(row[1] == "key" for row in connection.execute("PRAGMA table_info(attempts)"))


def _files_below(folder: Path) -> list[str]:
    """Relative names of the files under a folder, in order; nothing hidden, no links to folders."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [str((Path(place) / name).relative_to(folder)) for name in names if not name.startswith(".")]
    return sorted(found)


_EVALUATIONS_SCHEMA = """
CREATE TABLE IF NOT EXISTS evaluations (number INTEGER PRIMARY KEY, data_sha256 TEXT NOT NULL, bundle_id TEXT NOT NULL,
                                        study TEXT NOT NULL, partition TEXT NOT NULL, first_seen REAL NOT NULL);
CREATE TABLE IF NOT EXISTS protocols (number INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, fixed_at TEXT NOT NULL,
                                      first_seen REAL NOT NULL);
"""
# REPLACE deletes without firing a DELETE trigger, so a number in use is refused on INSERT too.
_APPEND_ONLY = """
CREATE TRIGGER IF NOT EXISTS {table}_keep BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS {table}_stay BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS {table}_once BEFORE INSERT ON {table}
    WHEN EXISTS (SELECT 1 FROM {table} WHERE number = NEW.number) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
"""
EVALUATIONS_FILE = "evaluations.sqlite"


@dataclass(frozen=True)
class Evaluated:
    """One look at one set of cases with known outcomes: which data, through which bundle, as what."""

    data_sha256: str
    bundle_id: str
    study: str
    partition: str


class Evaluations:
    """Which data were evaluated in a store, in the order of the first look; rows are never changed nor removed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    @contextmanager
    def open(cls, store: Path) -> Iterator[Evaluations]:
        """Open (and create) the record of the store in this folder; closed on leaving."""
        store.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(store / EVALUATIONS_FILE, timeout=30, isolation_level=None)
        try:
            require_database(connection, store / EVALUATIONS_FILE)
            connection.executescript(_EVALUATIONS_SCHEMA)
            for table in ("evaluations", "protocols"):
                connection.executescript(_APPEND_ONLY.format(table=table))
            yield cls(connection)
        finally:
            connection.close()

    def record(self, seen: Evaluated) -> None:
        """Append a look; the same look again (a repeat, or a run that goes on after a kill) adds nothing."""
        row = (seen.data_sha256, seen.bundle_id, seen.study, seen.partition)
        self._db.execute(
            """INSERT INTO evaluations (data_sha256, bundle_id, study, partition, first_seen) SELECT ?, ?, ?, ?, ?
               WHERE NOT EXISTS (SELECT 1 FROM evaluations
                                 WHERE data_sha256=? AND bundle_id=? AND study=? AND partition=?)""",
            (*row, time.time(), *row),
        )

    def before(self, data_sha256: str, bundle_id: str) -> list[Evaluated]:
        """The looks at the same data through other bundles, in their order, before this bundle's first one."""
        rows = self._db.execute(
            """SELECT data_sha256, bundle_id, study, partition FROM evaluations WHERE data_sha256=? AND number <
               (SELECT COALESCE(MIN(number), 9223372036854775807) FROM evaluations WHERE data_sha256=? AND bundle_id=?)
               ORDER BY number""",
            (data_sha256, data_sha256, bundle_id),
        )
        return [Evaluated(*row) for row in rows]

    def record_protocol(self, sha256: str, fixed_at: str) -> None:
        """Append a protocol when it is first seen; the same one again adds nothing."""
        self._db.execute(
            """INSERT INTO protocols (sha256, fixed_at, first_seen) SELECT ?, ?, ?
               WHERE NOT EXISTS (SELECT 1 FROM protocols WHERE sha256=?)""",
            (sha256, fixed_at, time.time(), sha256),
        )

    def looked_before(self, data_sha256: str, protocol_sha256: str) -> bool:
        """Whether any look at these data, through whatever bundle, came before the protocol was first seen here."""
        row = self._db.execute(
            """SELECT EXISTS (SELECT 1 FROM evaluations e WHERE e.data_sha256=? AND NOT EXISTS
                              (SELECT 1 FROM protocols p WHERE p.sha256=? AND p.first_seen <= e.first_seen))""",
            (data_sha256, protocol_sha256),
        ).fetchone()
        return bool(row[0])


_REVIEWS_SCHEMA = """
CREATE TABLE IF NOT EXISTS reviews (number INTEGER PRIMARY KEY, case_id TEXT NOT NULL, mask TEXT NOT NULL,
                                    verdict TEXT NOT NULL, said_by TEXT NOT NULL, comment TEXT NOT NULL,
                                    at REAL NOT NULL);
"""
REVIEWS_FILE = "reviews.sqlite"
VERDICTS = ("accept", "edit", "reject")


@dataclass(frozen=True)
class Review:
    """One person's word on one case's mask: `mask` is the mask's key in the segment stage, so that a mask made anew is
    not reviewed; verdict is "accept", "edit" (usable once mended) or "reject"."""

    case_id: str
    mask: str
    verdict: str
    said_by: str
    comment: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"a verdict is one of {VERDICTS}, found {self.verdict!r}")


class Reviews:
    """What people said about a study's masks, in order; rows are never changed nor removed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    @contextmanager
    def open(cls, study: Path) -> Iterator[Reviews]:
        """Open (and create) the record in a study's folder of a store; closed on leaving."""
        study.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(study / REVIEWS_FILE, timeout=30, isolation_level=None)
        try:
            require_database(connection, study / REVIEWS_FILE)
            connection.executescript(_REVIEWS_SCHEMA)
            connection.executescript(_APPEND_ONLY.format(table="reviews"))
            yield cls(connection)
        finally:
            connection.close()

    def record(self, said: Review) -> None:
        """Append a verdict; the one that stands already adds nothing."""
        if self.standing().get((said.case_id, said.mask)) != said:
            row = (said.case_id, said.mask, said.verdict, said.said_by, said.comment, time.time())
            self._db.execute(
                "INSERT INTO reviews (case_id, mask, verdict, said_by, comment, at) VALUES (?, ?, ?, ?, ?, ?)", row
            )

    def standing(self) -> dict[tuple[str, str], Review]:
        """The last word on every mask, by case id and the mask's key."""
        rows = self._db.execute("SELECT case_id, mask, verdict, said_by, comment FROM reviews ORDER BY number")
        return {(row[0], row[1]): Review(*row) for row in rows}
