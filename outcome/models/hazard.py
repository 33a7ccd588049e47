"""How many of a hundred patients will have had the event by a day, given a log relative hazard.

The cause-specific hazard of the event is a Breslow baseline times exp(score); a competing event counts as censoring
there. The competing cause has a baseline of its own without covariates, so that the risk is a cumulative incidence
and not one minus a Kaplan-Meier curve of a world without competing events. A subdistribution hazard
(`outcome.models.fine_gray`) makes the cumulative incidence alone: its competing jumps are 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from outcome.types import FloatArray, Target

# exp(50) overflows nothing and is certain death already
LARGEST_SCORE = 50.0


@dataclass(frozen=True, eq=False)
class BaselineHazard:
    """Jumps of the cumulative cause-specific hazards at `times` (days, rising), at score 0. Shapes (m,)."""

    times: FloatArray
    event: FloatArray
    competing: FloatArray

    def __post_init__(self) -> None:
        """Raises ValueError for times that do not rise, jumps that fall, or numbers of another count."""
        rows = np.array([self.times, self.event, self.competing])
        if rows.ndim != 2 or not np.isfinite(rows).all() or (rows < 0).any() or (np.diff(rows[0]) <= 0).any():
            raise ValueError(f"a baseline hazard has rising times and jumps from 0 on, found {len(self.times)} times")

    def incidence(self, score: FloatArray, horizons_days: Sequence[float]) -> FloatArray:
        """The cumulative incidence by each horizon, in [0, 1], shape (n, h); flat after the last jump.

        Between jumps nothing happens; at a jump survival falls by exp(-jump) and the fall is shared out between
        the causes by their hazards, so that incidences and survival sum to 1 exactly.
        """
        relative = np.exp(np.clip(score, -LARGEST_SCORE, LARGEST_SCORE))[:, None]
        return self._grown(relative * self.event, relative, horizons_days)

    def competing_incidence(self, score: FloatArray, horizons_days: Sequence[float]) -> FloatArray:
        """That of the competing event, shape (n, h); 0 where the baseline has none of its jumps.

        The event takes patients away from it, so that it depends on the score although its hazard does not. Without
        meaning for a subdistribution hazard.
        """
        relative = np.exp(np.clip(score, -LARGEST_SCORE, LARGEST_SCORE))[:, None]
        cause = np.broadcast_to(self.competing, (len(score), len(self.times)))
        return self._grown(cause, relative, horizons_days)

    def _grown(self, cause: FloatArray, relative: FloatArray, horizons_days: Sequence[float]) -> FloatArray:
        """The cumulative incidence of a cause with these jumps (n, m), `relative` (n, 1) the hazard of each case."""
        both = relative * self.event + self.competing
        after = np.exp(-np.cumsum(both, axis=1))
        before = np.concatenate([np.ones((len(cause), 1)), after[:, :-1]], axis=1)[:, : len(self.times)]
        share = np.divide(cause, both, out=np.zeros_like(both), where=both > 0)
        grown = np.concatenate([np.zeros((len(cause), 1)), np.cumsum((before - after) * share, axis=1)], axis=1)
        upto = np.searchsorted(self.times, np.asarray(horizons_days, dtype=float), side="right")
        return np.clip(grown[:, upto], 0.0, 1.0)

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name).tolist() for name in ("times", "event", "competing")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BaselineHazard:
        return cls(*(np.asarray(data[name], dtype=float) for name in ("times", "event", "competing")))


def fit_baseline(target: Target, score: FloatArray) -> BaselineHazard:
    """Breslow's baseline of the event given the scores, and Nelson-Aalen's of the competing event.

    All outcomes known; shapes (n,). A case leaving on the day of an event is still at risk that day. Breslow's jumps
    stand beside scores whose ties were handled by Efron too: with them the expected events of all cases add up to those
    that happened, whatever the score (trees and networks have no ties to handle), and Efron's jumps would state more.
    Breslow N. Discussion of Cox (1972), J R Stat Soc B 34:216-7.
    """
    relative = np.exp(np.clip(score, -LARGEST_SCORE, LARGEST_SCORE))
    times = np.unique(target.time_days[target.event > 0])
    return BaselineHazard(times, _jumps(target, times, 1, relative), _jumps(target, times, 2, np.ones_like(relative)))


def _jumps(target: Target, times: FloatArray, cause: int, weight: FloatArray) -> FloatArray:
    at_risk = (target.time_days[None, :] >= times[:, None]) @ weight
    events = ((target.time_days[None, :] == times[:, None]) & (target.event == cause)[None, :]).sum(axis=1)
    return events / at_risk
