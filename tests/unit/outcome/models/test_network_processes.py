"""A network that several processes learn together: the steps are those of one process, and none outlives an error."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import replace
from multiprocessing import active_children, get_context
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from outcome.errors import ConfigRefusal, DataRefusal, OutcomeError
from outcome.features.preprocess import Rules, fit_preprocessor
from outcome.local_pools import START_METHOD
from outcome.models.inputs import model_inputs
from outcome.models.network import processes
from outcome.models.network.batches import events
from outcome.models.network.data import stack_cases
from outcome.models.network.joint import JointLoss
from outcome.models.network.learning import design_of
from outcome.models.network.model import Design, FusionNetwork
from outcome.models.network.outcomes import Outcomes
from outcome.models.network.processes import refuse_unshareable, steps_in_processes
from outcome.models.network.shares import Share
from outcome.models.network.steps import Course, Learning, Steps, take_steps
from outcome.models.network.stopping import Watch
from outcome.models.network.tasks import Task, auxiliary_tasks
from outcome.models.one_thread import one_thread
from outcome.types import EndpointKind
from tests.image_cases import TINY, image_cases

COURSE = Course(epochs=2, batch=10, learning_rate=1e-2)
Prepared = tuple[Learning, Design, JointLoss, Steps]


class Doomed(JointLoss):
    """A loss that fails in the second process, at its third batch."""

    def __init__(self, own: Task, how: str) -> None:
        super().__init__(own)
        self.how = how

    def forward(self, raw: Tensor, fused: Tensor, rows: Tensor) -> Tensor:
        if torch.distributed.get_rank() == 1 and self.batches == 2:
            if self.how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise FloatingPointError("planted")
        return super().forward(raw, fused, rows)


def prepared(kind: EndpointKind, course: Course = COURSE, *, beside: EndpointKind | None = None) -> Prepared:
    """A network at its beginning, over 47 cases of which every seventh has no crop: batches of uneven shares."""
    data = image_cases(kind, n=48)
    data = data.take(np.arange(48) < 47)
    inputs = model_inputs(fit_preprocessor(data.frame, data.columns, Rules()), data.frame, data.crops)
    params = replace(TINY, ordinal_head="cumulative").params()
    design = design_of(inputs, data.target, params)
    joint = () if beside is None else (replace(image_cases(beside).target.take(np.arange(48) < 47), endpoint="beside"),)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        module = FusionNetwork(design).train()
        for layer in module.last_layers():
            nn.init.normal_(layer.weight, std=0.1)
    stack = stack_cases(inputs, tuple(design.tables), design.images)
    learning = Learning(module, stack, Outcomes.of(data.target), torch.linspace(-1, 1, 47))
    own = Task("e", kind, module.head, learning.outcomes, torch.ones(47) > 0)
    auxiliary, _ = auxiliary_tasks(joint, params, np.ones(47, dtype=bool))
    steps = Steps(np.arange(47), events(data.target), course, np.random.default_rng(3))
    return learning, design, JointLoss(own, auxiliary, course.memory), steps


def weights(learning: Learning, loss: JointLoss) -> np.ndarray:
    return parameters_to_vector([*learning.module.parameters(), *loss.parameters()]).detach().numpy()


@pytest.mark.parametrize(
    ("kind", "beside", "course"),
    [
        (EndpointKind.BINARY, None, COURSE),
        (EndpointKind.TIME_TO_EVENT, None, replace(COURSE, epochs=5)),
        (EndpointKind.TIME_TO_EVENT, EndpointKind.ORDINAL, replace(COURSE, memory=20, batch=3)),
    ],
    ids=["yes/no", "cox", "cox with a memory and grades beside, batches down to three cases"],
)
def test_two_processes_take_the_steps_of_one(kind: EndpointKind, beside: EndpointKind | None, course: Course) -> None:
    learning, design, loss, steps = prepared(kind, course, beside=beside)
    alone, alone_loss, alone_steps = deepcopy(learning), deepcopy(loss), deepcopy(steps)
    begun = weights(learning, loss)
    with one_thread():
        one = take_steps(alone, alone_loss, alone_steps, "cpu")
    two = steps_in_processes(learning, design, loss, steps, "cpu", 2)
    found, expected = weights(learning, loss), weights(alone, alone_loss)
    assert len(one) == loss.batches == alone_loss.batches > 4
    np.testing.assert_allclose(two, one, rtol=1e-5)
    assert np.abs(expected - begun).max() > 0.01
    # a Cox loss does not see a constant: of the 59 428 weights, the last biases of the fusion move by rounding alone
    assert np.quantile(np.abs(found - expected), 0.999) < 1e-5
    assert loss.silent == alone_loss.silent
    assert not learning.module.training


def test_two_processes_end_where_one_does() -> None:
    """Eleven watch cases, so that the shares of them are uneven too; their loss falls once and then rises."""
    course = replace(COURSE, epochs=4, learning_rate=0.02)
    (learning, design, loss, steps), (alone, _, alone_loss, alone_steps) = (
        prepared(EndpointKind.TIME_TO_EVENT, course, beside=EndpointKind.ORDINAL) for _ in range(2)
    )
    steps, alone_steps = (
        replace(each, rows=np.arange(36), watch=Watch(np.arange(36, 47), 1)) for each in (steps, alone_steps)
    )
    with one_thread():
        one = take_steps(alone, alone_loss, alone_steps, "cpu")
    two = steps_in_processes(learning, design, loss, steps, "cpu", 2)
    assert steps.watch is not None
    assert alone_steps.watch is not None
    np.testing.assert_allclose(steps.watch.losses, alone_steps.watch.losses, rtol=1e-4)
    assert (steps.watch.best, steps.watch.epochs) == (1, 2)
    assert len(two) == len(one) == loss.batches
    assert np.quantile(np.abs(weights(learning, loss) - weights(alone, alone_loss)), 0.999) < 1e-5


@pytest.mark.parametrize(("how", "said"), [("raised", "FloatingPointError: planted"), ("killed", "SIGKILL")])
def test_a_process_that_ends_early_ends_the_fit(how: str, said: str) -> None:
    learning, design, loss, steps = prepared(EndpointKind.BINARY)
    with pytest.raises(OutcomeError, match=said):
        steps_in_processes(learning, design, Doomed(loss.tasks[0], how), steps, "cpu", 2)
    assert not [child for child in active_children() if "forkserver" not in child.name.lower()]


def test_a_weight_that_no_process_has_a_gradient_of_keeps_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.distributed.all_reduce", lambda numbers: numbers.mul_(2))
    seen, unseen, common = (nn.Parameter(torch.ones(2)) for _ in range(3))
    seen.grad = common.grad = torch.ones(2)
    Share(1, 2).add_gradients([seen, unseen], [common])
    assert seen.grad.tolist() == [2, 2]
    assert unseen.grad is None
    assert common.grad is None  # the first process's gradient counts, and here it has none


def loss_of_two(kind: EndpointKind) -> list[float]:
    return steps_in_processes(*prepared(kind), "cpu", 2)


def test_a_worker_process_may_start_them_too() -> None:
    with ProcessPoolExecutor(1, get_context(START_METHOD)) as pool:
        assert len(pool.submit(loss_of_two, EndpointKind.BINARY).result(timeout=300)) > 6


class Dropping(nn.Module):
    drop_prob = 0.2


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(4), nn.Dropout3d(0.1), Dropping()])
def test_layers_that_would_read_a_share_otherwise_are_refused_while_they_learn(layer: nn.Module) -> None:
    with pytest.raises(ConfigRefusal, match=type(layer).__name__):
        refuse_unshareable(nn.Sequential(layer))
    refuse_unshareable(nn.Sequential(layer).eval())
    refuse_unshareable(nn.Sequential(nn.GroupNorm(2, 4), nn.Dropout(0.0)))


def test_too_little_shared_memory_is_refused_before_a_process_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    learning, design, loss, steps = prepared(EndpointKind.BINARY)
    monkeypatch.setattr(processes.shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    monkeypatch.setattr(processes, "_run", lambda _: pytest.fail("processes were started"))
    if processes.SHARED_MEMORY.exists():
        with pytest.raises(DataRefusal, match="memory"):
            steps_in_processes(learning, design, loss, steps, "cpu", 2)
