"""Do as many events happen as the model told, and does it still rank? Bets against a band that the reference leaves.

The model is not asked to be perfect: the null is that it is no further off than its out-of-fold predictions allow, a
band of log odds (or of log hazard) about the risk told. Within the band every factor's expectation is at most 1, since
it rises with the truth towards the side of the bet and is 1 at the band's end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from outcome.evaluation.monitoring.restarts import Evidence, evidence_of
from outcome.types import FloatArray

STEPS = (0.2, 0.5, 1.0)  # of log odds or log hazard beyond the band
CLOSEST_TO_CERTAIN = 1e-6
WORDS = tuple(word for word in ("more events than told", "fewer events than told") for _ in STEPS)
RANKING_WORDS = tuple("ranks worse" for _ in STEPS)


@dataclass(frozen=True)
class Band:
    """From where to where the truth may lie without a change: log odds, log hazard, or an AUC (`low` alone counts)."""

    low: float
    high: float


def event_evidence(happened: FloatArray, risk: FloatArray, band: Band) -> Evidence:
    """Whether more or fewer events happen (n,), 0 or 1, than the risks told (n,), in order of arrival."""
    lp = logit(np.clip(risk, CLOSEST_TO_CERTAIN, 1 - CLOSEST_TO_CERTAIN))
    ends = [(band.high, step) for step in STEPS] + [(band.low, -step) for step in STEPS]
    columns = [_coin(happened, expit(lp + end), expit(lp + end + step)) for end, step in ends]
    return _mixed(columns)


def hazard_evidence(events: FloatArray, told: FloatArray, band: Band) -> Evidence:
    """The same for times: events (n,), 0 or 1, against the cumulative hazard told up to the end of follow-up (n,).

    The counting process minus its compensator is a martingale, so that censoring that does not look ahead is harmless
    (Aalen, Borgan & Gjessing 2008, doi:10.1007/978-0-387-68560-1, section 2.2).
    """
    ends = [(band.high, step) for step in STEPS] + [(band.low, -step) for step in STEPS]
    columns = [events * step - np.expm1(step) * np.exp(end) * told for end, step in ends]
    return _mixed(columns)


def ranking_evidence(won: FloatArray, least: float) -> Evidence:
    """Whether pairs (n,), 1 where the riskier case was ranked above the other, are won less often than `least`."""
    end = float(logit(np.clip(least, 0.01, 1 - CLOSEST_TO_CERTAIN)))
    columns = [_coin(won, np.full(len(won), expit(end)), np.full(len(won), expit(end - step))) for step in STEPS]
    return _mixed(columns)


def _coin(happened: FloatArray, null: FloatArray, bet: FloatArray) -> FloatArray:
    return happened * np.log(bet / null) + (1 - happened) * (np.log1p(-bet) - np.log1p(-null))


def _mixed(columns: list[FloatArray]) -> Evidence:
    return evidence_of(np.column_stack(columns), np.full(len(columns), -np.log(len(columns))))
