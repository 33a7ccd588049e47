"""How far is the calibration curve of risks at a horizon from the diagonal? And the curve itself, with its band.

Arguments as in `calibration_survival`. Two smoothers, at the foot: "cox_spline" (Cox's model on a restricted cubic
spline of cloglog risk with three knots; for one kind of event) and "pseudo_loess" (local regression of the
pseudo-observations on the risk, span 0.33, degree 1; with or without competing events). The choice falls by itself on
the first where no competing event came by the horizon. Austin, Harrell & van Klaveren 2020, doi:10.1002/sim.8570; van
Geloven et al. 2022, doi:10.1136/bmj-2021-069249.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from outcome.evaluation.calibration.curve import BAND_DRAWS, CalibrationCurve, percentile_band, risk_grid
from outcome.evaluation.calibration.error import DRAWS, CalibrationErrors, error_estimates, withheld_errors
from outcome.evaluation.calibration.indices_survival import TimedRisks, clipped_cloglog
from outcome.evaluation.calibration.loess import Loess, local_curve, local_name
from outcome.evaluation.calibration.restricted_spline import spline_columns, spline_knots
from outcome.evaluation.intervals import LEVEL, IntArray, resample, z_value
from outcome.evaluation.times.cox import cox_fit, risk_of
from outcome.types import Estimate, FloatArray

PSEUDO_LOESS = Loess(span=0.33, degree=1)


@dataclass(frozen=True)
class TimedSmoother:
    """A way from cases to the observed risk at each case's predicted one, None where there is none; and its name."""

    fitted: Callable[[TimedRisks], FloatArray | None]
    name: Callable[[FloatArray], str]
    curve: Callable[[TimedRisks, FloatArray, int, float], tuple[FloatArray, FloatArray, FloatArray] | None]


def calibration_errors_t(
    time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float, *, smoother: str | None = None
) -> CalibrationErrors | None:
    """All five distances at a horizon; None where the curve does not exist or follow-up ends before the horizon.

    ValueError for an unknown smoother, or for "cox_spline" where competing events came by the horizon.
    """
    cases = TimedRisks.at(time_days, event, risk, horizon_days)
    return None if cases.gap() else _errors(cases, _chosen(cases, smoother))


def ici_t(
    time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float, *, smoother: str | None = None
) -> float:
    """By how much is the risk at a horizon off on average? NaN where `calibration_errors_t` gives None."""
    found = calibration_errors_t(time_days, event, risk, horizon_days, smoother=smoother)
    return math.nan if found is None else found.ici


