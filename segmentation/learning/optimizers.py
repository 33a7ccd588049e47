"""Optimizers and learning-rate schedules by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch.optim import Optimizer

from segmentation.planning.plan import SegmenterPlan

WARM_UP, LAST_RATE = 0.1, 0.01
POWER = 0.9
STEPS_DOWN, STEP_SIZE = 3, 0.1
Parameters = Iterable[torch.nn.Parameter]


def optimizer_of(plan: SegmenterPlan, parameters: Parameters) -> Optimizer:
    """The plan's optimizer over these parameters, with its rate, weight decay and (SGD, RMSprop) momentum."""
    return _OPTIMIZERS[plan.optimizer](plan, parameters)


def learning_rate(plan: SegmenterPlan, step: int) -> float:
    """The rate of a step: the plan's rate times what its schedule says."""
    return plan.learning_rate * _SCHEDULES[plan.schedule](step, plan.steps)


def constant(step: int, steps: int) -> float:
    """1 throughout."""
    return 1.0


def cosine(step: int, steps: int) -> float:
    """A linear rise over the first tenth of the steps, then half a cosine down to a hundredth."""
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(1, steps - warm)
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * done)) / 2


def polynomial(step: int, steps: int) -> float:
    """From 1 towards 0 with the share that is left to the power 0.9, as nnU-Net takes it."""
    return (1 - step / steps) ** POWER


def stairs(step: int, steps: int) -> float:
    """A tenth of the rate after every third of the steps."""
    return STEP_SIZE ** (STEPS_DOWN * step // steps)


def _adamw(plan: SegmenterPlan, parameters: Parameters) -> Optimizer:
    return torch.optim.AdamW(parameters, lr=plan.learning_rate, weight_decay=plan.weight_decay)


def _adam(plan: SegmenterPlan, parameters: Parameters) -> Optimizer:
    return torch.optim.Adam(parameters, lr=plan.learning_rate, weight_decay=plan.weight_decay)


def _sgd(plan: SegmenterPlan, parameters: Parameters) -> Optimizer:
    momentum, decay = plan.momentum, plan.weight_decay
    return torch.optim.SGD(
        parameters, lr=plan.learning_rate, momentum=momentum, weight_decay=decay, nesterov=momentum > 0
    )


def _rmsprop(plan: SegmenterPlan, parameters: Parameters) -> Optimizer:
    return torch.optim.RMSprop(
        parameters, lr=plan.learning_rate, momentum=plan.momentum, weight_decay=plan.weight_decay
    )


_OPTIMIZERS: dict[str, Callable[[SegmenterPlan, Parameters], Optimizer]] = {
    "adamw": _adamw,
    "adam": _adam,
    "sgd": _sgd,
    "rmsprop": _rmsprop,
}
_SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "cosine": cosine,
    "constant": constant,
    "polynomial": polynomial,
    "step": stairs,
}
