"""Weights that an image encoder begins with: from a safetensors file, or timm's own from its hub. Never unpickles."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from outcome.errors import ConfigRefusal
from outcome.models.network.slice_encoder import SliceEncoder, timm_backbone

HUB_FILE = "model.safetensors"


def begin_with(encoders: Mapping[str, Any], file: Path) -> str:
    """Put a file's weights into encoders by block, as far as names and shapes fit; one sentence about what was done.

    Names are the encoder's own or, of a timm backbone, timm's. Raises ConfigRefusal for a file that is not there, is no
    safetensors file, holds a number that is not finite, or fits in nothing.
    """
    data = _content(file)
    given = _tensors(data, file)
    parts = [f"{block}: {_begin(encoder, given, file)}" for block, encoder in encoders.items()]
    sha = hashlib.sha256(data).hexdigest()[:12]
    return (
        f"Image encoders began with weights of {file.name} (sha256 {sha}; {', '.join(parts)}); "
        "whether these were learned from cases of this study is not known here."
    )


def hub_file(backbone: str) -> Path:
    """The local copy of timm's own weights of a backbone, fetched where there is none.

    Raises ConfigRefusal where timm names no such weights, the hub does not answer, or holds no safetensors file.
    """
    from outcome.models.network.encoders import cure

    cure()
    import timm  # after the cure
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    known = timm.get_pretrained_cfg(backbone) if timm.is_model(backbone) else None
    if known is None or not known.hf_hub_id:
        raise ConfigRefusal(
            "timm offers no weights of this backbone on its hub",
            expected="a backbone with weights of its own, such as timm:resnet10t",
            found=f"timm:{backbone}",
            next_step="choose another training.network.encoder, or leave training.network.weights out",
        )
    try:
        return Path(hf_hub_download(known.hf_hub_id, HUB_FILE))
    except (OSError, ValueError, EntryNotFoundError) as error:
        raise ConfigRefusal(
            "the weights of this backbone cannot be had from the hub",
            expected=f"{HUB_FILE} of {known.hf_hub_id}, from the web or kept from an earlier run",
            found=f"{type(error).__name__}",
            next_step="go online once, or name a file of these weights in training.network.weights",
        ) from error


def _begin(encoder: Any, given: Mapping[str, Tensor], file: Path) -> str:
    own = encoder.state_dict()
    fits = {name: tensor for name, tensor in given.items() if name in own and own[name].shape == tensor.shape}
    if fits:
        encoder.load_state_dict({**own, **fits})
        return f"{len(fits)} of {len(own)} tensors"
    fits = _of_timm(encoder, given) if isinstance(encoder, SliceEncoder) else {}
    if fits:
        made = timm_backbone(encoder.backbone, encoder.read, fits)
        encoder.body.load_state_dict(made.state_dict())
        return f"{len(fits)} of {len(given)} tensors given"
    example = next((f"{name} {tuple(tensor.shape)}" for name, tensor in own.items()), "none")
    found = next((f"{name} {tuple(tensor.shape)}" for name, tensor in given.items()), "none")
    raise ConfigRefusal(
        "none of the given weights fits the image encoder",
        expected=f"tensors of training.network.encoder, such as {example}",
        found=f"{file.name}: {len(given)} tensors, such as {found}",
        next_step="name a file of this encoder's weights in training.network.weights, or leave it out",
    )


def _of_timm(encoder: SliceEncoder, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those given that are the whole backbone's by timm's names, for images of three channels."""
    import timm

    with torch.random.fork_rng(devices=[]):
        whole = timm.create_model(encoder.backbone, pretrained=False).state_dict()
    return {name: tensor for name, tensor in given.items() if name in whole and whole[name].shape == tensor.shape}


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _refuse("cannot be read", f"{file.name}: {error.strerror}") from error


def _tensors(data: bytes, file: Path) -> dict[str, Tensor]:
    try:
        given: dict[str, Tensor] = load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise _refuse("is no safetensors file", f"{file.name}: {error}") from error
    if not all(torch.isfinite(tensor).all() for tensor in given.values()):
        raise _refuse("holds numbers that are not finite", file.name)
    return given


def _refuse(what: str, found: str) -> ConfigRefusal:
    return ConfigRefusal(
        f"the file of the encoder's weights {what}",
        expected="a .safetensors file with the weights of training.network.encoder",
        found=found,
        next_step="correct training.network.weights, which is relative to the study file",
    )
