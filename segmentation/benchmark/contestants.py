"""What takes part: a network by its plan, a classical method by its settings, either with refinements after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from segmentation.benchmark.config import Budget, ModelEntry
from segmentation.classical import METHODS
from segmentation.classical.settings import ClassicalSettings, check_options
from segmentation.datasets.dataset import Dataset
from segmentation.errors import ImageRefusal
from segmentation.networks import NETWORKS
from segmentation.planning.fingerprint import Survey
from segmentation.planning.plan import SegmenterPlan
from segmentation.planning.plan_files import read_plan
from segmentation.planning.rules import plan_from
from segmentation.refinement.settings import KINDS

if TYPE_CHECKING:
    from segmentation.classical.refinements import Step


@dataclass(frozen=True)
class Contestant:
    """How one model is made: a plan (a network) or a method with its settings, and the steps that follow it."""

    made: SegmenterPlan | ClassicalSettings
    method: str = ""
    steps: tuple[Step, ...] = ()

    @property
    def text(self) -> str:
        """Everything that decides its masks; equal contestants have equal text."""
        after = [(step.name, sorted(step.options.items())) for step in self.steps]
        return f"{self.method} {_sorted(self.made.to_json())} {after}"


def contestant(
    entry: ModelEntry, found: Sequence[Survey], dataset: Dataset, seed: int, budget: Budget, beside: Path
) -> Contestant:
    """A model for these cases to learn from; what its entry leaves open follows from them alone.

    Raises ImageRefusal: `unknown_model`, and what its plan, settings or file raise.
    """
    said = _said(entry, beside)
    steps = said.pop("_refine", ())
    method = str(said.pop("method", ""))
    if method:
        plan = plan_from({}, found, dataset)
        settings = ClassicalSettings(
            plan.regions, intensity=plan.intensity, voxel=plan.voxel, inputs=plan.inputs, seed=seed
        )
        settings = ClassicalSettings.from_json({**settings.to_json(), **entry.plan, "options": dict(entry.options)})
        check_options(method, settings)
        return Contestant(settings, method, steps)
    options = {**said.get("options", {}), **entry.options}
    said = {**said, **entry.plan}
    plan = plan_from({**said, **({"options": options} if options else {})}, found, dataset)
    return Contestant(replace(plan, seed=seed, steps=budget.steps or plan.steps), "", steps)


def _said(entry: ModelEntry, beside: Path) -> dict[str, Any]:
    """What is known of a model before its data are."""
    if entry.model in NETWORKS:
        return {"network": entry.model}
    if entry.model in METHODS:
        return {"method": entry.model}
    if not entry.model.endswith((".yaml", ".yml", ".json")):
        raise _unknown(entry.model)
    path = beside / entry.model
    if not path.is_file():
        raise _unknown(entry.model)
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if isinstance(content, Mapping) and _is_hybrid(content):
        from segmentation.classical.refined import read_steps  # scikit-image takes a second to import

        return {**{k: v for k, v in content.items() if k != "refine"}, "_refine": read_steps(path)}
    return read_plan(path)


def _is_hybrid(content: Mapping[str, Any]) -> bool:
    """A hybrid's file names a model and classical refinements; a plan's own are those of `refinement`."""
    steps = content.get("refine")
    if not isinstance(steps, list):
        return False
    names = {step.get("name") if isinstance(step, Mapping) else step for step in steps}
    return set(content) <= {"network", "method", "refine"} and not names & set(KINDS)


def _sorted(value: Any) -> Any:
    return sorted((key, _sorted(item)) for key, item in value.items()) if isinstance(value, Mapping) else value


def _unknown(name: str) -> ImageRefusal:
    step = "`segmentation train --help` lists networks and methods; a file is named from the benchmark file's folder"
    return ImageRefusal(
        "unknown_model", "There is no such model.", expected="a network, a method, or a YAML file", found=name,
        next_step=step,
    )  # fmt: skip
