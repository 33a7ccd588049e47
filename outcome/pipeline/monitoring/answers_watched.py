"""The checks of what models answer: how risks spread, and, where outcomes are known, whether they hold and rank."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from outcome.cohort.endpoints import endpoint_target
from outcome.evaluation.monitoring.check import Check, not_judged
from outcome.evaluation.monitoring.cuts import Cuts, lots_of
from outcome.evaluation.monitoring.pairs import ranked_pairs
from outcome.evaluation.monitoring.restarts import Evidence
from outcome.evaluation.monitoring.sequential_ranks import rank_evidence
from outcome.evaluation.monitoring.told_hazard import last_day, told_hazard
from outcome.evaluation.monitoring.told_risks import (
    RANKING_WORDS,
    WORDS,
    Band,
    event_evidence,
    hazard_evidence,
    ranking_evidence,
)
from outcome.pipeline.reference.monitoring_units import RESIDUAL, events_told_of, residuals
from outcome.types import EndpointKind, FloatArray, Target

Json = Mapping[str, Any]
RISKS, CALIBRATION, RANKING = "risks", "calibration", "ranking"
OUTCOMES = (CALIBRATION, RANKING)
AMOUNT_WORDS = tuple("larger than told" if word.startswith("more") else "smaller than told" for word in WORDS)
NO_OUTCOME = "no outcome is known"
_CHOSEN = "chosen"


@dataclass(frozen=True, eq=False)
class Answers:
    """What the bundle said of the cases, in order of arrival, and what happened to them (index case_id each).

    `share`: of the false-alarm rate, what one check may spend; half of it lies in how well the reference is known.
    """

    case_ids: tuple[str, ...]
    predictions: pd.DataFrame
    details: pd.DataFrame
    endpoints: pd.DataFrame
    share: float

    def of(self, unit: str) -> pd.DataFrame:
        """One unit's risk and score at its first horizon, in order of arrival."""
        rows = self.predictions[(self.predictions["endpoint"] + "." + self.predictions["inputs"]) == unit]
        rows = rows[rows["rung"] == _CHOSEN]
        if rows["horizon_days"].notna().any():
            rows = rows[rows["horizon_days"] == rows["horizon_days"].min()]
        return rows.set_index("case_id").reindex(list(self.case_ids))

    def target(self, unit: str, kind: EndpointKind) -> Target | None:
        """What happened; None where the study does not say."""
        endpoint = unit.rpartition(".")[0]
        if endpoint not in set(self.endpoints["endpoint"]):
            return None
        return endpoint_target(self.endpoints, endpoint, kind, self.case_ids)


def answer_checks(units: Json, answers: Answers, why_not: str = "") -> Iterator[Check]:
    """Every unit's checks; with `why_not` none of them is judged (a bundle that was recalibrated since)."""
    for unit, told in units.items():
        if why_not or "withheld" in told:
            yield from (not_judged(kind, unit, unit, why_not or told["withheld"]) for kind in (RISKS, *OUTCOMES))
            continue
        table = answers.of(unit)
        risk = table["risk"].to_numpy(dtype=float)
        yield _risks(unit, answers, risk)
        target = answers.target(unit, EndpointKind(told["kind"]))
        if target is None or not target.known.any():
            yield from (not_judged(kind, unit, unit, NO_OUTCOME) for kind in OUTCOMES)
            continue
        yield _calibration(unit, told, answers, target, risk)
        yield _ranking(unit, told, answers, target, table["score"].to_numpy(dtype=float))


def _risks(unit: str, answers: Answers, risk: FloatArray) -> Check:
    """Against these cases' own past: out-of-fold risks are those of other models, which spread otherwise."""
    rows = np.flatnonzero(np.isfinite(risk))
    if not len(rows):
        return not_judged(RISKS, unit, unit, "no case has a prediction")
    ids = [answers.case_ids[row] for row in rows]
    evidence, bets = rank_evidence(risk[rows], lots_of(ids, RISKS + unit), lots_of(ids, f"place {RISKS}{unit}"))
    return Check(RISKS, unit, unit, rows, evidence, bets.words)


def _calibration(unit: str, told: Json, answers: Answers, target: Target, risk: FloatArray) -> Check:
    if told.get("residual"):
        return _amounts(unit, told["residual"], answers, residuals(target, risk))
    known = told.get("calibration") or {"withheld": "the reference does not tell it"}
    if "withheld" in known:
        return not_judged(CALIBRATION, unit, unit, known["withheld"])
    half = known["se"] * float(norm.ppf(1 - answers.share / 4))
    band = Band(known["shift"] - half, known["shift"] + half)
    if target.kind is EndpointKind.TIME_TO_EVENT:
        details = answers.details[(answers.details["endpoint"] + "." + answers.details["inputs"]) == unit]
        happened, hazard = (
            events_told_of(target, last_day(details)),
            told_hazard(details, answers.case_ids, target.time_days),
        )
        rows = np.flatnonzero(np.isfinite(happened) & np.isfinite(hazard))
        return _judged(CALIBRATION, unit, rows, hazard_evidence(happened[rows], hazard[rows], band), WORDS, answers)
    rows = np.flatnonzero(target.known & np.isfinite(risk))
    return _judged(CALIBRATION, unit, rows, event_evidence(target.value[rows], risk[rows], band), WORDS, answers)


def _amounts(unit: str, cuts: Json, answers: Answers, away: FloatArray) -> Check:
    """Whether as many residuals lie above the reference's median as below. Their spread is no matter: out of fold it is
    wider by nature."""
    behind = Cuts.from_json(cuts)
    rows = np.flatnonzero(np.isfinite(away))
    lots = lots_of([answers.case_ids[row] for row in rows], RESIDUAL + unit)
    middle = int(np.argmin(np.abs(np.array(behind.ranks) - (behind.n + 1) / 2)))
    above = (behind.parts(away[rows], lots) > middle).astype(float)
    share = 1 - behind.ranks[middle] / (behind.n + 1)
    half = float(norm.ppf(1 - answers.share / 4)) / np.sqrt(behind.n * share * (1 - share))
    evidence = event_evidence(above, np.full(len(rows), share), Band(-half, half))
    return _judged(CALIBRATION, unit, rows, evidence, AMOUNT_WORDS, answers)


def _ranking(unit: str, told: Json, answers: Answers, target: Target, score: FloatArray) -> Check:
    known = told["ranking"]
    if "withheld" in known:
        return not_judged(RANKING, unit, unit, known["withheld"])
    pairs = ranked_pairs(target, score, lots_of(answers.case_ids, RANKING + unit))
    least = known["value"] - known["se"] * float(norm.ppf(1 - answers.share / 2))
    evidence = ranking_evidence(pairs.won, least)
    return _judged(RANKING, unit, pairs.complete_at, evidence, RANKING_WORDS, answers)


def _judged(
    kind: str, unit: str, rows: np.ndarray, evidence: Evidence, words: tuple[str, ...], answers: Answers
) -> Check:
    """Half of the check's share is spent on the band: its evidence counts half, so that one threshold serves all."""
    if not len(rows):
        return not_judged(kind, unit, unit, NO_OUTCOME)
    halved = replace(evidence, log_e=evidence.log_e - np.log(2.0))
    return Check(kind, unit, unit, rows, halved, words)
