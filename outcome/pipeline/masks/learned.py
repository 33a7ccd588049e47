"""The networks that a study learns from its given masks: what can be learned from, and each training kept by key."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from outcome.cases import refusing
from outcome.config import Study
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.pipeline.case_work import CaseWork, run_cases, run_units, sweep
from outcome.pipeline.device import device_for
from outcome.pipeline.masks.folds import Learners, development_patients, learners, refuse_too_few
from outcome.pipeline.stage import Progress, Run, learning_digest, measuring_digest
from outcome.recipe import CaseInput, Recipe
from outcome.store import digest, read_json, read_parquet, write_bytes, write_json
from segmentation.assessment.quality import check_mask
from segmentation.errors import ImageRefusal
from segmentation.images.grids import check_grids
from segmentation.images.reading import read_header, read_mask
from segmentation.images.scans import read_scan

if TYPE_CHECKING:
    from segmentation.planning.plan import SegmenterPlan

NETWORKS, LESSONS = "networks", "lessons"


@dataclass(frozen=True)
class Network:
    """A trained network: its weights' file, the name a recipe gives it, and how many cases it learned from."""

    file: Path
    name: str
    cases: int


@dataclass(frozen=True)
class _Training:
    work: CaseWork
    cases: tuple[CaseInput, ...]
    plan: SegmenterPlan
    on: tuple[str, ...]
    device: str


@dataclass(frozen=True)
class _Lesson:
    """One development case looked at before anything is learned from it."""

    work: CaseWork
    case: CaseInput
    recipe: Recipe


def study_learners(
    run: Run, cases: Mapping[str, CaseInput], recipe: Recipe, folder: Path
) -> tuple[Learners, dict[str, str]]:
    """The learners of a study, and why each development case with a given mask is none: {case_id: reason}.

    Raises ConfigRefusal where there is no development case with a given mask, or too few for the folds.
    """
    patients = development_patients(run.study, read_parquet(run.store.stage("cohort") / "cases.parquet"))
    reasons = _reasons(run, [cases[case_id] for case_id in patients], recipe, folder)
    settings = run.study.segmenter
    folds = settings.folds if settings else 1
    found = learners(patients, [c for c, why in reasons.items() if not why], folds, run.study.training.seed)
    refuse_too_few(found, folds, len(reasons))
    return found, {case_id: why for case_id, why in reasons.items() if why}


def _reasons(run: Run, cases: Sequence[CaseInput], recipe: Recipe, folder: Path) -> dict[str, str]:
    """For every case with a given mask and the image it was drawn on: why nothing can be learned from it, or ""."""
    offered = [case for case in cases if case.mask is not None and set(recipe.drawn_on) <= set(case.images)]
    tasks = [_Lesson(CaseWork(case.case_id, _lesson_key(run, case, recipe), folder, LESSONS), case, recipe)
             for case in offered]  # fmt: skip
    failed = run_cases(run, "segment: given masks", tasks, lambda task: task.work, _look)
    sweep(folder / LESSONS, {task.work.key for task in tasks})
    done = {t.work.case_id: read_json(t.work.path())["reason"] for t in tasks if t.work.case_id not in failed}
    return dict(sorted({**done, **failed}.items()))


def _lesson_key(run: Run, case: CaseInput, recipe: Recipe) -> str:
    files = file_hashes(run, case, recipe)
    return digest({"code": measuring_digest(), "regions": dict(recipe.regions), "files": files, "case": case.case_id})


def file_hashes(run: Run, case: CaseInput, recipe: Recipe) -> dict[str, str]:
    """sha256 of the images that masks are drawn on and of the given mask; one that cannot be read is named so."""
    images = {f"image:{name}": case.images.get(name) for name in recipe.drawn_on}
    paths = {**images, "mask": case.mask}
    return {role: _sha256(run, path) for role, path in paths.items() if path is not None}


def _sha256(run: Run, path: Path) -> str:
    try:
        return run.ledger.sha256(path)
    except OSError as error:
        return f"unreadable: {error.strerror}"


def _look(task: _Lesson) -> None:
    write_json(task.work.path(), {"case_id": task.work.case_id, "reason": lesson_reason(task.case, task.recipe)})


def lesson_reason(case: CaseInput, recipe: Recipe) -> str:
    """Why nothing can be learned from a case's image and given mask; "" where something can."""
    try:
        return refusing(_lesson_reason)(case, recipe)
    except DataRefusal as error:
        return str(error)


