"""What does one prediction gain over another on the same cases: in ranking, in error, in what acting on it is worth?

Always a minus b with a paired 95 % interval. In ranking and net benefit a gain is positive, in errors (Brier score,
mean absolute error) it is negative. An interval that covers zero shows no gain.
"""

from __future__ import annotations

from collections.abc import Callable

from outcome.evaluation.comparison.differences import PairedDifference
from outcome.evaluation.comparison.errors import paired_brier, paired_brier_t, paired_mae
from outcome.evaluation.event_rate import outcomes_of
from outcome.evaluation.kinds import KINDS, NET_BENEFIT, too_few_by_horizon
from outcome.evaluation.sample import Sample
from outcome.evaluation.utility.net_benefit import net_benefit_difference
from outcome.types import EndpointKind, Estimate, FloatArray

Difference = Callable[[Sample, FloatArray, FloatArray], PairedDifference]


def gains(a: Sample, b: Sample) -> dict[str, Estimate]:
    """Every paired difference that this kind of endpoint has, by the metric's name.

    Both samples hold the same cases, with risks (or values) and scores; the settings of `a` say horizon, threshold and
    the least number of events, below which all are withheld. Yes/no: auroc, brier. Time to event: harrell_c, brier_t
    at the horizon. Others: concordance, mae. Net benefit where there is a threshold. Raises ValueError without risks.
    """
    if a.risk is None or b.risk is None:
        raise ValueError("both predictions need risks or values, found a score alone")
    target, level, few = a.target, a.settings.level, a.too_few()
    asked = [KINDS[target.kind].primary, *_on_risk(a)]
    if few:
        return dict.fromkeys(asked, Estimate.withhold(few, n=a.n, n_events=target.n_events))
    ranking = KINDS[target.kind].difference(target, a.score, b.score, level).estimate
    return {asked[0]: ranking} | {name: take(a, a.risk, b.risk).estimate for name, take in _on_risk(a).items()}


def _on_risk(sample: Sample) -> dict[str, Difference]:
    kind, horizon, threshold = sample.target.kind, sample.settings.horizon_days, sample.settings.threshold
    if kind is EndpointKind.TIME_TO_EVENT and horizon is None:
        return {}
    found = dict([_ERROR[kind]])
    acted = outcomes_of(sample.target, horizon) is not None and threshold is not None and threshold < 1
    return {**found, NET_BENEFIT: _net_benefit} if acted else found


def _brier(sample: Sample, a: FloatArray, b: FloatArray) -> PairedDifference:
    return paired_brier(sample.target.value, a, b, level=sample.settings.level)


def _brier_t(sample: Sample, a: FloatArray, b: FloatArray) -> PairedDifference:
    few, target, horizon = too_few_by_horizon(sample), sample.target, sample.settings.horizon_days
    if few is not None or horizon is None:
        return PairedDifference(few or Estimate.withhold("there is no horizon", n=sample.n), None, None)
    return paired_brier_t((target.time_days, target.event), a, b, horizon, level=sample.settings.level)


def _mae(sample: Sample, a: FloatArray, b: FloatArray) -> PairedDifference:
    return paired_mae(sample.target.value, a, b, level=sample.settings.level)


def _net_benefit(sample: Sample, a: FloatArray, b: FloatArray) -> PairedDifference:
    settings, outcome = sample.settings, outcomes_of(sample.target, sample.settings.horizon_days)
    if outcome is None or settings.threshold is None:
        return PairedDifference(Estimate.withhold("there is no threshold", n=sample.n), None, None)
    return net_benefit_difference(outcome, a, b, settings.threshold, level=settings.level)


_ERROR: dict[EndpointKind, tuple[str, Difference]] = {kind: ("mae", _mae) for kind in EndpointKind} | {
    EndpointKind.BINARY: ("brier", _brier),
    EndpointKind.TIME_TO_EVENT: ("brier_t", _brier_t),
}
