"""How good is this prediction of this endpoint? The one entry to every metric, for every kind of endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from outcome.evaluation.intervals import LEVEL
from outcome.evaluation.kinds import KINDS, Metrics
from outcome.evaluation.sample import MIN_EVENTS, Groups, Sample, Settings, checked_groups, checked_sample
from outcome.evaluation.subgroups.groups import Pair
from outcome.evaluation.subgroups.section import subgroup_section
from outcome.evaluation.utility.decision_lines import decision_lines
from outcome.types import Estimate, Target

HISTOGRAM_BINS = 20


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything measured for one prediction of one endpoint; unknown outcomes are left out and counted."""

    metrics: Mapping[str, Estimate]
    n: int
    n_events: int | None
    n_unknown: int
    calibration_curve: Mapping[str, Any] | None = None
    risk_histogram: Mapping[str, Any] | None = None
    decision_curve: Mapping[str, Any] | None = None
    subgroups: tuple[Mapping[str, Any], ...] = ()
    subgroup_analysis: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The part of a model entry of metrics.json that is measured (see docs/store.md)."""
        return {
            "metrics": _metrics_json(self.metrics),
            "calibration_curve": None if self.calibration_curve is None else dict(self.calibration_curve),
            "risk_histogram": None if self.risk_histogram is None else dict(self.risk_histogram),
            "decision_curve": None if self.decision_curve is None else dict(self.decision_curve),
            "subgroups": [{**row, "metrics": _metrics_json(row["metrics"])} for row in self.subgroups],
            "subgroup_analysis": None if self.subgroup_analysis is None else dict(self.subgroup_analysis),
        }


def evaluate_target(
    target: Target,
    risk: npt.ArrayLike | None,
    score: npt.ArrayLike,
    *,
    horizon_days: float | None = None,
    threshold: float | None = None,
    groups: Groups | None = None,
    crossed: Sequence[Pair] = (),
    seed: int = 0,
    min_events: int = MIN_EVENTS,
) -> Evaluation:
    """How good is a prediction of an endpoint, overall and in every subgroup?

    `risk` (n,) is a probability in [0, 1] (binary; time-to-event: by `horizon_days`) or the predicted value; None for a
    comparator that only ranks. `score` (n,) ranks, higher is riskier or larger. `groups` maps a column's name to n
    labels, `crossed` the pairs of columns whose combinations are looked at too. `seed` feeds the bootstrap. Below
    `min_events` events (binary: non-events too; kinds without events: cases) every metric is withheld with the reason.
    Raises DataRefusal (see `sample.checked_sample`, `subgroups.subgroups_of`).
    """
    sample = checked_sample(target, risk, score, Settings(horizon_days, threshold, seed, min_events))
    labels = {name: values[target.known] for name, values in checked_groups(groups, len(target)).items()}
    curve = None if sample.too_few() else KINDS[target.kind].curve(sample)
    plain = replace(sample, settings=replace(sample.settings, curve_errors=False))
    section = subgroup_section(plain, labels, measure, pairs=crossed)
    return Evaluation(
        metrics=measure(sample),
        n=sample.n,
        n_events=sample.target.n_events,
        n_unknown=sample.n_unknown,
        calibration_curve=None if curve is None else curve.to_json(),
        risk_histogram=risk_histogram(sample),
        decision_curve=decision_lines(sample),
        subgroups=section.rows,
        subgroup_analysis=section.analysis,
    )


def difference(
    target: Target,
    score_a: npt.ArrayLike,
    score_b: npt.ArrayLike,
    *,
    min_events: int = MIN_EVENTS,
    level: float = LEVEL,
) -> Estimate:
    """By how much does a beat b in the endpoint's primary metric (`PRIMARY_METRIC`) on the same cases? a minus b.

    Positive favours a; an interval that covers zero shows no difference. Withheld and refused as `evaluate_target`.
    """
    settings = Settings(min_events=min_events, level=level)
    first = checked_sample(target, None, score_a, settings)
    second = checked_sample(target, None, score_b, settings)
    reason = first.too_few()
    if reason:
        return Estimate.withhold(reason, n=first.n, n_events=first.target.n_events)
    return KINDS[target.kind].difference(first.target, first.score, second.score, level).estimate


def measure(sample: Sample) -> Metrics:
    """Every metric of the sample's kind of endpoint, or every one withheld where there are too few events."""
    reason = sample.too_few()
    if reason is None:
        return KINDS[sample.target.kind].measure(sample)
    n, n_events = sample.n, sample.target.n_events
    return {name: Estimate.withhold(reason, n=n, n_events=n_events) for name in _names(sample)}


def risk_histogram(sample: Sample) -> dict[str, Any] | None:
    """How are risks spread among cases with and without the event? Counts in 20 equal bins of [0, 1].

    For times: by their status at the horizon; `unknown` counts those lost before it. None where there is no
    probability, or no horizon.
    """
    status = sample.status()
    if sample.risk is None or status is None:
        return None
    event, unknown = status
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    parts = {"events": event, "non_events": ~event & ~unknown, "unknown": unknown}
    counts = {name: np.histogram(sample.risk[rows], edges)[0].tolist() for name, rows in parts.items()}
    return {"edges": edges.tolist(), **counts}


def _names(sample: Sample) -> tuple[str, ...]:
    return KINDS[sample.target.kind].names(sample)


def _metrics_json(metrics: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: estimate.to_json() for name, estimate in metrics.items()}
