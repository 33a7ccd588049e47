"""Where are each case's images and mask, and which files belong to nobody?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from outcome.config import Study
from outcome.config.study import CASE_PLACE
from outcome.errors import DataRefusal
from outcome.types import CaseInput, Finding, Level


def case_inputs(study: Study, case_ids: Iterable[str]) -> dict[str, CaseInput]:
    """The image and mask files of each case that exist, as absolute paths, in the given order.

    Raises DataRefusal for a case id that would lead out of the study's root.
    """
    inputs = {}
    for case_id in case_ids:
        images = {name: _place(study.root, pattern, case_id) for name, pattern in study.images.items()}
        mask = _place(study.root, study.mask.pattern, case_id) if study.mask else None
        there = {name: path for name, path in images.items() if path.is_file()}
        inputs[case_id] = CaseInput(case_id, there, mask if mask is not None and mask.is_file() else None)
    return inputs


def input_findings(study: Study, inputs: Mapping[str, CaseInput], table_case_ids: Iterable[str]) -> list[Finding]:
    """Cases without a mask or image, and files whose case the table does not know (excluded cases are known)."""
    known = set(table_case_ids)
    findings = [_unclaimed(study, name, pattern, known) for name, pattern in _patterns(study).items()]
    if study.mask is not None:
        lacking = tuple(case for case, paths in inputs.items() if paths.mask is None)
        findings.append(_absent("mask", lacking, len(inputs), "go on without measurements of the mask"))
    for name in study.images:
        lacking = tuple(case for case, paths in inputs.items() if name not in paths.images)
        findings.append(_absent(f"image {name!r}", lacking, len(inputs), "go on without it"))
    return [finding for finding in findings if finding is not None]


def _absent(what: str, lacking: tuple[str, ...], n: int, consequence: str) -> Finding | None:
    code = "missing_mask" if what == "mask" else "missing_image"
    if not lacking:
        return None
    if len(lacking) == n and what != "mask":
        return Finding(code, Level.NOTE, f"no case has {what}: this study is used without it")
    message = f"{len(lacking)} of {n} cases have no {what}; they {consequence}"
    return Finding(code, Level.REVIEW, message, lacking)


def _unclaimed(study: Study, name: str, pattern: str, known: set[str]) -> Finding | None:
    orphans = tuple(sorted(_cases_on_disk(study.root, pattern) - known))
    if not orphans:
        return None
    message = f"{len(orphans)} file(s) of {name} belong to no row of the table"
    return Finding("file_without_row", Level.REVIEW, message, orphans)


def _cases_on_disk(root: Path, pattern: str) -> set[str]:
    """The case ids for which a file of this pattern exists."""
    glob = re.sub(r"([*?\[])", r"[\1]", pattern).replace(CASE_PLACE, "*")
    named = re.escape(pattern).replace(re.escape(CASE_PLACE), r"(?P<case>[^/]+)", 1)
    named = named.replace(re.escape(CASE_PLACE), "(?P=case)")
    matches = (re.fullmatch(named, path.relative_to(root).as_posix()) for path in root.glob(glob))
    return {match["case"] for match in matches if match}


def _patterns(study: Study) -> dict[str, str]:
    masks = {"mask": study.mask.pattern} if study.mask else {}
    return {**masks, **{f"image {name!r}": pattern for name, pattern in study.images.items()}}


def _place(root: Path, pattern: str, case_id: str) -> Path:
    if "/" in case_id or "\\" in case_id or case_id in (".", "..") or "\0" in case_id:
        raise DataRefusal(
            "a case id cannot be part of a file name",
            expected="no slash, and not a dot alone",
            found=repr(case_id[:80]),
            next_step="rename the case, or give images under another pattern",
        )
    return root / pattern.replace(CASE_PLACE, case_id)
