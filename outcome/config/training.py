"""The part of a study file about models: how they are trained, the fusion network, harmonisation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from outcome.config.imaging import Name
from outcome.config.model import Model
from outcome.config.search import Fusion, Search, Tuning

TIMM, HUB, MASKS = "timm:", "hub", "masks"
STATED_WHERE_ASKED = (
    "weights", "tuning", "mask", "slices", "ordinal_head", "duration_head", "continuous_head", "imbalance",
    "min_events", "joint", "memory", "patience", "ensemble", "tables",
)  # fmt: skip

_Family = Literal["ridge", "elastic_net", "forest", "boosting", "fusion", "fine_gray", "stacking"]


class Network(Model):
    """The fusion network: what reads the images, how the blocks are joined, and how long it learns."""

    encoder: str = Field(
        default="resnet_3d",
        description="resnet_3d, densenet_3d, swin_3d or unet_3d, or timm:NAME for slices in three planes",
    )
    weights: Literal["hub", "masks"] | Path | None = Field(
        default=None,
        description="what the encoder begins with: a .safetensors file relative to this file, hub (timm's, fetched) or "
        "masks (what the regions of each fit's own cases teach)",
    )
    tuning: Tuning = Field(
        default="full", description="which of the encoder's weights learn; those of its pooling always do"
    )
    mask: Literal["channel", "crop", "attention"] = Field(
        default="channel", description="how the encoder is told of the regions; crop blanks all but them, see docs"
    )
    slices: Literal["mean", "attention"] = Field(default="mean", description="how timm:NAME joins its slices")
    fusion: Fusion = Field(
        default="gated", description="how the blocks are joined; film and daft also let the record change image maps"
    )
    tables: Literal["linear", "embedded"] = Field(
        default="linear",
        description="embedded: learned numbers for each level of a categorical variable, and a hidden layer a block",
    )
    survival_head: Literal["cox", "discrete_time"] = "cox"
    ordinal_head: Literal["cumulative"] | None = Field(default=None, description="default: no network for grades")
    duration_head: Literal["quantiles", "gaussian"] | None = Field(
        default=None, description="default: no network for durations"
    )
    continuous_head: Literal["gaussian", "quantiles"] | None = Field(
        default=None, description="default: no network for continuous values"
    )
    epochs: int = Field(default=12, ge=1)
    batch: int = Field(default=16, ge=2)
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    block_dropout: float = Field(default=0.2, ge=0, lt=1)
    refits: int = Field(default=5, ge=0, le=200, description="refits on resampled patients behind a risk's interval")
    endpoints: tuple[Name, ...] | None = Field(default=None, description="offer it for these alone; default: for all")
    imbalance: Literal["none", "weights", "focal"] | None = Field(
        default=None, description="the loss of a yes/no endpoint with few events; default: none"
    )
    min_events: int | None = Field(
        default=None, ge=2, description="fewer events (yes/no: of the rarer outcome): no network; default: a warning"
    )
    memory: int | None = Field(
        default=None, ge=1, description="cases remembered in the Cox head's risk sets, for small batches; default: none"
    )
    patience: int | None = Field(
        default=None,
        ge=1,
        description="end after so many epochs in a row without a gain on watch cases; default: never",
    )
    joint: tuple[Name, ...] | None = Field(
        default=None, min_length=1, description="auxiliary endpoints that the network of each other endpoint learns too"
    )
    ensemble: int = Field(default=1, ge=1, le=20, description="networks of different seeds, their outputs averaged")

    @model_validator(mode="after")
    def _fits_the_encoder(self) -> Network:
        if self.slices != "mean" and not self.encoder.startswith(TIMM):
            raise ValueError(f"slices are read by timm:NAME alone, not by {self.encoder}: leave slices out")
        if self.weights == HUB and not self.encoder.startswith(TIMM):
            raise ValueError(f"the hub has weights of timm:NAME alone, not of {self.encoder}: name a file")
        if self.tuning != "full" and self.weights is None:
            raise ValueError(f"tuning: {self.tuning} keeps weights that were learned before: name them under weights")
        if self.memory is not None and self.survival_head != "cox":
            raise ValueError(f"memory serves survival_head: cox, not {self.survival_head}: leave memory out")
        return self

    @model_validator(mode="after")
    def _can_end_early(self) -> Network:
        if self.patience is not None and self.patience >= self.epochs:
            raise ValueError(f"patience {self.patience} never ends epochs {self.epochs} early: fewer, or leave it out")
        return self

    @model_validator(mode="after")
    def _can_learn_from_masks(self) -> Network:
        if isinstance(self.weights, Path) and self.weights.name == MASKS:
            raise ValueError(
                f"weights: {MASKS} says that masks teach the encoder: give the file of weights another name"
            )
        if self.weights == MASKS and self.encoder.startswith(TIMM):
            raise ValueError(f"masks teach 3-D encoders alone, not {self.encoder}: name one, or leave weights out")
        if self.weights == MASKS and self.mask != "attention":
            raise ValueError(
                f"with mask: {self.mask} the encoder reads the regions, and need not learn to see them: "
                "weights: masks goes with mask: attention"
            )
        return self

    @model_serializer(mode="wrap")
    def _stated(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is not asked for: studies that do not name it keep their keys.

        Of a file its name alone: where it lies is a fact of the machine, and what it holds enters the key of training.
        """
        written: dict[str, Any] = write(self)
        written["weights"] = self.weights.name if isinstance(self.weights, Path) else self.weights
        usual = {name: type(self).model_fields[name].default for name in STATED_WHERE_ASKED}
        return {name: value for name, value in written.items() if name not in usual or value != usual[name]}


