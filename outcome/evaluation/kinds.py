"""Which numbers belong to which kind of endpoint? Measuring, drawing, comparing: one table at the foot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from outcome.evaluation.calibration import indices as calibration
from outcome.evaluation.calibration import indices_survival as calibration_survival
from outcome.evaluation.calibration.curve import CalibrationCurve, calibration_curve, calibration_curve_t
from outcome.evaluation.calibration.error import calibration_error_estimates
from outcome.evaluation.calibration.error_survival import calibration_error_t_estimates
from outcome.evaluation.comparison import differences as comparison
from outcome.evaluation.comparison.differences import PairedDifference
from outcome.evaluation.discrimination import concordance, concordance_ipcw
from outcome.evaluation.discrimination import roc as discrimination
from outcome.evaluation.overall import binary as overall
from outcome.evaluation.overall import brier_survival, survival
from outcome.evaluation.overall.classification import DENOMINATORS, classification_estimates
from outcome.evaluation.overall.regression import REGRESSION_METRICS, regression_estimates
from outcome.evaluation.sample import Sample
from outcome.evaluation.utility.net_benefit import BinaryOutcome, net_benefit_estimate
from outcome.types import EndpointKind, Estimate, FloatArray, Target

Metrics = dict[str, Estimate]


@dataclass(frozen=True)
class Kind:
    """What is done with one kind of endpoint. `measure` gives exactly the metrics that `names` foretells.

    `difference` compares two scores in the primary metric, `differences` in every metric that has a paired test.
    """

    primary: str
    names: Callable[[Sample], tuple[str, ...]]
    measure: Callable[[Sample], Metrics]
    curve: Callable[[Sample], CalibrationCurve | None]
    difference: Callable[[Target, FloatArray, FloatArray, float], PairedDifference]
    differences: Mapping[str, Callable[[Target, FloatArray, FloatArray, float], PairedDifference]]


def _binary_names(sample: Sample) -> tuple[str, ...]:
    errors = tuple(CALIBRATION_ERRORS) if sample.settings.curve_errors else ()
    on_risk = () if sample.risk is None else (*ON_BINARY_RISK, *errors)
    at_threshold = () if sample.risk is None or sample.settings.threshold is None else AT_THRESHOLD
    return (*ON_BINARY_SCORE, *on_risk, *at_threshold)


def _binary(sample: Sample) -> Metrics:
    y, risk, level, threshold = sample.target.value, sample.risk, sample.settings.level, sample.settings.threshold
    found = {name: estimate(y, sample.score, level=level) for name, estimate in ON_BINARY_SCORE.items()}
    if risk is None:
        return found
    found |= {name: estimate(y, risk, level=level) for name, estimate in ON_BINARY_RISK.items()}
    if sample.settings.curve_errors:
        errors = calibration_error_estimates(y, risk, seed=sample.settings.seed, level=level)
        found |= {name: errors[name] for name in CALIBRATION_ERRORS}
    return found if threshold is None else found | _at_threshold(sample, risk, threshold)


def _at_threshold(sample: Sample, risk: FloatArray, threshold: float) -> Metrics:
    y, level = sample.target.value, sample.settings.level
    found = classification_estimates(y, risk, threshold, level=level)
    if threshold < 1:
        found[NET_BENEFIT] = net_benefit_estimate(BinaryOutcome(y), risk, threshold, level=level)
    else:
        reason = "at a threshold of 1 the odds are infinite: the net benefit is undefined"
        found[NET_BENEFIT] = Estimate.withhold(reason, n=sample.n, n_events=sample.target.n_events)
    return found


def _binary_curve(sample: Sample) -> CalibrationCurve | None:
    return None if sample.risk is None else calibration_curve(sample.target.value, sample.risk)


def _binary_difference(target: Target, a: FloatArray, b: FloatArray, level: float) -> PairedDifference:
    return comparison.paired_delong(target.value, a, b, level=level)


def _timed_names(sample: Sample) -> tuple[str, ...]:
    if sample.settings.horizon_days is None:
        return tuple(ON_TIMED_SCORE)
    errors = tuple(CALIBRATION_ERRORS_T) if sample.settings.curve_errors else ()
    on_risk = () if sample.risk is None else (*ON_TIMED_RISK, *errors)
    return (*ON_TIMED_SCORE, "auc_t", *on_risk)


def _timed(sample: Sample) -> Metrics:
    time, event, level = sample.target.time_days, sample.target.event, sample.settings.level
    horizon = sample.settings.horizon_days
    found = {name: f(time, event, sample.score, level=level) for name, f in ON_TIMED_SCORE.items()}
    if horizon is None:
        return found
    few = too_few_by_horizon(sample)
    if few is not None:
        return found | {name: few for name in _timed_names(sample) if name not in found}
    found["auc_t"] = survival.auc_t_estimate(time, event, sample.score, horizon, level=level)
    if sample.risk is None:
        return found
    found |= {name: f(time, event, sample.risk, horizon, level=level) for name, f in ON_TIMED_RISK.items()}
    if not sample.settings.curve_errors:
        return found
    errors = calibration_error_t_estimates(time, event, sample.risk, horizon, seed=sample.settings.seed, level=level)
    return found | {name: errors[kind] for name, kind in CALIBRATION_ERRORS_T.items()}


def _timed_curve(sample: Sample) -> CalibrationCurve | None:
    horizon = sample.settings.horizon_days
    if sample.risk is None or horizon is None or too_few_by_horizon(sample):
        return None
    return calibration_curve_t(sample.target.time_days, sample.target.event, sample.risk, horizon)


def _timed_difference(target: Target, a: FloatArray, b: FloatArray, level: float) -> PairedDifference:
    return comparison.paired_harrell_c(target.time_days, target.event, a, b, level=level)


def _timed_difference_uno(target: Target, a: FloatArray, b: FloatArray, level: float) -> PairedDifference:
    return comparison.paired_uno_c(target.time_days, target.event, (a, b), level=level)


def too_few_by_horizon(sample: Sample) -> Estimate | None:
    """Events after the horizon say nothing about a risk by it: the metrics at the horizon have a count of their own."""
    status, least = sample.status(), sample.settings.min_events
    count = 0 if status is None else int(status[0].sum())
    if count >= least:
        return None
    reason = f"{count} events by {sample.settings.horizon_days:g} days; at least {least} are needed for an interval"
    return Estimate.withhold(reason, n=sample.n, n_events=count)


def _number_names(sample: Sample) -> tuple[str, ...]:
    return ("concordance",) if sample.risk is None else (*REGRESSION_METRICS, "concordance")


def _number(sample: Sample) -> Metrics:
    observed, settings = sample.target.value, sample.settings
    ranking = {"concordance": concordance.concordance_estimate(observed, sample.score, level=settings.level)}
    if sample.risk is None:
        return ranking
    return regression_estimates(observed, sample.risk, seed=settings.seed, level=settings.level) | ranking


def _number_curve(sample: Sample) -> CalibrationCurve | None:
    return None


def _number_difference(target: Target, a: FloatArray, b: FloatArray, level: float) -> PairedDifference:
    return comparison.paired_concordance(target.value, a, b, level=level)


ON_BINARY_SCORE: dict[str, Callable[..., Estimate]] = {
    "auroc": discrimination.auroc_delong,
    "average_precision": discrimination.average_precision_estimate,
}
ON_BINARY_RISK: dict[str, Callable[..., Estimate]] = {
    "brier": overall.brier_estimate,
    "scaled_brier": overall.scaled_brier_estimate,
    "log_loss": overall.log_loss_estimate,
    "oe_ratio": calibration.oe_ratio_estimate,
    "citl": calibration.citl_estimate,
    "slope": calibration.slope_estimate,
}
ON_TIMED_SCORE: dict[str, Callable[..., Estimate]] = {
    "harrell_c": concordance.harrell_c_estimate,
    "uno_c": concordance_ipcw.uno_c_estimate,
}
ON_TIMED_RISK: dict[str, Callable[..., Estimate]] = {
    "brier_t": survival.brier_t_estimate,
    "scaled_brier_t": brier_survival.scaled_brier_t_estimate,
    "oe_ratio_t": survival.oe_ratio_t_estimate,
    "citl_t": calibration_survival.citl_t_estimate,
    "slope_t": calibration_survival.slope_t_estimate,
}
# The largest distance and the mean square are in `calibration_error`: the first is one case's, both are rarely quoted.
CALIBRATION_ERRORS = ("ici", "e50", "e90")
CALIBRATION_ERRORS_T = {f"{name}_t": name for name in CALIBRATION_ERRORS}
NET_BENEFIT = "net_benefit"
AT_THRESHOLD = (*DENOMINATORS, NET_BENEFIT)
NUMBER = Kind(
    "concordance", _number_names, _number, _number_curve, _number_difference, {"concordance": _number_difference}
)
BINARY = Kind("auroc", _binary_names, _binary, _binary_curve, _binary_difference, {"auroc": _binary_difference})
TIMED = Kind(
    "harrell_c",
    _timed_names,
    _timed,
    _timed_curve,
    _timed_difference,
    {"harrell_c": _timed_difference, "uno_c": _timed_difference_uno},
)
KINDS: dict[EndpointKind, Kind] = {
    EndpointKind.BINARY: BINARY,
    EndpointKind.TIME_TO_EVENT: TIMED,
    EndpointKind.DURATION: NUMBER,
    EndpointKind.ORDINAL: NUMBER,
    EndpointKind.CONTINUOUS: NUMBER,
}
PRIMARY_METRIC: dict[EndpointKind, str] = {kind: what.primary for kind, what in KINDS.items()}
