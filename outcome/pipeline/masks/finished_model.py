"""A finished model that draws a study's masks: what it must be, and that it never learned from these very images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from outcome.cases import refusing
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.pipeline.masks.drawing import Drawn, forget_networks
from outcome.pipeline.masks.folds import FINAL, Learners
from outcome.pipeline.masks.learned import NETWORKS, Network, file_hashes
from outcome.pipeline.stage import Run
from outcome.recipe import CaseInput, Recipe
from outcome.store import write_bytes
from outcome.types import Finding, Level
from segmentation.models import images_learned_from, load_model
from segmentation.outlining.model import Model


def finished_network(run: Run, file: Path, cases: Mapping[str, CaseInput], recipe: Recipe, folder: Path) -> Drawn:
    """The model in a file, as the network that draws every case of the study.

    Raises ConfigRefusal where the file is missing, is no model, draws other regions, reads another number of images,
    or learned from an image of this study: masks of such a case look better than those of a new patient.
    """
    data = _content(file)
    model = checked_model(data, file, recipe)
    learned = images_learned_from(data)
    known = _learned_cases(run, cases, recipe, set(learned or ()))
    if known:
        raise ConfigRefusal(
            f"segmenter.model learned from images of this study: {len(known)} case(s), such as {known[0]}",
            expected="a model that saw none of these images",
            found=f"{file.name}, trained on {len(learned or ())} images",
            next_step="leave model out, and networks are cross-fitted here; or train on other patients",
        )
    forget_networks(folder, keep=model.name.rpartition(":")[2])
    place = folder / NETWORKS / f"{model.name.rpartition(':')[2]}.safetensors"
    write_bytes(place, data)
    network = Network(place, model.name, len(learned or ()))
    return Drawn(recipe, {FINAL: network}, Learners({}), () if learned is not None else (_silent(file),))


def checked_model(data: bytes, file: Path, recipe: Recipe) -> Model:
    """The model in a file's content. Raises ConfigRefusal where it is none, or has other regions or images."""
    model = _loaded(data, file)
    _refuse_unfit(model, recipe)
    return model


def refuse_model(file: Path, recipe: Recipe) -> None:
    """Raises ConfigRefusal where a file cannot be the model of a study; the study's images are not looked at."""
    checked_model(_content(file), file, recipe)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigRefusal(
            "segmenter.model cannot be read", expected="a file that `segmentation train` wrote",
            found=f"{file.name}: {error.strerror}", next_step="correct the path, which is relative to the study file",
        ) from None  # fmt: skip


def _loaded(data: bytes, file: Path) -> Model:
    try:
        return refusing(load_model)(data)
    except DataRefusal as error:
        raise ConfigRefusal(
            f"segmenter.model: {error.message}", expected=error.expected, found=f"{file.name}: {error.found}",
            next_step=error.next_step,
        ) from error  # fmt: skip


def _refuse_unfit(model: Model, recipe: Recipe) -> None:
    if dict(model.regions) != dict(recipe.regions):
        raise ConfigRefusal(
            "segmenter.model draws other regions than mask.regions names",
            expected=str(dict(recipe.regions)),
            found=str(dict(model.regions)),
            next_step="name the model's regions and labels under mask.regions",
        )
    if len(model.inputs) != len(recipe.drawn_on):
        raise ConfigRefusal(
            "segmenter.model reads another number of images",
            expected=f"{len(model.inputs)}: {', '.join(model.inputs)}",
            found=", ".join(recipe.drawn_on),
            next_step="name the images that it reads under segmenter.images, in this order",
        )


def _learned_cases(run: Run, cases: Mapping[str, CaseInput], recipe: Recipe, learned: set[str]) -> list[str]:
    """The cases of which the model learned an image, by the file's content."""
    if not learned:
        return []
    hashes = {case_id: file_hashes(run, case, recipe) for case_id, case in cases.items()}
    return sorted(case_id for case_id, found in hashes.items() if learned & set(found.values()))


def _silent(file: Path) -> Finding:
    words = f"{file.name} does not say which images it learned from: make sure that none of them is of this study"
    return Finding("model_without_training_images", Level.REVIEW, words, ())
