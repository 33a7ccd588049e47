"""Is a threshold fair to the groups of a variable, by which meaning of fair, and which meanings exclude each other?

The threshold comes from the bundle. Equal opportunity and equalised odds: Hardt, Price & Srebro 2016,
arXiv:1610.02413. What cannot all hold: Chouldechova 2017, doi:10.1089/big.2016.0047; Kleinberg, Mullainathan &
Raghavan 2017, doi:10.4230/LIPIcs.ITCS.2017.43. None of these says which one a clinic should want.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from outcome.errors import DataRefusal
from outcome.evaluation.event_rate import Outcomes
from outcome.evaluation.intervals import LEVEL, measured
from outcome.evaluation.subgroups.fairness_conflict import conflict_words
from outcome.evaluation.subgroups.fairness_measures import CALIBRATION, Called, group_estimates
from outcome.types import BoolArray, Estimate, FloatArray

NO_PAIR = "fewer than 2 groups have this number"


@dataclass(frozen=True)
class FairnessGap:
    """How far apart the groups are in one meaning of fair: `gap` is the highest minus the lowest (calibration: the
    highest over the lowest); 0 (calibration: 1) is fair. `groups` holds each group's own estimate.
    """

    gap: Estimate
    groups: Mapping[str, Estimate]
    highest: str | None = None
    lowest: str | None = None

    def to_json(self) -> dict[str, Any]:
        groups = {label: estimate.to_json() for label, estimate in self.groups.items()}
        return {"gap": self.gap.to_json(), "highest": self.highest, "lowest": self.lowest, "groups": groups}


@dataclass(frozen=True)
class Fairness:
    """Every meaning of fair at one threshold, and in plain words which of them exclude each other in these data."""

    threshold: float
    gaps: Mapping[str, FairnessGap]
    words: str

    def to_json(self) -> dict[str, Any]:
        gaps = {name: gap.to_json() for name, gap in self.gaps.items()}
        return {"threshold": self.threshold, "gaps": gaps, "words": self.words}


def fairness(
    outcome: Outcomes, risk: FloatArray, members: Mapping[str, BoolArray], threshold: float, *, level: float = LEVEL
) -> Fairness:
    """How far are these groups apart at the threshold, in every meaning named in `MEANINGS`?

    `outcome` of n cases (`event_rate`); `risk` (n,) in [0, 1], higher is riskier; `members` maps a group's label to its
    cases (n,), groups without common cases. Gaps carry intervals that hold for all pairs of groups together; with many
    groups a gap above 0 is expected by chance, and its interval begins at 0. Raises DataRefusal for a threshold outside
    [0, 1] or risks that do not fit.
    """
    if not 0 <= threshold <= 1 or len(risk) != outcome.n:
        found = f"threshold {threshold}, {len(risk)} risks for {outcome.n} cases"
        raise DataRefusal("fairness cannot be measured", expected="a threshold in [0, 1], a risk a case", found=found)
    called = Called.at(outcome, risk, threshold)
    shown = {label: group_estimates(called, rows, level=level) for label, rows in members.items()}
    pairs = max(math.comb(len(members), 2), 1)
    wide, wider = (
        {label: group_estimates(called, rows, level=1 - (1 - level) / (pairs * k)) for label, rows in members.items()}
        for k in (1, 2)
    )
    gaps = {name: _gap_of(rate, shown, wide, level) for name, rate in MEANINGS.items()}
    odds = [_gap_of(MEANINGS[name], shown, wider, level) for name in ODDS]
    gaps["equalised_odds"] = _larger(odds[0], odds[1])
    return Fairness(threshold, gaps, conflict_words({name: gap.gap for name, gap in gaps.items()}, shown))


def range_of_groups(
    estimates: Mapping[str, Estimate], *, is_ratio: bool = False, level: float = LEVEL
) -> tuple[Estimate, str | None, str | None]:
    """How far is the highest group from the lowest, and which are they? `estimates` of groups without common cases.

    Each pair's difference gets an interval from the two groups' own (MOVER; with Wilson's it is Newcombe's): Zou &
    Donner 2008, doi:10.1002/sim.3095; Newcombe 1998,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.
    The range lies between the largest lower and the largest upper end of them, at least at `level` where the
    estimates' own level was raised for the number of pairs. `is_ratio`: highest over lowest, on the logarithm.
    """
    usable = {label: ends for label, e in estimates.items() if (ends := _ends(e, is_ratio)) is not None}
    n = sum(estimates[label].n for label in usable)
    if len(usable) < 2:
        return Estimate.withhold(NO_PAIR, n=n), None, None
    value = {label: ends[1] for label, ends in usable.items()}
    highest, lowest = max(value, key=lambda label: value[label]), min(value, key=lambda label: value[label])
    sides = [side for a, b in combinations(usable.values(), 2) for side in (_mover(a, b), _mover(b, a))]
    low, high = max(0.0, max(side[0] for side in sides)), max(side[1] for side in sides)
    distance = value[highest] - value[lowest]
    numbers = [math.exp(x) if is_ratio else x for x in (distance, low, high)]
    how = "over" if is_ratio else "minus"
    inner = next(iter(usable))
    method = f"highest {how} lowest of {len(usable)} groups, MOVER ({estimates[inner].method}), simultaneous over pairs"
    return measured(numbers[0], (numbers[1], numbers[2]), method=method, n=n, level=level), highest, lowest


def _gap_of(
    rate: str, shown: Mapping[str, Mapping[str, Estimate]], wide: Mapping[str, Mapping[str, Estimate]], level: float
) -> FairnessGap:
    estimates = {label: rates[rate] for label, rates in wide.items()}
    found = range_of_groups(estimates, is_ratio=rate == CALIBRATION, level=level)
    return FairnessGap(found[0], {label: rates[rate] for label, rates in shown.items()}, found[1], found[2])


def _larger(first: FairnessGap, second: FairnessGap) -> FairnessGap:
    """The larger of two gaps whose intervals hold together."""
    gaps = [first.gap, second.gap]
    withheld = next((gap.withheld for gap in gaps if gap.value is None), None)
    if withheld:
        return FairnessGap(Estimate.withhold(withheld, n=first.gap.n), {})
    value, low, high = (max(getattr(gap, name) for gap in gaps) for name in ("value", "low", "high"))
    leading = first if value == first.gap.value else second
    which = f"the larger of the gaps in {' and '.join(ODDS)}; {leading.gap.method}"
    gap = measured(value, (low, high), method=which, n=first.gap.n + second.gap.n, level=first.gap.level)
    return FairnessGap(gap, {}, leading.highest, leading.lowest)


def _ends(estimate: Estimate, is_ratio: bool) -> tuple[float, float, float] | None:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    low, value, high = (float(np.log(x)) if is_ratio else x for x in (estimate.low, estimate.value, estimate.high))
    return low, value, high


def _mover(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float]:
    """The ends of a minus b."""
    distance = a[1] - b[1]
    return distance - math.hypot(a[1] - a[0], b[2] - b[1]), distance + math.hypot(a[2] - a[1], b[1] - b[0])


ODDS = ("equal_opportunity", "predictive_equality")
MEANINGS = {
    "event_rate": "event_rate",
    "demographic_parity": "positive_rate",
    "equal_opportunity": "true_positive_rate",
    "predictive_equality": "false_positive_rate",
    "predictive_parity": "positive_predictive_value",
    "calibration": CALIBRATION,
    "balance_events": "mean_risk_events",
    "balance_non_events": "mean_risk_non_events",
}
