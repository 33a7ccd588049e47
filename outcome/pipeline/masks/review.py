"""What people said about the masks of a study, and what follows: a rejected mask is not measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outcome.errors import DataRefusal, StoreRefusal
from outcome.ledger import REVIEWS_FILE, VERDICTS, Review, Reviews
from outcome.store import StudyStore, read_json, writing
from outcome.types import Finding, Level


def record_review(root: Path, study: str | None, said: Review) -> dict[str, Any]:
    """Keep a verdict on a case's mask as it is now (`said.mask` is not read); gives back what was kept.

    Raises StoreRefusal where the store holds no such study, DataRefusal for a case without a mask.
    """
    store = StudyStore(root, study or _only_study(root))
    mask = _mask_of(store, said.case_id)
    kept = Review(said.case_id, mask, said.verdict, said.said_by, said.comment)
    with writing(store.folder), Reviews.open(store.folder) as reviews:
        reviews.record(kept)
    again = "outcome run STUDY.yaml: what was measured on the mask goes" if said.verdict == "reject" else ""
    return {"study": store.study, "case_id": kept.case_id, "verdict": kept.verdict, "next_step": again}


def rejected_masks(store: StudyStore) -> dict[str, Review]:
    """The standing rejections of a study, by the mask's key; empty where nobody reviewed."""
    if not (store.folder / REVIEWS_FILE).exists():
        return {}
    with Reviews.open(store.folder) as reviews:
        said = reviews.standing()
    return {mask: review for (_, mask), review in sorted(said.items()) if review.verdict == "reject"}


def without_rejected(index: Mapping[str, str], rejected: Mapping[str, Review]) -> tuple[dict[str, str], list[Finding]]:
    """The index of cases whose mask may be used, and a finding for each that may not."""
    left = {case_id: key for case_id, key in index.items() if key not in rejected}
    return left, [_finding(case_id, rejected[key]) for case_id, key in index.items() if key in rejected]


def _finding(case_id: str, said: Review) -> Finding:
    words = f"the mask was rejected on review by {said.said_by}: nothing is measured on it"
    return Finding("mask_rejected", Level.REJECT, words, (case_id,))


def _mask_of(store: StudyStore, case_id: str) -> str:
    """The key of a case's mask: of the segment stage, or of the review that took it out of there."""
    index = read_json(store.stage("segment") / "index.json")
    if case_id in index:
        return str(index[case_id])
    for key, said in rejected_masks(store).items():
        if said.case_id == case_id and (store.stage("segment") / "cases" / f"{key}.json").exists():
            return key
    raise DataRefusal(
        f"case {case_id} has no mask in this study", expected="a case that the segment stage finished",
        next_step="outcome status STORE tells which cases failed",
    )  # fmt: skip


def _only_study(root: Path) -> str:
    names = sorted(path.parent.parent.name for path in root.glob("*/segment/index.json"))
    if len(names) != 1:
        raise StoreRefusal(
            f"{root} does not tell which study is meant",
            expected="one study with masks",
            found=", ".join(names) or "none",
            next_step="name the store, and the study with --study",
        )
    return names[0]


__all__ = ["VERDICTS", "record_review", "rejected_masks", "without_rejected"]
