"""What sites have in common: the mean of each column, what covariates explain of it, and the spread within sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from outcome.errors import DataRefusal
from outcome.types import BoolArray, FloatArray

# Spread below this share of a column's size is rounding.
_ROUNDING = 1e-9
Names = np.ndarray[Any, np.dtype[np.str_]]
Untouched = tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class BatchModel:
    """The common part of ComBat for p columns and q covariates. Raises ValueError where the shapes do not agree."""

    columns: tuple[str, ...]
    covariates: tuple[str, ...]
    middle: FloatArray  # (q,) mean of each covariate in training; fills the missing
    mean: FloatArray  # (p,) at the covariates' means, sites weighted by their cases
    effects: FloatArray  # (q, p) change of a column per unit of a covariate
    spread: FloatArray  # (p,) standard deviation within sites and covariates, > 0

    def __post_init__(self) -> None:
        p, q = len(self.columns), len(self.covariates)
        shapes = (self.middle.shape, self.mean.shape, self.effects.shape, self.spread.shape)
        if shapes != ((q,), (p,), (q, p), (p,)) or not (self.spread > 0).all():
            raise ValueError(f"{p} columns and {q} covariates do not go with shapes {shapes}, or a spread is not > 0")

    def standardise(self, rows: pd.DataFrame) -> FloatArray:
        """Distance from what is expected in standard deviations, (n, p), NaN where missing."""
        return (numeric(rows, self.columns) - self._expected(rows)) / self.spread

    def put_back(self, rows: pd.DataFrame, z: FloatArray) -> pd.DataFrame:
        """A copy of `rows` in which the columns have these standardised values."""
        values = pd.DataFrame(z * self.spread + self._expected(rows), index=rows.index, columns=list(self.columns))
        # a column at a time would cost more than all the arithmetic
        return pd.concat([rows.drop(columns=list(self.columns)), values], axis=1)[list(rows.columns)]

    def _expected(self, rows: pd.DataFrame) -> FloatArray:
        given = numeric(rows, self.covariates)
        away = np.where(np.isnan(given), 0.0, given - self.middle)
        return self.mean + away @ self.effects

    def to_json(self) -> dict[str, Any]:
        numbers = {name: getattr(self, name).tolist() for name in ("middle", "mean", "effects", "spread")}
        return {"columns": list(self.columns), "covariates": list(self.covariates), **numbers}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BatchModel:
        columns, covariates = tuple(data["columns"]), tuple(data["covariates"])
        middle, mean, spread = (np.array(data[name], dtype=float) for name in ("middle", "mean", "spread"))
        effects = np.array(data["effects"], dtype=float).reshape(len(covariates), len(columns))
        return cls(columns, covariates, middle, mean, effects, spread)


def fit_batch_model(
    rows: pd.DataFrame, sites: Names, columns: Sequence[str], covariates: Sequence[str]
) -> tuple[BatchModel, Untouched]:
    """Least squares of each column on sites and covariates, from the cases where it is known.

    Also returned: each column left out, with the reason. Raises DataRefusal for absent or repeated columns, and for a
    covariate that differs between sites but not within them.
    """
    _check_names(columns, covariates)
    values, given = numeric(rows, columns), numeric(rows, covariates)
    left_out = {name: reason for j, name in enumerate(columns) if (reason := _unfit(values[:, j], sites))}
    middle, design = _design(given, sites, covariates)
    kept = [j for j, name in enumerate(columns) if name not in left_out]
    mean, spread, effects = _least_squares(values[:, kept], design, len(np.unique(sites)))
    solved = spread > 0
    left_out |= {columns[j]: "nothing is left over sites and covariates" for j in np.array(kept)[~solved].tolist()}
    names = tuple(columns[j] for j in np.array(kept, dtype=int)[solved])
    if not names:
        raise DataRefusal(
            "no column can be harmonised",
            expected="columns that vary at every site",
            found=f"{len(columns)} columns, none of them: {next(iter(left_out.values()), 'none named')}",
            next_step="leave harmonisation out",
        )
    model = BatchModel(names, tuple(covariates), middle, mean[solved], effects[:, solved], spread[solved])
    return model, tuple((name, left_out[name]) for name in columns if name in left_out)


def numeric(rows: pd.DataFrame, names: Sequence[str]) -> FloatArray:
    """These columns, (n, p), NaN where missing or infinite. Raises DataRefusal for absent or text columns."""
    absent = [name for name in names if name not in rows.columns]
    text = [name for name in names if name in rows.columns and not pd.api.types.is_numeric_dtype(rows[name])]
    if absent or text:
        raise DataRefusal(
            "columns cannot be harmonised",
            expected="numeric columns of the features table",
            found=f"{len(absent)} absent and {len(text)} not numeric, the first: {(absent + text)[0]}",
            next_step="name numeric columns; code categories as 0/1 columns",
        )
    values = rows[list(names)].to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _check_names(columns: Sequence[str], covariates: Sequence[str]) -> None:
    every = [*columns, *covariates]
    twice = sorted({name for name in every if every.count(name) > 1}) if len(set(every)) < len(every) else []
    if twice:
        raise DataRefusal(
            "a column is named twice", expected="each once, covariates not harmonised", found=", ".join(twice[:5])
        )


def _unfit(x: FloatArray, sites: Names) -> str:
    """Why a column's shift and scale at some site cannot be had, or ""."""
    for site in np.unique(sites):
        known = x[(sites == site) & ~np.isnan(x)]
        if len(known) < 2:
            return f"known in {len(known)} cases of site {site}"
        if known.std() <= _ROUNDING * np.abs(known).max():
            return f"constant at site {site}"
    return ""


