"""Which metrics are compared between groups, on which scale, and how is one of them measured alone?

Only metrics whose interval comes from a formula: a bootstrap for every group and its complement would take minutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from outcome.evaluation.calibration import indices as calibration
from outcome.evaluation.calibration import indices_survival as calibration_survival
from outcome.evaluation.discrimination import concordance
from outcome.evaluation.discrimination import roc as discrimination
from outcome.evaluation.intervals import measured, wald
from outcome.evaluation.overall import binary as overall
from outcome.evaluation.overall import survival
from outcome.evaluation.sample import Sample
from outcome.evaluation.sites.meta_analysis import Scale
from outcome.evaluation.subgroups.gap import GapScale
from outcome.types import EndpointKind, Estimate, FloatArray


@dataclass(frozen=True)
class ComparedMetric:
    """`words` call it in a sentence; `scale` is where it is nearest to normal, `gap_scale` where readers compare it.

    `tested`: whether groups are tested for it and pooled. `at_horizon`: events by the horizon are what counts.
    """

    name: str
    words: str
    estimate: Callable[[Sample], Estimate]
    scale: Scale = "identity"
    gap_scale: GapScale = "identity"
    tested: bool = False
    needs_risk: bool = True
    at_horizon: bool = False

    def applies(self, sample: Sample) -> bool:
        has_horizon = sample.settings.horizon_days is not None
        return (has_horizon or not self.at_horizon) and (sample.risk is not None or not self.needs_risk)

    def measure(self, sample: Sample, least: int) -> Estimate:
        """The metric of these cases, withheld below `least` events (binary: non-events too; others: cases)."""
        reason = _too_few(sample, least, at_horizon=self.at_horizon)
        if reason:
            return Estimate.withhold(reason, n=sample.n, n_events=sample.target.n_events)
        return self.estimate(sample)


def compared_metrics(sample: Sample) -> tuple[ComparedMetric, ...]:
    """The metrics that can be compared for this kind of endpoint and prediction, in the order of a table."""
    return tuple(metric for metric in COMPARED[sample.target.kind] if metric.applies(sample))


def _too_few(sample: Sample, least: int, *, at_horizon: bool) -> str | None:
    needed = f"at least {least} are needed for an interval"
    n_events = sample.target.n_events
    if n_events is None:
        return None if sample.n >= least else f"{sample.n} cases; {needed}"
    status = sample.status()
    if at_horizon and status is not None:
        n_events = int(status[0].sum())
    if n_events < least:
        return f"{n_events} events; {needed}"
    without = sample.n - n_events
    if sample.target.kind is EndpointKind.BINARY and without < least:
        return f"{without} cases without the event; {needed}"
    return None


def _on_score(f: Callable[..., Estimate]) -> Callable[[Sample], Estimate]:
    return lambda sample: f(sample.target.value, sample.score, level=sample.settings.level)


def _on_risk(f: Callable[..., Estimate]) -> Callable[[Sample], Estimate]:
    return lambda sample: f(sample.target.value, sample.risk, level=sample.settings.level)


def _on_times(f: Callable[..., Estimate], *, risk: bool) -> Callable[[Sample], Estimate]:
    def estimate(sample: Sample) -> Estimate:
        predicted, settings = sample.risk if risk else sample.score, sample.settings
        target = sample.target
        return f(target.time_days, target.event, predicted, settings.horizon_days, level=settings.level)

    return estimate


def _harrell_c(sample: Sample) -> Estimate:
    target = sample.target
    return concordance.harrell_c_estimate(target.time_days, target.event, sample.score, level=sample.settings.level)


def _mean_of(error: Callable[[FloatArray], FloatArray]) -> Callable[[Sample], Estimate]:
    def estimate(sample: Sample) -> Estimate:
        errors = error(np.asarray(sample.risk) - sample.target.value)
        n, level, value = errors.size, sample.settings.level, float(errors.mean())
        se = float(np.std(errors, ddof=1)) / math.sqrt(n)
        interval = wald(value, se, level=level) if se > 0 else None
        return measured(value, interval, method="mean, Wald", n=n, level=level)

    return estimate


_AUC = ComparedMetric("auroc", "AUROC", _on_score(discrimination.auroc_delong), "logit", tested=True, needs_risk=False)
_OE = ComparedMetric("oe_ratio", "observed over expected", _on_risk(calibration.oe_ratio_estimate), "log", "log", True)
BINARY = (
    _AUC,
    _OE,
    ComparedMetric("citl", "calibration-in-the-large (log odds)", _on_risk(calibration.citl_estimate)),
    ComparedMetric("slope", "calibration slope", _on_risk(calibration.slope_estimate)),
    ComparedMetric("brier", "Brier score", _on_risk(overall.brier_estimate)),
)
TIMED = (
    ComparedMetric("harrell_c", "Harrell's C", _harrell_c, "logit", tested=True, needs_risk=False),
    ComparedMetric(
        "oe_ratio_t",
        "observed over expected",
        _on_times(survival.oe_ratio_t_estimate, risk=True),
        "log",
        "log",
        tested=True,
        at_horizon=True,
    ),
    ComparedMetric(
        "auc_t", "AUC at the horizon", _on_times(survival.auc_t_estimate, risk=False), needs_risk=False, at_horizon=True
    ),
    ComparedMetric(
        "slope_t",
        "calibration slope",
        _on_times(calibration_survival.slope_t_estimate, risk=True),
        at_horizon=True,
    ),
    ComparedMetric("brier_t", "Brier score", _on_times(survival.brier_t_estimate, risk=True), at_horizon=True),
)
NUMBER = (
    ComparedMetric(
        "concordance",
        "concordance",
        _on_score(concordance.concordance_estimate),
        "logit",
        tested=True,
        needs_risk=False,
    ),
    ComparedMetric("bias", "mean error", _mean_of(lambda error: error), tested=True),
    ComparedMetric("mae", "mean absolute error", _mean_of(np.abs)),
)
COMPARED: dict[EndpointKind, tuple[ComparedMetric, ...]] = {
    EndpointKind.BINARY: BINARY,
    EndpointKind.TIME_TO_EVENT: TIMED,
    EndpointKind.DURATION: NUMBER,
    EndpointKind.ORDINAL: NUMBER,
    EndpointKind.CONTINUOUS: NUMBER,
}
