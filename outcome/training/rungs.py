"""The ladder: from one number, over what the record says, to all blocks and the images together.

Each rung has to earn its place against the simpler one below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from outcome.features.columns import BATCH, IMAGE, FeatureColumn, allowed_columns
from outcome.models.linear import ELASTIC_NET_PENALTIES, L1_RATIO, RIDGE_PENALTIES, Params
from outcome.models.stacking import STACKING
from outcome.training.settings import FULL, NETWORK, TrainingSettings
from outcome.training.steps import is_shape, ladder_steps
from outcome.types import EndpointKind, InputSet

CHOSEN = "chosen"


@dataclass(frozen=True)
class Rung:
    """One way to make a model. `grid` runs from the most to the least restrained; `complexity` ranks the rungs.

    `columns` names the columns outright (e.g. one number) instead of all columns of `blocks`; `top_k` keeps only so
    many, by the outcome, inside every fold. `harmonised`: batches are put on one scale first, inside every fold.
    `bases` are the models whose scores a stack weighs; together they read its blocks.
    """

    name: str
    algorithm: str
    grid: tuple[Params, ...]
    complexity: float
    blocks: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    top_k: int | None = None
    harmonised: bool = False
    bases: tuple[Rung, ...] = ()

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

    def reads(self, name: str) -> bool:
        """Whether a column of this name is among its columns or of its blocks."""
        return name in self.columns or name.partition(":")[0] in self.blocks

    @property
    def slowest(self) -> str:
        """The algorithm that makes it slow to fit: the network where one of its bases is one, else its own."""
        return NETWORK if any(base.algorithm == NETWORK for base in self.bases) else self.algorithm

    def to_json(self) -> dict[str, Any]:
        plain = {name: value for name, value in asdict(self).items() if name not in ("harmonised", "bases") or value}
        if self.bases:
            plain["bases"] = [base.to_json() for base in self.bases]
        return {
            **plain,
            "grid": [dict(params) for params in self.grid],
            "blocks": list(self.blocks),
            "columns": list(self.columns),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rung:
        tuples = {name: tuple(data[name]) for name in ("grid", "blocks", "columns")}
        bases = tuple(cls.from_json(base) for base in data.get("bases", ()))
        return cls(**{**data, **tuples, "bases": bases})


def default_ladder(
    columns: Sequence[FeatureColumn],
    kind: EndpointKind,
    inputs: InputSet,
    settings: TrainingSettings,
    one_number: str | None = None,
    *,
    endpoint: str = "",
    competing: bool = False,
) -> tuple[Rung, ...]:
    """The rungs for an endpoint, simplest first, given the blocks that this input set may read.

    `one_number` names a column whose value alone makes the lowest rung. Planned columns belong to their block and
    join under `with_plan`. Families that the settings leave out are left out. Image blocks are read by the fusion
    network alone; the settings may keep it to some endpoints, and name its head for grades, durations and amounts. The
    settings' full ladder has a rung for every kind of columns that is added, and the images alone. `competing`: cases
    of a time to event had the competing event, without which Fine-Gray would be Cox regression.
    """
    allowed = [column for column in allowed_columns(columns, inputs) if column.kind != BATCH]
    table = [column for column in allowed if column.kind != IMAGE]
    ridges = _steps(table, kind, settings) if settings.ladder == FULL else _ridges(table, kind, settings)
    above = max(2, len(ridges))  # where the compact ladder ends its ridges
    regressions = [*_one_number(table, kind, one_number), *ridges, *_elastic_net(table, kind, settings, above)]
    if competing and kind is EndpointKind.TIME_TO_EVENT:
        regressions += _fine_gray(table, settings, above)
    rungs = [*regressions, *_harmonised(regressions, table, settings), *_trees(table, settings, above)]
    networks = _networks(allowed, settings, above) if settings.network.offered_for(endpoint, kind) else []
    return (*rungs, *_stack(networks, allowed, kind, settings, above), *networks)


def _one_number(table: Sequence[FeatureColumn], kind: EndpointKind, one_number: str | None) -> list[Rung]:
    if one_number is None or one_number not in {column.name for column in table}:
        return []
    return [Rung("one number", LINEAR[kind], ({"penalty": 0.001, "l1_ratio": 0.0},), 0, columns=(one_number,))]


def _ridges(table: Sequence[FeatureColumn], kind: EndpointKind, settings: TrainingSettings) -> list[Rung]:
    """The record, and with it what was measured of the mask alone where something else was measured too."""
    record = tuple(block for block in _blocks(table) if block in RECORD_BLOCKS)
    shape = tuple(column.name for column in table if is_shape(column))
    if not record or "ridge" not in settings.families:
        return []
    rungs = [Rung(_joined(record), LINEAR[kind], RIDGE, 1, record)]
    named = tuple(column.name for column in table if column.block in record) + shape
    # where nothing else was measured the elastic net reads these very columns
    if shape and len(named) < len(table):
        rungs.append(Rung(f"{_joined(record)} + shape", LINEAR[kind], RIDGE, 2, columns=named))
    return rungs


def _steps(table: Sequence[FeatureColumn], kind: EndpointKind, settings: TrainingSettings) -> list[Rung]:
    """A rung a step, each by the same penalised regression: neighbours differ by their columns alone."""
    found = ladder_steps(table) if "ridge" in settings.families else {}
    return [
        Rung(name, LINEAR[kind], RIDGE, place, columns=tuple(column.name for column in columns))
        for place, (name, columns) in enumerate(found.items(), start=1)
    ]


def _elastic_net(
    table: Sequence[FeatureColumn], kind: EndpointKind, settings: TrainingSettings, above: int
) -> list[Rung]:
    blocks = _blocks(table)
    if not blocks or "elastic_net" not in settings.families:
        return []
    return [Rung(f"{_joined(blocks)}, elastic net", LINEAR[kind], ELASTIC_NET, above + 1, blocks)]


def _fine_gray(table: Sequence[FeatureColumn], settings: TrainingSettings, above: int) -> list[Rung]:
    """The whole table by Fine-Gray, just above the elastic net of the cause-specific hazard."""
    blocks = _blocks(table)
    if not blocks or "fine_gray" not in settings.families:
        return []
    return [Rung(f"{_joined(blocks)}, Fine-Gray", "fine_gray", ELASTIC_NET, above + 1.25, blocks)]


def _harmonised(rungs: Sequence[Rung], table: Sequence[FeatureColumn], settings: TrainingSettings) -> Iterator[Rung]:
    """Each regression that reads harmonised columns once more with harmonisation, just above the same without.

    Trees and networks are left out: they cost most of the training time, and would pay it twice.
    """
    for rung in rungs if settings.harmonise else ():
        touched = settings.harmonise.touches(rung.pick(table)) if settings.harmonise else ()
        if len(touched) > 1:
            yield replace(rung, name=f"{rung.name}{HARMONISED}", complexity=rung.complexity + 0.5, harmonised=True)


def _trees(table: Sequence[FeatureColumn], settings: TrainingSettings, above: int) -> list[Rung]:
    blocks = _blocks(table)
    rungs = []
    if blocks and "forest" in settings.families:
        rungs.append(Rung("random forest", "forest", FOREST, above + 2, blocks))
    if blocks and "boosting" in settings.families:
        rungs.append(Rung("boosted trees", "boosting", BOOSTING, above + 3, blocks))
    return rungs


def _networks(allowed: Sequence[FeatureColumn], settings: TrainingSettings, above: int) -> list[Rung]:
    """The fusion network, and in the full ladder below it the same network on the images alone."""
    images, blocks = _blocks([column for column in allowed if column.kind == IMAGE]), _blocks(allowed)
    if not images or "fusion" not in settings.families:
        return []
    grid = (settings.network.params(),)
    alone = settings.ladder == FULL and images != blocks
    return [
        *([Rung(IMAGE_ALONE, NETWORK, grid, above + 3.5, images)] if alone else []),
        Rung(FUSION, NETWORK, grid, above + 4, blocks),
    ]


def _stack(
    networks: Sequence[Rung],
    allowed: Sequence[FeatureColumn],
    kind: EndpointKind,
    settings: TrainingSettings,
    above: int,
) -> list[Rung]:
    """The record's ridge, one of every other block of the table, and the network on the images, weighed together."""
    blocks = _blocks([column for column in allowed if column.kind != IMAGE])
    images = _blocks([column for column in allowed if column.kind == IMAGE])
    record = tuple(block for block in blocks if block in RECORD_BLOCKS)
    read = [*([record] if record else []), *((block,) for block in blocks if block not in record)]
    bases = [Rung(_joined(each), LINEAR[kind], RIDGE, above + 3.75, each) for each in read]
    if networks:
        bases.append(Rung(IMAGE_ALONE, NETWORK, (settings.network.params(),), above + 3.75, images))
    if STACKING not in settings.families or len(bases) < 2:
        return []
    return [
        Rung(
            STACKED, STACKING, STACK, above + 3.75, tuple(b for base in bases for b in base.blocks), bases=tuple(bases)
        )
    ]


