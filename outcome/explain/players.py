"""The inputs of a model as players: what moves as one, how a reader calls it, and what it is compared with.

A player is one feature with all the matrix columns made of it (every level or step of a category, and the column that
says it is missing), or one image block, or a whole block of the table that the case lacks.

The reference is the average development case: a number at its training mean (after log1p and winsorising, so a
geometric rather than a plain mean for long-tailed ones); yes/no, levels, steps and "missing" at their share of the
development cases where the bundle tells it, else at the commonest value, an ordered category at the median one; every
block of the table there; no image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from outcome.features.columns import IMAGE, FeatureColumn
from outcome.features.crops import IMAGE_PREFIX, NO_CROPS, Crops
from outcome.features.outputs import Output
from outcome.features.preprocess import Preprocessor
from outcome.models.inputs import Inputs, model_inputs
from outcome.types import BoolArray
from outcome.views import measurement_words

UNKNOWN = "not known"
NOT_AVAILABLE, AVAILABLE = "not available", "available"
_HALF = 0.5
_LARGE = 1000.0  # from here on a number is written whole, with its thousands apart
BLOCK_WORDS = {
    "clinical": "Health record",
    "plan": "Planned procedure",
    "genomics": "Genomics",
    "radiomics": "Measurements on the mask and image",
}


@dataclass(frozen=True)
class Population:
    """What the bundle tells of the development cases (its reference.json): `n`, and a summary by feature."""

    n: int = 0
    features: Mapping[str, Mapping[str, Any]] | None = None

    def of(self, feature: str) -> Mapping[str, Any]:
        return (self.features or {}).get(feature, {})


@dataclass(frozen=True)
class Player:
    """An input that moves as one: its columns of the matrix, and the block whose presence goes with it ("" none).

    `modality` is the block it belongs to: blocks are compared as wholes.
    """

    name: str
    label: str
    value: str  # this case's, with unit
    reference: str  # what it is compared with, with unit
    columns: tuple[int, ...]
    block: str = ""
    modality: str = ""


@dataclass(frozen=True, eq=False)
class Game:
    """One case beside the reference case, one row each, and the players that tell them apart."""

    case: Inputs
    reference: Inputs
    players: tuple[Player, ...]

    def mixed(self, chosen: BoolArray) -> Inputs:
        """Rows that take the case's value where `chosen`, (m, players), is true and the reference's elsewhere."""
        m = len(chosen)
        matrix = np.repeat(self.reference.matrix, m, axis=0)
        present = {block: np.repeat(rows, m) for block, rows in self.case.present.items()}
        for j, player in enumerate(self.players):
            columns = list(player.columns)
            matrix[:, columns] = np.where(chosen[:, [j]], self.case.matrix[:, columns], matrix[:, columns])
            if player.block:
                own, other = (bool(side.present[player.block][0]) for side in (self.case, self.reference))
                present[player.block] = np.where(chosen[:, j], own, other)
        return replace(self.case, matrix=matrix, present=present, case_ids=self.case.case_ids * m)


def game_of(preprocessor: Preprocessor, frame: pd.DataFrame, population: Population, crops: Crops = NO_CROPS) -> Game:
    """The case of a one-row features frame (index case_id) against the average development case."""
    case = model_inputs(preprocessor, frame, crops)
    images = {column.block for column in preprocessor.columns if column.kind == IMAGE}
    matrix = np.array([[_average(output, population) for output in preprocessor.outputs]])
    present = {block: np.array([block not in images]) for block in case.present}
    players = _players(preprocessor, frame, population, case)
    return Game(case, replace(case, matrix=matrix, present=present), players)


def _players(
    preprocessor: Preprocessor, frame: pd.DataFrame, population: Population, case: Inputs
) -> tuple[Player, ...]:
    by_block: dict[str, list[FeatureColumn]] = {}
    for column in preprocessor.columns:
        by_block.setdefault(column.block, []).append(column)
    found: list[Player] = []
    for block, columns in by_block.items():
        there = bool(case.present[block][0])
        if columns[0].kind == IMAGE:
            told = AVAILABLE if there else NOT_AVAILABLE
            found.append(Player(block, block_label(block), told, NOT_AVAILABLE, (), block, block))
        elif not there:
            found.append(_absent(block, columns, preprocessor.outputs))
        else:
            found += [_player(column, preprocessor.outputs, frame, population) for column in columns]
    return tuple(player for player in found if player.columns or player.block)


def _absent(block: str, columns: Sequence[FeatureColumn], outputs: Sequence[Output]) -> Player:
    """A block that the case lacks is one fact, not as many as it has columns."""
    names = {column.name for column in columns}
    places = tuple(j for j, output in enumerate(outputs) if output.source in names)
    return Player(block, block_label(block), NOT_AVAILABLE, AVAILABLE, places, block if places else "", block)


def block_label(block: str) -> str:
    """What a reader calls a modality block."""
    if block.startswith(IMAGE_PREFIX):
        return f"Image {block.removeprefix(IMAGE_PREFIX)}"
    return BLOCK_WORDS.get(block, block.replace("_", " "))


def _player(column: FeatureColumn, outputs: Sequence[Output], frame: pd.DataFrame, population: Population) -> Player:
    places = tuple(j for j, output in enumerate(outputs) if output.source == column.name)
    label, unit = words_of(column)
    made = [outputs[j] for j in places]
    value = value_text(column, frame[column.name].iloc[0], unit)
    reference = _reference_text(column, made, population, unit)
    return Player(column.name, label, value, reference, places, modality=column.block)


def words_of(column: FeatureColumn) -> tuple[str, str]:
    """What a reader calls the feature, and its unit; a measurement by the catalogue's definition of it."""
    if column.block != "radiomics":
        return column.label or column.name.partition(":")[2].replace("_", " "), column.unit
    region, *profile, tag = column.name.partition(":")[2].split(".")
    definition, unit = measurement_words(tag)
    where = " ".join([region, *(f"({name})" for name in profile)]).replace("_", " ").capitalize()
    return f"{where}: {definition or tag.replace('_', ' ')}", unit


