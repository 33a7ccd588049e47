"""The record of evaluations grows and never changes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from outcome.ledger import EVALUATIONS_FILE, Evaluated, Evaluations


def look(bundle: str, data: str = "d1", partition: str = "later", study: str = "s") -> Evaluated:
    return Evaluated(data, bundle, study, partition)


def recorded(store: Path, *looks: Evaluated) -> None:
    """Each look in a process of its own, as far as the file knows."""
    for each in looks:
        with Evaluations.open(store) as record:
            record.record(each)


def test_looks_are_counted_in_the_order_of_the_first_one(tmp_path: Path) -> None:
    recorded(tmp_path, look("x"), look("y"), look("x"), look("z"), look("y", data="d2"))
    with Evaluations.open(tmp_path) as record:
        before = {bundle: [seen.bundle_id for seen in record.before("d1", bundle)] for bundle in "xyz"}
        assert before == {"x": [], "y": ["x"], "z": ["x", "y"]}
        assert record.before("d2", "y") == []
        assert [seen.bundle_id for seen in record.before("d1", "never seen")] == ["x", "y", "z"]


def test_the_same_look_again_adds_no_row(tmp_path: Path) -> None:
    recorded(tmp_path, look("x"), look("x"), look("x", partition="other"))
    with sqlite3.connect(tmp_path / EVALUATIONS_FILE) as db:
        assert db.execute("SELECT COUNT(*) FROM evaluations").fetchone() == (2,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evaluations SET bundle_id='y'",
        "DELETE FROM evaluations",
        "REPLACE INTO evaluations VALUES (1, 'd', 'b', 's', 'p', 0)",
        "UPDATE protocols SET first_seen=0",
        "DELETE FROM protocols",
        "REPLACE INTO protocols VALUES (1, 'h', 't', 0)",
    ],
)
def test_no_row_is_changed_replaced_or_removed(statement: str, tmp_path: Path) -> None:
    with Evaluations.open(tmp_path) as record:
        record.record(look("x"))
        record.record_protocol("p", "2026-01-01T00:00:00Z")
    db = sqlite3.connect(tmp_path / EVALUATIONS_FILE)
    before = [db.execute(f"SELECT * FROM {table}").fetchall() for table in ("evaluations", "protocols")]
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement)
    db.rollback()
    assert [db.execute(f"SELECT * FROM {table}").fetchall() for table in ("evaluations", "protocols")] == before
    db.close()


def test_a_protocol_seen_after_the_first_look_came_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("outcome.ledger.time.time", lambda: float(next(clock)))
    with Evaluations.open(tmp_path) as record:
        record.record_protocol("early", "2026-01-01T00:00:00Z")
        record.record(look("x"))
        record.record_protocol("late", "2026-01-01T00:00:00Z")
        record.record_protocol("early", "2026-01-01T00:00:00Z")
        record.record(look("x"))
        assert record.looked_before("d1", "late")
        assert record.looked_before("d1", "never seen")
        assert not record.looked_before("d1", "early")
        assert not record.looked_before("other data", "late")
