"""How models are trained: everything that is fixed before any outcome is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from outcome.config.training import STATED_WHERE_ASKED
from outcome.features.batches import HarmoniseRules
from outcome.features.preprocess import Rules
from outcome.models.network.head_choice import HEAD_PARAMS, USUAL
from outcome.models.stacking import STACKING
from outcome.training.search_space import SearchSettings
from outcome.types import EndpointKind

USUAL_FAMILIES = ("ridge", "elastic_net", "forest", "boosting", "fusion")
FAMILIES = (*USUAL_FAMILIES, "fine_gray", STACKING)
COMPACT, FULL = "compact", "full"  # ladders
NETWORK = "network"  # the algorithm that reads images
NO_NETWORK_UNLESS_NAMED = {kind: name for kind, name in HEAD_PARAMS.items() if kind not in USUAL}
NOT_FITTED_WITH = ("refits", "endpoints", "min_events", "joint")


@dataclass(frozen=True)
class NetworkSettings:
    """The fusion network, and how many refits stand behind the interval of a risk that it gives."""

    encoder: str = "resnet_3d"
    weights: str | None = None  # the name of the file that the encoder begins with, or "masks"
    tuning: str = "full"
    mask: str = "channel"
    slices: str = "mean"
    fusion: str = "gated"
    tables: str = "linear"  # or "embedded": how a table block becomes a token
    survival_head: str = "cox"
    ordinal_head: str | None = None  # None: no network for grades, as for the two kinds below
    duration_head: str | None = None
    continuous_head: str | None = None
    epochs: int = 12
    batch: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    block_dropout: float = 0.2
    refits: int = 5  # each costs as much as the network itself
    endpoints: tuple[str, ...] | None = None  # offered for these alone; None: for all
    imbalance: str | None = None  # "weights" or "focal": the loss of a yes/no endpoint with few events
    min_events: int | None = None  # fewer: no network; None: a warning alone
    memory: int | None = None  # cases whose last scores stand in the risk sets of the Cox head; None: the batch alone
    patience: int | None = None  # epochs without a gain on watch cases after which learning ends; None: never early
    joint: tuple[str, ...] | None = None  # endpoints that every other endpoint's network learns beside its own
    ensemble: int = 1  # networks of different seeds, their outputs averaged; each costs as much as the first

    def __post_init__(self) -> None:
        for name in ("endpoints", "joint"):
            named = getattr(self, name)
            object.__setattr__(self, name, None if named is None else tuple(named))
        if min(self.epochs, self.ensemble) < 1 or self.batch < 2 or self.refits < 0:
            raise ValueError(
                "epochs >= 1, ensemble >= 1, batch >= 2 and refits >= 0, found "
                f"{self.epochs}, {self.ensemble}, {self.batch} and {self.refits}"
            )
        if self.patience is not None and not 1 <= self.patience < self.epochs:
            raise ValueError(f"1 <= patience < epochs, found {self.patience} and {self.epochs}")

    def params(self) -> dict[str, Any]:
        """What the network is fitted with."""
        return {name: value for name, value in self._asked().items() if name not in NOT_FITTED_WITH}

    def offered_for(self, endpoint: str, kind: EndpointKind = EndpointKind.BINARY) -> bool:
        """Whether the ladder of an endpoint of this kind may have the network."""
        has_head = kind not in NO_NETWORK_UNLESS_NAMED or getattr(self, NO_NETWORK_UNLESS_NAMED[kind]) is not None
        return has_head and (self.endpoints is None or endpoint in self.endpoints)

    def to_json(self) -> dict[str, Any]:
        lists = {name: list(value) for name, value in self._asked().items() if isinstance(value, tuple)}
        return {**self._asked(), **lists}

    def auxiliary_to(self, endpoint: str) -> tuple[str, ...]:
        """The endpoints that the network of this one learns beside it."""
        return tuple(name for name in self.joint or () if name != endpoint)

    def _asked(self) -> dict[str, Any]:
        """Without what is not asked for, so that files which never named it stay as they were."""
        usual = {part.name: part.default for part in fields(self) if part.name in STATED_WHERE_ASKED}
        return {name: value for name, value in asdict(self).items() if name not in usual or value != usual[name]}


@dataclass(frozen=True)
class TrainingSettings:
    """Folds, refits and limits. Raises ValueError for values that make no sense.

    `device` says where networks are trained ("cpu" or "cuda"), `processes` by how many processes together,
    `encoder_weights` where the file lies that `network.weights` names: facts of the machine, kept out of what is
    written.
    """

    outer_folds: int = 5
    inner_folds: int = 3
    inner_repeats: int = 1  # partitions into inner folds; each costs as much as the first
    bootstraps: int = 50
    min_events: int = 10  # fewer events (or, for yes/no, non-events): no model
    few_events: int = 20  # fewer: no slope is estimated when calibrating
    families: tuple[str, ...] = USUAL_FAMILIES
    rules: Rules = field(default_factory=Rules)
    network: NetworkSettings = NetworkSettings()
    harmonise: HarmoniseRules | None = None  # None: no rung is harmonised
    imputations: int | None = None  # of each missing number, for regressions; None: a single value
    ladder: str = COMPACT  # full: a rung for every kind of columns that is added, and the images alone
    search: SearchSettings | None = None  # None: the params of a rung's grid and no others
    device: str = field(default="cpu", compare=False)
    processes: int = field(default=1, compare=False)
    encoder_weights: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "families", tuple(self.families))
        if min(self.outer_folds, self.inner_folds) < 2:
            raise ValueError(f"at least two folds are needed, found {self.outer_folds} and {self.inner_folds}")
        if self.processes < 1:
            raise ValueError(f"processes >= 1, found {self.processes}")
        if self.bootstraps < 0 or self.min_events < 2 or self.inner_repeats < 1:
            raise ValueError(
                "bootstraps >= 0, min_events >= 2 and inner_repeats >= 1, found "
                f"{self.bootstraps}, {self.min_events} and {self.inner_repeats}"
            )
        unknown = sorted(set(self.families) - set(FAMILIES))
        if unknown or not self.families:
            raise ValueError(f"families are among {FAMILIES}, found {unknown or 'none'}")
        if STACKING in self.families and self.inner_folds < 3:
            raise ValueError(f"stacking needs at least three inner folds, found {self.inner_folds}")
        if self.imputations is not None and self.imputations < 2:
            raise ValueError(f"several imputations are two or more, found {self.imputations}")
        if self.ladder not in (COMPACT, FULL):
            raise ValueError(f"the ladder is {COMPACT!r} or {FULL!r}, found {self.ladder!r}")

    def to_json(self) -> dict[str, Any]:
        plain = {**asdict(self), "families": list(self.families), "network": self.network.to_json()}
        plain["harmonise"] = self.harmonise.to_json() if self.harmonise else None
        plain["search"] = self.search.to_json() if self.search else None
        absent = {name: getattr(self, name) is None for name in ("harmonise", "imputations", "search")}
        unasked = {**absent, "ladder": self.ladder == COMPACT}
        left_out = {"device", "processes", "encoder_weights", *(name for name, left in unasked.items() if left)}
        return {name: value for name, value in plain.items() if name not in left_out}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainingSettings:
        parts = {"rules": Rules(**data["rules"]), "network": NetworkSettings(**data["network"])}
        harmonise = HarmoniseRules.from_json(data["harmonise"]) if data.get("harmonise") else None
        search = SearchSettings.from_json(data["search"]) if data.get("search") else None
        families = tuple(data["families"])
        return cls(**{**data, **parts, "families": families, "harmonise": harmonise, "search": search})

    def refits(self, algorithm: str) -> int:
        """How many refits stand behind the interval of a risk by this algorithm."""
        return self.network.refits if algorithm == NETWORK else self.bootstraps
