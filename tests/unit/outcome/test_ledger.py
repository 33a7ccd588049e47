"""The journal remembers the last try of every case and reads a file's bytes only when it changed."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path

import pytest

from outcome import ledger as ledger_module
from outcome.ledger import Attempt, Ledger


def test_the_last_try_of_a_case_counts(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "j.sqlite") as ledger:
        ledger.start_run("segment")
        ledger.record(Attempt("segment", "a", "failed", 0.1, "no mask"))
        ledger.record(Attempt("segment", "a", "done", 0.2))
        ledger.record(Attempt("radiomics", "a", "failed", 0.1, "small"))
    with Ledger.open(tmp_path / "j.sqlite") as again:
        assert [(x.status, x.message) for x in again.latest("segment")] == [("done", "")]
        assert [x.message for x in again.latest("radiomics")] == ["small"]


def test_a_killed_run_stays_visible(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "j.sqlite") as ledger:
        ledger.start_run("run")
        assert ledger.unfinished_runs() == 1
        ledger.finish_run(0)
        assert ledger.unfinished_runs() == 0


def test_a_changed_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mask"
    path.write_bytes(b"one")
    reads: list[Path] = []
    real = ledger_module.file_digest
    monkeypatch.setattr(ledger_module, "file_digest", lambda p: reads.append(p) or real(p))
    with Ledger.open(tmp_path / "j.sqlite") as ledger:
        assert ledger.sha256(path) == ledger.sha256(path) == hashlib.sha256(b"one").hexdigest()
        assert len(reads) == 1
        path.write_bytes(b"two")
        os.utime(path, ns=(1, 1))
        assert ledger.sha256(path) == hashlib.sha256(b"two").hexdigest()


def test_a_folders_hash_is_that_of_its_files_and_their_names(tmp_path: Path) -> None:
    """A DICOM series: a changed, renamed or added slice is another series; what is hidden is none of it."""
    folder = tmp_path / "series"
    (folder / "deep").mkdir(parents=True)
    (folder / "a").write_bytes(b"one")
    (folder / "deep" / "b").write_bytes(b"two")
    with Ledger.open(tmp_path / "journal.sqlite") as ledger:
        hashes = [ledger.sha256(folder)]
        (folder / ".hidden").write_bytes(b"x")
        assert ledger.sha256(folder) == hashes[0]
        (folder / "deep" / "b").write_bytes(b"three")
        hashes.append(ledger.sha256(folder))
        (folder / "a").rename(folder / "c")
        hashes.append(ledger.sha256(folder))
        (folder / "d").write_bytes(b"one")
        hashes.append(ledger.sha256(folder))
    assert len(set(hashes)) == 4


def test_a_clock_that_is_set_back_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger.open(tmp_path / "j.sqlite") as ledger:
        for now, status in ((200.0, "failed"), (100.0, "done"), (100.0, "done")):
            monkeypatch.setattr(ledger_module.time, "time", lambda now=now: now)
            ledger.record(Attempt("segment", "a", status))
        assert [x.status for x in ledger.latest("segment")] == ["done"]


def test_a_journal_of_an_earlier_version_is_read_and_goes_on(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "j.sqlite")
    old.execute("""CREATE TABLE attempts (run INTEGER NOT NULL, stage TEXT NOT NULL, case_id TEXT NOT NULL,
                   status TEXT NOT NULL, seconds REAL NOT NULL, message TEXT NOT NULL, at REAL NOT NULL)""")
    old.execute("INSERT INTO attempts VALUES (1, 'segment', 'a', 'failed', 0.1, 'no mask', 5.0)")
    old.commit()
    old.close()
    with Ledger.read(tmp_path / "j.sqlite") as ledger:
        assert ledger.attempts() == [Attempt("segment", "a", "failed", 0.1, "no mask")]
    with Ledger.open(tmp_path / "j.sqlite") as ledger:
        ledger.record(Attempt("segment", "a", "done", key="k"))
        assert [x.key for x in ledger.attempts("segment")] == ["", "k"]


def test_reading_a_journal_writes_nothing(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "j.sqlite") as ledger:
        ledger.start_run("run")
    before = (tmp_path / "j.sqlite").read_bytes()
    with Ledger.read(tmp_path / "j.sqlite") as ledger:
        assert ledger.unfinished_runs() == 1
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            ledger.record(Attempt("segment", "a", "done"))
    assert (tmp_path / "j.sqlite").read_bytes() == before


def test_a_status_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="begun"):
        Attempt("segment", "a", "finished")
