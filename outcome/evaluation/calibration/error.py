"""How far is the calibration curve from the diagonal? Mean, median, 90th percentile and largest distance, and squared.

Arguments of every function: `y` (n,) 0 or 1; `risk` (n,) in [0, 1]; `smoother` a name in `smoothing.SMOOTHERS`: the
answer depends on it, so the method names it. All distances are taken at the cases' own risks, are at least 0, and
lower is better. A well calibrated model does not get 0 but what chance makes of it, so a percentile interval of a
resample lies high: it says how sure the distance is, not whether calibration is refuted.
Austin & Steyerberg 2019, doi:10.1002/sim.8281; Van Hoorde et al. 2015, doi:10.1016/j.jbi.2014.12.016 (ECI).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from outcome.evaluation.calibration.smoothing import SMOOTHERS, observed_at
from outcome.evaluation.intervals import LEVEL, IntArray, measured, percentile_interval, resample
from outcome.types import Estimate, FloatArray

DEFAULT_SMOOTHER = "loess"
# Five distances from one curve; 200 draws know the ends of a 95 % interval to about a tenth of its width.
DRAWS = 200


@dataclass(frozen=True)
class CalibrationErrors:
    """Distances between observed and predicted risk; `eci` is 100 times the mean square, the others are risks."""

    ici: float
    e50: float
    e90: float
    emax: float
    eci: float

    @classmethod
    def between(cls, observed: FloatArray | None, risk: FloatArray) -> CalibrationErrors | None:
        """From the curve at each case (n,) and its predicted risk (n,); None without a curve."""
        if observed is None or not observed.size or not np.all(np.isfinite(observed)):
            return None
        gap = np.abs(observed - risk)
        middle, late = np.quantile(gap, (0.5, 0.9))
        return cls(float(gap.mean()), float(middle), float(late), float(gap.max()), 100 * float(np.mean(gap**2)))


def calibration_errors(
    y: FloatArray, risk: FloatArray, *, smoother: str = DEFAULT_SMOOTHER
) -> CalibrationErrors | None:
    """All five distances from one curve; None where the curve does not exist. ValueError for an unknown smoother."""
    return CalibrationErrors.between(observed_at(y, risk, smoother), np.asarray(risk, dtype=float))


def ici(y: FloatArray, risk: FloatArray, *, smoother: str = DEFAULT_SMOOTHER) -> float:
    """By how much is the risk off on average? Integrated calibration index. NaN where the curve does not exist."""
    return _one(calibration_errors(y, risk, smoother=smoother), "ici")


def e50(y: FloatArray, risk: FloatArray, *, smoother: str = DEFAULT_SMOOTHER) -> float:
    """By how much is the risk off for half of the cases at most? NaN as in `ici`."""
    return _one(calibration_errors(y, risk, smoother=smoother), "e50")


def e90(y: FloatArray, risk: FloatArray, *, smoother: str = DEFAULT_SMOOTHER) -> float:
    """By how much is the risk off for nine cases in ten at most? NaN as in `ici`."""
    return _one(calibration_errors(y, risk, smoother=smoother), "e90")


def emax(y: FloatArray, risk: FloatArray, *, smoother: str = DEFAULT_SMOOTHER) -> float:
    """By how much is the risk off for the worst case? NaN as in `ici`."""
    return _one(calibration_errors(y, risk, smoother=smoother), "emax")


def eci(y: FloatArray, risk: FloatArray, *, smoother: str = DEFAULT_SMOOTHER) -> float:
    """100 times the mean squared distance: the estimated calibration index. NaN as in `ici`."""
    return _one(calibration_errors(y, risk, smoother=smoother), "eci")


def calibration_error_estimates(
    y: FloatArray,
    risk: FloatArray,
    *,
    smoother: str = DEFAULT_SMOOTHER,
    seed: int = 0,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> dict[str, Estimate]:
    """ici, e50, e90, emax and eci, with percentile intervals from one seeded bootstrap of cases (all five together).

    Withheld with one class, or where the smoother has no curve.
    """
    y, risk = np.asarray(y, dtype=float), np.asarray(risk, dtype=float)
    n, n_events = len(y), int(np.sum(y == 1))
    if not 0 < n_events < n:
        reason = f"only one class: {n_events} of {n} cases have the event"
        return withheld_errors(reason, n=n, n_events=n_events)
    if np.ptp(risk) == 0:
        reason = "every case has the same risk: there is no curve; see observed over expected"
        return withheld_errors(reason, n=n, n_events=n_events)
    order = np.lexsort((y, risk))  # sorted once, so that no resample need be sorted again
    y, risk = y[order], risk[order]

    def errors(rows: IntArray | None) -> CalibrationErrors | None:
        kept = (y, risk) if rows is None else (y[rows], risk[rows])
        return calibration_errors(*kept, smoother=smoother)

    if smoother not in SMOOTHERS:
        raise ValueError(f"a smoother is one of {sorted(SMOOTHERS)}, found {smoother!r}")
    name = SMOOTHERS[smoother].name(risk)
    return error_estimates(errors, (n, n_events), name, seed=seed, draws=draws, level=level)


def error_estimates(
    errors: Callable[[IntArray | None], CalibrationErrors | None],
    counts: tuple[int, int],
    name: str,
    *,
    seed: int,
    draws: int,
    level: float,
) -> dict[str, Estimate]:
    """Estimates from a function of row numbers (rising; None: all cases); `counts` are n and n_events."""
    n, n_events = counts
    found = errors(None)
    if found is None:
        return withheld_errors(f"{name}: no such curve exists for these risks", n=n, n_events=n_events)
    rng = np.random.default_rng(seed)
    drawn = [errors(np.sort(resample(n, rng))) for _ in range(draws)]
    estimates = {}
    for metric in METRICS:
        values = np.array([_one(each, metric) for each in drawn])
        interval = percentile_interval(values, level=level) if draws else None
        method = f"{name}; bootstrap, {draws} draws, percentile" if draws else name
        value = _one(found, metric)
        estimates[metric] = measured(value, interval, method=method, n=n, n_events=n_events, level=level)
    return estimates


def withheld_errors(reason: str, *, n: int, n_events: int) -> dict[str, Estimate]:
    """All five withheld for one reason."""
    return {name: Estimate.withhold(reason, n=n, n_events=n_events) for name in METRICS}


def _one(errors: CalibrationErrors | None, name: str) -> float:
    return float("nan") if errors is None else float(getattr(errors, name))


METRICS = tuple(CalibrationErrors.__dataclass_fields__)
