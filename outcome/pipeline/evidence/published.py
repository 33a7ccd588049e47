"""How good are published scores on the same cases, as given and told the local level and spread of risk?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from outcome.cohort.computed_scores import computed_score
from outcome.config import ComputedScore, MeasuredScore, PublishedScore, Score
from outcome.errors import DataRefusal
from outcome.evaluation.calibration.indices import clipped_logit
from outcome.evaluation.comparison.recalibrated_score import (
    RecalibratedScore,
    recalibrate_score,
    recalibrate_score_t,
)
from outcome.evaluation.kinds import Metrics
from outcome.evaluation.sample import Settings, checked_sample
from outcome.evaluation.summary import measure
from outcome.pipeline.evidence.one_number import differences, one_number, recorded_number
from outcome.pipeline.evidence.scene import EndpointCases, ModelCases
from outcome.types import BoolArray, EndpointKind, Estimate, FloatArray, Target

PUBLISHED = "published"
SEED = 0
PER_UNIT = {"risk": 1.0, "percent": 100.0}
NO_RISK = "only the risk of a yes/no outcome or of a time to an event is recalibrated"


@dataclass(frozen=True, eq=False)
class StatedScore:
    """What the record states for the cases that have it: `score` ranks, higher is riskier; `risk` where it is one."""

    rows: BoolArray  # (n,) which cases have it
    score: FloatArray  # (rows,)
    risk: FloatArray | None  # (rows,) in [0, 1]

    @property
    def straight(self) -> FloatArray:
        """On the scale where log odds are a straight line: points as they are, a risk as its log odds."""
        return self.score if self.risk is None else clipped_logit(self.risk)


def comparators(cases: EndpointCases, models: Sequence[ModelCases]) -> dict[str, Any]:
    """The study's one number and every published score beside the chosen models, by the label that a reader sees."""
    found = one_number(cases, models)
    for name, score in (_scores(cases) if models else {}).items():
        found[name] = _published(cases, models, score)
    return found


def rivals(cases: EndpointCases) -> dict[str, FloatArray]:
    """The ranking score (n,) of each of them by the same label, NaN where a case lacks it; higher is riskier."""
    found = recorded_number(cases)
    for name, score in _scores(cases).items():
        given, _ = _given(cases, score)
        found[name] = np.full(len(given.rows), np.nan)
        found[name][given.rows] = given.score
    return found


def _scores(cases: EndpointCases) -> dict[str, Score]:
    """The scores judged on this endpoint by the label that a reader sees."""
    taken, found = set(recorded_number(cases)), {}
    for score in cases.scene.run.study.scores:
        if cases.name in score.judged_on:
            label, key = _named(cases, score)
            name = f"{label} ({key})" if label in taken else label
            taken.add(name)
            found[name] = score
    return found


def _named(cases: EndpointCases, score: Score) -> tuple[str, str]:
    """What a reader calls the score, and what tells it from another of that label."""
    if isinstance(score, ComputedScore):
        return score.label or score.definition.label, score.score
    if isinstance(score, MeasuredScore):
        return score.label or score.feature.partition(":")[2], score.feature
    return score.label or cases.scene.dictionary[score.variable].label, score.variable


def stated(cases: EndpointCases, variable: str, scale: str, *, safer: bool = False) -> StatedScore:
    """A recorded score or estimate as the study file describes it. Raises DataRefusal for a risk outside its scale.

    `safer`: higher points mean less risk. On a favourable endpoint riskier points promise less.
    """
    value = cases.scene.variables.loc[cases.ids, variable].to_numpy(dtype=float)
    if scale not in PER_UNIT:
        return ranking(cases, value, safer=safer)
    rows = np.isfinite(value)
    known = value[rows]
    wrong = int(np.sum((known < 0) | (known > PER_UNIT[scale])))
    if wrong:
        raise DataRefusal(
            f"{variable} is no {scale}",
            expected=f"0 to {PER_UNIT[scale]:g}",
            found=f"{wrong} of {known.size} values outside",
            next_step="correct its `scale` in the study file, or the record",
        )
    risk = known / PER_UNIT[scale]
    return StatedScore(rows, risk, risk)


