"""Where a store stands: every study's stages, whether they are current, and the cases that failed with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from outcome.errors import Refusal, StoreRefusal
from outcome.ledger import Ledger
from outcome.pipeline.stage import upstream
from outcome.store import MANIFEST, STAGES, StudyStore, read_json


def store_status(root: Path) -> dict[str, Any]:
    """Every study in a store. Raises StoreRefusal where the folder holds none."""
    studies = sorted(path.name for path in root.glob("*") if (path / "journal.sqlite").exists())
    if not studies:
        raise StoreRefusal(
            f"{root} holds no study", expected="a store written by `outcome run`", next_step="check the path"
        )
    return {"store": str(root), "studies": [study_status(StudyStore(root, name)) for name in studies]}


def study_status(store: StudyStore) -> dict[str, Any]:
    """One study: its stages in order, and how many runs were cut off."""
    stages = [_stage_status(store, stage, part) for stage in STAGES for part in _parts(store, stage)]
    with Ledger.open(store.journal) as ledger:
        attempts = {stage: ledger.latest(stage) for stage in ("segment", "radiomics", "features", "train")}
        unfinished = ledger.unfinished_runs()
    for entry in stages:
        entry["attempted"] = len(attempts.get(entry["stage"], []))
        if entry["state"] == "unfinished":
            latest = attempts.get(entry["stage"], [])
            entry["failed"] = {tried.case_id: tried.message for tried in latest if tried.status == "failed"}
    return {"study": store.study, "unfinished_runs": unfinished, "stages": stages}


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
