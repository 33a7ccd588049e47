"""Where a store stands: every study's stages, whether they are current, and the cases that failed with the reason."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from outcome.errors import Refusal, StoreRefusal
from outcome.ledger import Ledger
from outcome.pipeline.quarantine import Tries, listed, release, unfinished
from outcome.pipeline.stage import upstream
from outcome.store import MANIFEST, STAGES, StudyStore, read_json


def store_status(root: Path) -> dict[str, Any]:
    """Every study in a store. Raises StoreRefusal where the folder holds none."""
    return {"store": str(root), "studies": [study_status(store) for store in studies_of(root)]}


def studies_of(root: Path, study: str | None = None) -> list[StudyStore]:
    """The studies of a store, or the one that is named. Raises StoreRefusal where there is none."""
    places = [StudyStore(root, path.name) for path in sorted(root.glob("*")) if study in (None, path.name)]
    places = [place for place in places if place.journal.exists()]
    if not places:
        raise StoreRefusal(
            f"{root} holds no study{'' if study is None else f' {study}'}",
            expected="a store written by `outcome run`",
            next_step="check the path",
        )
    return places


def quarantined_cases(store: StudyStore) -> list[dict[str, str]]:
    """The cases of a study that a run leaves alone, with stage, reason and tries."""
    with _journal(store) as ledger:
        return [{"study": store.study, **case} for case in listed(ledger)]


def study_status(store: StudyStore) -> dict[str, Any]:
    """One study: its stages in order, the cases that failed and how often each was tried, and runs that were cut off.

    Reads only. Raises StoreRefusal where the journal cannot be read.
    """
    stages = [_stage_status(store, stage, part) for stage in STAGES for part in _parts(store, stage)]
    with _journal(store) as ledger:
        known = [case for case in unfinished(ledger) if case.failures or case.suspected]
        attempted = {stage: len(ledger.latest(stage)) for stage in STAGES}
        cut_off = ledger.unfinished_runs()
    for entry in stages:
        tried = {case.case_id: case for case in known if case.stage.partition(":")[0] == entry["stage"]}
        if entry["state"] == "unfinished":
            entry["failed"] = {case_id: case.message for case_id, case in tried.items() if case.failures}
        elif entry["state"] == "done":
            tried = {case_id: case for case_id, case in tried.items() if case_id in entry["failed"]}
        entry["attempted"] = attempted[entry["stage"]]
        entry["tries"] = {case_id: _tried(case) for case_id, case in tried.items()}
    return {"study": store.study, "unfinished_runs": cut_off, "stages": stages}


def _tried(case: Tries) -> dict[str, Any]:
    return {
        "failures": case.failures, "crashes": case.crashes, "cut_off": case.cut_off, "quarantined": case.quarantined,
        "words": case.words(),
    }  # fmt: skip


def release_cases(root: Path, study: str | None, case_ids: Collection[str]) -> list[dict[str, str]]:
    """Let cases of a store be tried again, all of them where none is named; returns them as they were.

    Raises StoreRefusal where a named case is not in quarantine, or a study with one is in use.
    """
    known = [case for store in studies_of(root, study) for case in quarantined_cases(store)]
    unknown = sorted(set(case_ids) - {case["case_id"] for case in known})
    if unknown:
        raise StoreRefusal(
            f"not in quarantine in {root}: {', '.join(unknown)}", next_step=f"outcome quarantine list {root}"
        )
    chosen = [case for case in known if not case_ids or case["case_id"] in case_ids]
    for name in sorted({case["study"] for case in chosen}):
        release(StudyStore(root, name), {case["case_id"] for case in chosen if case["study"] == name})
    return chosen


@contextmanager
def _journal(store: StudyStore) -> Iterator[Ledger]:
    try:
        with Ledger.read(store.journal) as ledger:
            yield ledger
    except sqlite3.DatabaseError as error:
        raise StoreRefusal(
            f"the journal of {store.folder} cannot be read: {error}",
            next_step=f"move {store.journal.name} away and repeat `outcome run`: finished work is found without it",
        ) from error


def _parts(store: StudyStore, stage: str) -> list[str]:
    """A stage's parts: one folder a bundle for the stages after training, else the stage itself."""
    folder = store.stage(stage)
    parts = sorted(path.name for path in folder.glob("*") if path.is_dir()) if stage in STAGES[5:] else []
    return parts or [""]


def _stage_status(store: StudyStore, stage: str, part: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"stage": stage, "part": part, "state": "not begun", "counts": {}, "failed": {}}
    folder = store.stage(stage, part)
    if not (folder / MANIFEST).exists():
        return {**entry, "state": "unfinished" if folder.exists() else "not begun"}
    try:
        manifest = read_json(folder / MANIFEST)
        upstream(store, stage, part)
        return {**entry, "state": "done", "counts": manifest["counts"], "failed": manifest["failed"]}
    except Refusal as refusal:
        return {**entry, "state": "stale", "reason": refusal.message, "next_step": refusal.next_step}
