"""Where are each case's images and mask, and which files belong to nobody?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from outcome.config import Study
from outcome.config.imaging import CASE_PLACE
from outcome.errors import DataRefusal
from outcome.recipe import CaseInput
from outcome.types import Finding, Level


def case_inputs(study: Study, case_ids: Iterable[str]) -> dict[str, CaseInput]:
    """The images and masks of each case that exist, as absolute paths, in the given order; an image may be a folder.

    Raises DataRefusal for a case id that would lead out of the study's root.
    """
    inputs = {}
    for case_id in case_ids:
        images = {name: _place(study.root, pattern, case_id) for name, pattern in study.images.items()}
        mask = _place(study.root, study.mask.pattern, case_id) if study.mask else None
        others = {name: _place(study.root, pattern, case_id) for name, pattern in _other_masks(study).items()}
        given = mask if mask is not None and mask.is_file() else None
        inputs[case_id] = CaseInput(case_id, _images(images), given, _files(others))
    return inputs


def _images(paths: Mapping[str, Path]) -> dict[str, Path]:
    """Those that exist: files, and folders that are not empty, such as that of a DICOM series."""
    return {name: path for name, path in paths.items() if path.is_file() or (path.is_dir() and any(path.iterdir()))}


def _files(paths: Mapping[str, Path]) -> dict[str, Path]:
    return {name: path for name, path in paths.items() if path.is_file()}


def _other_masks(study: Study) -> dict[str, str]:
    return dict(study.mask.others) if study.mask else {}


def input_findings(study: Study, inputs: Mapping[str, CaseInput], table_case_ids: Iterable[str]) -> list[Finding]:
    """Cases without a mask or image, and files whose case the table does not know (excluded cases are known)."""
    known = set(table_case_ids)
    findings = [_unclaimed(study, name, pattern, known) for name, pattern in _patterns(study).items()]
    if study.mask is not None:
        lacking = tuple(case for case, paths in inputs.items() if paths.mask is None)
        without = "get a learned one all the same" if study.segmenter else "go on without measurements of the mask"
        findings.append(_absent("mask", lacking, len(inputs), without))
    for name in study.images:
        lacking = tuple(case for case, paths in inputs.items() if name not in paths.images)
        if name in unreadable_sequences(study, inputs):
            findings.append(_no_sequence(study, name))
        else:
            findings.append(_absent(f"image {name!r}", lacking, len(inputs), "go on without it"))
    for name in _other_masks(study):
        lacking = tuple(case for case, paths in inputs.items() if name in paths.images and name not in paths.masks)
        findings.append(_absent(f"mask on {name!r}", lacking, len(inputs), "go on without its image block"))
    return [finding for finding in findings if finding is not None]


def unreadable_sequences(study: Study, inputs: Mapping[str, CaseInput]) -> tuple[str, ...]:
    """Images that networks are to read and that no case at all has: a mistake in the study file, not a missing block.

    A sequence without a pattern is no mistake: a bundle may ask for what this hospital never takes.
    """
    wanted = study.image_blocks.sequences if study.image_blocks else {}
    found = {name for paths in inputs.values() for name in paths.images}
    return tuple(name for name in wanted if name in study.images and name not in found)


def refuse_unreadable_sequences(study: Study, inputs: Mapping[str, CaseInput]) -> None:
    """Raise DataRefusal, naming the pattern, where no case has an image that networks are to read."""
    for name in unreadable_sequences(study, inputs):
        raise DataRefusal(
            f"image_blocks reads the image {name!r} and no case has it",
            expected=f"files of the pattern {study.images[name]}",
            found=f"none for {len(inputs)} cases",
            next_step="correct images in the study file, or take the sequence out of image_blocks",
        )


def _no_sequence(study: Study, name: str) -> Finding:
    message = (
        f"image_blocks reads the image {name!r} and no case has a file of the pattern {study.images[name]}; "
        "correct images in the study file, or take the sequence out of image_blocks"
    )
    return Finding("missing_image", Level.REJECT, message)


def _absent(what: str, lacking: tuple[str, ...], n: int, consequence: str) -> Finding | None:
    code = "missing_mask" if what.startswith("mask") else "missing_image"
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
    masks |= {f"mask on {name!r}": pattern for name, pattern in _other_masks(study).items()}
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