def _design(given: FloatArray, sites: Names, covariates: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """The covariates' means (q,) and the design (n, sites + q): who is at which site, then covariates less means."""
    known = ~np.isnan(given)
    middle = np.where(known, given, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    away = np.where(known, given - middle, 0.0)
    at_site = (sites[:, None] == np.unique(sites)).astype(float)
    # The mean of equal numbers may be off by a rounding error, which is no spread.
    away[:, np.sqrt((away**2).mean(axis=0)) <= _ROUNDING * np.abs(middle)] = 0.0
    within = away - at_site @ (at_site.T @ away / at_site.sum(axis=0)[:, None])
    size = np.sqrt((away**2).sum(axis=0))
    lost = (size > 0) & (np.sqrt((within**2).sum(axis=0)) <= 1e-6 * size)
    # A covariate that never varies has no effect to keep; one that varies with the site alone hides its effect.
    if lost.any():
        raise DataRefusal(
            "a covariate cannot be told from the site",
            expected="covariates that differ within sites",
            found=", ".join(name for name, bad in zip(covariates, lost, strict=True) if bad),
            next_step="leave it out; what it does and what the site does cannot be separated",
        )
    return middle, np.hstack([at_site, away])


def _least_squares(values: FloatArray, design: FloatArray, n_sites: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean (p,), spread (p,; 0 where nothing is left over) and covariate effects (q, p); one solution a gap pattern."""
    q = design.shape[1] - n_sites
    mean, spread, effects = np.zeros(values.shape[1]), np.zeros(values.shape[1]), np.zeros((q, values.shape[1]))
    known = ~np.isnan(values)
    patterns, which = np.unique(known, axis=1, return_inverse=True)
    for number in range(patterns.shape[1]):
        columns = np.flatnonzero(which.ravel() == number)
        rows: BoolArray = patterns[:, number]
        D, Y = design[rows], values[np.ix_(rows, columns)]
        solution = np.linalg.lstsq(D, Y, rcond=None)[0]
        weights = D[:, :n_sites].mean(axis=0)
        rest = np.sqrt(((Y - D @ solution) ** 2).mean(axis=0))
        spread[columns] = np.where(rest > _ROUNDING * np.abs(Y).max(axis=0), rest, 0.0)
        mean[columns], effects[:, columns] = weights @ solution[:n_sites], solution[n_sites:]
    return mean, spread, effects
