"""Multiple imputation by chained equations: each incomplete model column is drawn from the others, several times over.

Every incomplete column is regressed on those that go most with it; level, effects and spread are drawn from their
posterior (Bayesian linear regression), then its missing values around them, column after column, for some cycles. Each
draw thus has equations of its own, those of its last cycle, by which new cases are imputed. Outcomes are no part of
it, since a case to be predicted has none (Sisk et al. 2023, doi:10.1177/09622802231165001).

van Buuren & Groothuis-Oudshoorn 2011, doi:10.18637/jss.v045.i03 (method `norm`, five cycles). Departures: columns are
those that the model reads, so numbers are on their standardised scale and kept within its bounds; 0/1 columns are drawn
like numbers and not rounded (Horton, Lipsitz & Parzen 2003, doi:10.1198/0003130032314).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from outcome.types import BoolArray, FloatArray

CYCLES = 5
MOST_READ = 15  # columns an equation: more add little and cost stability (van Buuren 2018, section 6.3.2)
CASES_A_COLUMN = 10  # known values for each column that an equation reads
RIDGE = 1e-5  # on the diagonal, relative to it

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Imputer:
    """The drawn equations of k incomplete columns, m draws of each; an equation reads up to q other columns.

    A value is level + effects . columns read + spread x deviate, kept within bounds. The deviates are part of the
    imputer, and their mean over the draws is 0: the same case gets the same values whatever its name and company.
    """

    filled: Places  # (k,) the incomplete columns
    read: Places  # (k, q) what each equation reads; where it reads fewer the effect is 0
    effects: FloatArray  # (m, k, q)
    level: FloatArray  # (m, k)
    spread: FloatArray  # (m, k)
    deviates: FloatArray  # (m, cycles, k)
    bounds: FloatArray  # (2, k)

    def __post_init__(self) -> None:
        """Raises ValueError where the parts do not go together, or a column is none."""
        k, m = len(self.filled), len(self.effects)
        q, cycles = self.read.shape[-1], self.deviates.shape[1] if self.deviates.ndim == 3 else 0
        found = tuple(getattr(self, part.name).shape for part in fields(self))
        if m == 0 or found != ((k,), (k, q), (m, k, q), (m, k), (m, k), (m, cycles, k), (2, k)):
            raise ValueError(f"an imputer of {k} columns and {m} draws with parts of shapes {found}")
        if (np.append(self.filled, self.read) < 0).any():
            raise ValueError("an imputer that reads a column before the first")

    @property
    def columns(self) -> int:
        """How many columns there need to be: that after the last which it fills or reads."""
        return int(np.append(self.filled, self.read).max(initial=-1)) + 1

    def mean(self, X: FloatArray, missing: BoolArray) -> FloatArray:
        """The matrix (n, p) with missing values (n, p) of incomplete columns taken at their mean over the draws."""
        rows = np.flatnonzero(missing[:, self.filled].any(axis=1))
        result = X.copy()
        if len(rows):
            gaps = missing[rows][:, self.filled]
            drawn = np.zeros((len(rows), len(self.filled)))
            for draw in range(len(self.effects)):
                drawn += self._drawn(X[rows], gaps, draw)[:, self.filled]
            chosen = np.where(gaps, drawn / len(self.effects), X[rows][:, self.filled])
            result[np.ix_(rows, self.filled)] = chosen
        return result

    def _drawn(self, X: FloatArray, gaps: BoolArray, draw: int) -> FloatArray:
        """The cases (n, p) as one draw completes them; `gaps` (n, k) says which values are missing."""
        X = X.copy()
        for deviates in self.deviates[draw]:
            for i, column in enumerate(self.filled):
                # a row's sum, not a matrix product: BLAS may add in another order for another number of rows
                centre = np.sum(X[:, self.read[i]] * self.effects[draw, i], axis=1) + self.level[draw, i]
                value = np.clip(centre + self.spread[draw, i] * deviates[i], *self.bounds[:, i])
                X[:, column] = np.where(gaps[:, i], value, X[:, column])
        return X

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything it is made of, by name."""
        return {part.name: getattr(self, part.name) for part in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Imputer:
        """From arrays, or nested lists, of these names."""
        filled, read = (np.array(arrays[name], dtype=np.int64) for name in ("filled", "read"))
        others = [np.array(arrays[part.name], dtype=np.float64) for part in fields(cls)[2:]]
        return cls(filled, read, *others)


def fit_imputer(
    X: FloatArray, missing: BoolArray, readable: Sequence[int], bounds: FloatArray, draws: int, seed: int
) -> tuple[Imputer, tuple[FloatArray, ...]] | None:
    """The imputer of these rows, and the rows as each of its `draws` completed them; None where nothing is missing.

    `X` (n, p) holds a single value where `missing` (n, p) is true, with which the first cycle begins. `readable` are
    the columns that equations may read, `bounds` (2, p) the least and greatest value of each.
    """
    filled = np.flatnonzero(missing.any(axis=0))
    if not len(filled):
        return None
    read = _strongest(X, missing, filled, np.asarray(readable, dtype=np.int64))
    width = max((len(places) for places in read), default=0)
    parts, completed = [], []
    for draw in range(draws):
        made, equations = _chain(X, missing, filled, read, bounds, np.random.default_rng([seed, draw]))
        completed.append(made)
        parts.append([np.pad(equation, (0, 2 + width - len(equation))) for equation in equations])
    learned = np.array(parts)
    deviates = np.random.default_rng([seed, draws]).standard_normal((draws, CYCLES, len(filled)))
    imputer = Imputer(
        filled,
        np.array([np.pad(places, (0, width - len(places))) for places in read], dtype=np.int64),
        learned[:, :, 2:],
        learned[:, :, 0],
        learned[:, :, 1],
        (deviates - deviates.mean(axis=0)) * np.sqrt(draws / (draws - 1)),
        bounds[:, filled],
    )
    return imputer, tuple(completed)


def _strongest(X: FloatArray, missing: BoolArray, filled: Places, readable: Places) -> list[Places]:
    """The columns that each equation reads: those of largest |correlation|, in the matrix's order."""
    centred = X - X.mean(axis=0)
    norm = np.sqrt(np.sum(centred**2, axis=0))
    unit = centred / np.where(norm > 0, norm, 1.0)
    found = []
    for column in filled:
        others = readable[readable != column]
        count = min(MOST_READ, int(np.sum(~missing[:, column])) // CASES_A_COLUMN)
        order = np.argsort(-np.abs(unit[:, others].T @ unit[:, column]), kind="stable")
        found.append(np.sort(others[order[:count]]))
    return found


def _chain(
    X: FloatArray,
    missing: BoolArray,
    filled: Places,
    read: Sequence[Places],
    bounds: FloatArray,
    rng: np.random.Generator,
) -> tuple[FloatArray, list[FloatArray]]:
    """The rows as one draw completes them, and the equations of its last cycle."""
    X, equations = X.copy(), list[FloatArray]()
    for _ in range(CYCLES):
        equations = []
        for column, places in zip(filled, read, strict=True):
            gaps = missing[:, column]
            level, spread, *effects = _equation(X[~gaps][:, places], X[~gaps, column], rng)
            centre = X[gaps][:, places] @ np.array(effects) + level
            value = centre + spread * rng.standard_normal(int(gaps.sum()))
            X[gaps, column] = np.clip(value, *bounds[:, column])
            equations.append(np.array([level, spread, *effects]))
    return X, equations


def _equation(Z: FloatArray, y: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Level, spread and effects (2 + q,) drawn from the posterior of a linear regression of y (n,) on Z (n, q)."""
    A = np.column_stack([np.ones(len(y)), Z])
    gram = A.T @ A
    gram += np.diag(RIDGE * np.diag(gram) + RIDGE)
    factor = cho_factor(gram, lower=True)
    fitted = cho_solve(factor, A.T @ y)
    freedom = max(1, len(y) - A.shape[1])
    spread = float(np.sqrt(np.sum((y - A @ fitted) ** 2) / rng.chisquare(freedom)))
    drawn = fitted + spread * solve_triangular(factor[0], rng.standard_normal(len(fitted)), lower=True, trans="T")
    return np.array([drawn[0], spread, *drawn[1:]])
