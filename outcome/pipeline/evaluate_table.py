"""How good are the predictions of a model made elsewhere? Every metric, on a table alone: no study, store or bundle."""

from __future__ import annotations

import math
from typing import Any

from outcome.evaluation.comparison.differences import PairedDifference
from outcome.evaluation.kinds import AT_THRESHOLD, KINDS, NET_BENEFIT
from outcome.evaluation.overall.classification import classification_estimates
from outcome.evaluation.resampled import resampled_estimates
from outcome.evaluation.sample import Sample, Settings, checked_sample
from outcome.evaluation.summary import evaluate_target
from outcome.evaluation.utility.net_benefit import BinaryOutcome, OutcomeByHorizon, Outcomes, net_benefit_estimate
from outcome.pipeline.predictions_table import PredictionsTable, Question
from outcome.types import EndpointKind, Estimate, FloatArray

SEED = 0  # of the bootstrap; the same table gives the same numbers


def evaluate_table(table: PredictionsTable, question: Question) -> dict[str, Any]:
    """Measure a checked table of predictions; one JSON document.

    `at_thresholds` has the numbers at every threshold; with one threshold they stand among the metrics too.
    """
    threshold = question.thresholds[0] if len(question.thresholds) == 1 else None
    found = evaluate_target(
        table.target, table.risk, table.risk, horizon_days=question.horizon, threshold=threshold, groups=table.groups
    )
    sample = checked_sample(table.target, table.risk, table.risk, Settings(question.horizon))
    at_thresholds = [{"threshold": t, "metrics": _at_threshold(sample, t)} for t in question.thresholds]
    document = found.to_json()
    if threshold is not None:
        document["metrics"] |= at_thresholds[0]["metrics"]
    return {
        "status": "ok",
        "kind": question.kind,
        "horizon": question.horizon,
        "n": found.n,
        "n_events": found.n_events,
        "n_unknown": found.n_unknown,
        **document,
        "at_thresholds": at_thresholds,
        "comparisons": {name: _compared(table, score) for name, score in table.compared.items()},
        **({"bootstrap": _drawn_again(table, question, threshold)} if question.draws else {}),
    }


def _drawn_again(table: PredictionsTable, question: Question, threshold: float | None) -> dict[str, Any]:
    """Every metric with the interval of a bootstrap: of patients where the table names them, else of cases."""
    sample = checked_sample(table.target, table.risk, table.risk, Settings(question.horizon, threshold))
    patients = None if table.patients is None else table.patients[table.target.known]
    found = resampled_estimates(sample, draws=question.draws, seed=SEED, patients=patients)
    return {name: estimate.to_json() for name, estimate in found.items()}


def _at_threshold(sample: Sample, threshold: float) -> dict[str, Any]:
    """Who would be treated, and what it gains; for times only the net benefit."""
    target, risk, reason = sample.target, sample.risk, sample.too_few()
    if risk is None or reason:
        names = AT_THRESHOLD if target.kind is EndpointKind.BINARY else (NET_BENEFIT,)
        withheld = Estimate.withhold(reason or "there is no risk", n=sample.n, n_events=target.n_events)
        return {name: withheld.to_json() for name in names}
    if target.kind is EndpointKind.BINARY:
        found = classification_estimates(target.value, risk, threshold)
        outcome: Outcomes = BinaryOutcome(target.value)
    else:
        found = {}
        outcome = OutcomeByHorizon.at(target.time_days, target.event, sample.settings.horizon_days or 0.0)
    found[NET_BENEFIT] = net_benefit_estimate(outcome, risk, threshold)
    return {name: estimate.to_json() for name, estimate in found.items()}


def _compared(table: PredictionsTable, score: FloatArray) -> dict[str, Any]:
    """The risk minus another score, on the same cases, in every metric that has a paired test."""
    first, second = (checked_sample(table.target, None, values, Settings()) for values in (table.risk, score))
    reason, level = first.too_few(), first.settings.level
    compare = KINDS[table.target.kind].differences
    if reason:
        withheld = PairedDifference(Estimate.withhold(reason, n=first.n, n_events=first.target.n_events), None, None)
        return {name: _difference_json(withheld) for name in compare}
    return {name: _difference_json(f(first.target, first.score, second.score, level)) for name, f in compare.items()}


def _difference_json(found: PairedDifference) -> dict[str, Any]:
    """A comparison as its numbers: null where there is none, with the reason in `withheld`."""
    rest = {name: value for name, value in found.estimate.to_json().items() if name != "value"}
    numbers = {"statistic": found.statistic, "p": found.p_value}
    finite = {name: None if value is None or math.isnan(value) else value for name, value in numbers.items()}
    return {"difference": found.estimate.value, **rest, **finite}
