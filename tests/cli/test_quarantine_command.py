"""Failed cases in `outcome status`, `outcome quarantine`, and two runs on one store."""

from __future__ import annotations

import errno
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.crash_study import write_crash_study
from outcome.ledger import Ledger
from tests.cli.conftest import Call

HOLD = """
import sys, time
from outcome.store import StudyStore
with StudyStore(sys.argv[1], "crash").lock():
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_crash_study(tmp_path / "study", imaged=3)


def test_a_case_that_fails_is_counted_quarantined_named_and_released(study: Path, tmp_path: Path, call: Call) -> None:
    mask, store = study.parent / "masks" / "p00001.nii.gz", tmp_path / "store"
    good = mask.read_bytes()
    mask.write_bytes(b"not an image")
    words = [study, "--store", store, "--json"]
    assert call("cohort", *words).code == 0
    answers = [call("segment", *words) for _ in range(4)]
    assert [answer.code for answer in answers] == [4] * 4
    assert answers[0].json["stages"] == answers[3].json["stages"]
    assert [len(answer.json["quarantined"]) for answer in answers] == [0, 0, 1, 1]
    stage = next(s for s in call("status", store, "--json").json["studies"][0]["stages"] if s["stage"] == "segment")
    assert stage["counts"] == {"cases": 3, "done": 2, "failed": 1}
    assert stage["tries"]["p00001"]["failures"] == 3
    shown = call("status", store).out
    assert "p00001 (tried 3 times; quarantined)" in shown
    assert f"outcome quarantine release {store}" in shown
    assert "quarantined in segment: p00001" in call("segment", study, "--store", store, "--quiet").out
    assert "p00001" in call("quarantine", "list", store).out
    assert call("quarantine", "release", store, "p00009").code == 3
    assert [case["case_id"] for case in call("quarantine", "release", store, "--json").json["released"]] == ["p00001"]
    assert "no case is in quarantine" in call("quarantine", "list", store).out
    mask.write_bytes(good)
    assert call("segment", *words).code == 0
    with Ledger.read(store / "crash" / "journal.sqlite") as ledger:
        codes = [row[0] for row in ledger._db.execute("SELECT exit_code FROM runs ORDER BY id")]
    assert codes == [0, 4, 4, 4, 4, 4, 0]


def test_a_second_run_is_refused_and_goes_on_when_the_first_is_killed(study: Path, tmp_path: Path, call: Call) -> None:
    store = tmp_path / "store"
    first = subprocess.Popen([sys.executable, "-c", HOLD, str(store)], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "held\n"
    refused = call("cohort", study, "--store", store)
    assert refused.code == 3
    assert f"process {first.pid} on " in refused.err
    assert "--store" in refused.err
    assert call("cohort", study, "--store", tmp_path / "another").code == 0
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stdout.close()
    assert call("cohort", study, "--store", store, "--quiet").code == 0


def test_a_damaged_journal_is_named_and_its_loss_costs_no_work(study: Path, tmp_path: Path, call: Call) -> None:
    store = tmp_path / "store"
    journal = store / "crash" / "journal.sqlite"
    assert call("cohort", study, "--store", store, "--quiet").code == 0
    journal.write_bytes(b"not a journal at all" * 100)
    for words in (["cohort", study, "--store", store], ["status", store]):
        answer = call(*words)
        assert answer.code == 3
        assert "move journal.sqlite away" in answer.err
    shutil.move(journal, tmp_path / "old")
    assert call("cohort", study, "--store", store, "--json").json["stages"][0]["status"] == "current"


def test_a_closed_table_is_not_taken_for_a_closed_store(
    study: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operating system's answer is played: whoever may read everything meets no closed door."""
    table = study.parent / "table.csv"

    def closed(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(table))

    monkeypatch.setattr("outcome.pipeline.cohort.file_digest", closed)
    answer = call("cohort", study, "--store", tmp_path / "store")
    assert answer.code == 3
    assert f"{table} cannot be read" in answer.err
    assert "free space" not in answer.err