def ranking(cases: EndpointCases, value: FloatArray, *, safer: bool = False) -> StatedScore:
    """A number that only ranks, (n,) with NaN where a case lacks it, turned so that higher is riskier."""
    rows = np.isfinite(value)
    return StatedScore(rows, -value[rows] if safer != cases.endpoint.favourable else value[rows], None)


def computed(cases: EndpointCases, score: ComputedScore) -> tuple[StatedScore, dict[str, Any]]:
    """A score computed from the record, and how it came about. On a favourable endpoint more points promise less."""
    scored = computed_score(score, cases.scene.variables.loc[cases.ids], cases.scene.dictionary)
    given = ranking(cases, scored.value)
    risk = scored.risk[given.rows] if score.scale == "risk" and scored.risk is not None else None
    how = {
        "score": score.score,
        "missing": scored.rule.value,
        "without": list(scored.without),
        "n_missing": scored.n_missing,
        "n": len(given.rows),
        "n_scored": scored.n_scored,
        "words": scored.words,
    }
    return replace(given, risk=risk), how


def _given(cases: EndpointCases, score: Score) -> tuple[StatedScore, dict[str, Any]]:
    if isinstance(score, PublishedScore):
        return stated(cases, score.variable, score.scale, safer=score.higher_is == "safer"), {}
    if isinstance(score, MeasuredScore):
        value = cases.scene.features.loc[cases.ids, score.feature].to_numpy(dtype=float)
        return ranking(cases, value, safer=score.higher_is == "safer"), {}
    given, how = computed(cases, score)
    return given, {"computed": how}


def _published(cases: EndpointCases, models: Sequence[ModelCases], score: Score) -> dict[str, Any]:
    given, how = _given(cases, score)
    horizon = models[0].chosen.horizon
    metrics = _measured(cases.target.take(given.rows), given.risk, given.score, horizon)
    return {
        "metrics": {name: estimate.to_json() for name, estimate in metrics.items()},
        **differences(models, given.score, given.rows),
        "source": PUBLISHED,
        "citation": score.source,
        **how,
        "recalibrated": _recalibrated(cases, models, given, horizon),
    }


def _measured(target: Target, risk: FloatArray | None, score: FloatArray, horizon: float | None) -> Metrics:
    """Without the distances of a smoothed curve: like a rung of the ladder, it is there to be compared."""
    return measure(checked_sample(target, risk, score, Settings(horizon, curve_errors=False)))


def _recalibrated(
    cases: EndpointCases, models: Sequence[ModelCases], given: StatedScore, horizon: float | None
) -> dict[str, Any]:
    rows = given.rows & cases.target.known
    target, straight = cases.target.take(rows), given.straight[cases.target.known[given.rows]]
    if target.kind not in (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT):
        return {"withheld": NO_RISK}
    few = checked_sample(target, None, straight, Settings(horizon)).too_few()
    made = RecalibratedScore(None, 0, few) if few else _told_the_level(target, straight, horizon)
    if made.risk is None:
        return {"withheld": made.withheld}
    metrics = _measured(target, made.risk, made.risk, horizon)
    return {
        "metrics": {name: _flattered(estimate, made) for name, estimate in metrics.items()},
        **differences(models, made.risk, rows),
        "words": f"The score was {made.method}.",
    }


def _told_the_level(target: Target, straight: FloatArray, horizon: float | None) -> RecalibratedScore:
    if horizon is None:
        return recalibrate_score(target.value, straight, seed=SEED)
    return recalibrate_score_t(target.time_days, target.event, straight, horizon, seed=SEED)


def _flattered(estimate: Estimate, made: RecalibratedScore) -> dict[str, Any]:
    """Every number says that the score has seen these cases."""
    found = estimate if estimate.value is None else replace(estimate, method=f"{estimate.method}; {made.method}")
    return dict(found.to_json())
