"""What `segmentation train` does with a classical method, and with the refinements that follow a model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
import yaml

from segmentation.classical import METHODS
from segmentation.classical.settings import ClassicalSettings
from segmentation.cli.answers import existing, say
from segmentation.errors import ImageRefusal
from segmentation.learning.training_case import TrainingCase
from segmentation.networks import NETWORKS
from segmentation.planning.plan import SegmenterPlan


def chosen_model(method: str, network: str, hybrid: Path | None) -> tuple[str, str]:
    """The method to fit ("": none) and the network to train: those of the options, or of a hybrid's file.

    Raises a usage error (exit code 2) for a name that is none of the methods, ImageRefusal as `read_hybrid`.
    """
    if hybrid is not None:
        content = read_hybrid(existing(hybrid, "the hybrid's file"))
        method, network = str(content.get("method", "")), str(content.get("network", network))
    if method and method not in METHODS:
        raise typer.BadParameter(f"method must be one of {', '.join(METHODS)}, found {method}")
    if network not in NETWORKS:
        raise typer.BadParameter(f"network must be one of {', '.join(NETWORKS)}, found {network}")
    return method, network


def read_hybrid(path: Path) -> dict[str, Any]:
    """A hybrid's file: `network` or `method`, and `refine`. Raises ImageRefusal (`bad_refinement`)."""
    from segmentation.classical.refined import read_steps  # scikit-image takes a second to import

    steps = read_steps(path)
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    unknown = sorted(set(map(str, content)) - {"network", "method", "refine"})
    if unknown or ("network" in content) == ("method" in content):
        raise ImageRefusal(
            "bad_refinement",
            f"{path.name} does not say what is refined.",
            expected="either network or method, and refine",
            found=", ".join(map(str, content)),
            next_step="name one of the two",
        )
    return {**content, "refine": steps}


def train_method(
    method: str, cases: Sequence[TrainingCase], settings: ClassicalSettings, out: Path, hybrid: Path | None = None
) -> dict[str, object]:
    """Fit a method and write its file; what the command answers."""
    from segmentation.classical.segmenter import fit_method
    from segmentation.learning.checkpoint import write_atomically  # torch takes seconds to import

    say(f"training {method} on {len(cases)} cases")
    segmenter = fit_method(method, cases, settings)
    data, name = segmenter.to_bytes(), segmenter.name
    if hybrid is not None:
        data, name = _refined(data, hybrid)
    write_atomically(out, data)
    return {"segmenter": name, "cases": len(cases), "settings": settings.to_json()}


def unrefined(out: Path) -> Path:
    """Where a hybrid's network is kept until its refinements are added; so is its training's state."""
    return out.with_name(f"{out.name}.unrefined")


def refine_file(document: Mapping[str, object], out: Path, hybrid: Path) -> dict[str, object]:
    """Put a hybrid together from its trained network; what the command answers."""
    from segmentation.learning.checkpoint import write_atomically  # torch takes seconds to import

    data, name = _refined(unrefined(out).read_bytes(), hybrid)
    write_atomically(out, data)
    unrefined(out).unlink()
    return {**document, "segmenter": name}


def _refined(data: bytes, hybrid: Path) -> tuple[bytes, str]:
    from segmentation.classical.refined import Refined
    from segmentation.models import load_model

    refined = Refined(load_model(data), read_hybrid(hybrid)["refine"])
    return refined.to_bytes(), refined.name


def settings_like(plan: SegmenterPlan, path: Path | None, *, seed: int | None) -> ClassicalSettings:
    """A method's settings: those of a JSON file, or the regions, voxels and intensities that a plan for the data has.

    Raises ImageRefusal (`bad_settings`).
    """
    if path is None:
        return ClassicalSettings(
            plan.regions, intensity=plan.intensity, voxel=plan.voxel, inputs=plan.inputs, seed=seed or 0
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return ClassicalSettings.from_json(content if seed is None else {**content, "seed": seed})
    except (OSError, ValueError, TypeError) as error:
        if isinstance(error, ImageRefusal):
            raise
        expected, step = "a readable JSON file", "start from the settings that a training prints with --json"
        found = type(error).__name__
        raise ImageRefusal(
            "bad_settings", "No settings there.", expected=expected, found=found, next_step=step
        ) from error
