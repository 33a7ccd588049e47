"""The weights that a study's image encoders begin with: where they lie, and what they are for the key of training."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from outcome.config import Study
from outcome.config.training import HUB, TIMM
from outcome.errors import ConfigRefusal
from outcome.pipeline.stage import Run


def weights_file(study: Study) -> Path | None:
    """The file that image encoders begin with, fetched from timm's hub where the study says so; None for none.

    Raises ConfigRefusal where the hub does not give it.
    """
    network = study.training.network
    if network.weights is None or not study.image_blocks or "fusion" not in study.training.families:
        return None
    if network.weights != HUB:
        return Path(network.weights)
    from outcome.models.encoder_weights import hub_file  # torch costs seconds

    return hub_file(network.encoder.removeprefix(TIMM))


def weights_input(run: Run) -> dict[str, str]:
    """The sha256 of those weights, for the key of training: other weights make another training.

    Raises ConfigRefusal where the file is no safetensors file, before anything is trained.
    """
    file = weights_file(run.study)
    if file is None:
        return {}
    try:
        with safe_open(file, framework="np"):
            return {"encoder_weights": run.ledger.sha256(file)}
    except (OSError, SafetensorError) as error:
        raise ConfigRefusal(
            "the file of the encoder's weights cannot be read",
            expected="a .safetensors file",
            found=f"{file.name}: {type(error).__name__}",
            next_step="correct training.network.weights, which is relative to the study file",
        ) from error
