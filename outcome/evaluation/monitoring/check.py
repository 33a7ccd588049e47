"""One thing that is watched: its evidence case by case, or why it is not judged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from outcome.evaluation.monitoring.cuts import IntArray
from outcome.evaluation.monitoring.restarts import Evidence

FEWEST_CASES = 10  # with fewer, silence says nothing; an alarm counts all the same


@dataclass(frozen=True, eq=False)
class Check:
    """`kind` of check on `name` (a column, block, relation or model).

    `rows` (m,): places of the cases it could read, in order of arrival; `bets`: what each bet of the evidence says.
    `why_not` where it cannot be judged.
    """

    kind: str
    name: str
    label: str
    rows: IntArray
    evidence: Evidence | None = None
    bets: tuple[str, ...] = ()
    why_not: str = ""

    @property
    def log_e(self) -> float:
        """The largest evidence so far, natural log; 0 at the start."""
        return float(max(0.0, self.evidence.log_e.max())) if self.evidence is not None and len(self.rows) else 0.0

    def alarm_at(self, threshold: float) -> int | None:
        """The first of its own cases after which the evidence reaches the threshold; None where it never does."""
        if self.evidence is None or not len(self.rows):
            return None
        reached = np.flatnonzero(self.evidence.log_e >= threshold)
        return int(reached[0]) if len(reached) else None

    def silent_because(self, threshold: float) -> str:
        """Why no alarm means nothing here; "" where it was judged."""
        if self.why_not or self.alarm_at(threshold) is not None or len(self.rows) >= FEWEST_CASES:
            return self.why_not
        return f"{len(self.rows)} case(s) known, {FEWEST_CASES} are needed before silence says anything"


def alarm_threshold(rate: float, checks: int) -> float:
    """Natural log of the evidence at which a check alarms, so that all checks together falsely alarm at most at `rate`:
    checks / rate, by Ville's inequality and the union bound, under any dependence."""
    return math.log(max(1, checks) / rate)


def not_judged(kind: str, name: str, label: str, why: str) -> Check:
    """A check that cannot be made."""
    return Check(kind, name, label, np.zeros(0, dtype=np.int64), why_not=why)