# the setting that names the head of each kind of endpoint that has none unless it is named
HEAD_NAMED_BY = {"ordinal": "ordinal_head", "duration": "duration_head", "continuous": "continuous_head"}


def refuse_unfit_joint(network: Network, kinds: Mapping[str, str]) -> None:
    """Raises ValueError where `joint` names what no network of these endpoints (name: kind) can learn."""
    joint, place = network.joint or (), "training.network.joint names"
    strangers = sorted(set(joint) - set(kinds))
    if strangers:
        raise ValueError(f"{place} {', '.join(strangers)}, which is no endpoint ({', '.join(kinds)})")
    twice = sorted({name for name in joint if joint.count(name) > 1})
    if twice:
        raise ValueError(f"{place} {', '.join(twice)} more than once")
    if joint and not any(set(joint) - {name} for name in network.endpoints or kinds):
        raise ValueError(f"{place} {joint[0]}, the only endpoint with a network: name another one")
    for name in joint:
        setting = HEAD_NAMED_BY.get(kinds[name])
        if setting is not None and getattr(network, setting) is None:
            raise ValueError(f"{place} {name} ({kinds[name]}), which has no head: name training.network.{setting} too")


class Harmonise(Model):
    """Columns of several sites or scanners on one scale (ComBat), beside doing nothing, inside the training folds."""

    by: str = Field(min_length=1, description="`site`, or a categorical variable known before surgery: the scanner")
    covariates: tuple[str, ...] = Field(default=(), description="numeric or yes/no predictors whose effect is kept")
    blocks: tuple[Name, ...] = Field(default=("radiomics",), min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> Harmonise:
        if self.by in self.covariates:
            raise ValueError(f"{self.by} makes the batches and cannot be a covariate")
        return self

    @property
    def variable(self) -> str | None:
        """The variable that makes the batches; None for the site."""
        return None if self.by == "site" else self.by


class Training(Model):
    """How models are trained. The defaults suit a few hundred cases."""

    seed: int = Field(default=7, ge=0)
    outer_folds: int = Field(default=5, ge=2, le=20)
    outer_repeats: int = Field(
        default=1,
        ge=1,
        le=20,
        description="partitions into outer folds; further ones tell how far numbers depend on the first, and cost",
    )
    inner_folds: int = Field(default=3, ge=2, le=20)
    inner_repeats: int = Field(default=1, ge=1, le=20, description="more make the choice of model steadier, and cost")
    bootstraps: int = Field(default=50, ge=0, le=2000)
    min_events: int = Field(default=10, ge=2)
    few_events: int = Field(default=20, ge=2)
    families: tuple[_Family, ...] = Field(
        default=("ridge", "elastic_net", "forest", "boosting", "fusion"),
        min_length=1,
        description="left out where it cannot be: fusion without image_blocks, stacking of a single block, fine_gray "
        "without a time to event with competing events",
    )
    network: Network = Network()
    harmonise: Harmonise | None = Field(default=None, description="default: nothing is harmonised")
    imputations: int | None = Field(
        default=None,
        ge=2,
        le=100,
        description="how often regressions impute missing numbers (chained equations); default: single values, as "
        "trees, stacks and networks always take",
    )
    internal_external: bool = Field(
        default=False,
        description="hold each site of the development cases out in turn, beside the folds; three sites or more",
    )
    ladder: Literal["compact", "full"] = Field(
        default="compact", description="full: a rung for every kind of columns that is added, and the images alone"
    )
    min_information: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="below this known share of what the model reads a case gets no number; default: each gets one",
    )
    search: Search | None = Field(
        default=None, description="trials of params inside each fit; default: each family's own params"
    )

    @model_validator(mode="after")
    def _enough_folds(self) -> Training:
        if "stacking" in self.families and self.inner_folds < 3:
            raise ValueError("stacking learns its weights with two inner folds left out: inner_folds at least 3")
        return self

    @model_validator(mode="after")
    def _searched_families(self) -> Training:
        over = self.search.over if self.search else None
        absent = [name for name in over.families if name not in self.families] if over else []
        if absent:
            raise ValueError(f"search.over names {', '.join(absent)}, which families leaves out: name them in both")
        tuned = over.fusion.tuning if over and over.fusion else None
        if tuned and self.network.weights is None:
            raise ValueError("search.over.fusion.tuning keeps weights that were learned before: name network.weights")
        return self

    @model_serializer(mode="wrap")
    def _stated(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is not asked for: studies that name none of it keep their keys."""
        written: dict[str, Any] = write(self)
        absent = {
            name: getattr(self, name) is None for name in ("harmonise", "imputations", "min_information", "search")
        }
        unasked = {
            **absent,
            "internal_external": not self.internal_external,
            "ladder": self.ladder == "compact",
            "outer_repeats": self.outer_repeats == 1,
        }
        return {name: value for name, value in written.items() if not unasked.get(name, False)}
