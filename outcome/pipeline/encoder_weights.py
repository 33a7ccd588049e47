"""The weights that a study's image encoders begin with: where they lie, and what they are for the key of training."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from outcome.cases import refusing
from outcome.config import Study
from outcome.config.training import HUB, MASKS, TIMM
from outcome.errors import ConfigRefusal
from outcome.pipeline.inputs import file_hashes, read_inputs
from outcome.pipeline.stage import Run
from segmentation.models import LOADERS, images_learned_from


def weights_file(study: Study) -> Path | None:
    """The file that image encoders begin with, fetched from timm's hub where the study says so.

    None where they begin with no file: at random, or with what each fit's own masks teach.

    Raises ConfigRefusal where the hub does not give it.
    """
    network = study.training.network
    if network.weights in (None, MASKS) or not study.image_blocks or "fusion" not in study.training.families:
        return None
    if network.weights != HUB:
        return Path(network.weights)
    from outcome.models.network.encoder_weights import hub_file  # torch costs seconds

    return hub_file(network.encoder.removeprefix(TIMM))


def weights_input(run: Run) -> dict[str, str]:
    """The sha256 of those weights, for the key of training: other weights make another training.

    Before anything is trained, raises ConfigRefusal where the file is no safetensors file, and where it is a
    segmentation model that learned from an image of this study or does not say from which it learned.
    """
    file = weights_file(run.study)
    if file is None:
        return {}
    try:
        with safe_open(file, framework="np") as opened:
            kinds = set(opened.metadata() or {})
        key = {"encoder_weights": run.ledger.sha256(file)}
    except (OSError, SafetensorError) as error:
        raise ConfigRefusal(
            "the file of the encoder's weights cannot be read",
            expected="a .safetensors file",
            found=f"{file.name}: {type(error).__name__}",
            next_step="correct training.network.weights, which is relative to the study file",
        ) from error
    if kinds & LOADERS.keys():
        _refuse_own_images(run, file)
    return key


def _refuse_own_images(run: Run, file: Path) -> None:
    """What an encoder learned to see in an image it sees better there than in a new one (decision 0011)."""
    learned = refusing(images_learned_from)(file.read_bytes())
    cases = read_inputs(run) if learned else {}
    hashes = {case_id: file_hashes(run, case.images).values() for case_id, case in cases.items()}
    known = sorted(case_id for case_id, found in hashes.items() if not set(learned or ()).isdisjoint(found))
    if known or not learned:
        raise ConfigRefusal(
            "training.network.weights may know images of this study",
            expected="a segmentation model that says what it learned from, and saw none of these images",
            found=f"{file.name}: {f'{len(known)} case(s), such as {known[0]}' if known else 'it does not say'}",
            next_step="train the model on other patients, or leave weights out",
        )
