"""The ladder: from one number, over what the record says, to all blocks and the images together.

Each rung has to earn its place against the simpler one below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from outcome.features.columns import BATCH, IMAGE, FeatureColumn, allowed_columns
from outcome.models.linear import ELASTIC_NET_PENALTIES, L1_RATIO, RIDGE_PENALTIES, Params
from outcome.training.settings import NETWORK, TrainingSettings
from outcome.types import EndpointKind, InputSet

CHOSEN = "chosen"


@dataclass(frozen=True)
class Rung:
    """One way to make a model. `grid` runs from the most to the least restrained; `complexity` ranks the rungs.

    `columns` names the columns outright (e.g. one number) instead of all columns of `blocks`; `top_k` keeps only so
    many, by the outcome, inside every fold. `harmonised`: batches are put on one scale first, inside every fold.
    """

    name: str
    algorithm: str
    grid: tuple[Params, ...]
    complexity: float
    blocks: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    top_k: int | None = None
    harmonised: bool = False

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

    def to_json(self) -> dict[str, Any]:
        plain = {name: value for name, value in asdict(self).items() if name != "harmonised" or value}
        return {
            **plain,
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
    *,
    endpoint: str = "",
    competing: bool = False,
) -> tuple[Rung, ...]:
    """The rungs for an endpoint, simplest first, given the blocks that this input set may read.

    `one_number` names a column whose value alone makes the lowest rung. Planned columns belong to their block and
    join under `with_plan`. Families that the settings leave out are left out. Image blocks are read by the fusion
    network alone; the settings may keep it to some endpoints, and name its head for grades, durations and amounts.
    `competing`: cases of a time to event had the competing event, without which Fine-Gray would be Cox regression.
    """
    allowed = [column for column in allowed_columns(columns, inputs) if column.kind != BATCH]
    table = [column for column in allowed if column.kind != IMAGE]
    regressions = _regressions(table, kind, settings, one_number)
    if competing and kind is EndpointKind.TIME_TO_EVENT:
        regressions += _fine_gray(table, settings)
    rungs = [*regressions, *_harmonised(regressions, table, settings), *_trees(table, settings)]
    if settings.network.offered_for(endpoint, kind):
        rungs += _fusion(allowed, settings)
    return tuple(rungs)


def _regressions(
    table: Sequence[FeatureColumn], kind: EndpointKind, settings: TrainingSettings, one_number: str | None
) -> list[Rung]:
    linear, blocks = LINEAR[kind], _blocks(table)
    record = tuple(block for block in blocks if block in RECORD_BLOCKS)
    shape = tuple(column.name for column in table if is_shape(column))
    rungs = []
    if one_number and one_number in {column.name for column in table}:
        rungs.append(Rung("one number", linear, ({"penalty": 0.001, "l1_ratio": 0.0},), 0, columns=(one_number,)))
    if record and "ridge" in settings.families:
        rungs.append(Rung(_joined(record), linear, RIDGE, 1, record))
    named = tuple(column.name for column in table if column.block in record) + shape
    # where nothing else was measured the elastic net reads these very columns
    if record and shape and len(named) < len(table) and "ridge" in settings.families:
        rungs.append(Rung(f"{_joined(record)} + shape", linear, RIDGE, 2, columns=named))
    if blocks and "elastic_net" in settings.families:
        rungs.append(Rung(f"{_joined(blocks)}, elastic net", linear, ELASTIC_NET, 3, blocks))
    return rungs


def _fine_gray(table: Sequence[FeatureColumn], settings: TrainingSettings) -> list[Rung]:
    """The whole table by Fine-Gray, just above the elastic net of the cause-specific hazard."""
    blocks = _blocks(table)
    if not blocks or "fine_gray" not in settings.families:
        return []
    return [Rung(f"{_joined(blocks)}, Fine-Gray", "fine_gray", ELASTIC_NET, 3.25, blocks)]


def _harmonised(rungs: Sequence[Rung], table: Sequence[FeatureColumn], settings: TrainingSettings) -> Iterator[Rung]:
    """Each regression that reads harmonised columns once more with harmonisation, just above the same without.

    Trees and networks are left out: they cost most of the training time, and would pay it twice.
    """
    for rung in rungs if settings.harmonise else ():
        touched = settings.harmonise.touches(rung.pick(table)) if settings.harmonise else ()
        if len(touched) > 1:
            yield replace(rung, name=f"{rung.name}{HARMONISED}", complexity=rung.complexity + 0.5, harmonised=True)


def _trees(table: Sequence[FeatureColumn], settings: TrainingSettings) -> list[Rung]:
    blocks = _blocks(table)
    rungs = []
    if blocks and "forest" in settings.families:
        rungs.append(Rung("random forest", "forest", FOREST, 4, blocks))
    if blocks and "boosting" in settings.families:
        rungs.append(Rung("boosted trees", "boosting", BOOSTING, 5, blocks))
    return rungs


def _fusion(allowed: Sequence[FeatureColumn], settings: TrainingSettings) -> list[Rung]:
    images = any(column.kind == IMAGE for column in allowed)
    if not images or "fusion" not in settings.families:
        return []
    return [Rung(FUSION, NETWORK, (settings.network.params(),), 6, _blocks(allowed))]


def is_shape(column: FeatureColumn) -> bool:
    """Whether a measurement is made of the mask alone."""
    tag = column.name.rpartition(".")[2]
    return column.block == "radiomics" and tag.startswith(OF_THE_MASK) and tag not in WEIGHTED_BY_INTENSITY


def _blocks(columns: Sequence[FeatureColumn]) -> tuple[str, ...]:
    """The blocks of these columns, in frame order."""
    return tuple(dict.fromkeys(column.block for column in columns))


def _joined(blocks: Sequence[str]) -> str:
    """The blocks as a name: the record first and measurements last, whatever the dictionary's order."""
    order = {block: place for place, block in enumerate(BLOCK_ORDER)}
    return " + ".join(sorted(blocks, key=lambda block: order.get(block, len(order))))


FUSION = "fusion network"
HARMONISED = ", harmonised"
OF_THE_MASK = ("morph_", "n_components", "place_", "renal_")
# called morphological by IBSI, but they read the image
WEIGHTED_BY_INTENSITY = ("morph_com", "morph_integ_int")
BLOCK_ORDER = ("clinical", "plan", "genomics", "radiomics")
RECORD_BLOCKS = ("clinical", "plan")
LINEAR = {kind: "linear" for kind in EndpointKind} | {
    EndpointKind.BINARY: "logistic",
    EndpointKind.TIME_TO_EVENT: "cox",
}
RIDGE: tuple[Params, ...] = tuple({"penalty": penalty, "l1_ratio": 0.0} for penalty in RIDGE_PENALTIES)
ELASTIC_NET: tuple[Params, ...] = tuple({"penalty": p, "l1_ratio": L1_RATIO} for p in ELASTIC_NET_PENALTIES)
FOREST: tuple[Params, ...] = ({"trees": 100, "min_leaf": 5, "feature_share": 0.2},)
BOOSTING: tuple[Params, ...] = tuple({"rounds": rounds, "leaves": 4, "min_leaf": 10} for rounds in (40, 120))
