"""How a fusion network learns: what the linear start leaves unexplained, until its epochs or its patience end.

On the CPU one thread and one seed give the same bytes every time; a GPU, and several processes, give the same network
up to rounding. Auxiliary endpoints (`joint`) shape the tokens alone: linear path, judges and score are those of the
network's own endpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from outcome.models.inputs import Inputs
from outcome.models.linear import Params
from outcome.models.network.batches import events
from outcome.models.network.data import PART, CaseStack, image_shapes, stack_cases, table_blocks
from outcome.models.network.earned_strength import earned_strength, judges
from outcome.models.network.embedded_table import categories_for
from outcome.models.network.encoder_options import USUAL
from outcome.models.network.encoder_weights import begin_with
from outcome.models.network.fusion import FUSIONS
from outcome.models.network.head_choice import head_for, head_numbers, in_units
from outcome.models.network.joint import JointLoss
from outcome.models.network.linear_start import LinearStart, fit_linear_start
from outcome.models.network.mask_start import FROM_MASKS, begin_with_masks
from outcome.models.network.model import Design, FusionNetwork, NetworkScorer
from outcome.models.network.outcomes import Outcomes
from outcome.models.network.processes import steps_in_processes
from outcome.models.network.steps import Course, Learning, Steps, take_steps
from outcome.models.network.stopping import Watch, watch_cases
from outcome.models.network.tasks import Task, auxiliary_tasks
from outcome.models.network.tokens import ImageToken
from outcome.models.network.tuning import begin_learning
from outcome.models.one_thread import one_thread
from outcome.types import BoolArray, FloatArray, Target

SPREAD_AT_LEAST = (1e-2, 1e-3)  # of region statistics and of encoder features: what is constant stays small


def fit_network(
    inputs: Inputs,
    target: Target,
    params: Params,
    seed: int,
    device: str = "cpu",
    weights: Path | None = None,
    joint: Sequence[Target] = (),
    processes: int = 1,
) -> NetworkScorer:
    """The network of these cases, all outcomes known; those of auxiliary endpoints (`joint`) may be unknown.

    `processes` of this machine learn it together where there are several (`outcome.models.network.processes`).
    params: encoder, mask, slices, tables, fusion, the head of the endpoint's kind (`imbalance`, `survival_head`,
    `ordinal_head`, `duration_head`, `continuous_head`), epochs, batch, learning_rate, weight_decay, block_dropout,
    tuning, memory, patience, and `weights`: the name of the file that encoders begin with, or `masks` where the regions
    of these cases teach them first (`mask_start`). Raises DataRefusal for crops that lack or differ in shape,
    ConfigRefusal for an unknown encoder, weights that do not fit or layers that several processes cannot share,
    OutcomeError where one of several ends early, ValueError for a kind without a head, and for masks that would teach
    an encoder that reads them.
    """
    from_masks = params.get("weights") == FROM_MASKS
    if (bool(params.get("weights")) and not from_masks) != bool(weights):
        raise ValueError(f"the params name the weights {params.get('weights')!r}, and {weights} was handed over")
    rng = np.random.default_rng(seed)
    design = design_of(inputs, target, params)
    course = Course.of(params)
    learned = in_units(design.head, design.edges, target)
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = FusionNetwork(design)
        begun = begin_with(_encoders(module), weights) if weights and design.images else ""
        begin_learning(module, _encoders(module).values(), course.tuning)
        stack = stack_cases(inputs, tuple(design.tables), design.images)
        cases = inputs.case_ids or tuple(map(str, range(len(inputs))))
        start = fit_linear_start(inputs.matrix, _measured(module, stack), cases, learned, rng)
        learning = Learning(module, stack, Outcomes.of(learned), torch.from_numpy(start.out_of_fold).float())
        level = _begin(learning, start)
        event = events(target)
        aside = judges(cases, event, rng)
        watch = watch_cases(cases, target, event, aside, course.patience, rng) if course.patience else None
        learns = ~aside
        learns[watch.rows if watch else []] = False
        if from_masks and design.images:  # not earlier: who judges or watches teaches nothing
            begun = _taught_by_masks(learning, ~learns, rng, device)
        auxiliary, left_out = auxiliary_tasks(joint, params, learns)
        own = Task(target.endpoint, target.kind, module.head, learning.outcomes, torch.ones(len(inputs)) > 0)
        loss = JointLoss(own, auxiliary, course.memory)
        steps = Steps(np.flatnonzero(learns), event, course, rng, watch)
        if processes > 1:
            steps_in_processes(learning, design, loss, steps, device, processes)
        else:
            take_steps(learning, loss, steps, device)
        strength = _weigh(learning, level, np.flatnonzero(aside))
    found = loss.record(left_out)
    notes = _notes(design, strength, begun, _ended(course, watch))
    scorer = NetworkScorer(design, module, notes, found if found.says_something else None)
    # by way of the state: a model read back cannot differ from a fresh one
    return NetworkScorer.from_state(scorer.to_state())


def design_of(inputs: Inputs, target: Target, params: Params) -> Design:
    """The network that these params ask for, over the blocks that these cases have.

    Raises ValueError where they name no head for this kind of endpoint, or tokens of tables that there are none of.
    """
    head = head_for(target.kind, params)
    encoder, fusion = str(params.get("encoder", "resnet_3d")), str(params.get("fusion", "gated"))
    told = {name: str(params[name]) for name in asdict(USUAL) if name in params}
    numbers = head_numbers(head, target)
    categories = categories_for(str(params.get("tables", "linear")), inputs)
    return Design(
        table_blocks(inputs), image_shapes(inputs), encoder, fusion, head, numbers, categories=categories, **told
    )


def _measured(module: FusionNetwork, stack: CaseStack) -> FloatArray:
    """(n, q): region statistics of all images in units of these cases' spread; 0 where a case lacks the image."""
    columns = [np.empty((len(stack.table), 0))]
    for i, (block, token) in enumerate(zip(module.image_blocks, module.image_tokens(), strict=True)):
        _set_units(token, stack, block)
        numbers = token.in_units(stack.measured[block])[stack.place[block]]
        there = stack.present[:, len(module.tables) + i, None]
        columns.append(torch.where(there, numbers, 0.0).double().numpy())
    return np.concatenate(columns, axis=1)


