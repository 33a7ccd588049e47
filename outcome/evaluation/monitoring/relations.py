"""What does a case's other columns lead one to expect of this one? Least squares on at most three of them.

What is far from it is odd although every single value is common: a diastolic pressure above the systolic one, a mask
that does not go with the reported diameter, a left tumour on the right side of the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from outcome.types import FloatArray

LEAST_EXPLAINED = 0.25  # of the variance, out of fold
MOST_INPUTS = 3
FEWEST_CASES = 50
FOLDS = 5
MANY_INPUTS = 200  # of more, only the likely ones are tried: their pairs grow with the square
LIKELY_INPUTS = 20
_GAIN = 0.05  # of the variance: another input must earn its place


@dataclass(frozen=True)
class Term:
    """A column as a number: itself, its logarithm, or 1 where it is `level`."""

    column: str
    level: str | None = None
    log: bool = False

    def of(self, frame: pd.DataFrame) -> FloatArray:
        """(n,), NaN where not known; a column that the frame lacks is not known."""
        if self.column not in frame:
            return np.full(len(frame), np.nan)
        values = frame[self.column]
        if self.level is not None:
            told = (values.to_numpy(dtype=object) == self.level).astype(float)
            return np.where(values.isna().to_numpy(), np.nan, told)
        x = values.to_numpy(dtype=float, na_value=np.nan)
        if not self.log:
            return np.where(np.isfinite(x), x, np.nan)
        return np.log(np.where(np.isfinite(x) & (x > 0), x, np.nan))

    def to_json(self) -> dict[str, Any]:
        return {"column": self.column, "level": self.level, "log": self.log}


@dataclass(frozen=True)
class Relation:
    """`target` minus what `inputs` lead to expect. `explained`: share of the variance, out of fold."""

    target: Term
    inputs: tuple[Term, ...]
    coefficients: tuple[float, ...]  # the constant first
    explained: float

    def residuals(self, frame: pd.DataFrame) -> FloatArray:
        """(n,), NaN where the target or an input is not known."""
        X = np.column_stack([np.ones(len(frame)), *(term.of(frame) for term in self.inputs)])
        return self.target.of(frame) - X @ np.array(self.coefficients)

    def to_json(self) -> dict[str, Any]:
        inputs = [term.to_json() for term in self.inputs]
        return {"target": self.target.to_json(), "inputs": inputs, "coefficients": list(self.coefficients),
                "explained": self.explained}  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Relation:
        inputs = tuple(Term(**term) for term in data["inputs"])
        coefficients = tuple(float(value) for value in data["coefficients"])
        return cls(Term(**data["target"]), inputs, coefficients, float(data["explained"]))


@dataclass(frozen=True, eq=False)
class Found:
    """A relation with the out-of-fold residuals (n,) of the cases it was learned from; NaN where not known."""

    relation: Relation
    residuals: FloatArray


def likely_inputs(terms: Sequence[Term], frame: pd.DataFrame) -> list[list[Term]]:
    """For each term those of other columns that may explain it: all, or of many the most correlated ones."""
    if len(terms) <= MANY_INPUTS:
        return [[other for other in terms if other.column != term.column] for term in terms]
    strength = np.abs(_correlations(np.column_stack([term.of(frame) for term in terms])))
    names = np.array([term.column for term in terms])
    strength[names[:, None] == names[None, :]] = -1.0
    places = np.argsort(-strength, axis=1, kind="stable")[:, :LIKELY_INPUTS]
    return [[terms[j] for j in sorted(row)] for row in places]


def _correlations(X: FloatArray) -> FloatArray:
    """Pearson's correlation of every two columns (p, p) among the cases that know both; 0 where too few do."""
    known = np.isfinite(X)
    filled = np.where(known, X, 0.0)
    count = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, filled - filled.sum(axis=0) / count, 0.0)
    centred /= np.maximum(np.sqrt(np.sum(centred**2, axis=0) / count), 1e-300)
    there = known.astype(float)
    n = np.maximum(there.T @ there, 1)
    mean = centred.T @ there / n
    variance = np.maximum((centred**2).T @ there / n - mean**2, 0.0)
    size = np.sqrt(variance * variance.T)
    covariance = centred.T @ centred / n - mean * mean.T
    return np.where((n >= FEWEST_CASES) & (size > 0), covariance / np.where(size > 0, size, 1.0), 0.0)


def refitted(relation: Relation, frame: pd.DataFrame) -> Found | None:
    """The same target and inputs learned from these cases; None where the inputs explain too little of it there."""
    X = np.column_stack([term.of(frame) for term in relation.inputs])
    return _fitted(relation.target, list(relation.inputs), relation.target.of(frame), X)


def relation_of(target: Term, others: Sequence[Term], frame: pd.DataFrame) -> Found | None:
    """The relation of a column to the few others that explain it best; None where they explain too little of it."""
    y = target.of(frame)
    named = [term for term in others if term.column != target.column]
    chosen: list[int] = []
    X = np.column_stack([term.of(frame) for term in named]) if named else np.empty((len(y), 0))
    best = 0.0
    while len(chosen) < MOST_INPUTS:
        gains = {j: _in_sample(y, X[:, [*chosen, j]]) for j in range(len(named)) if j not in chosen}
        first = max(gains, key=lambda j: gains[j], default=None)
        if first is None or gains[first] < best + _GAIN:
            break
        chosen, best = [*chosen, first], gains[first]
    return _fitted(target, [named[j] for j in chosen], y, X[:, chosen]) if best >= LEAST_EXPLAINED else None


def _fitted(target: Term, inputs: list[Term], y: FloatArray, X: FloatArray) -> Found | None:
    rows = np.flatnonzero(np.isfinite(y) & np.isfinite(X).all(axis=1))
    design = np.column_stack([np.ones(len(rows)), X[rows]])
    residuals = np.full(len(y), np.nan)
    for fold in range(FOLDS):
        held = np.arange(len(rows)) % FOLDS == fold
        residuals[rows[held]] = y[rows[held]] - design[held] @ _least_squares(design[~held], y[rows[~held]])
    explained = 1 - float(np.sum(residuals[rows] ** 2) / np.sum((y[rows] - y[rows].mean()) ** 2))
    if explained < LEAST_EXPLAINED:
        return None
    coefficients = tuple(float(value) for value in _least_squares(design, y[rows]))
    return Found(Relation(target, tuple(inputs), coefficients, explained), residuals)


def _in_sample(y: FloatArray, X: FloatArray) -> float:
    """The share of the variance that is explained; 0 where too few cases know all."""
    rows = np.isfinite(y) & np.isfinite(X).all(axis=1)
    if rows.sum() < FEWEST_CASES or not np.ptp(y[rows]) > 0:
        return 0.0
    design = np.column_stack([np.ones(int(rows.sum())), X[rows]])
    left = y[rows] - design @ _least_squares(design, y[rows])
    return 1 - float(np.sum(left**2) / np.sum((y[rows] - y[rows].mean()) ** 2))


def _least_squares(design: FloatArray, y: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.lstsq(design, y, rcond=None)[0], dtype=float)
