"""A small network of tables alone at its beginning, with watch cases: for tests of when its training ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from outcome.models.inputs import Inputs
from outcome.models.network.batches import events
from outcome.models.network.data import stack_cases
from outcome.models.network.head_choice import in_units
from outcome.models.network.joint import JointLoss
from outcome.models.network.learning import design_of
from outcome.models.network.model import FusionNetwork
from outcome.models.network.outcomes import Outcomes
from outcome.models.network.steps import Course, Learning, Steps
from outcome.models.network.stopping import Watch
from outcome.models.network.tasks import Task
from outcome.types import EndpointKind, FloatArray, Target

N, WATCHED = 60, np.arange(48, 60)
COURSE = Course(epochs=6, batch=12, learning_rate=0.05)


def tables() -> Inputs:
    """60 cases, three columns in two blocks."""
    blocks = ("clinical", "clinical", "radiomics")
    return Inputs(_columns(), blocks, {}, tuple(f"c{row:02d}" for row in range(N)))


def outcomes(kind: EndpointKind, seed: int = 1) -> Target:
    """Outcomes that rise with a product of two columns, which a linear path does not know, and with chance."""
    rng, x = np.random.default_rng(seed), _columns()
    drive = 2 * x[:, 0] * x[:, 1] + rng.logistic(size=N)
    if kind is EndpointKind.BINARY:
        return Target.binary("e", (drive > 0).astype(float))
    if kind is EndpointKind.TIME_TO_EVENT:
        return Target.survival("e", np.ceil(200 * np.exp(-drive / 2)), rng.choice([0.0, 1.0, 1.0, 2.0], N))
    empty = np.full(N, np.nan)
    return Target("e", kind, 60 + 10 * drive, empty, empty)


def begun(target: Target, watch: Watch | None, course: Course = COURSE) -> tuple[Learning, JointLoss, Steps]:
    """The rows of `WATCHED` are never learned from, whether anybody looks at them or not."""
    design = design_of(tables(), target, {"continuous_head": "gaussian"})
    learned = Outcomes.of(in_units(design.head, design.edges, target))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        module = FusionNetwork(design).train()
    stack = stack_cases(tables(), tuple(design.tables), {})
    learning = Learning(module, stack, learned, torch.linspace(-1, 1, N))
    loss = JointLoss(Task("e", target.kind, module.head, learning.outcomes, torch.ones(N) > 0))
    rows = np.setdiff1d(np.arange(N), WATCHED)
    return learning, loss, Steps(rows, events(target), course, np.random.default_rng(3), watch)


def with_others(target: Target, rows: np.ndarray) -> Target:
    """The same outcomes but for these rows."""
    value, time, event = target.value.copy(), target.time_days.copy(), target.event.copy()
    value[rows] = 1 - value[rows]
    time[rows], event[rows] = 2 * time[rows] + 1, (event[rows] + 1) % 3
    return replace(target, value=value, time_days=time, event=event)


def _columns() -> FloatArray:
    return np.random.default_rng(0).normal(size=(N, 3))
