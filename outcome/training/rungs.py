"""The ladder: from one number, over what the record says, to all blocks together.

Each rung has to earn its place against the simpler one below it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from outcome.features.columns import FeatureColumn, allowed_columns
from outcome.models.linear import Params
from outcome.training.settings import TrainingSettings
from outcome.types import EndpointKind, InputSet

CHOSEN = "chosen"


@dataclass(frozen=True)
class Rung:
    """One way to make a model. `grid` runs from the most to the least restrained; `complexity` ranks the rungs.

    `columns` names the columns outright (e.g. one number) instead of all columns of `blocks`; `top_k` keeps only so
    many, by the outcome, inside every fold.
    """

    name: str
    algorithm: str
    grid: tuple[Params, ...]
    complexity: int
    blocks: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    top_k: int | None = None

    def __post_init__(self) -> None:
        if not self.grid:
            raise ValueError(f"rung {self.name!r} has an empty grid")
        if bool(self.blocks) == bool(self.columns):
            raise ValueError(f"rung {self.name!r} names either blocks or columns, found {self.blocks}, {self.columns}")
        if self.name == CHOSEN:
            raise ValueError(f"a rung cannot be called {CHOSEN!r}: that is the name of the choice")

    def pick(self, columns: Sequence[FeatureColumn]) -> tuple[FeatureColumn, ...]:
        """The columns of this rung, in frame order."""
        if self.columns:
            return tuple(column for column in columns if column.name in self.columns)
        return tuple(column for column in columns if column.block in self.blocks)

    def to_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "grid": [dict(params) for params in self.grid],
            "blocks": list(self.blocks),
            "columns": list(self.columns),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rung:
        tuples = {name: tuple(data[name]) for name in ("grid", "blocks", "columns")}
        return cls(**{**data, **tuples})


def default_ladder(
    columns: Sequence[FeatureColumn],
    kind: EndpointKind,
    inputs: InputSet,
    settings: TrainingSettings,
    one_number: str | None = None,
) -> tuple[Rung, ...]:
    """The rungs for an endpoint, simplest first, given the blocks that this input set may read.

    `one_number` names a column whose value alone makes the lowest rung. Planned columns belong to their block and
    join under `with_plan`. Families that the settings leave out are left out.
    """
    allowed = allowed_columns(columns, inputs)
    blocks = tuple(dict.fromkeys(column.block for column in allowed))
    record = tuple(block for block in blocks if block in RECORD_BLOCKS)
    linear = LINEAR[kind]
    rungs = []
    if one_number and one_number in {column.name for column in allowed}:
        rungs.append(Rung("one number", linear, ({"penalty": 0.001, "l1_ratio": 0.0},), 0, columns=(one_number,)))
    if record and "ridge" in settings.families:
        rungs.append(Rung(_joined(record), linear, RIDGE, 1, record))
    if blocks and "elastic_net" in settings.families:
        rungs.append(Rung(f"{_joined(blocks)}, elastic net", linear, ELASTIC_NET, 2, blocks))
    if blocks and "forest" in settings.families:
        rungs.append(Rung("random forest", "forest", FOREST, 3, blocks))
    if blocks and "boosting" in settings.families:
        rungs.append(Rung("boosted trees", "boosting", BOOSTING, 4, blocks))
    return tuple(rungs)


def _joined(blocks: Sequence[str]) -> str:
    return " + ".join(blocks)


RECORD_BLOCKS = ("clinical", "plan")
LINEAR = {kind: "linear" for kind in EndpointKind} | {
    EndpointKind.BINARY: "logistic",
    EndpointKind.TIME_TO_EVENT: "cox",
}
RIDGE: tuple[Params, ...] = tuple({"penalty": penalty, "l1_ratio": 0.0} for penalty in (1.0, 0.3, 0.1, 0.03))
ELASTIC_NET: tuple[Params, ...] = tuple({"penalty": penalty, "l1_ratio": 0.5} for penalty in (0.2, 0.1, 0.05, 0.025))
FOREST: tuple[Params, ...] = ({"trees": 100, "min_leaf": 5, "feature_share": 0.2},)
BOOSTING: tuple[Params, ...] = tuple({"rounds": rounds, "leaves": 4, "min_leaf": 10} for rounds in (40, 120))
