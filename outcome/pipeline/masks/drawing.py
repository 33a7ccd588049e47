"""Masks drawn by networks, case by case: each case by a network that never learned from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from outcome.bundle import Bundle
from outcome.cases import Segmenter, case_mask_bytes, load_segmenter, segment_case
from outcome.pipeline.case_work import CaseWork, run_cases, sweep
from outcome.pipeline.device import device_for
from outcome.pipeline.masks.agreement import compared
from outcome.pipeline.masks.folds import FINAL, Learners
from outcome.pipeline.masks.learned import LESSONS, NETWORKS, Network, file_hashes, study_learners, trained_networks
from outcome.pipeline.stage import Run, learning_digest, measuring_digest
from outcome.recipe import CaseInput, Recipe
from outcome.serving import SEGMENTER_FILE, bundle_segmenter
from outcome.store import digest, write_bytes, write_json
from outcome.types import Finding, Level


@dataclass(frozen=True)
class Drawn:
    """The networks at hand, and which of them draws which case (any case not among the learners: the final one)."""

    recipe: Recipe
    networks: Mapping[str, Network]
    learners: Learners
    findings: tuple[Finding, ...] = ()

    def to_json(self, folder: Path) -> dict[str, Any]:
        """What later stages read of the networks: the final one's name is the recipe's segmenter."""
        described = {
            name: {"name": network.name, "file": str(network.file.relative_to(folder)), "cases": network.cases}
            for name, network in self.networks.items()
        }
        return {"name": self.networks[FINAL].name, "networks": described}


@dataclass(frozen=True)
class Drawing:
    """One case to draw, by the network that never learned from it."""

    work: CaseWork
    case: CaseInput
    recipe: Recipe
    network: Network
    drawn_by: str
    given_regions: Mapping[str, int]
    device: str


def networks_of_study(run: Run, cases: Mapping[str, CaseInput], recipe: Recipe, folder: Path) -> Drawn:
    """The networks trained on this study's development cases."""
    found, left_out = study_learners(run, cases, recipe, folder)
    networks = trained_networks(run, cases, found, recipe, folder)
    return Drawn(recipe, networks, found, tuple(_left_out(left_out)))


def _left_out(reasons: Mapping[str, str]) -> list[Finding]:
    if not reasons:
        return []
    first = next(iter(reasons.values()))
    words = f"no network learned from the given mask of {len(reasons)} development case(s), which is refused: {first}"
    return [Finding("not_learned_from", Level.REVIEW, words, tuple(reasons))]


def networks_of_bundle(bundle: Bundle, recipe: Recipe, folder: Path) -> Drawn:
    """A frozen bundle's network, which draws every case. Raises BundleRefusal where it is not what the recipe names."""
    bundle_segmenter(bundle, recipe)
    key = recipe.segmenter.rpartition(":")[2]
    file = folder / NETWORKS / f"{key}.safetensors"
    forget_networks(folder, keep=key)
    write_bytes(file, bundle.files[SEGMENTER_FILE])
    return Drawn(recipe, {FINAL: Network(file, recipe.segmenter, 0)}, Learners({}))


def forget_networks(folder: Path, keep: str = "") -> None:
    """Remove networks, and what was looked at for them, that this study does not use any more."""
    sweep(folder / NETWORKS, {keep})
    sweep(folder / LESSONS, ())


def drawings(run: Run, drawn: Drawn, cases: Mapping[str, CaseInput], folder: Path) -> list[Drawing]:
    """Every case that has the image, with the network that draws it; network by network, so that each is read once."""
    tasks = [
        _drawing(run, drawn, case, folder) for case in cases.values() if set(drawn.recipe.drawn_on) <= set(case.images)
    ]
    return sorted(tasks, key=lambda task: (task.drawn_by, task.work.case_id))


def draw_cases(run: Run, stage: str, tasks: Sequence[Drawing]) -> dict[str, str]:
    """Draw every case that is not drawn; returns the reasons of those that failed, by case id."""
    return run_cases(run, stage, tasks, lambda task: task.work, _draw_one)


def _drawing(run: Run, drawn: Drawn, case: CaseInput, folder: Path) -> Drawing:
    drawn_by = drawn.learners.drawn_by(case.case_id)
    network, given = drawn.networks[drawn_by], dict(run.study.mask.regions) if run.study.mask else {}
    recipe = {name: value for name, value in drawn.recipe.to_json().items() if name != "segmenter"}
    code = [measuring_digest(), learning_digest()]
    basis = {"code": code, "recipe": recipe, "network": network.name, "drawn_by": drawn_by}
    files = file_hashes(run, case, drawn.recipe)
    key = digest({**basis, "given": given, "files": files, "case": case.case_id})
    work = CaseWork(case.case_id, key, folder)
    return Drawing(work, case, drawn.recipe, network, drawn_by, given, device_for(run.device))


def _draw_one(task: Drawing) -> None:
    made = segment_case(task.case, task.recipe, loaded_network(task))
    given, reason = None, ""
    if task.case.mask is not None:
        given, reason = compared(task.case.mask, task.given_regions, made.mask, units_mm=task.recipe.units_mm)
    report = {"case_id": task.work.case_id, **made.summary, "drawn_by": task.drawn_by, "given": given}
    if reason:
        words = f"the given mask is not compared with the learned one: {reason}"
        finding = Finding("given_mask_not_compared", Level.REVIEW, words, (task.work.case_id,))
        report["findings"] = [*report["findings"], finding.to_json()]
    write_bytes(task.work.path(".nii.gz"), case_mask_bytes(made.mask))
    write_json(task.work.path(), report)


_LOADING = Lock()


def loaded_network(task: Drawing) -> Segmenter:
    """The network that draws a case; a process reads it once, and keeps it on its device from case to case."""
    regions = tuple(task.recipe.regions.items())
    with _LOADING:  # a worker with several threads would otherwise hold as many copies
        return _from_file(str(task.network.file), task.network.name, regions, task.device)


@lru_cache(maxsize=1)
def _from_file(file: str, name: str, regions: tuple[tuple[str, int], ...], device: str) -> Segmenter:
    """The network in a file, kept for the next case: its name changes with its weights."""
    return load_segmenter(Path(file).read_bytes(), Recipe(regions=dict(regions), segmenter=name), device=device)
