"""How much do the risks tell, and how much of it is lost by wrong calibration? Indices of `val.prob`, by likelihood.

Three logistic models are compared: the same risk for all; the risks as they are; the risks recalibrated by intercept
and slope (unpenalised maximum likelihood on the cases evaluated). `y` (n,) holds 0 or 1, `risk` (n,) a probability,
moved into [CLIP, 1 - CLIP] for its logit. Harrell 2015, doi:10.1007/978-3-319-19425-7 (chapter 10); Nagelkerke 1991,
doi:10.1093/biomet/78.3.691; Miller, Hui & Tierney 1991, doi:10.1002/sim.4780100805.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from outcome.evaluation.calibration.indices import clipped_logit, logistic_fit, separates
from outcome.evaluation.intervals import LEVEL, Interval, measured, wald
from outcome.types import Estimate, FloatArray


@dataclass(frozen=True)
class LikelihoodIndices:
    """D, what the risks can tell; U, what calibration loses of it; Q = D - U; and the test of U = 0 (2 df)."""

    nagelkerke_r2: float  # of the recalibrated model, in [0, 1]
    d: float  # (likelihood ratio chi-square of the recalibrated model - 1) / n
    u: float  # (chi-square of the recalibrated against the given risks - 2) / n; negative: nothing is lost
    q: float
    u_chi2: float
    u_p_value: float


def likelihood_indices(y: FloatArray, risk: FloatArray) -> LikelihoodIndices | None:
    """All indices at once; None with one class, constant risks or complete separation."""
    parts = _cases(y, risk)
    return None if parts is None else _indices(parts)


def nagelkerke_r2(y: FloatArray, risk: FloatArray) -> float:
    """Which share of the likelihood that can be gained is gained, after recalibration? In [0, 1]; NaN as None above."""
    found = likelihood_indices(y, risk)
    return math.nan if found is None else found.nagelkerke_r2


def likelihood_estimates(y: FloatArray, risk: FloatArray, *, level: float = LEVEL) -> dict[str, Estimate]:
    """nagelkerke_r2, index_d, index_u and index_q; Wald intervals from each case's part of the log likelihood.

    U has none: where calibration is right its spread is that of a chi-square and no normal interval covers, so its
    method gives the test instead.
    """
    n, n_events = len(y), int(np.sum(np.asarray(y) == 1))
    parts = _cases(y, risk)
    if parts is None:
        reason = "one class, one risk for all or complete separation: a recalibrated model does not exist"
        return {name: Estimate.withhold(reason, n=n, n_events=n_events) for name in METRICS}
    indices, (null, given, best) = _indices(parts), parts
    # Fitted coefficients are at a maximum: to first order a case moves a fitted likelihood by its own part alone.
    d_se, q_se = _se(2 * (best - null)), _se(2 * (given - null))
    test = f"chi-square {indices.u_chi2:.4g}, 2 df, p {indices.u_p_value:.3g}; no interval exists here"
    ends: dict[str, Interval | None] = {
        "nagelkerke_r2": _r2_interval(null, best, indices.nagelkerke_r2, level),
        "index_d": wald(indices.d, d_se, level=level),
        "index_q": wald(indices.q, q_se, level=level),
    }
    values = {
        "nagelkerke_r2": indices.nagelkerke_r2, "index_d": indices.d, "index_q": indices.q,
    }  # fmt: skip
    found = {
        name: measured(values[name], ends[name], method=_METHOD, n=n, n_events=n_events, level=level) for name in values
    }
    method = f"recalibrated by logistic maximum likelihood; {test}"
    return found | {"index_u": Estimate(indices.u, level=level, method=method, n=n, n_events=n_events)}


def _indices(parts: tuple[FloatArray, FloatArray, FloatArray]) -> LikelihoodIndices:
    null, given, best = (-2 * float(part.sum()) for part in parts)
    n, u_chi2 = len(parts[0]), given - best
    d, u = (null - best - 1) / n, (u_chi2 - 2) / n
    r2 = _r2((null - best) / n, null / n)
    return LikelihoodIndices(r2, d, u, d - u, u_chi2, float(chi2.sf(max(u_chi2, 0.0), 2)))


def _cases(y: FloatArray, risk: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Each case's log likelihood, (n,), under one risk for all, the given risks and the recalibrated ones."""
    outcome, log_odds = np.asarray(y, dtype=float), clipped_logit(risk)
    if not 0 < outcome.sum() < outcome.size or np.all(log_odds == log_odds[0]) or separates(outcome, log_odds):
        return None
    design = np.column_stack([np.ones(outcome.size), log_odds])
    fit = logistic_fit(design, outcome)
    if fit is None:
        return None
    rate = outcome.mean()
    same = np.full(outcome.size, math.log(rate / (1 - rate)))
    null, given, best = (outcome * x - np.logaddexp(0, x) for x in (same, log_odds, design @ fit[0]))
    return null, given, best


def _r2(gain: float, null: float) -> float:
    return math.expm1(-gain) / math.expm1(-null)


def _r2_interval(null: FloatArray, best: FloatArray, value: float, level: float) -> Interval:
    gain, start = 2 * float(np.mean(best - null)), -2 * float(np.mean(null))
    pull = math.exp(-gain) * 2 * (best - null) + value * math.exp(-start) * 2 * null
    return wald(value, _se(pull / -math.expm1(-start)), level=level, bounds=(0.0, 1.0))


def _se(parts: FloatArray) -> float:
    return float(parts.std(ddof=1)) / math.sqrt(parts.size)


_METHOD = "recalibrated by logistic maximum likelihood; Wald (delta method)"
METRICS = ("nagelkerke_r2", "index_d", "index_u", "index_q")
