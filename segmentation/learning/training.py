"""Trains a segmentation network on given masks: the same cases, plan and machine give the same weights to the bit.

Whatever is random in a step comes from the seed and the step's number alone. So a training that was killed goes on
from its last checkpoint to the very weights of an unbroken one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from segmentation.augmentation.augment import Source
from segmentation.errors import ImageRefusal
from segmentation.learning.beginning import begin, first_stage_file, seen_besides
from segmentation.learning.checkpoint import Progress, copied, load_checkpoint, save_checkpoint
from segmentation.learning.judging import held_out_score
from segmentation.learning.optimizers import learning_rate
from segmentation.learning.sources import fingerprint_of, hold_out, nothing_to_learn, read_sources
from segmentation.learning.trainer import Trainer, first_network, trainer_of
from segmentation.learning.training_case import TrainingCase
from segmentation.learning.training_facts import facts_of
from segmentation.outlining.inference import Segmenter
from segmentation.planning.plan import SegmenterPlan
from segmentation.scarce_labels.lesson import Beginning, Tensors
from segmentation.scarce_labels.recipes import ScarceLabels

CHECKS, LEAST_STEPS = 20, 25  # checks a training, steps between two at least
_TIMED_STEPS = 5


def train_segmenter(
    cases: Sequence[TrainingCase],
    plan: SegmenterPlan,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Segmenter:
    """The network of a plan, trained on cases with given masks, with the weights that were best on a held-out tenth.

    See `train` for the arguments and what it raises.
    """
    return train(cases, plan, TrainingSetup(device, checkpoint, progress)).segmenter


@dataclass(frozen=True)
class TrainingSetup:
    """Where a training runs, who is told, and which cases judge it.

    `checkpoint` is a file that the training writes now and then and goes on from; it is left in place. `progress` is
    told (steps done, steps) after each step, `judged` (steps done, score) after each check; what they raise ends the
    training. `held` are the cases that it is judged by and does not learn from (None: a tenth of the patients).
    `scarce` is what it has beside masks: a recipe, images without masks, first weights.
    """

    device: str = "cpu"
    checkpoint: Path | None = None
    progress: Callable[[int, int], None] | None = None
    judged: Callable[[int, float], None] | None = None
    held: tuple[TrainingCase, ...] | None = None
    scarce: ScarceLabels | None = None


@dataclass(frozen=True, eq=False)
class Trained:
    """A segmenter, its score on the held-out cases (see `judging`; nan without any), the steps that were taken, and
    what is worth telling of its beginning."""

    segmenter: Segmenter
    score: float
    steps: int
    notes: tuple[str, ...] = ()


def train(cases: Sequence[TrainingCase], plan: SegmenterPlan, setup: TrainingSetup) -> Trained:
    """Train the network of a plan on cases with given masks; the weights that were best on held-out cases are kept.

    Training stops early where the held-out cases gain nothing for long.

    Raises ImageRefusal for cases that cannot be read (named), for too little memory, for masks without any region, for
    patients that are both learned from and held out, for a checkpoint of another training, and for a recipe that does
    not fit the plan.
    """
    scarce = setup.scarce or ScarceLabels()
    plan = scarce.planned(plan)
    learned, held = _shared_out(cases, plan, setup.held)
    beginning = begin(scarce, plan, learned, setup.device, partial(_first_stage, setup))
    with trainer_of(plan, beginning, setup.device) as trainer:
        state = _advance(trainer, held, setup, beginning.mark)
        network = first_network(plan)
        network.load_state_dict(state.best or trainer.judged.state_dict())
    score = state.best_score if math.isfinite(state.best_score) else math.nan
    facts = facts_of([*cases, *(setup.held or ())], plan.regions)
    if setup.scarce:
        facts = facts.having_seen(seen_besides(scarce), scarce.recipe)
    segmenter = Segmenter(plan, network, device=setup.device, trained_on=facts)
    return Trained(segmenter, score, state.step, beginning.notes)


def _first_stage(setup: TrainingSetup, plan: SegmenterPlan, beginning: Beginning) -> Tensors:
    """The weights at the end of a stage that no held-out case judges."""
    path = first_stage_file(setup.checkpoint) if setup.checkpoint else None
    with trainer_of(plan, beginning, setup.device) as trainer:
        _advance(trainer, [], TrainingSetup(setup.device, path), f"first:{beginning.mark}")
        return copied(trainer.judged)


def _shared_out(
    cases: Sequence[TrainingCase], plan: SegmenterPlan, held: Sequence[TrainingCase] | None
) -> tuple[list[Source], list[Source]]:
    sources = read_sources([*cases, *(held or ())], plan)
    if held is None:
        return hold_out(sources, plan.seed)
    names = {case.case_id for case in held}
    learned = [source for source in sources if source.case_id not in names]
    judges = [source for source in sources if source.case_id in names]
    both = {one.patient_id for one in learned} & {one.patient_id for one in judges}
    if both:
        found, step = f"{len(both)} in both", "split by patient"
        raise ImageRefusal(
            "patient_shared", "Patients learned from are held out too.", expected="none", found=found, next_step=step
        )
    if not any(source.spots for source in learned):
        raise nothing_to_learn(len(learned), plan)
    return learned, judges


def _advance(trainer: Trainer, held: Sequence[Source], setup: TrainingSetup, mark: str = "") -> Progress:
    """All steps that are left, with a check and a checkpoint now and then."""
    plan, checkpoint = trainer.plan, setup.checkpoint
    work = _work(trainer, held, setup) + mark if checkpoint else ""
    state = Progress(plan.steps)
    if checkpoint and checkpoint.exists():
        state = load_checkpoint(checkpoint, work, trainer.parts)
    while state.step < plan.steps and not 0 < plan.patience <= state.since_best:
        trainer.step(state.step)
        state.step += 1
        if setup.progress:
            setup.progress(state.step, plan.steps)
        if state.step % steps_between_checks(plan) == 0 or state.step == plan.steps:
            score = _judge(trainer, held, state)
            if checkpoint:
                save_checkpoint(checkpoint, work, state, trainer.parts)
            if setup.judged:
                setup.judged(state.step, score)
    return state


def _work(trainer: Trainer, held: Sequence[Source], setup: TrainingSetup) -> str:
    named = "" if setup.held is None else ":" + ",".join(source.case_id for source in held)
    sources = sorted([*trainer.sources, *held], key=lambda source: source.case_id)
    return fingerprint_of(sources, trainer.plan) + named


def steps_within(cases: Sequence[TrainingCase], plan: SegmenterPlan, minutes: float, *, device: str = "cpu") -> int:
    """How many steps fit into so many minutes on this machine, by timing a few (the first, slower one apart).

    Reading the cases is not counted, and judging the held-out ones is allowed a tenth.
    """
    with trainer_of(plan, Beginning(read_sources(cases, plan)), device) as trainer:
        trainer.step(0)
        start = time.perf_counter()
        for number in range(1, 1 + _TIMED_STEPS):
            trainer.step(number)
        seconds = (time.perf_counter() - start) / _TIMED_STEPS
    return max(1, int(0.9 * 60 * minutes / seconds))


def steps_between_checks(plan: SegmenterPlan) -> int:
    """After how many steps the held-out cases are asked, and the checkpoint is written."""
    return max(LEAST_STEPS, math.ceil(plan.steps / CHECKS))


def _judge(trainer: Trainer, held: Sequence[Source], state: Progress) -> float:
    """Keep the weights where they are better on the held-out cases than any before (always, with none held out)."""
    if not held:
        state.keep(trainer.judged)
        return math.nan
    score = _score(trainer, held)
    if score > state.best_score:
        state.best_score, state.since_best = score, 0
        state.keep(trainer.judged)
    else:
        state.since_best += 1
    return score


def _score(trainer: Trainer, held: Sequence[Source]) -> float:
    return held_out_score(trainer.judged, held, trainer.plan, trainer.criterion, trainer.fabric.device.type)


__all__ = [
    "Trained",
    "TrainingCase",
    "TrainingSetup",
    "first_network",
    "learning_rate",
    "steps_within",
    "train",
    "train_segmenter",
]
