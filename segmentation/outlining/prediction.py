"""Masks for the cases of a folder: each whole or not at all, skipped where done, and one bad case stops no other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segmentation.assessment.expected_volumes import VolumeRange
from segmentation.assessment.quality import check_mask
from segmentation.device import available_bytes
from segmentation.errors import ImageRefusal
from segmentation.images.case_files import CaseFiles
from segmentation.images.pictures import picture_mask_bytes
from segmentation.images.reading import has_size, is_picture
from segmentation.images.scans import Scan, read_scan
from segmentation.images.writing import image_bytes, mask_bytes
from segmentation.learning.checkpoint import write_atomically
from segmentation.outlining.coarse_to_fine import CoarseToFine
from segmentation.outlining.ensemble import Asked, Ensemble, Outlined
from segmentation.outlining.inference import PLAIN, Segmenter
from segmentation.outlining.model import Model
from segmentation.types import Mask, Volume

DONE = ".done"  # folder of what was made from what


@dataclass(frozen=True)
class Outliner:
    """What outlines a scan: `name` says by what, `about` how; both decide whether a mask on disk is still this one."""

    name: str
    inputs: tuple[str, ...]
    about: str
    outline: Callable[[Scan, int | None], Outlined]
    volumes: Mapping[str, VolumeRange] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseAnswer:
    """What became of a case: findings and agreement between members, or why it failed. `skipped`: done before."""

    name: str
    findings: tuple[dict[str, str], ...] = ()
    agreement: dict[str, float] = field(default_factory=dict)
    skipped: bool = False
    error: ImageRefusal | None = None


def outliner_of(models: Sequence[Model], asked: Asked, coarse: Model | None = None, margin_mm: float = 0.0) -> Outliner:
    """One model, several as an ensemble, or a coarse one before a fine one.

    Raises ImageRefusal: `not_a_network` where more is asked of a method than it can tell, `ensemble_mismatch`, and
    `one_fine_network` where a coarse network stands before several or uncertainty is asked for beside it.
    """
    networks = [model for model in models if isinstance(model, Segmenter)]
    if len(networks) < len(models):
        return _plain(models, asked, coarse)
    if coarse is None:
        ensemble = Ensemble(networks)
        outline = lambda scan, limit: ensemble.outline(scan, asked, limit_bytes=limit)  # noqa: E731
        return Outliner(ensemble.name, ensemble.inputs, repr(asked), outline, networks[0].volumes)
    if len(networks) > 1 or asked.uncertainty or asked.masks:
        step = "name one network beside --coarse, without --uncertainty and --masks"
        found = f"{len(networks)} networks"
        raise ImageRefusal(
            "one_fine_network", "A coarse network stands before one fine network.", expected="one mask of one network",
            found=found, next_step=step,
        )  # fmt: skip
    pair = CoarseToFine(coarse, networks[0], margin_mm)

    def within(scan: Scan, limit: int | None) -> Outlined:
        mask, findings = pair.outline(scan, asked.how, limit_bytes=limit)
        return Outlined(mask, findings=tuple(findings))

    return Outliner(pair.name, pair.inputs, f"{asked!r} {margin_mm}", within, networks[0].volumes)


def _plain(models: Sequence[Model], asked: Asked, coarse: Model | None) -> Outliner:
    model = next(model for model in models if not isinstance(model, Segmenter))
    if len(models) > 1 or coarse or asked.uncertainty or asked.masks or asked.how != PLAIN:
        raise ImageRefusal(
            "not_a_network",
            f"{model.name} gives a mask and no probabilities.",
            expected="networks, for ensembles, uncertainty, several masks, mirror images or coarse-to-fine",
            found="a classical method or a hybrid",
            next_step="leave those options out, or name networks alone",
        )
    outline = lambda scan, limit: Outlined(model.segment(scan, limit_bytes=limit))  # noqa: E731
    return Outliner(model.name, model.inputs, "", outline, model.volumes)


@dataclass(frozen=True)
class FolderRun:
    """Where masks go. `workers` cases are in hand at once: one is read and written while another is computed.
    `again` outlines what is done, `recorded` notes what was made from what, so that it can be skipped."""

    outliner: Outliner
    output: Path
    workers: int = 1
    again: bool = False
    recorded: bool = True

    def run(self, cases: Iterable[CaseFiles]) -> Iterator[CaseAnswer]:
        """Every case's answer, in the order of the cases."""
        with ThreadPoolExecutor(self.workers) as pool:
            yield from pool.map(self.one, cases)

    def one(self, case: CaseFiles) -> CaseAnswer:
        """Outline a case and write what was asked for; the record of it comes last."""
        try:
            case.check()
            work = {"by": self.outliner.name, "how": self.outliner.about, "files": case.state}
            before = None if self.again else self._record(case.name)
            if (
                before is not None
                and before["work"] == work
                and all((self.output / n).exists() for n in before["made"])
            ):
                return CaseAnswer(case.name, tuple(before["findings"]), before["agreement"], skipped=True)
            limit = available_bytes() // self.workers if self.workers > 1 else None
            found = self.outliner.outline(read_scan(case.files), limit)
            return self._written(case, work, found)
        except (ImageRefusal, OSError, MemoryError) as error:
            return CaseAnswer(case.name, error=_refusal(error))

    def _written(self, case: CaseFiles, work: dict[str, Any], found: Outlined) -> CaseAnswer:
        made = _mask_file(case, case.name, found.mask)
        for number, mask in enumerate(found.masks, start=1):
            made |= _mask_file(case, f"several/{case.name}_{number}", mask)
        for name, volume in (("entropy", found.entropy), ("variance", found.variance)):
            made |= _volume_file(f"{name}/{case.name}", volume)
        for name, content in made.items():
            write_atomically(self.output / name, content)
        sized = all(has_size(path) for path in case.files)
        said = [*found.findings, *check_mask(found.mask, units_mm=sized, expected=self.outliner.volumes)]
        findings = tuple({"code": f.code, "level": f.level, "message": f.message} for f in said)
        agreement = {name: round(value, 4) for name, value in found.agreement.items()}
        if not self.recorded:
            return CaseAnswer(case.name, findings, agreement)
        record = {"work": work, "made": sorted(made), "findings": findings, "agreement": agreement}
        write_atomically(self.output / DONE / f"{case.name}.json", json.dumps(record, indent=1).encode())
        return CaseAnswer(case.name, findings, agreement)

    def _record(self, name: str) -> dict[str, Any] | None:
        try:
            found = json.loads((self.output / DONE / f"{name}.json").read_text(encoding="utf-8"))
            return found if {"work", "made", "findings", "agreement"} <= set(found) else None
        except (OSError, ValueError, TypeError):
            return None


def _mask_file(case: CaseFiles, name: str, mask: Mask) -> dict[str, bytes]:
    first = case.files[0]
    if is_picture(first):
        return {f"{name}.png": picture_mask_bytes(mask, first)}
    return {f"{name}.nii.gz": mask_bytes(mask)}


def _volume_file(name: str, volume: Volume | None) -> dict[str, bytes]:
    return {} if volume is None else {f"{name}.nii.gz": image_bytes(volume)}


def _refusal(error: Exception) -> ImageRefusal:
    if isinstance(error, ImageRefusal):
        return error
    code, step = ("too_large", "outline fewer cases at once") if isinstance(error, MemoryError) else ("file_error", "")
    return ImageRefusal(code, "The case could not be worked on.", found=type(error).__name__, next_step=step)
