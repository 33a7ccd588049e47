"""A trained network as bytes and back: safetensors with the plan beside the weights. Never unpickles.

Version 2 also says what was trained on (`training_facts`); version 1 is still read, and says nothing of it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from segmentation.errors import ImageRefusal
from segmentation.learning.training_facts import TrainingFacts
from segmentation.networks import NETWORKS
from segmentation.planning.plan import SegmenterPlan

FORMAT, READABLE = 2, (1, 2)
_KEY = "segmenter"  # one entry: the format keeps no order among several, and equal networks must give equal bytes
_HEADER_BYTES = 2**24


def pack(plan: SegmenterPlan, network: nn.Module, facts: TrainingFacts | None = None) -> bytes:
    """The plan and the weights as a safetensors file; the same network gives the same bytes."""
    tensors = {name: value.detach().to("cpu").contiguous() for name, value in network.state_dict().items()}
    about = {"format": FORMAT, "plan": plan.to_json(), "trained_on": facts.to_json() if facts else None}
    return save(tensors, {_KEY: json.dumps(about, sort_keys=True, separators=(",", ":"))})


def unpack(data: bytes) -> tuple[SegmenterPlan, nn.Module]:
    """The plan and its network in evaluation mode.

    Raises ImageRefusal: `weights_damaged` where the bytes are not a whole segmenter, `weights_mismatch` where the
    weights are not those of the network that the plan describes.
    """
    about = _about(data)
    if about.get("format") not in READABLE:
        raise _damaged("format " + str(about.get("format")))
    plan = SegmenterPlan.from_json(about.get("plan", {}))
    try:
        tensors = load(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise _damaged(type(error).__name__) from error
    with torch.random.fork_rng(devices=[]):
        with torch.device("meta"):
            network = _built(plan)
        _check_weights(network, tensors, plan)
        if any(table.is_meta for name, table in network.named_buffers() if name not in tensors):
            network = _built(plan)  # tables that follow from the plan are in no file: they have to be computed
    network.load_state_dict(tensors, assign=True)
    return plan, network.eval()


def _built(plan: SegmenterPlan) -> nn.Module:
    """The plan's network without the weights that a training started from: those of the file replace them."""
    options = {name: value for name, value in plan.options.items() if name != "weights"}
    return NETWORKS[plan.network].build(replace(plan, options=options))


def trained_on(data: bytes) -> TrainingFacts | None:
    """What a packed network was trained on; None where its file does not say. Raises `weights_damaged`."""
    found = _about(data).get("trained_on")
    try:
        return TrainingFacts.from_json(found) if found else None
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(f"facts of another form ({type(error).__name__})") from error


def fingerprint(data: bytes) -> str:
    """The first 12 hex digits of the SHA-256 of a segmenter's bytes."""
    return hashlib.sha256(data).hexdigest()[:12]


def _about(data: bytes) -> dict[str, Any]:
    """What stands beside the weights; read by hand, since the library gives it for files only."""
    try:
        length = int.from_bytes(data[:8], "little")
        if len(data) < 8 or length > min(_HEADER_BYTES, len(data) - 8):
            raise _damaged(f"{len(data)} bytes")
        return dict(json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_KEY]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, ImageRefusal):
            raise
        raise _damaged(type(error).__name__) from error


def _check_weights(network: nn.Module, tensors: dict[str, torch.Tensor], plan: SegmenterPlan) -> None:
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    other = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if other:
        raise ImageRefusal(
            "weights_mismatch",
            "The weights are not those of the network they come with.",
            expected=f"{len(wanted)} tensors of {plan.network} with channels {list(plan.channels)}",
            found=f"{len(other)} tensors that are missing, unknown or of another shape, such as {other[0]}",
            next_step="use the file that training wrote",
        )
    if not all(value.dtype == torch.float32 and bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise _damaged("weights that are not finite float32 numbers")


def _damaged(found: str) -> ImageRefusal:
    return ImageRefusal(
        "weights_damaged",
        "The file is not a whole segmenter.",
        expected="a safetensors file written by training",
        found=found,
        next_step="copy the file again, or train anew",
    )
