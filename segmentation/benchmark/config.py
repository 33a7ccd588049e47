"""What a benchmark or an ablation compares, as its YAML file says it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from segmentation.errors import ImageRefusal


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitRule(_Part):
    """Which patients judge: the `last` so many by file order, each `every`-th, a `share` drawn by `seed`, or all in
    turn (`folds`). At most `learn` patients are learned from and `test` judged, the first by file order."""

    last: int = Field(default=0, ge=0)
    every: int = Field(default=0, ge=0)
    share: float = Field(default=0.0, ge=0, lt=1)
    folds: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)
    learn: int = Field(default=0, ge=0)
    test: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_rule(self) -> SplitRule:
        if sum(map(bool, (self.last, self.every, self.share, self.folds))) != 1:
            raise ValueError("say one of last, every, share and folds")
        if 1 in (self.every, self.folds):
            raise ValueError("every and folds are 2 or more")
        return self

    def words(self) -> str:
        """The rule for a reader."""
        rule = {
            "last": f"the last {self.last} patients by file order judge",
            "every": f"every patient number {self.every} by file order judges",
            "share": f"{self.share:.0%} of the patients judge, drawn by seed {self.seed}",
            "folds": f"{self.folds} folds of patients, drawn by seed {self.seed}: each judges once",
        }
        limits = [f"at most {n} patients {what}" for n, what in ((self.learn, "learn"), (self.test, "judge")) if n]
        return "; ".join([next(text for name, text in rule.items() if getattr(self, name)), *limits])


class DataEntry(_Part):
    """A data set: its folder below the environment variable `root` (without one, below the file's own folder)."""

    name: str = Field(pattern=r"^[\w-]+$")
    path: str
    split: SplitRule
    root: str = ""
    layout: str = ""
    units_mm: bool = True

    def folder(self, beside: Path) -> Path:
        """Raises ImageRefusal (`no_data`) where the variable is not set or the folder is not there."""
        if self.root and not os.environ.get(self.root):
            raise _no_data(self.name, f"the environment variable {self.root}", "it is not set")
        found = Path(os.environ[self.root] if self.root else beside) / self.path
        if not found.is_dir():
            raise _no_data(self.name, f"the folder {self.path}", "no such folder")
        return found


class ModelEntry(_Part):
    """A competitor: the name of a network or of a classical method, or a file of a plan or a hybrid, in `model`; `plan`
    and `options` change fields of the plan and options of the model. `words` says what is special about it."""

    name: str = Field(default="", pattern=r"^[\w .+-]*$")
    model: str
    plan: Mapping[str, Any] = {}
    options: Mapping[str, Any] = {}
    words: str = ""

    @property
    def shown(self) -> str:
        return self.name or Path(self.model).name.removesuffix(".yaml")


class Switch(_Part):
    """One change of an ablation's base."""

    name: str = Field(pattern=r"^[\w .+-]+$")
    plan: Mapping[str, Any] = {}
    options: Mapping[str, Any] = {}
    words: str = ""


class Budget(_Part):
    """How long every network is trained: in steps, or in minutes by a timed start (methods are fitted once)."""

    steps: int | None = Field(default=None, ge=1)
    minutes: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one(self) -> Budget:
        if (self.steps is None) == (self.minutes is None):
            raise ValueError("say steps or minutes")
        return self

    def words(self) -> str:
        return f"{self.steps} steps" if self.steps else f"{self.minutes:g} minutes"


class Analysis(_Part):
    """What is asked of the errors: the reach of the boundary, the noise added (in standard deviations of an image) and
    to how many cases, the tolerance of surface Dice."""

    boundary_mm: float = Field(default=2.0, gt=0)
    tolerance_mm: float = Field(default=2.0, ge=0)
    noise: tuple[float, ...] = (0.25, 0.5)
    noise_cases: int = Field(default=10, ge=0)


class _Compared(_Part):
    title: str = ""
    data: tuple[DataEntry, ...] = Field(min_length=1)
    budget: Budget
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    analysis: Analysis = Analysis()

    @model_validator(mode="after")
    def _distinct(self) -> _Compared:
        for what, names in self.names().items():
            if len({name.lower() for name in names}) < len(names):
                raise ValueError(f"two {what} have one name: {', '.join(names)}")
        return self

    def names(self) -> dict[str, list[str]]:
        return {"data sets": [one.name for one in self.data], "seeds": [str(seed) for seed in self.seeds]}


class BenchmarkConfig(_Compared):
    """Models times data sets times seeds. Differences are to `reference` ("": to the best of each data set)."""

    models: tuple[ModelEntry, ...] = Field(min_length=1)
    reference: str = ""

    def names(self) -> dict[str, list[str]]:
        return {**super().names(), "models": [one.shown for one in self.models]}

    @model_validator(mode="after")
    def _known_reference(self) -> BenchmarkConfig:
        names = [one.shown for one in self.models]
        if self.reference and self.reference not in names:
            raise ValueError(f"reference is none of the models {', '.join(names)}")
        return self


class AblationConfig(_Compared):
    """One model, and switches: names of `ablation.SWITCHES`, or a name with what it changes in the plan or in
    the options."""

    base: ModelEntry
    switches: tuple[str | Switch, ...] = Field(min_length=1)


Kind = TypeVar("Kind", BenchmarkConfig, AblationConfig)


def read_config(path: Path, kind: type[Kind]) -> Kind:
    """The file's content. Raises ImageRefusal (`bad_benchmark`) with the place of what is wrong."""
    try:
        return kind.model_validate(_entries(yaml.safe_load(path.read_text(encoding="utf-8"))))
    except ValidationError as error:
        raise _refuse(path, _wrong(error, kind)) from error
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise _refuse(path, type(error).__name__) from error


def _entries(content: Any) -> Any:
    """Models may be said by name alone."""
    if not isinstance(content, dict):
        return content
    named = {key: _entry(content[key]) for key in ("base",) if key in content}
    if isinstance(content.get("models"), list):
        named["models"] = [_entry(one) for one in content["models"]]
    return {**content, **named}


def _entry(said: Any) -> Any:
    return {"model": said} if isinstance(said, str) else said


def _wrong(error: ValidationError, kind: type[BaseModel]) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    near: list[str] = []
    if first["type"] == "extra_forbidden" and first["loc"]:
        near = get_close_matches(str(first["loc"][-1]), _keys(kind), 1)
    return f"{place}: {first['msg']}{f' (did you mean {near[0]}?)' if near else ''}"


def _keys(kind: type[BaseModel]) -> list[str]:
    parts = (kind, SplitRule, DataEntry, ModelEntry, Budget, Analysis)
    return sorted({name for part in parts for name in part.model_fields})


def _refuse(path: Path, found: str) -> ImageRefusal:
    return ImageRefusal(
        "bad_benchmark", f"{path.name} cannot be used.", expected="data, models (or base and switches) and budget",
        found=found, next_step="start from configs/benchmarks/five_models.yaml or ablation.yaml",
    )  # fmt: skip


def _no_data(name: str, expected: str, found: str) -> ImageRefusal:
    step = "set the variable to the folder that holds the data sets, or mend the path"
    return ImageRefusal("no_data", f"{name}: the data are not there.", expected=expected, found=found, next_step=step)