def _lesson_reason(case: CaseInput, recipe: Recipe) -> str:
    if case.mask is None:
        return "no mask was handed over"
    mask = read_mask(case.mask, recipe.regions)
    image = case.images[recipe.mask_on]
    found = [*check_mask(mask), *check_grids(mask.source or mask.grid, read_header(image).grid, recipe.mask_on)]
    reasons = [finding.message for finding in found if finding.level == "reject"]
    if not reasons:
        read_scan([case.images[name] for name in recipe.drawn_on])  # data may be damaged where the header is not
    return "; ".join(reasons)


def trained_networks(
    run: Run, cases: Mapping[str, CaseInput], found: Learners, recipe: Recipe, folder: Path
) -> dict[str, Network]:
    """Every network of a study by name ("fold 1", ..., "final"), trained unless it stands there already.

    Raises DataRefusal where a training fails: without its network nothing can be drawn.
    """
    settings = run.study.segmenter
    lessons = found.lessons(settings.cases_at_most if settings else None)
    tasks = [_training(run, name, [cases[c] for c in taught], recipe, folder) for name, taught in lessons.items()]
    train = partial(_train, progress=run.progress) if run.workers.count == 1 and not run.workers.scheduler else _train
    failed = run_units(run, "segment: networks", tasks, lambda task: task.work, train)
    if failed:
        raise DataRefusal(
            "a network that draws masks could not be trained",
            found="; ".join(f"{name}: {reason}" for name, reason in failed.items()),
            next_step="see segmenter in the study file; the other networks are kept",
        )
    sweep(folder / NETWORKS, {task.work.key for task in tasks})
    return {task.work.case_id: _network(task) for task in tasks}


def _training(run: Run, name: str, cases: Sequence[CaseInput], recipe: Recipe, folder: Path) -> _Training:
    plan = study_plan(run.study, recipe)
    key = training_key(plan, {case.case_id: file_hashes(run, case, recipe) for case in cases})
    return _Training(CaseWork(name, key, folder, NETWORKS), tuple(cases), plan, recipe.drawn_on, device_for(run.device))


def _network(task: _Training) -> Network:
    return Network(task.work.path(".safetensors"), read_json(task.work.path())["name"], len(task.cases))


def study_plan(study: Study, recipe: Recipe) -> SegmenterPlan:
    """The network that a study asks for, as the trainer takes it. Raises ConfigRefusal for one that cannot be built."""
    from segmentation.planning.plan import SegmenterPlan  # kept from commands that train nothing

    if study.segmenter is None:
        raise ValueError("this study learns no masks")
    settings = study.segmenter.model_dump(exclude={"folds", "cases_at_most", "model", "images", "plan", "masks"})
    known = {"regions": dict(recipe.regions), "seed": study.training.seed, "inputs": recipe.drawn_on}
    try:
        return SegmenterPlan.from_json({**known, **settings, **study.segmenter.plan})
    except ImageRefusal as error:
        raise ConfigRefusal(
            f"segmenter: {error.message}", expected=error.expected, found=error.found, next_step=error.next_step
        ) from error


def training_key(plan: SegmenterPlan, files: Mapping[str, Mapping[str, str]]) -> str:
    """What a training depends on: plan, code, and the cases it learns from with their files by content."""
    return digest({"code": learning_digest(), "plan": plan.to_json(), "cases": {c: dict(f) for c, f in files.items()}})


def _train(task: _Training, progress: Progress | None = None) -> None:
    from segmentation.learning.training import TrainingCase, train_segmenter  # torch costs seconds

    def told(done: int, total: int) -> None:
        if progress is not None:
            progress(f"segment: {task.work.case_id}", done, total)

    shown = [
        TrainingCase(case.case_id, tuple(case.images[name] for name in task.on), case.mask)
        for case in task.cases
        if case.mask
    ]
    checkpoint = task.work.path(".checkpoint")
    made = refusing(train_segmenter)(shown, task.plan, device=task.device, checkpoint=checkpoint, progress=told)
    write_bytes(task.work.path(".safetensors"), made.to_bytes())
    write_json(task.work.path(), {"name": made.name, "cases": [case.case_id for case in shown]})
    _forget(checkpoint)


def _forget(checkpoint: Path) -> None:
    """A finished training needs no point to go on from."""
    for path in checkpoint.parent.glob(f"{checkpoint.name}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
