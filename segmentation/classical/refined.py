"""A model (a network, or another method) whose masks classical steps refine: a hybrid."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from safetensors.numpy import save

from segmentation.assessment.expected_volumes import VolumeRange
from segmentation.classical.refinements import Step
from segmentation.classical.saving import arrays_of, damaged, described
from segmentation.errors import ImageRefusal
from segmentation.types import Mask, Volume

if TYPE_CHECKING:
    from segmentation.outlining.model import Model

FORMAT = 1
KEY = "refined"


class Refined:
    """A model and the steps that follow it, in their order, on the image's own voxels and its first channel."""

    def __init__(self, model: Model, steps: Sequence[Step]) -> None:
        if not steps:
            raise ImageRefusal("bad_refinement", "No refinement is named.", expected="one step or more", found="none")
        self.model, self.steps = model, tuple(steps)

    def segment(self, image: Volume | Sequence[Volume], *, limit_bytes: int | None = None) -> Mask:
        """The model's mask, refined. Raises as the model's own `segment`."""
        mask = self.model.segment(image, limit_bytes=limit_bytes)
        first = image if isinstance(image, Volume) else image[0]
        return refine(mask, first, self.steps)

    @property
    def regions(self) -> dict[str, int]:
        """Names and labels of what it draws."""
        return self.model.regions

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the channels that it reads, in their order."""
        return self.model.inputs

    @property
    def volumes(self) -> dict[str, VolumeRange]:
        """Those of the model behind it."""
        return self.model.volumes

    def to_bytes(self) -> bytes:
        """The model's own file and the steps as safetensors; the same hybrid gives the same bytes."""
        about = {"format": FORMAT, "steps": [{"name": step.name, **step.options} for step in self.steps]}
        inner = np.frombuffer(self.model.to_bytes(), dtype=np.uint8)
        return save({"model": inner}, {KEY: json.dumps(about, sort_keys=True, separators=(",", ":"))})

    @property
    def id(self) -> str:
        """Twelve hex digits that name the model and its steps."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """`<model>+<steps>:<id>`, such as unet_3d+watershed:0123456789ab."""
        first = self.model.name.partition(":")[0]
        return f"{'+'.join([first, *(step.name for step in self.steps)])}:{self.id}"


def refine(mask: Mask, image: Volume, steps: Sequence[Step]) -> Mask:
    """A new mask: the steps one after another, each on what the one before left. Intensities are brought to mean 0 and
    deviation 1 first, so that the steps' numbers fit any image."""
    array = np.squeeze(np.asarray(image.array, dtype=np.float32))
    scaled = (array - array.mean(dtype=np.float64)) / max(float(array.std(dtype=np.float64)), 1e-6)
    classes = np.ascontiguousarray(mask.labels.reshape(array.shape))
    for step in steps:
        classes = step.refined(np.ascontiguousarray(scaled, dtype=np.float32), classes)
    labels = np.asfortranarray(classes.reshape(mask.labels.shape).astype(mask.labels.dtype))
    return Mask(labels, mask.affine, mask.regions)


def unpack_refined(data: bytes) -> tuple[bytes, tuple[Step, ...]]:
    """The model's own file and the steps. Raises ImageRefusal (`weights_damaged`, `bad_refinement`)."""
    about, arrays = described(data, KEY), arrays_of(data)
    if about.get("format") != FORMAT or "model" not in arrays:
        raise damaged(f"format {about.get('format')}")
    return arrays["model"].tobytes(), steps_of(about.get("steps"))


def steps_of(entries: Any) -> tuple[Step, ...]:
    """Steps from a list of {name: ..., option: value}, or of names. Raises ImageRefusal (`bad_refinement`)."""
    if not isinstance(entries, list) or not entries:
        raise _unreadable(f"{type(entries).__name__}")
    return tuple(_step(entry) for entry in entries)


def read_steps(path: Path) -> tuple[Step, ...]:
    """The steps under `refine` in a YAML file. Raises ImageRefusal (`bad_refinement`)."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _unreadable(type(error).__name__) from error
    if not isinstance(content, Mapping):
        raise _unreadable(type(content).__name__)
    return steps_of(content.get("refine"))


def _step(entry: Any) -> Step:
    if isinstance(entry, str):
        return Step(entry)
    if not isinstance(entry, Mapping) or "name" not in entry:
        raise _unreadable(f"a step that is {type(entry).__name__}")
    return Step(str(entry["name"]), {str(key): value for key, value in entry.items() if key != "name"})


def _unreadable(found: str) -> ImageRefusal:
    return ImageRefusal(
        "bad_refinement",
        "The refinements cannot be read.",
        expected="refine: a list of steps, such as - name: watershed",
        found=found,
        next_step="start from configs/segmentation/hybrid_unet_watershed.yaml",
    )
