"""Is the model better than the clinicians who judged the same cases, and does each add to the other?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logit

from outcome.config import Reader
from outcome.evaluation.calibration.indices import clipped_logit
from outcome.evaluation.comparison.differences import PairedDifference
from outcome.evaluation.comparison.readers import (
    AddedValue,
    ReaderComparison,
    ReadersAre,
    added_value,
    model_against_readers,
)
from outcome.evaluation.event_rate import BinaryOutcome
from outcome.evaluation.sample import Settings, checked_sample
from outcome.evaluation.utility.net_benefit import net_benefit_difference, net_benefit_estimate
from outcome.pipeline.evidence.published import stated
from outcome.pipeline.evidence.scene import EndpointCases, ModelCases
from outcome.types import BoolArray, EndpointKind, FloatArray

SEED = 0
# Whole per cents cannot tell a chance below this from none; log odds of 0 would outweigh every other estimate.
LEAST_RISK = 0.005
YES_NO_ONLY = "readers are compared on yes/no outcomes alone"
JUDGEMENT = "the readers' mean estimate: of their log odds, or of standardised ratings where one gives points"


@dataclass(frozen=True, eq=False)
class _Readings:
    """What r readers said of the n cases that all of them read and whose outcome is known."""

    names: tuple[str, ...]
    scores: FloatArray  # (r, n) higher: the event is likelier
    risks: tuple[FloatArray | None, ...]  # (n,) each; None for points
    rows: BoolArray  # which of the endpoint's cases these are
    y: FloatArray  # (n,)
    readers_are: ReadersAre

    @property
    def judgement(self) -> FloatArray:
        """The readers' mean, (n,): of their log odds where all state risks, else of their standardised ratings."""
        stated_risks = [risk for risk in self.risks if risk is not None]
        if len(stated_risks) == len(self.risks):
            return np.asarray(np.mean(logit(np.clip(stated_risks, LEAST_RISK, 1 - LEAST_RISK)), axis=0))
        centred = self.scores - self.scores.mean(axis=1, keepdims=True)
        spread = self.scores.std(axis=1, keepdims=True)
        # a reader who says the same of everybody says nothing
        return np.asarray(np.mean(centred / np.where(spread > 0, spread, 1.0), axis=0))


def readers(cases: EndpointCases, models: Sequence[ModelCases]) -> dict[str, Any]:
    """The endpoint's readers, and every model against them on the cases that all of them read.

    Several readers: Obuchowski-Rockette; one: the paired test with this one. Empty where the study names none.
    """
    study = cases.scene.run.study
    asked = [reader for reader in study.readers if reader.endpoint == cases.name]
    if not asked or not models:
        return {}
    if cases.target.kind is not EndpointKind.BINARY:
        return {"withheld": YES_NO_ONLY}
    found = _readings(cases, asked, study.readers_are)
    few = checked_sample(cases.target.take(found.rows), None, found.scores[0], Settings()).too_few()
    if few:
        return {"withheld": f"cases read by all readers: {few}"}
    against = {m.inputs: model_against_readers(found.y, m.chosen.score[found.rows], found.scores,
                                               readers_are=found.readers_are) for m in models}  # fmt: skip
    return {
        "readers": _own(found, next(iter(against.values()))),
        "readers_are": found.readers_are,
        "n": found.y.size,
        "n_events": int(found.y.sum()),
        "models": {m.inputs: _model(m, found, against[m.inputs]) for m in models},
    }


def _readings(cases: EndpointCases, asked: Sequence[Reader], readers_are: ReadersAre) -> _Readings:
    """Higher is likelier whatever the scale: a reader judges the endpoint's event, also where it is the good one."""
    said = [stated(cases, reader.variable, reader.scale, safer=cases.endpoint.favourable) for reader in asked]
    rows = np.logical_and.reduce([each.rows for each in said]) & cases.target.known
    dictionary = cases.scene.dictionary
    return _Readings(
        names=tuple(reader.label or dictionary[reader.variable].label for reader in asked),
        scores=np.stack([each.score[rows[each.rows]] for each in said]),
        risks=tuple(None if each.risk is None else each.risk[rows[each.rows]] for each in said),
        rows=rows,
        y=cases.target.value[rows],
        readers_are="fixed" if len(asked) == 1 else readers_are,
    )


def _own(found: _Readings, compared: ReaderComparison) -> list[dict[str, Any]]:
    numbers = zip(found.names, compared.second, strict=True)
    return [{"name": name, "label": name, "auroc": auroc.to_json(), "n": found.y.size} for name, auroc in numbers]


def _model(model: ModelCases, found: _Readings, compared: ReaderComparison) -> dict[str, Any]:
    risk = model.chosen.first_risk[found.rows]
    # one reader: the paired test with this one is all there is
    mean = compared.difference if len(found.names) > 1 else compared.by_reader[0]
    judged, computed = found.judgement, clipped_logit(risk)
    return {
        "difference": mean.estimate.to_json(),
        "p_value": mean.p_value,
        "by_reader": [_tested(name, test) for name, test in zip(found.names, compared.by_reader, strict=True)],
        "net_benefit": _net_benefit(found, risk, model.threshold),
        "judgement": JUDGEMENT,
        "model_adds": _added(added_value(found.y, judged, computed, seed=SEED)),
        "readers_add": _added(added_value(found.y, computed, judged, seed=SEED)),
    }


def _tested(name: str, test: PairedDifference) -> dict[str, Any]:
    return {"name": name, "difference": test.estimate.to_json(), "p_value": test.p_value}


def _added(found: AddedValue) -> dict[str, Any]:
    return {"p_value": found.p_value, "auroc_change": found.auroc_change.to_json()}


def _net_benefit(found: _Readings, risk: FloatArray, threshold: float | None) -> list[dict[str, Any]]:
    """At the bundle's threshold, of the model and of every reader who states a risk; nothing without a threshold."""
    if threshold is None or not 0 <= threshold < 1:
        return []
    outcome, rows = BinaryOutcome(found.y), []
    own_worth = net_benefit_estimate(outcome, risk, threshold).to_json()
    for name, own in zip(found.names, found.risks, strict=True):
        if own is not None:
            gain = net_benefit_difference(outcome, risk, own, threshold).estimate.to_json()
            worth = net_benefit_estimate(outcome, own, threshold).to_json()
            rows.append({"name": name, "net_benefit": worth, "difference": gain})
    return [{"threshold": threshold, "model": own_worth, "readers": rows}]