def value_text(column: FeatureColumn, value: object, unit: str = "") -> str:
    """A value for readers: with its unit, yes or no, or a category's own word."""
    if value is None or value != value:
        return UNKNOWN
    if column.kind == "boolean":
        return "yes" if value else "no"
    if column.kind == "categorical":
        return dict(zip(column.choices, column.choice_labels, strict=True)).get(str(value), str(value))
    return number_text(float(str(value)), unit)


def number_text(value: float, unit: str = "") -> str:
    """At most four significant digits, with the unit."""
    text = f"{value:,.0f}" if abs(value) >= _LARGE else f"{value:.4g}"
    return f"{text} {unit}".rstrip()


def _average(output: Output, population: Population) -> float:
    """The reference's value of one model column."""
    return 0.0 if output.role == "number" else _share(output, population)


def _share(output: Output, population: Population) -> float:
    """The share of development cases that have 1 here; where it is not told, 1 for what a missing value is taken as.

    A count withheld because it is small counts as none.
    """
    told = population.of(output.source)
    missing, n = int(told.get("missing") or 0), population.n
    if output.role == "missing":
        return missing / n if n else 0.0
    if output.role == "boolean":
        if not n or told.get("mean") is None:
            return output.fill
        return (float(told["mean"]) * (n - missing) + output.fill * missing) / n
    filled = output.fill == 1 if output.role == "step" else output.level == output.fill_level
    if not n or not told.get("counts"):
        return float(filled)
    inside = output.order[output.order.index(output.level) :] if output.role == "step" else (output.level,)
    return (sum(int(told["counts"].get(name) or 0) for name in inside) + (missing if filled else 0)) / n


def _reference_text(column: FeatureColumn, made: Sequence[Output], population: Population, unit: str) -> str:
    own = next((output for output in made if output.role in ("number", "boolean")), None)
    if own is not None and own.role == "number":
        mean = number_text(math.expm1(own.mean) if own.log1p else own.mean, unit)
        return f"average {mean}{_middle(population.of(column.name), unit)}"
    if own is not None:
        return f"yes in {_percent(_share(own, population))}"
    shares = {output.level: _share(output, population) for output in made if output.role in ("level", "step")}
    if not shares:
        return f"not known in {_percent(_share(made[0], population))}" if made else ""
    if column.ordered:
        return _step_text(column, shares)
    commonest = max(shares, key=lambda level: shares[level])
    return f"{value_text(column, commonest)} in {_percent(shares[commonest])}"


def _middle(told: Mapping[str, Any], unit: str) -> str:
    """Where nine in ten development cases lie, where the bundle tells it."""
    low, high = ((told.get("quantiles") or {}).get(share) for share in ("0.05", "0.95"))
    return "" if low is None or high is None else f", nine in ten {number_text(low)} to {number_text(high, unit)}"


def _step_text(column: FeatureColumn, shares: Mapping[str, float]) -> str:
    """The highest step that half of the development cases reach, or else the lowest that the model reads."""
    reached = [step for step, share in shares.items() if share >= _HALF]
    step = (reached or list(shares)[:1])[-1]
    return f"at least {value_text(column, step)} in {_percent(shares[step])}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
