"""How many of a hundred cases with this predicted risk had the event? Observed against predicted risk, with a band.

Three definitions, named in `CalibrationCurve.kind`: "spline" (a restricted cubic spline of logit risk, three knots, in
a logistic model) or, where asked for, "loess" (local regression, cut to [0, 1]) where data allow, else "groups" (risk
quantiles; for times, Aalen-Johansen within each). Smooth curves for times are in `calibration_survival`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from outcome.evaluation.calibration.indices import clipped_logit, logistic_fit, separates
from outcome.evaluation.calibration.loess import Loess
from outcome.evaluation.calibration.restricted_spline import spline_columns, spline_knots
from outcome.evaluation.intervals import LEVEL, MAX_UNDEFINED, IntArray, Interval, resample, wald, wilson, z_value
from outcome.evaluation.overall.survival import follow_up_gap
from outcome.evaluation.times.incidence import aalen_johansen
from outcome.types import FloatArray

POINTS = 100
BAND_DRAWS = 200
# Two bends and an intercept: ten of the rarer class for each, as for any logistic model; below, groups are shown.
MIN_RARER = 30
MAX_GROUPS = 10
# A group of fewer cases than this has an interval too wide to be read.
MIN_RARER_PER_GROUP = 5


@dataclass(frozen=True, eq=False)
class CalibrationCurve:
    """Observed against predicted risk. All arrays (k,), k ≤ 200, in [0, 1], `risk` rising."""

    kind: str  # "spline" | "loess" | "groups"
    definition: str
    level: float
    risk: FloatArray
    observed: FloatArray
    low: FloatArray
    high: FloatArray
    n: tuple[int, ...] | None = None  # cases in each group; None for a smooth curve

    def to_json(self) -> dict[str, Any]:
        arrays = {name: [float(v) for v in getattr(self, name)] for name in ("risk", "observed", "low", "high")}
        head = {"kind": self.kind, "definition": self.definition, "level": self.level}
        return {**head, **arrays, "n": None if self.n is None else list(self.n)}


def calibration_curve(
    y: FloatArray, risk: FloatArray, *, smoother: str = "spline", seed: int = 0, level: float = LEVEL
) -> CalibrationCurve:
    """The calibration curve of a binary outcome: `y` (n,) 0 or 1, `risk` (n,) in [0, 1], n ≥ 1.

    Drawn between the 1st and 99th percentile of the risk by `smoother`, "spline" (Wald band) or "loess" (band from a
    bootstrap fed by `seed`), bands pointwise; groups where the rarer class has fewer than 30 cases, the risk too few
    distinct values, or the curve no fit. ValueError for another smoother. Harrell 2015, doi:10.1007/978-3-319-19425-7
    (chapter 2.4.5); Austin & Steyerberg 2014, doi:10.1002/sim.5941.
    """
    if smoother not in ("spline", "loess"):
        raise ValueError(f"a curve is drawn by 'spline' or 'loess', found {smoother!r}")
    y, risk = np.asarray(y, dtype=float), np.asarray(risk, dtype=float)
    rarer = int(min(y.sum(), y.size - y.sum()))
    curve = None
    if rarer >= MIN_RARER:
        curve = _spline_curve(y, risk, level) if smoother == "spline" else _loess_curve(y, risk, seed, level)
    return curve or _group_curve(y, risk, rarer, level)


def calibration_curve_t(
    time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float, *, level: float = LEVEL
) -> CalibrationCurve | None:
    """The calibration of risks at a horizon in risk groups, observed by Aalen-Johansen (Kaplan-Meier without competing
    events). None where follow-up ends before the horizon in any group.
    """
    time, kinds, risk = np.asarray(time_days), np.asarray(event), np.asarray(risk, dtype=float)
    rarer = int(np.sum((kinds == 1) & (time <= horizon_days)))
    rows = _quantile_groups(risk, rarer)
    if any(follow_up_gap(time[r], kinds[r], horizon_days) for r in rows):
        return None
    curves = [aalen_johansen(time[r], kinds[r]) for r in rows]
    points = [
        (float(c.at(horizon_days)), float(c.se_at(horizon_days)), len(r)) for c, r in zip(curves, rows, strict=True)
    ]
    bounds = np.array([_incidence_interval(*point, level) for point in points])
    definition = f"risk quantiles, Aalen-Johansen at {horizon_days:g} days, Wald interval"
    means, observed = np.array([risk[r].mean() for r in rows]), np.array([value for value, _, _ in points])
    return CalibrationCurve("groups", definition, level, means, observed, bounds[:, 0], bounds[:, 1], _sizes(rows))


def _incidence_interval(value: float, se: float, n: int, level: float) -> Interval:
    # A group without events, or with events only, has a standard error of zero, which would claim certainty.
    return wald(value, se, level=level, bounds=(0.0, 1.0)) if se > 0 else wilson(round(value * n), n, level=level)


def _spline_curve(y: FloatArray, risk: FloatArray, level: float) -> CalibrationCurve | None:
    log_odds = clipped_logit(risk)
    knots = spline_knots(log_odds)
    if knots is None or separates(y, log_odds):
        return None
    fit = logistic_fit(_spline_design(log_odds, knots), y)
    if fit is None:
        return None
    grid = risk_grid(risk)
    design = _spline_design(clipped_logit(grid), knots)
    centre = design @ fit[0]
    half = z_value(level) * np.sqrt(np.einsum("ij,jk,ik->i", design, fit[1], design))
    definition = "logistic model of the outcome on a restricted cubic spline of logit risk, 3 knots, Wald band"
    return CalibrationCurve(
        "spline", definition, level, grid, expit(centre), expit(centre - half), expit(centre + half)
    )


def _spline_design(x: FloatArray, knots: FloatArray) -> FloatArray:
    return np.column_stack([np.ones(x.size), spline_columns(x, knots)])


def _loess_curve(y: FloatArray, risk: FloatArray, seed: int, level: float) -> CalibrationCurve | None:
    order, grid, smooth = np.lexsort((y, risk)), risk_grid(risk), Loess()
    y, risk = y[order], risk[order]
    centre = smooth.fitted(risk, y, grid)
    if centre is None or grid[0] == grid[-1]:
        return None
    rng = np.random.default_rng(seed)
    drawn = (np.sort(resample(y.size, rng)) for _ in range(BAND_DRAWS))
    curves = [curve for rows in drawn if (curve := smooth.fitted(risk[rows], y[rows], grid)) is not None]
    band = percentile_band(curves, centre, level)
    if band is None:
        return None
    observed, low, high = (np.clip(each, 0, 1) for each in (centre, *band))
    definition = f"{smooth.name(y.size)}, band from a bootstrap of {BAND_DRAWS} draws, percentile"
    return CalibrationCurve("loess", definition, level, grid, observed, low, high)


def percentile_band(curves: list[FloatArray], centre: FloatArray, level: float) -> tuple[FloatArray, FloatArray] | None:
    """Low and high (k,) of bootstrapped curves, (k,) each; None where too many of `BAND_DRAWS` resamples had none."""
    if len(curves) < (1 - MAX_UNDEFINED) * BAND_DRAWS:
        return None
    low, high = np.quantile(curves, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.minimum(low, centre), np.maximum(high, centre)


def risk_grid(risk: FloatArray) -> FloatArray:
    """Where a smooth curve is drawn: `POINTS` risks from the 1st to the 99th percentile, few cases being beyond."""
    return np.linspace(float(np.quantile(risk, 0.01)), float(np.quantile(risk, 0.99)), POINTS)


def _group_curve(y: FloatArray, risk: FloatArray, rarer: int, level: float) -> CalibrationCurve:
    rows = _quantile_groups(risk, rarer)
    bounds = np.array([wilson(int(y[r].sum()), len(r), level=level) for r in rows])
    means, observed = (np.array([values[r].mean() for r in rows]) for values in (risk, y))
    definition = "share of events in risk quantiles, Wilson interval"
    return CalibrationCurve("groups", definition, level, means, observed, bounds[:, 0], bounds[:, 1], _sizes(rows))


def _quantile_groups(risk: FloatArray, rarer: int) -> list[IntArray]:
    """Row numbers of up to ten groups of rising risk; equal risks are never parted."""
    wanted = int(np.clip(rarer // MIN_RARER_PER_GROUP, 1, MAX_GROUPS))
    cuts = np.unique(np.quantile(risk, np.arange(1, wanted) / wanted))
    group = np.searchsorted(cuts, risk, side="left")
    return [np.flatnonzero(group == g) for g in np.unique(group)]


def _sizes(rows: list[IntArray]) -> tuple[int, ...]:
    return tuple(len(r) for r in rows)
