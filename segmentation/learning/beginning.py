"""How a training begins that has more than labelled cases: what of its recipe comes before the first step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from segmentation.augmentation.augment import Source
from segmentation.learning.trainer import first_network
from segmentation.outlining.weights import trained_on, unpack
from segmentation.planning.plan import SegmenterPlan
from segmentation.scarce_labels.lesson import Beginning, Tensors, mark_of
from segmentation.scarce_labels.recipes import RECIPES, ScarceLabels, Task
from segmentation.scarce_labels.transfer import transfer
from segmentation.scarce_labels.unlabelled import unlabelled_sources

Learn = Callable[[SegmenterPlan, Beginning], Tensors]


def begin(scarce: ScarceLabels, plan: SegmenterPlan, labelled: list[Source], device: str, learn: Learn) -> Beginning:
    """What a training of these labelled cases (none of them held out) begins with. `learn` trains a first stage.

    Raises ImageRefusal: what reading an unlabelled image raises, `nothing_fits` for first weights of another network,
    and `weights_damaged` for a file that holds none.
    """
    unlabelled = unlabelled_sources(scarce.unlabelled, plan)
    start = _weights(scarce.start) if scarce.start else None
    mark = mark_of(scarce.recipe, unlabelled, scarce.start, plan)
    staged = _marked(learn, mark)
    task = Task(plan, labelled, unlabelled, start, device, staged)
    made = RECIPES[scarce.recipe].build(task) if scarce.recipe else Beginning(labelled, start)
    notes = (*_told(scarce, made, len(labelled)), *_fitting(plan, made))
    return replace(made, mark=mark, notes=notes)


def first_stage_file(checkpoint: Path) -> Path:
    """Where a recipe's first stage keeps its state, beside the training's own."""
    return checkpoint.with_name(f"{checkpoint.name}.first")


def seen_besides(scarce: ScarceLabels) -> set[str]:
    """SHA-256 of the image files that a training learns from beside its labelled cases, also through its start."""
    found = {hashlib.sha256(path.read_bytes()).hexdigest() for case in scarce.unlabelled for path in case.files}
    facts = trained_on(scarce.start) if scarce.start else None
    return found | set(facts.images if facts else ())


def _weights(file: bytes) -> Tensors:
    return dict(unpack(file)[1].state_dict())


def _marked(learn: Learn, mark: str) -> Learn:
    return lambda plan, beginning: learn(plan, replace(beginning, mark=mark))


def _told(scarce: ScarceLabels, made: Beginning, labelled: int) -> list[str]:
    if not scarce.recipe:
        return []
    more = len(made.sources) - labelled
    further = f", {more} made ones" if more else ""
    return [f"{scarce.recipe}: {labelled} labelled images, {len(scarce.unlabelled)} unlabelled ones{further}"]


def _fitting(plan: SegmenterPlan, made: Beginning) -> list[str]:
    return [transfer(first_network(plan), made.start).words()] if made.start else []