def _set_units(token: ImageToken, stack: CaseStack, block: str) -> None:
    """Centre and spread over the crops of what is measured and of what the encoder sees before it learns outcomes."""
    with torch.no_grad():
        seen = torch.cat([token.encoder(part) for part in stack.parts(block)])
    numbers = torch.cat([stack.measured[block], seen], dim=1)
    token.centre.copy_(numbers.mean(dim=0))
    least = torch.where(torch.arange(numbers.shape[1]) < token.measured, *SPREAD_AT_LEAST)
    token.spread.copy_(numbers.std(dim=0, correction=0) + least)


def _taught_by_masks(learning: Learning, aside: BoolArray, rng: np.random.Generator, device: str) -> str:
    """Let regions of the rows not `aside` (n,) teach the encoders, and set the units of what they now see."""
    module, stack = learning.module, learning.stack
    told = begin_with_masks(_encoders(module), stack, aside, rng, device)
    for block, token in zip(module.image_blocks, module.image_tokens(), strict=True):
        _set_units(token, stack, block)
    return told


def _begin(learning: Learning, start: LinearStart) -> Tensor:
    """Set the linear path as fitted, and outputs at their level, which is given back (outputs,)."""
    module = learning.module
    module.coefficients.copy_(torch.from_numpy(start.table))
    module.intercept.fill_(start.intercept)
    done = 0
    for token in module.image_tokens():
        part = start.images[done : done + token.measured]
        token.coefficients.copy_(torch.from_numpy(part))
        done += len(part)
    level = module.head.level(learning.outcomes, learning.linear)
    module.set_level(level)
    return level


def _weigh(learning: Learning, level: Tensor, rows: npt.NDArray[np.int_]) -> float:
    """Multiply the joined path by what it earned on these rows, which is given back."""
    module, part = learning.module, torch.from_numpy(rows)
    with torch.no_grad():
        joined = torch.cat([module.joined(learning.stack.batch(few)) for few in part.split(PART)])
        linear = module.with_linear(level.expand(len(part), -1), learning.linear[part])
        strength = earned_strength(module.head, linear, joined - level, learning.outcomes.take(part))
        for layer in module.last_layers():
            layer.weight.mul_(strength)
        module.set_level(level + strength * (module.level() - level))
    return strength


def _ended(course: Course, watch: Watch | None) -> str:
    """What became of the patience that was asked for, or ""."""
    if watch is not None:
        return watch.note(course.epochs)
    kept_on = f"Too few events, or outcomes that differ, to spare watch cases: all {course.epochs} epochs were learned."
    return kept_on if course.patience else ""


def _notes(design: Design, strength: float, begun: str, ended: str) -> tuple[str, ...]:
    earned = f"The joined path was weighed by {strength:g} on cases left aside."
    if strength == 0:
        earned = "On cases left aside the joined path gained nothing over the linear path, and is not used."
    told = tuple(note for note in (earned, begun, ended) if note)
    if FUSIONS[design.fusion].modulation is None or (design.tables and design.images):
        return told
    return (*told, f"{design.fusion}: there is no record beside an image, so that no map is scaled or shifted.")


def _encoders(module: FusionNetwork) -> dict[str, nn.Module]:
    return {block: token.encoder for block, token in zip(module.image_blocks, module.image_tokens(), strict=True)}
