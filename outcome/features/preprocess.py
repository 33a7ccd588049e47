"""From the features frame to the matrix a model reads, with everything learned on the given rows only.

Missing numbers take the training median, missing booleans the mode, missing categories a level of their own (or
the mode where they are rare), missing ordered categories the median choice; features often missing get a 0/1 column
saying so. Numbers with a long right tail are taken as log1p, then winsorised and standardised. Columns that are all
missing, constant, very rare or that repeat an earlier one are dropped, with the reason kept. A selection by the
outcome, where asked for, happens here too, so that it can only see the rows it is given. Where asked for, columns are
harmonised between batches before all of this (`outcome.features.batches`). Several imputations instead of single
values: `outcome.features.imputed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from outcome.features.batches import HarmoniseRules, entered, fit_batches, harmonised, unknown_batches
from outcome.features.columns import (
    BATCH,
    BATCH_COLUMN,
    IMAGE,
    FeatureColumn,
    columns_from_json,
    columns_to_json,
    require_columns,
)
from outcome.features.filters import redundant_among, skewness, strongest, too_rare
from outcome.features.harmonise import Harmoniser
from outcome.features.imputation import Imputer
from outcome.features.outputs import MISSING_LEVEL, Output, absent_values, levels, missing_values, numbers, squeeze
from outcome.features.steps import learn_steps
from outcome.types import BoolArray, FloatArray, Target

PANEL = 64  # columns that are made before they are laid beside each other: one at a time would cross all of memory
ORDERED = "ordered"  # how a categorical column is learned whose choices are steps of one scale


@dataclass(frozen=True)
class Rules:
    """How to preprocess; fixed before any data is seen."""

    missing_column_from: float = 0.05  # share missing in training from which "missing" gets its own column
    winsorise: float = 0.01  # share cut at either end
    rare_below: int = 5  # fewer cases than this off the commonest value: dropped
    redundant_above: float = 0.95  # |Spearman|
    log1p_above_skew: float = 2.0
    top_k: int | None = None  # keep this many by |Spearman| with the outcome

    def __post_init__(self) -> None:
        if not 0 <= self.winsorise < 0.5:
            raise ValueError(f"winsorise must lie in [0, 0.5), found {self.winsorise}")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k must be at least 1, found {self.top_k}")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Preprocessor:
    """A fitted preprocessing: plain numbers only. `dropped` holds (name, reason).

    `harmoniser` puts batches on one scale first; None where nothing is harmonised. `imputer` takes missing values at
    their mean over several imputations; None where each has a single value of its own.
    """

    columns: tuple[FeatureColumn, ...]
    outputs: tuple[Output, ...]
    dropped: tuple[tuple[str, str], ...] = ()
    harmoniser: Harmoniser | None = None
    imputer: Imputer | None = None

    @property
    def output_names(self) -> tuple[str, ...]:
        return tuple(output.name for output in self.outputs)

    def transform(self, frame: pd.DataFrame) -> FloatArray:
        """The model matrix, float64 (n, p), no NaN.

        An unknown category (see `unseen`) is 0 on all its columns; an ordered one takes the median choice's steps,
        for 0 on them all would be the lowest choice, and is not called missing.
        """
        require_columns(frame, self.columns)
        if self.harmoniser is not None:
            frame = harmonised(self.harmoniser, frame)
        X = np.empty((len(frame), len(self.outputs)))
        for first in range(0, len(self.outputs), PANEL):
            panel = [output.apply(frame[output.source]) for output in self.outputs[first : first + PANEL]]
            X[:, first : first + len(panel)] = np.stack(panel, axis=1)
        return X if self.imputer is None else self.imputer.mean(X, missing_values(self.outputs, frame))

    def unseen(self, frame: pd.DataFrame) -> dict[str, int]:
        """How many cases hold a category that the dictionary does not name, by column (only where there are any).

        Where batches are harmonised, those of a batch that is not known are counted under the batch's name.
        """
        counts = {}
        for column in self.columns:
            if column.kind == "categorical":
                x, absent = levels(frame[column.name])
                counts[column.name] = int(np.sum(~absent & ~np.isin(x.astype(str), column.choices)))
        if self.harmoniser is not None:
            counts[BATCH_COLUMN] = unknown_batches(self.harmoniser, frame)
        return {name: count for name, count in counts.items() if count}

    def entered(self, cases: Mapping[str, pd.DataFrame]) -> Preprocessor:
        """The same with further batches (name: features of some of its cases); itself where nothing is harmonised."""
        if self.harmoniser is None:
            return self
        return replace(self, harmoniser=entered(self.harmoniser, cases))

    def to_json(self) -> dict[str, Any]:
        return {
            "columns": columns_to_json(self.columns),
            "outputs": [output.to_json() for output in self.outputs],
            "dropped": [list(row) for row in self.dropped],
            **({} if self.harmoniser is None else {"harmoniser": self.harmoniser.to_json()}),
            **({} if self.imputer is None else {"imputer": {n: a.tolist() for n, a in self.imputer.arrays().items()}}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Preprocessor:
        outputs = tuple(Output.from_json(row) for row in data["outputs"])
        harmoniser = Harmoniser.from_json(data["harmoniser"]) if "harmoniser" in data else None
        imputer = Imputer.from_arrays(data["imputer"]) if "imputer" in data else None
        dropped = tuple((a, b) for a, b in data["dropped"])
        if imputer is not None and imputer.columns > len(outputs):
            raise ValueError(f"an imputer of {imputer.columns} columns beside {len(outputs)}")
        return cls(columns_from_json(data["columns"]), outputs, dropped, harmoniser, imputer)


def fit_preprocessor(
    frame: pd.DataFrame,
    columns: Sequence[FeatureColumn],
    rules: Rules,
    target: Target | None = None,
    harmonise: HarmoniseRules | None = None,
) -> Preprocessor:
    """Learn imputation, encoding, scaling and selection from these rows and no others, and first the harmonisation.

    `target` (same rows, all known) is read only where `rules.top_k` asks for a selection by the outcome, and to see
    whether a batch stands for an outcome. Where nothing can be harmonised the columns stay as they are and `dropped`
    says why, under the batch's name. Raises DataRefusal for an absent or wrongly typed column.
    """
    require_columns(frame, columns)
    harmoniser, reason = (None, "") if harmonise is None else fit_batches(frame, columns, harmonise, target)
    shown = frame if harmoniser is None else harmonised(harmoniser, frame)
    outputs: list[Output] = []
    dropped = [(BATCH_COLUMN, f"nothing harmonised: {reason}")] if reason else []
    for column in columns:
        made = _LEARN[ORDERED if column.ordered else column.kind](column, shown[column.name], rules)
        outputs.extend(output for output in made if isinstance(output, Output))
        dropped.extend(row for row in made if not isinstance(row, Output))
    fitted = Preprocessor(tuple(columns), tuple(outputs), tuple(dropped), harmoniser)
    fitted = _drop_redundant(fitted, shown, rules)
    if rules.top_k is None:
        return fitted
    if target is None:
        raise ValueError("top_k selects by the outcome: hand over the target of the same rows")
    return _select(fitted, fitted.transform(frame), target, rules.top_k)


Learned = list[Output | tuple[str, str]]


def _learn_number(column: FeatureColumn, values: pd.Series, rules: Rules) -> Learned:
    x = numbers(values)
    absent = np.isnan(x)
    seen = x[~absent]
    if not len(seen):
        return [(column.name, "missing in every training case")]
    fill = float(np.median(seen))
    filled = np.where(absent, fill, x)
    reason = too_rare(filled, rules.rare_below)
    if reason:
        return [(column.name, reason), *_missing_column(column, absent, rules)]
    log1p = bool(seen.min() >= 0 and skewness(seen) > rules.log1p_above_skew)
    low, high = (float(q) for q in np.quantile(squeeze(seen, log1p), [rules.winsorise, 1 - rules.winsorise]))
    if not low < high:
        low, high = float(squeeze(seen, log1p).min()), float(squeeze(seen, log1p).max())
    z = np.clip(squeeze(filled, log1p), low, high)
    if not z.std() > 1e-12 * max(1.0, abs(float(z.mean()))):
        return [(column.name, "constant in the training cases"), *_missing_column(column, absent, rules)]
    output = Output(column.name, column.name, "number", fill, log1p, low, high, float(z.mean()), float(z.std()))
    return [output, *_missing_column(column, absent, rules)]


def _learn_boolean(column: FeatureColumn, values: pd.Series, rules: Rules) -> Learned:
    x = numbers(values)
    absent = np.isnan(x)
    if absent.all():
        return [(column.name, "missing in every training case")]
    fill = float(np.mean(x[~absent]) > 0.5)
    reason = too_rare(np.where(absent, fill, x), rules.rare_below)
    own = (column.name, reason) if reason else Output(column.name, column.name, "boolean", fill)
    return [own, *_missing_column(column, absent, rules)]


def _learn_categorical(column: FeatureColumn, values: pd.Series, rules: Rules) -> Learned:
    x, absent = levels(values)
    if absent.all():
        return [(column.name, "missing in every training case")]
    counts = {choice: int(np.sum(x == choice)) for choice in column.choices}
    own_level = absent.mean() >= rules.missing_column_from
    fill = MISSING_LEVEL if own_level else max(counts, key=lambda choice: counts[choice])
    named = (*column.choices, *((MISSING_LEVEL,) if own_level else ()))
    made = (Output(f"{column.name}={name}", column.name, "level", level=name, fill_level=fill) for name in named)
    return [_unless_rare(output, values, rules) for output in made]


def _learn_ordered(column: FeatureColumn, values: pd.Series, rules: Rules) -> Learned:
    steps = learn_steps(column, values)
    if not steps:
        return [(column.name, "no training case has one of its choices")]
    made = [_unless_rare(step, values, rules) for step in steps]
    return [*made, *_missing_column(column, absent_values(values), rules)]


def _unless_rare(output: Output, values: pd.Series, rules: Rules) -> Output | tuple[str, str]:
    reason = too_rare(output.apply(values), rules.rare_below)
    return (output.name, reason) if reason else output


def _missing_column(column: FeatureColumn, absent: BoolArray, rules: Rules) -> Learned:
    if absent.mean() < rules.missing_column_from or not absent.any():
        return []
    name = f"{column.name}={MISSING_LEVEL}"
    reason = too_rare(absent.astype(float), rules.rare_below)
    return [(name, reason)] if reason else [Output(name, column.name, "missing")]


def _drop_redundant(fitted: Preprocessor, shown: pd.DataFrame, rules: Rules) -> Preprocessor:
    """`shown`: the rows learned from, harmonised where batches are."""
    names = fitted.output_names
    made = (output.apply(shown[output.source]) for output in fitted.outputs)
    found = redundant_among(made, (len(shown), len(names)), rules.redundant_above)
    reasons = tuple((names[j], f"|Spearman| > {rules.redundant_above} with {names[i]}") for j, i in found.items())
    outputs = tuple(output for j, output in enumerate(fitted.outputs) if j not in found)
    return replace(fitted, outputs=outputs, dropped=fitted.dropped + reasons)


def _select(fitted: Preprocessor, X: FloatArray, target: Target, count: int) -> Preprocessor:
    kept = set(strongest(X, target, count))
    reason = f"not among the {count} columns that go most with the outcome in training"
    reasons = tuple((name, reason) for j, name in enumerate(fitted.output_names) if j not in kept)
    outputs = tuple(output for j, output in enumerate(fitted.outputs) if j in kept)
    return replace(fitted, outputs=outputs, dropped=fitted.dropped + reasons)


def _learn_nothing(column: FeatureColumn, values: pd.Series, rules: Rules) -> Learned:
    """An image block is read by networks from its voxels, a batch by harmonisation: neither is a matrix column."""
    return []


_LEARN = {
    "numeric": _learn_number,
    "boolean": _learn_boolean,
    "categorical": _learn_categorical,
    ORDERED: _learn_ordered,
    IMAGE: _learn_nothing,
    BATCH: _learn_nothing,
}
