"""Across hospitals: how good is the model on average, how much does that vary, and what may the next one expect?

Random-effects meta-analysis of one metric from k sites, on the scale where it is nearest to normal: `logit` for a
C-statistic, `log` for O/E, `identity` for a slope or a difference; results are given back on the metric's own scale.
Debray et al. 2017, doi:10.1136/bmj.i6460; Debray et al. 2019, doi:10.1177/0962280218785504.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, logit
from scipy.stats import chi2, t

from outcome.evaluation.intervals import LEVEL, Interval, measured, z_value
from outcome.types import Estimate, FloatArray

Scale = Literal["identity", "logit", "log"]
Between = Literal["reml", "paule_mandel"]

MIN_SITES = 2
MIN_SITES_TO_PREDICT = 3
NO_SPREAD = "has no interval inside its scale"


@dataclass(frozen=True)
class Pooled:
    """One metric over sites.

    `average` is the mean over hospitals with a Hartung-Knapp interval; `next_site` repeats it with the interval in
    which a further hospital's true value is expected. `tau2` is the variance between sites on the pooling scale; `i2`
    in [0, 1] the share of all spread that is more than chance; `q` is Cochran's statistic, with the p-value of there
    being no spread.
    """

    average: Estimate
    next_site: Estimate
    n_sites: int
    left_out: tuple[str, ...]  # why a site does not count, in the order of the sites
    tau2: float | None = None
    i2: float | None = None
    q: float | None = None
    p_value: float | None = None


@dataclass(frozen=True)
class Spread:
    """How the hospitals scatter around their mean, on the pooling scale."""

    mean: float
    se: float  # of the mean, Hartung & Knapp's
    tau2: float
    q: float
    k: int


def pool_sites(
    estimates: Sequence[Estimate],
    scale: Scale,
    *,
    between: Between = "reml",
    modified: bool = False,
    level: float = LEVEL,
) -> Pooled:
    """Pool one metric's estimates, one a site; each brings its interval, from which its standard error is read.

    Sites that are withheld, have no interval, or sit on the edge of the scale (a C-statistic of 1) are left out and
    named by their position from 1. Withheld with fewer than 2 usable sites; no prediction with fewer than 3. `between`
    and `modified` as in `pool`.
    """
    parts = [on_scale(estimate, scale) for estimate in estimates]
    left_out = tuple(f"site {k}: {part}" for k, part in enumerate(parts, 1) if isinstance(part, str))
    kept = [(estimate, part) for estimate, part in zip(estimates, parts, strict=True) if not isinstance(part, str)]
    n, n_events = sum(e.n for e, _ in kept), _total_events([e for e, _ in kept])
    if len(kept) < MIN_SITES:
        reason = f"{len(kept)} usable sites; at least {MIN_SITES} are needed to pool"
        nothing = Estimate.withhold(reason, n=n, n_events=n_events)
        return Pooled(nothing, nothing, len(kept), left_out)
    values, errors = np.array([part for _, part in kept]).T
    pooled = pool(values, errors, scale, between=between, modified=modified, level=level)
    average, following = (replace(e, n=n, n_events=n_events) for e in (pooled.average, pooled.next_site))
    return replace(pooled, average=average, next_site=following, left_out=left_out)


def pool(
    values: FloatArray,
    errors: FloatArray,
    scale: Scale,
    *,
    between: Between = "reml",
    modified: bool = False,
    level: float = LEVEL,
) -> Pooled:
    """Pool values (k,) with standard errors (k,), k ≥ 2, both already on the scale named (logit C, log O/E).

    The average has a Hartung-Knapp interval (t with k - 1 degrees of freedom), Hartung & Knapp 2001; `modified` never
    lets its standard error fall below the classic one, since a few sites that agree by chance would claim certainty:
    Röver, Knapp & Friede 2015, doi:10.1186/s12874-015-0091-1. The prediction interval is t with k - 2 and the same
    standard error: Higgins, Thompson & Spiegelhalter 2009, doi:10.1111/j.1467-985X.2008.00552.x. I² from Q: Higgins &
    Thompson 2002, doi:10.1002/sim.1186.
    """
    spread = scatter(values, errors, BETWEEN[between], modified=modified)
    method = f"random effects over {spread.k} sites, {between}, {scale} scale"
    centre = float(BACK[scale](spread.mean))
    average = _interval(spread.mean, spread.se, spread.k - 1, scale, level)
    pooled = measured(
        centre, average, method=f"{method}, {'modified ' * modified}Hartung-Knapp", n=spread.k, level=level
    )
    excess = spread.q - (spread.k - 1)
    return Pooled(
        average=pooled,
        next_site=_prediction(spread, centre, method, scale, level),
        n_sites=spread.k,
        left_out=(),
        tau2=spread.tau2,
        i2=max(0.0, excess / spread.q) if spread.q > 0 else 0.0,
        q=spread.q,
        p_value=float(chi2.sf(spread.q, spread.k - 1)),
    )


def scatter(
    values: FloatArray,
    errors: FloatArray,
    between: Callable[[FloatArray, FloatArray], float],
    *,
    modified: bool = False,
) -> Spread:
    """The mean over sites and the variance between them; raises ValueError for fewer than 2 or errors not above 0."""
    y, variance = np.asarray(values, dtype=float), np.asarray(errors, dtype=float) ** 2
    if y.size < MIN_SITES or y.shape != variance.shape or not np.all(variance > 0):
        raise ValueError(f"at least {MIN_SITES} values with standard errors above 0 are needed, found {y.size}")
    tau2 = between(y, variance)
    weight = 1 / (variance + tau2)
    mean = _mean(y, weight)
    se = math.sqrt(float(np.sum(weight * (y - mean) ** 2)) / ((y.size - 1) * float(weight.sum())))
    if modified:
        se = max(se, 1 / math.sqrt(float(weight.sum())))
    return Spread(mean, se, tau2, _cochran(y, variance, 0.0), y.size)


def paule_mandel(values: FloatArray, variances: FloatArray) -> float:
    """The variance between sites at which the weighted scatter equals its expectation, k - 1; never below 0.

    Paule & Mandel 1982, doi:10.6028/jres.087.022.
    """

    def excess(tau2: float) -> float:
        return _cochran(values, variances, tau2) - (values.size - 1)

    if excess(0.0) <= 0:
        return 0.0
    return float(brentq(excess, 0.0, values.size * np.ptp(values) ** 2, xtol=1e-14, rtol=1e-12))


def reml(values: FloatArray, variances: FloatArray) -> float:
    """The variance between sites of highest restricted likelihood; never below 0.

    Viechtbauer 2005, doi:10.3102/10769986030003261.
    """

    def loss(tau2: float) -> float:
        weight = 1 / (variances + tau2)
        scatter_ = np.sum(weight * (values - _mean(values, weight)) ** 2)
        return float(np.sum(np.log(variances + tau2)) + np.log(weight.sum()) + scatter_)

    # The likelihood may have two peaks: a coarse search brackets the best before the fine one.
    top = float(np.ptp(values)) ** 2 + float(variances.max())
    grid = np.concatenate([[0.0], np.geomspace(1e-8 * top, top, 200)])
    best = int(np.argmin([loss(tau2) for tau2 in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-12 * top})
    return 0.0 if loss(0.0) <= found.fun else float(found.x)


def _prediction(spread: Spread, centre: float, method: str, scale: Scale, level: float) -> Estimate:
    if spread.k < MIN_SITES_TO_PREDICT:
        reason = f"{spread.k} sites; at least {MIN_SITES_TO_PREDICT} are needed to foretell the next one"
        return Estimate.withhold(reason, n=spread.k)
    interval = _interval(spread.mean, math.hypot(spread.se, math.sqrt(spread.tau2)), spread.k - 2, scale, level)
    return measured(centre, interval, method=f"{method}, prediction t with k - 2", n=spread.k, level=level)


def _interval(mean: float, se: float, df: int, scale: Scale, level: float) -> Interval:
    half = float(t.ppf(0.5 + level / 2, df)) * se
    return float(BACK[scale](mean - half)), float(BACK[scale](mean + half))


def on_scale(estimate: Estimate, scale: Scale) -> tuple[float, float] | str:
    """Value and standard error on the scale, or why there are none."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return estimate.withheld or "no interval"
    low_edge, high_edge = EDGES[scale]
    if not low_edge < estimate.value < high_edge:
        return f"its value {NO_SPREAD}"
    # An interval cut at an edge keeps its uncut side, which is then the longer one in its own units.
    ends = [end for end in (estimate.low, estimate.high) if low_edge < end < high_edge]
    forward = FORWARD[scale]
    reach = [abs(float(forward(end)) - float(forward(estimate.value))) for end in ends]
    se = float(np.mean(reach)) / z_value(estimate.level) if reach else 0.0
    return (float(forward(estimate.value)), se) if se > 0 else f"it {NO_SPREAD}"


def _mean(values: FloatArray, weight: FloatArray) -> float:
    return float(np.sum(weight * values) / weight.sum())


def _cochran(values: FloatArray, variances: FloatArray, tau2: float) -> float:
    weight = 1 / (variances + tau2)
    return float(np.sum(weight * (values - _mean(values, weight)) ** 2))


def _total_events(estimates: Sequence[Estimate]) -> int | None:
    counts = [e.n_events for e in estimates]
    return None if None in counts else sum(c for c in counts if c is not None)


def _same(x: float) -> float:
    return x


FORWARD: dict[Scale, Callable[[float], float]] = {"identity": _same, "logit": logit, "log": np.log}
BACK: dict[Scale, Callable[[float], float]] = {"identity": _same, "logit": expit, "log": np.exp}
EDGES: dict[Scale, Interval] = {"identity": (-math.inf, math.inf), "logit": (0.0, 1.0), "log": (0.0, math.inf)}
BETWEEN: dict[Between, Callable[[FloatArray, FloatArray], float]] = {"reml": reml, "paule_mandel": paule_mandel}