def _blocks(columns: Sequence[FeatureColumn]) -> tuple[str, ...]:
    """The blocks of these columns, in frame order."""
    return tuple(dict.fromkeys(column.block for column in columns))


def _joined(blocks: Sequence[str]) -> str:
    """The blocks as a name: the record first and measurements last, whatever the dictionary's order."""
    order = {block: place for place, block in enumerate(BLOCK_ORDER)}
    return " + ".join(sorted(blocks, key=lambda block: order.get(block, len(order))))


FUSION = "fusion network"
IMAGE_ALONE = "image alone"
STACKED = "stacked models"
HARMONISED = ", harmonised"
BLOCK_ORDER = ("clinical", "plan", "genomics", "radiomics")
RECORD_BLOCKS = ("clinical", "plan")
LINEAR = {kind: "linear" for kind in EndpointKind} | {
    EndpointKind.BINARY: "logistic",
    EndpointKind.TIME_TO_EVENT: "cox",
}
RIDGE: tuple[Params, ...] = tuple({"penalty": penalty, "l1_ratio": 0.0} for penalty in RIDGE_PENALTIES)
ELASTIC_NET: tuple[Params, ...] = tuple({"penalty": p, "l1_ratio": L1_RATIO} for p in ELASTIC_NET_PENALTIES)
STACK: tuple[Params, ...] = ({"penalty": 0.01},)  # of the weights
FOREST: tuple[Params, ...] = ({"trees": 100, "min_leaf": 5, "feature_share": 0.2},)
BOOSTING: tuple[Params, ...] = tuple({"rounds": rounds, "leaves": 4, "min_leaf": 10} for rounds in (40, 120))
