"""How many cases are needed to validate a risk model, and how wide will intervals be with a given number?

Binary outcomes; nothing here looks at outcomes, every input is assumed beforehand. The criteria of `pmvalsampsize`,
with expectations over the linear predictor by quadrature where it simulates: Riley et al. 2021, doi:10.1002/sim.9025.
Counts are rounded up. Raises ValueError for inputs outside their range.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.special import expit, logit

from outcome.evaluation.planning.sample_size import Z95, LinearPredictor, SizeNeeded, smallest, within

# The published search raises the standard error of log O/E in such steps and takes the first that is too wide.
SE_STEP = 1e-4


@dataclass(frozen=True)
class Widths:
    """How wide 95 % intervals may be (validation): of O/E, the C-statistic, the slope, the standardised net benefit."""

    oe_ratio: float = 0.2
    auroc: float = 0.1
    slope: float = 0.2
    net_benefit: float = 0.2


def validation_size(
    prevalence: float,
    auroc: float,
    log_odds: LinearPredictor,
    *,
    threshold: float | None = None,
    widths: Widths | None = None,
) -> SizeNeeded:
    """How many cases to validate a model of a binary outcome so that its intervals are no wider than `widths`?

    `log_odds` is the spread of the model's log odds, assumed well calibrated. Criteria `oe_ratio`, `auroc`, `slope`
    and, with a `threshold`, the standardised `net_benefit` there.
    """
    allowed = widths or Widths()
    spread = _spreads(prevalence, auroc, log_odds, threshold)
    criteria = {
        "oe_ratio": math.ceil((1 - prevalence) / (prevalence * _oe_standard_error(allowed.oe_ratio) ** 2)),
        "auroc": smallest(lambda n: 2 * Z95 * spread["auroc"](n) - allowed.auroc),
    }
    for name in [name for name in ("slope", "net_benefit") if name in spread]:
        criteria[name] = math.ceil((spread[name](1.0) / (getattr(allowed, name) / (2 * Z95))) ** 2)
    return SizeNeeded.of(criteria, prevalence)


def validation_precision(
    n: int, prevalence: float, auroc: float, log_odds: LinearPredictor, *, threshold: float | None = None
) -> dict[str, float]:
    """How wide will the 95 % intervals be with n cases? By the names of `validation_size`, assuming the same."""
    within("n", n, 0, math.inf)
    widths = {name: 2 * Z95 * se(n) for name, se in _spreads(prevalence, auroc, log_odds, threshold).items()}
    return {"oe_ratio": 2 * math.sinh(Z95 * math.sqrt((1 - prevalence) / (prevalence * n))), **widths}


def _spreads(
    prevalence: float, auroc: float, log_odds: LinearPredictor, threshold: float | None
) -> dict[str, Callable[[float], float]]:
    """Standard errors as functions of n."""
    within("prevalence", prevalence, 0, 1)
    within("auroc", auroc, 0, 1)
    unit = {"slope": _slope_spread(log_odds)}
    if threshold is not None:
        unit["net_benefit"] = _net_benefit_spread(prevalence, log_odds, threshold)
    by_root = {name: (lambda n, one=one: one / math.sqrt(n)) for name, one in unit.items()}
    return {"auroc": lambda n: _newcombe_standard_error(n, prevalence, auroc), **by_root}


def _newcombe_standard_error(n: float, prevalence: float, auroc: float) -> float:
    """Newcombe 2006, doi:10.1002/sim.2324, method 4."""
    spread = 1 + (n / 2 - 1) * ((1 - auroc) / (2 - auroc) + auroc / (1 + auroc))
    return math.sqrt(auroc * (1 - auroc) * spread / (n**2 * prevalence * (1 - prevalence)))


def _slope_spread(log_odds: LinearPredictor) -> float:
    """Standard error times √n of the slope of a calibrated model, from the expected information of a logistic fit."""
    risk = expit(log_odds.value)
    information = [log_odds.mean(log_odds.value**power * risk * (1 - risk)) for power in (0, 1, 2)]
    return math.sqrt(information[0] / (information[0] * information[2] - information[1] ** 2))


def _net_benefit_spread(prevalence: float, log_odds: LinearPredictor, threshold: float) -> float:
    """Standard error times √n of the standardised net benefit, by the delta method; the formula of the 2021 paper."""
    within("threshold", threshold, 0, 1)
    risk = expit(log_odds.value)
    treated = log_odds.value >= logit(threshold)
    caught = log_odds.mean(risk * treated) / log_odds.mean(risk)
    spared = log_odds.mean((1 - risk) * ~treated) / log_odds.mean(1 - risk)
    w = (1 - prevalence) / prevalence * threshold / (1 - threshold)
    return math.sqrt(
        caught * (1 - caught) / prevalence
        + w**2 * spared * (1 - spared) / (1 - prevalence)
        + w**2 * (1 - spared) ** 2 / (prevalence * (1 - prevalence))
    )


def _oe_standard_error(width: float) -> float:
    """The standard error of log O/E whose interval exp(± 1.96 se) around 1 has this width, rounded up to a step."""
    within("width", width, 0, math.inf)
    return math.ceil(math.asinh(width / 2) / Z95 / SE_STEP) * SE_STEP