def calibration_error_t_estimates(
    time_days: FloatArray,
    event: FloatArray,
    risk: FloatArray,
    horizon_days: float,
    *,
    smoother: str | None = None,
    seed: int = 0,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> dict[str, Estimate]:
    """ici, e50, e90, emax and eci at a horizon, with percentile intervals from one seeded bootstrap of cases.

    Pseudo-observations are computed anew in every resample. Withheld without events by the horizon, where follow-up
    ends before it, or where the smoother has no curve. ValueError as `calibration_errors_t`.
    """
    cases = TimedRisks.at(time_days, event, risk, horizon_days)
    name = _chosen(cases, smoother)
    n, n_events = cases.counts
    reason = cases.gap()
    if reason:
        return withheld_errors(reason, n=n, n_events=n_events)
    ordered = cases.take(np.argsort(cases.risk, kind="stable"))

    def errors(rows: IntArray | None) -> CalibrationErrors | None:
        drawn = ordered if rows is None else ordered.take(rows)
        return None if drawn.gap() else _errors(drawn, name)

    words = SMOOTHERS_T[name].name(cases.risk)
    return error_estimates(errors, cases.counts, words, seed=seed, draws=draws, level=level)


def smooth_curve_t(
    time_days: FloatArray,
    event: FloatArray,
    risk: FloatArray,
    horizon_days: float,
    *,
    smoother: str | None = None,
    seed: int = 0,
    level: float = LEVEL,
) -> CalibrationCurve | None:
    """The smooth calibration curve at a horizon between the 1st and 99th percentile of the risk, with a pointwise band.

    The band of "cox_spline" is Wald's on the log hazard, of "pseudo_loess" from a seeded bootstrap; cut to [0, 1].
    None as `calibration_errors_t`.
    """
    cases = TimedRisks.at(time_days, event, risk, horizon_days)
    name = _chosen(cases, smoother)
    if cases.gap():
        return None
    grid = risk_grid(cases.risk)
    drawn = SMOOTHERS_T[name].curve(cases, grid, seed, level) if grid[-1] > grid[0] else None
    if drawn is None:
        return None
    observed, low, high = (np.clip(each, 0, 1) for each in drawn)
    band = "Wald band" if name == "cox_spline" else f"band from a bootstrap of {BAND_DRAWS} draws, percentile"
    definition = f"{SMOOTHERS_T[name].name(cases.risk)}, at {horizon_days:g} days, {band}"
    return CalibrationCurve(name, definition, level, grid, observed, low, high)


def _chosen(cases: TimedRisks, smoother: str | None) -> str:
    if smoother is None:
        return "pseudo_loess" if cases.has_competing else "cox_spline"
    if smoother not in SMOOTHERS_T:
        raise ValueError(f"a smoother is one of {sorted(SMOOTHERS_T)}, found {smoother!r}")
    if smoother == "cox_spline" and cases.has_competing:
        raise ValueError("with competing events Cox's 1 - survival is no risk: use 'pseudo_loess'")
    return smoother


def _errors(cases: TimedRisks, name: str) -> CalibrationErrors | None:
    return CalibrationErrors.between(SMOOTHERS_T[name].fitted(cases), cases.risk)


def _cox_spline(cases: TimedRisks) -> FloatArray | None:
    knots = spline_knots(cases.log_hazard)
    if knots is None:
        return None
    columns = spline_columns(cases.log_hazard, knots)
    fit = cox_fit(cases.time_days, cases.event, columns)
    return None if fit is None else fit.risk(columns, cases.horizon_days)


def _cox_curve(
    cases: TimedRisks, grid: FloatArray, seed: int, level: float
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    knots = spline_knots(cases.log_hazard)
    fit = None if knots is None else cox_fit(cases.time_days, cases.event, spline_columns(cases.log_hazard, knots))
    if fit is None or knots is None:
        return None
    at = spline_columns(clipped_cloglog(grid), knots)
    centre = fit.log_hazard(at, cases.horizon_days)
    half = z_value(level) * fit.log_hazard_se(at, cases.horizon_days)
    observed, low, high = (risk_of(each) for each in (centre, centre - half, centre + half))
    return observed, low, high


def _pseudo_loess(cases: TimedRisks) -> FloatArray | None:
    return local_curve(cases.risk, cases.pseudo(), PSEUDO_LOESS)


def _pseudo_curve(
    cases: TimedRisks, grid: FloatArray, seed: int, level: float
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    centre = local_curve(cases.risk, cases.pseudo(), PSEUDO_LOESS, grid)
    if centre is None:
        return None
    rng, n = np.random.default_rng(seed), cases.risk.size
    drawn = (cases.take(resample(n, rng)) for _ in range(BAND_DRAWS))
    found = (local_curve(each.risk, each.pseudo(), PSEUDO_LOESS, grid) for each in drawn if not each.gap())
    curves = [curve for curve in found if curve is not None]
    band = percentile_band(curves, centre, level)
    return None if band is None else (centre, *band)


SMOOTHERS_T: dict[str, TimedSmoother] = {
    "cox_spline": TimedSmoother(
        _cox_spline,
        lambda risk: "Cox model on a restricted cubic spline of cloglog risk, 3 knots, follow-up cut at the horizon",
        _cox_curve,
    ),
    "pseudo_loess": TimedSmoother(
        _pseudo_loess, lambda risk: f"pseudo-observations, {local_name(risk, PSEUDO_LOESS)}", _pseudo_curve
    ),
}
