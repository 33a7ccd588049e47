"""How large a difference between a group and all others would have been seen? Power, so that silence is not read as
equality.

The group and the rest are different cases, so the variance of their difference is the sum of theirs. On the `log` scale
a difference is a ratio. Normal approximation with standard errors from the estimates' own intervals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from scipy.stats import norm

from outcome.evaluation.intervals import LEVEL, Interval, measured, z_value
from outcome.evaluation.sites.meta_analysis import on_scale
from outcome.types import Estimate

GapScale = Literal["identity", "log"]

POWER = 0.8


@dataclass(frozen=True)
class Gap:
    """A group against the rest in one metric.

    `difference` is group minus rest, or group over rest on the log scale; `detectable` the smallest true one (in either
    direction; a ratio above 1) that is found with `power`, None where `difference` is withheld; `words` say it.
    """

    difference: Estimate
    detectable: float | None
    power: float
    words: str

    def to_json(self) -> dict[str, Any]:
        parts = {"detectable": self.detectable, "power": self.power, "words": self.words}
        return {"difference": self.difference.to_json(), **parts}


def detectable_gap(se: float, *, level: float = LEVEL, power: float = POWER) -> float:
    """The smallest true difference found with `power` by a two-sided test at 1 - level, for a difference with standard
    error `se` > 0: (z of the level + z of the power) · se. Raises ValueError for a power outside (0.5, 1).
    """
    if not 0.5 < power < 1 or not se > 0:
        raise ValueError(f"power must lie in (0.5, 1) and se be positive, found {power} and {se}")
    return (z_value(level) + float(norm.ppf(power))) * se


def gap_to_rest(
    group: Estimate,
    rest: Estimate,
    *,
    metric: str,
    scale: GapScale = "identity",
    level: float = LEVEL,
    power: float = POWER,
) -> Gap:
    """How do a group and the rest differ, and what difference would have been seen? `metric` is how to call it.

    Groups must not share cases. Withheld where either has no estimate with an interval.
    """
    parts = [_value_and_se(estimate, scale) for estimate in (group, rest)]
    for who, part in zip(("the group", "the rest"), parts, strict=True):
        if isinstance(part, str):
            reason = f"{who}: {part}"
            nothing = Estimate.withhold(reason, n=group.n, n_events=group.n_events)
            words = f"Whether the {metric} differs cannot be said ({reason}): this is no sign that it does not."
            return Gap(nothing, None, power, words)
    (own, own_se), (other, other_se) = (part for part in parts if not isinstance(part, str))
    se = math.hypot(own_se, other_se)
    back = BACK[scale]
    distance, half = own - other, z_value(level) * se
    interval = back(distance - half), back(distance + half)
    method = f"group {'over' if scale == 'log' else 'minus'} all others, Wald, {scale} scale"
    n, n_events = group.n, group.n_events
    difference = measured(back(distance), interval, method=method, n=n, n_events=n_events, level=level)
    smallest = back(detectable_gap(se, level=level, power=power))
    return Gap(difference, smallest, power, _words(metric, scale, interval, (smallest, power, level)))


def _words(metric: str, scale: GapScale, interval: Interval, seen: tuple[float, float, float]) -> str:
    smallest, power, level = seen
    size = f"of a factor {smallest:.2f} either way" if scale == "log" else f"of {smallest:.2g} either way"
    found = f"would be found with {power:.0%} power (level {1 - level:.0%})"
    limit = f"With these cases a difference in {metric} {size} {found}"
    if interval[0] <= NONE_AT[scale] <= interval[1]:
        return f"{limit}; a smaller one may well be missed: that none was found does not mean that there is none."
    return f"A difference in {metric} from all others was found, not adjusted for the number of groups. {limit}."


def _value_and_se(estimate: Estimate, scale: GapScale) -> tuple[float, float] | str:
    """On the identity scale from the longer side, since an interval may be cut at the end of what can be."""
    part = on_scale(estimate, scale)
    if scale == "log" or isinstance(part, str) or estimate.low is None or estimate.high is None:
        return part
    return part[0], max(part[0] - estimate.low, estimate.high - part[0]) / z_value(estimate.level)


def _same(x: float) -> float:
    return x


BACK: dict[GapScale, Callable[[float], float]] = {"identity": _same, "log": math.exp}
NONE_AT: dict[GapScale, float] = {"identity": 0.0, "log": 1.0}
