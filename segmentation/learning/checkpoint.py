"""The state of a training on disk, from which a killed one goes on: safetensors, replaced as a whole."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn
from torch.optim import Optimizer

from segmentation.errors import ImageRefusal

_KEY = "training"
_NUMBERS = ("steps", "step", "best_score", "since_best")
Tensors = dict[str, torch.Tensor]


@dataclass
class Progress:
    """How far a training is: its steps in all and those done, the best score on the held-out share with its weights,
    and the checks since then."""

    steps: int
    step: int = 0
    best_score: float = float("-inf")
    since_best: int = 0
    best: Tensors | None = None

    def keep(self, network: nn.Module) -> None:
        self.best = copied(network)


@dataclass(frozen=True, eq=False)
class Parts:
    """What changes with every step: the network, its optimizer, the average of its weights where one is kept, and
    what is trained along."""

    network: nn.Module
    optimizer: Optimizer
    average: nn.Module | None = None
    extra: nn.Module | None = None


def copied(network: nn.Module) -> Tensors:
    """The weights as they are now, on the CPU."""
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in network.state_dict().items()}


def save_checkpoint(path: Path, work: str, progress: Progress, parts: Parts) -> None:
    """Write the state of a training; `work` names what is trained on what, so that no other training reads it."""
    tensors = {f"network/{name}": value for name, value in copied(parts.network).items()}
    tensors |= {f"best/{name}": value for name, value in (progress.best or {}).items()}
    if parts.average is not None:
        tensors |= {f"average/{name}": value for name, value in copied(parts.average).items()}
    if parts.extra is not None:
        tensors |= {f"extra/{name}": value for name, value in copied(parts.extra).items()}
    for number, state in parts.optimizer.state_dict()["state"].items():
        for name, value in state.items():
            if value is not None:  # SGD without momentum notes that it has none
                kept = torch.as_tensor(value).detach().to("cpu", copy=True)
                tensors[f"optimizer/{number}/{name}"] = kept.contiguous()
    about = {"work": work, **{name: getattr(progress, name) for name in _NUMBERS}}
    write_atomically(path, save(tensors, {_KEY: json.dumps(about, sort_keys=True)}))


def load_checkpoint(path: Path, work: str, parts: Parts) -> Progress:
    """Put a saved training back into its parts.

    Raises ImageRefusal: `checkpoint_damaged`, and `checkpoint_mismatch` where it belongs to another plan or cases.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[_KEY])
            if about["work"] != work:
                raise _refuse("mismatch", path, "of this plan and these cases", "one of another plan or other cases")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
        parts.network.load_state_dict(_part(tensors, "network"))
        if parts.average is not None:
            parts.average.load_state_dict(_part(tensors, "average"))
        if parts.extra is not None:
            parts.extra.load_state_dict(_part(tensors, "extra"))
        _restore(parts.optimizer, _part(tensors, "optimizer"))
        return Progress(**{name: about[name] for name in _NUMBERS}, best=_part(tensors, "best") or None)
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        if isinstance(error, ImageRefusal):
            raise
        raise _refuse("damaged", path, "that training wrote", type(error).__name__) from error


def steps_of(path: Path) -> int | None:
    """How many steps the training behind a checkpoint was to take; None where there is no readable one."""
    try:
        with safe_open(path, framework="pt") as file:
            return int(json.loads((file.metadata() or {})[_KEY])["steps"])
    except (SafetensorError, OSError, KeyError, ValueError):
        return None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old or the new content, never a part; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _part(tensors: Tensors, first: str) -> Tensors:
    return {name.split("/", 1)[1]: value for name, value in tensors.items() if name.startswith(f"{first}/")}


def _restore(optimizer: Optimizer, tensors: Tensors) -> None:
    state: dict[int, Tensors] = {}
    for name, value in tensors.items():
        number, _, key = name.partition("/")
        state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _refuse(code: str, path: Path, expected: str, found: str) -> ImageRefusal:
    return ImageRefusal(
        f"checkpoint_{code}",
        f"{path.name}: the training cannot be taken up again.",
        expected=f"a checkpoint {expected}",
        found=found,
        next_step="name another file, or delete this one to start anew",
    )
