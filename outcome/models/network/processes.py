"""One network learned by several processes of this machine, each on its share of every batch (`shares`).

The processes are forked from a server that imported torch once; a worker process may start them too. They speak
through the loopback interface alone (gloo; nccl between GPUs, one a process).
Crops stand in memory once for all of them. A process that raises or dies ends the others, and the fit, with its error.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, multiprocessing, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from outcome.errors import ConfigRefusal, DataRefusal, OutcomeError
from outcome.local_pools import START_METHOD, prepare_server
from outcome.models.network.data import CaseStack
from outcome.models.network.joint import JointLoss
from outcome.models.network.model import Design, FusionNetwork
from outcome.models.network.shares import Share
from outcome.models.network.steps import Learning, Steps, take_steps
from outcome.models.network.tuning import begin_learning
from outcome.models.one_thread import one_thread

PATIENCE = timedelta(minutes=10)  # a process that waits longer for the others gives up
PRELOADED = (__name__, "outcome.models.network.fabric", "monai.networks.nets")  # torchvision is cured before monai
SHARED_MEMORY = Path("/dev/shm")
TOLD = "told.json"
_BY_CHANCE = ("drop_prob", "drop_rate")


@dataclass(frozen=True, eq=False)
class _Job:
    """What every process is given. `weights` are shared memory, into which the first process writes what it learned."""

    design: Design
    state: dict[str, np.ndarray]
    learning: dict[str, Any]
    loss: JointLoss
    steps: Steps
    device: str
    count: int
    folder: Path
    weights: Tensor


def steps_in_processes(
    learning: Learning, design: Design, loss: JointLoss, steps: Steps, device: str, count: int
) -> list[float]:
    """`take_steps` by `count` processes: module and loss end as one process would leave them, up to rounding.

    Raises ConfigRefusal for layers that cannot be shared, DataRefusal where the crops do not fit into shared memory,
    OutcomeError where a process ends early.
    """
    refuse_unshareable(learning.module)
    _refuse_little_memory(learning.stack)
    weights = [*learning.module.parameters(), *loss.parameters()]
    with tempfile.TemporaryDirectory() as folder:
        job = _Job(
            design=design,
            state={name: tensor.detach().numpy() for name, tensor in learning.module.state_dict().items()},
            learning={"stack": learning.stack, "outcomes": learning.outcomes, "linear": learning.linear},
            loss=loss,
            steps=steps,
            device=device,
            count=count,
            folder=Path(folder),
            weights=parameters_to_vector(weights).detach().clone().share_memory_(),
        )
        _run(job)
        told = json.loads((job.folder / TOLD).read_text(encoding="utf-8"))
    with torch.no_grad():
        vector_to_parameters(job.weights, weights)
    learning.module.eval()
    loss.batches, loss.silent = told["batches"], told["silent"]
    if steps.watch is not None:
        steps.watch.losses[:] = told["watched"]
    return list(told["losses"])


def refuse_unshareable(module: nn.Module) -> None:
    """Raises ConfigRefusal for layers in training that would read a share otherwise than the whole batch."""
    found = sorted({type(layer).__name__ for layer in module.modules() if layer.training and _depends_on_share(layer)})
    if found:
        raise ConfigRefusal(
            "several processes cannot train this network together",
            expected="no layer that learns from statistics of a batch, or drops by chance",
            found=", ".join(found),
            next_step="leave --processes out, or set training.network.tuning to frozen",
        )


def _depends_on_share(layer: nn.Module) -> bool:
    by_chance = [float(getattr(layer, name, 0) or 0) for name in _BY_CHANCE]
    dropout = isinstance(layer, _DropoutNd) and layer.p > 0
    return isinstance(layer, _BatchNorm) or dropout or max(by_chance) > 0


def _refuse_little_memory(stack: CaseStack) -> None:
    needed = sum(crops.nbytes for crops in stack.crops.values())
    free = shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.exists() else needed
    if needed > free:
        raise DataRefusal(
            "the crops do not fit into the memory that processes share",
            expected=f"{needed / 1e9:.2f} GB free in {SHARED_MEMORY}",
            found=f"{free / 1e9:.2f} GB",
            next_step="give the machine or container more shared memory, or leave --processes out",
        )


def _run(job: _Job) -> None:
    """All processes to their end; the first that fails ends the others."""
    prepare_server(PRELOADED)
    context = multiprocessing.start_processes(
        _learn_share, args=(job,), nprocs=job.count, join=False, start_method=START_METHOD
    )
    try:
        while not context.join():
            pass
    except (multiprocessing.ProcessRaisedException, multiprocessing.ProcessExitedException) as error:
        told = _first_error(job.folder)
        raised = told and isinstance(error, multiprocessing.ProcessRaisedException)
        raise OutcomeError(
            f"one of {job.count} processes that train the network ended early",
            found=told if raised else str(error),
            next_step="see whether memory is enough, then repeat the command, or leave --processes out",
        ) from error
    finally:
        for process in context.processes:
            if process.is_alive():
                process.kill()
            process.join()


def _learn_share(rank: int, job: _Job) -> None:
    """One process: join the others, learn, and if it is the first write down what was learned."""
    try:
        _join_others(rank, job)
        with one_thread():
            learning, loss = _own_copy(job)
            losses = take_steps(learning, loss, job.steps, job.device, Share(rank, job.count))
        if rank == 0:
            _hand_back(job, learning, loss, losses)
        distributed.barrier()
        distributed.destroy_process_group()
    except Exception as error:
        _note_error(job.folder, rank, error)
        raise


def _hand_back(job: _Job, learning: Learning, loss: JointLoss, losses: list[float]) -> None:
    with torch.no_grad():
        job.weights.copy_(parameters_to_vector([*learning.module.parameters(), *loss.parameters()]))
    watched = job.steps.watch.losses if job.steps.watch else []
    told = {"batches": loss.batches, "silent": loss.silent, "losses": losses, "watched": watched}
    (job.folder / TOLD).write_text(json.dumps(told), encoding="utf-8")


def _join_others(rank: int, job: _Job) -> None:
    loopback = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
    os.environ.update({"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback})
    if job.device == "cuda":
        torch.cuda.set_device(rank)
    distributed.init_process_group(
        "nccl" if job.device == "cuda" else "gloo",
        init_method=f"file://{job.folder / 'meeting'}",
        rank=rank,
        world_size=job.count,
        timeout=PATIENCE,
    )


def _own_copy(job: _Job) -> tuple[Learning, JointLoss]:
    """Network and loss to change; the cases are those of all."""
    module = FusionNetwork(job.design)
    begin_learning(module, [token.encoder for token in module.image_tokens()], job.steps.course.tuning)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in job.state.items()})
    return Learning(module, **job.learning), deepcopy(job.loss)


def _note_error(folder: Path, rank: int, error: Exception) -> None:
    """The first error is the cause; that others then find nobody to speak to follows from it."""
    try:
        with (folder / "error").open("x", encoding="utf-8") as file:
            file.write(f"process {rank + 1}: {type(error).__name__}: {error}")
    except FileExistsError:
        return


def _first_error(folder: Path) -> str:
    file = folder / "error"
    return file.read_text(encoding="utf-8") if file.exists() else ""
