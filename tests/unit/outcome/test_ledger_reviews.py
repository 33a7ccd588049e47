"""What people said about masks is kept, never changed, and a rejected mask is not measured."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from outcome.cli.main import run
from outcome.ledger import REVIEWS_FILE, Review, Reviews
from outcome.pipeline.masks.review import record_review, rejected_masks, without_rejected
from outcome.store import StudyStore, write_json


@pytest.fixture
def store(tmp_path: Path) -> StudyStore:
    made = StudyStore(tmp_path, "kidneys")
    write_json(made.stage("segment") / "index.json", {"a": "key_a", "b": "key_b"})
    return made


def test_the_last_word_on_a_mask_stands_until_the_mask_changes(store: StudyStore) -> None:
    for verdict in ("reject", "accept", "reject", "reject"):
        record_review(store.root, None, Review("a", "", verdict, "Reader"))
    with sqlite3.connect(store.folder / REVIEWS_FILE) as db:
        assert db.execute("SELECT COUNT(*) FROM reviews").fetchone() == (3,), "what stands already adds nothing"
    assert list(rejected_masks(store)) == ["key_a"]
    index, findings = without_rejected({"a": "key_a", "b": "key_b"}, rejected_masks(store))
    assert index == {"b": "key_b"}
    assert [(f.code, f.case_ids) for f in findings] == [("mask_rejected", ("a",))]
    assert without_rejected({"a": "drawn anew"}, rejected_masks(store))[0] == {"a": "drawn anew"}


def test_a_rejected_case_can_be_accepted_again(store: StudyStore) -> None:
    record_review(store.root, None, Review("a", "", "reject", "Reader"))
    write_json(store.stage("segment") / "index.json", {"b": "key_b"})
    write_json(store.stage("segment") / "cases" / "key_a.json", {})
    record_review(store.root, None, Review("a", "", "accept", "Reader"))
    assert rejected_masks(store) == {}


@pytest.mark.parametrize("change", ["UPDATE reviews SET verdict='accept'", "DELETE FROM reviews"])
def test_no_word_is_changed_or_removed(change: str, tmp_path: Path) -> None:
    with Reviews.open(tmp_path) as reviews:
        reviews.record(Review("a", "k", "reject", "Reader", "why"))
    with sqlite3.connect(tmp_path / REVIEWS_FILE) as db, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(change)
    with pytest.raises(ValueError, match="verdict"):
        Review("a", "k", "perhaps", "Reader")


def test_the_command_and_its_refusals(store: StudyStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", str(tmp_path), "b", "--verdict", "edit", "--by", "Reader", "--comment", "rim"]) == 0
    with Reviews.open(store.folder) as reviews:
        assert reviews.standing() == {("b", "key_b"): Review("b", "key_b", "edit", "Reader", "rim")}
    assert run(["review", str(tmp_path), "z", "--verdict", "edit", "--by", "Reader"]) == 3
    assert run(["review", str(tmp_path), "b", "--verdict", "maybe", "--by", "Reader"]) == 2
    assert run(["review", str(tmp_path), "b", "--verdict", "edit", "--by", " "]) == 2
    write_json(tmp_path / "second" / "segment" / "index.json", {"b": "k"})
    assert run(["review", str(tmp_path), "b", "--verdict", "edit", "--by", "Reader"]) == 3, "which study?"
    assert run(["review", str(tmp_path), "b", "--verdict", "edit", "--by", "Reader", "--study", "second"]) == 0
    assert "kidneys, second" in capsys.readouterr().err
