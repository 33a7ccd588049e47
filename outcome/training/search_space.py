"""Which params a search may change, and between which values: fixed before any outcome is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from outcome.models.linear import Params

if TYPE_CHECKING:
    import optuna

Space = Mapping[str, tuple[Any, ...]]  # by param: (from, to), or the choices of a word
LOG, EVEN, WHOLE, WORD = "log", "even", "whole", "word"
DRAWN: Mapping[str, Mapping[str, str]] = {
    "fusion": {
        "learning_rate": LOG,
        "weight_decay": LOG,
        "block_dropout": EVEN,
        "epochs": WHOLE,
        "fusion": WORD,
        "tuning": WORD,
    },
    "boosting": {"rounds": WHOLE, "leaves": WHOLE, "min_leaf": WHOLE},
    "forest": {"trees": WHOLE, "min_leaf": WHOLE, "feature_share": EVEN},
}
FAMILY_OF = {"network": "fusion", "boosting": "boosting", "forest": "forest"}  # by algorithm
DIGITS = 3  # of a number that is drawn: what a reader sees is what was fitted


@dataclass(frozen=True)
class SearchSettings:
    """`trials` for each rung of a family in `over`; none begins later than `minutes` after the first of its rung.

    `over`: by family (`DRAWN`) the params that are searched. Raises ValueError for a family or param that is unknown.
    """

    trials: int
    over: Mapping[str, Space]
    minutes: float | None = None

    def __post_init__(self) -> None:
        over = {family: {name: tuple(v) for name, v in space.items()} for family, space in self.over.items()}
        object.__setattr__(self, "over", over)
        unknown = [f"{family}.{name}" for family, space in over.items() for name in space if name not in _known(family)]
        if unknown or not over or self.trials < 2:
            raise ValueError(f"two trials or more over params of {DRAWN}, found {self.trials} over {unknown or over}")

    def space(self, algorithm: str) -> Space:
        """What is searched of an algorithm; empty where nothing is."""
        return self.over.get(FAMILY_OF.get(algorithm, ""), {})

    def to_json(self) -> dict[str, Any]:
        over = {family: {name: list(v) for name, v in space.items()} for family, space in self.over.items()}
        told = {"trials": self.trials, "over": over}
        return told if self.minutes is None else {**told, "minutes": self.minutes}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SearchSettings:
        return cls(data["trials"], data["over"], data.get("minutes"))


def draw(trial: optuna.Trial, algorithm: str, space: Space) -> Params:
    """What a trial proposes for this algorithm; numbers with `DIGITS` digits, never beyond their range."""
    how = DRAWN[FAMILY_OF[algorithm]]
    return {name: _drawn(trial, name, values, how[name]) for name, values in space.items()}


def _drawn(trial: optuna.Trial, name: str, values: tuple[Any, ...], how: str) -> Any:
    if how == WORD:
        return trial.suggest_categorical(name, values)
    low, high = values
    if how == WHOLE:
        return trial.suggest_int(name, low, high)
    found = float(f"{trial.suggest_float(name, low, high, log=how == LOG):.{DIGITS}g}")
    return min(max(found, low), high)


def _known(family: str) -> Mapping[str, str]:
    return DRAWN.get(family, {})
