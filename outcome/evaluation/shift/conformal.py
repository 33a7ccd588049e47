"""How far must an answer reach to hold the truth in eight, or nine, of ten cases? And does it do so elsewhere?

Split-conformal sets and intervals from predictions for cases that the model had not seen. Binary endpoints: the set of
outcomes that are not unusual for their own class (Mondrian), so that the promise holds for cases with and without the
event alike. Values and ranks: prediction ± a quantile of the absolute error, on log1p for durations.
Times to an event have lower bounds instead: `outcome.evaluation.shift.survival_bound`.
The promise holds where cases are exchangeable with the development cases: coverage elsewhere tests just that.
Departure: quantiles come from out-of-fold predictions of several models and are used with the final one, so even on
exchangeable cases the coverage is close to the level, not guaranteed.
Vovk, Gammerman & Shafer 2005, doi:10.1007/b106715; Lei et al. 2018, doi:10.1080/01621459.2017.1307116.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from outcome.types import BoolArray, EndpointKind, FloatArray, Target

LEVELS = (0.8, 0.9)
MIN_CASES = 20  # so that a quantile is no single case's and the highest level has a finite one


def conformal_quantile(nonconformity: FloatArray, level: float) -> float:
    """The ceil((n + 1) level)-th smallest of n scores; infinite where that is more than there are."""
    place = math.ceil((len(nonconformity) + 1) * level - 1e-12)
    return math.inf if place > len(nonconformity) else float(np.sort(nonconformity)[place - 1])


def conformal_quantiles(target: Target, risk: FloatArray) -> dict[str, Any]:
    """What sets or intervals of these predictions (n,) need: {"kind", "levels": {level: quantiles}}, or `withheld`.

    Cases with an unknown outcome or prediction take no part. With fewer than 20 cases (binary: of either class) there
    is no quantile. Raises ValueError for times to an event.
    """
    if target.kind is EndpointKind.TIME_TO_EVENT:
        raise ValueError("a censored case cannot be compared with its prediction: see survival_bound")
    used = target.known & np.isfinite(risk)
    y, predicted = target.value[used], risk[used]
    if target.kind is not EndpointKind.BINARY:
        error = np.abs(on_scale(target.kind, y) - on_scale(target.kind, predicted))
        return _found("interval", {"error": error}, "development cases")
    classes = {"0": predicted[y == 0], "1": 1 - predicted[y == 1]}
    return _found("set", classes, "development cases with the event, or without it")


def _found(kind: str, scores: Mapping[str, FloatArray], whom: str) -> dict[str, Any]:
    if min(len(score) for score in scores.values()) < MIN_CASES:
        return {"withheld": f"fewer than {MIN_CASES} {whom}"}
    levels = {
        str(level): {name: conformal_quantile(score, level) for name, score in scores.items()} for level in LEVELS
    }
    return {"kind": kind, "levels": levels}


def on_scale(kind: EndpointKind, value: FloatArray) -> FloatArray:
    """Values on the scale of their errors: log1p for durations, else as they are."""
    return np.log1p(np.maximum(value, 0.0)) if kind is EndpointKind.DURATION else value


def held_in_set(y: FloatArray, risk: FloatArray, quantiles: Mapping[str, float]) -> tuple[BoolArray, FloatArray]:
    """(whether the outcome is in its set, how many outcomes the set has: 0, 1 or 2), shapes (n,)."""
    with_event, without = 1 - risk <= quantiles["1"], risk <= quantiles["0"]
    return np.where(y == 1, with_event, without), with_event.astype(float) + without


def held_in_interval(
    kind: EndpointKind, y: FloatArray, predicted: FloatArray, quantiles: Mapping[str, float]
) -> tuple[BoolArray, FloatArray]:
    """(whether the value is in its interval, how wide that is in the value's unit), shapes (n,)."""
    centre, reach = on_scale(kind, predicted), quantiles["error"]
    held = np.abs(on_scale(kind, y) - centre) <= reach
    if kind is not EndpointKind.DURATION:
        return held, np.full(len(y), 2 * reach)
    return held, np.expm1(centre + reach) - np.maximum(np.expm1(centre - reach), 0.0)
