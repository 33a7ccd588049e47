"""What does an update gain? Calibration and Brier score before and after, without praising it on its own cases.

The update is judged in one of two ways. Held out: on cases that took no part in it. Bootstrap: the whole way to it,
closed test included, is repeated on resampled patients; a metric on the resample minus the same metric on the original
cases is that draw's optimism. The value is the metric on all cases minus the mean optimism (Harrell, Lee & Mark 1996,
doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4), the interval the metric minus the quantiles of
the optimism: drawn cases stand to the original ones as these stand to the patients to come, so the interval holds both
the chance in the cases and that in the update. Ratios are treated on the logarithm; a rung that was not on offer stays
so in every draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from outcome.evaluation.intervals import IntArray, bootstrap, measured, percentile_interval, resample
from outcome.evaluation.sample import MIN_EVENTS
from outcome.evaluation.updating.cases import UpdateCases
from outcome.evaluation.updating.closed_testing import NONE, UpdateChoice, choose_rung, fit_rungs
from outcome.evaluation.updating.judged import Judged
from outcome.types import Estimate, FloatArray

DRAWS = 200
RiskOf = Callable[[FloatArray], FloatArray]  # linear predictors (n,) to risks (n,)


@dataclass(frozen=True)
class Gain:
    """Metrics of the model as it came and as it was updated, on the same cases; `how` says in which way judged."""

    before: dict[str, Estimate]
    after: dict[str, Estimate]
    how: str


def gain_held_out(judged: Judged, before: FloatArray, after: FloatArray, *, seed: int, draws: int = DRAWS) -> Gain:
    """Before and after on cases from which the update learned nothing. `before`, `after` (n,) risks in [0, 1].

    `brier_gain` is by how much the Brier score fell (positive: better), with a percentile interval of resampled cases.
    """
    if judged.informative < MIN_EVENTS:
        reason = (
            f"fewer than {MIN_EVENTS} events (yes/no: of the rarer outcome) were held out: the update is not judged"
        )
        withheld = Estimate.withhold(reason, n=judged.n, n_events=judged.n_events)
        return Gain({"brier": withheld}, {"brier": withheld}, reason)
    old, new = judged.estimates(before, seed), judged.estimates(after, seed)
    new[judged.gain] = _held_out_gain(judged, before, after, seed, draws)
    return Gain(old, new, "on held-out cases, from which the update learned nothing")


def gain_by_bootstrap(
    cases: UpdateCases,
    judged: Judged,
    choice: UpdateChoice,
    risk_of: RiskOf,
    *,
    seed: int,
    draws: int = DRAWS,
    patients: npt.NDArray[np.generic] | None = None,
) -> Gain:
    """Before, and after corrected for optimism, on the cases that the update was learned from (same n as `judged`).

    `risk_of` turns linear predictors into risks; `patients` (n,) are drawn instead of cases where given. A model that
    was left as it is has nothing to correct: its numbers after are those before.
    """
    before = risk_of(cases.linear_predictor)
    old = judged.estimates(before, seed)
    if choice.chosen.rung == NONE:
        return Gain(old, dict(old), "nothing was learned from these cases: the model stays as it is")
    everyone = np.arange(cases.n)
    apparent = _with_gain(judged, risk_of(choice.chosen.linear_predictor(cases)), before, everyone)
    optimism = _optimism(cases, judged, choice, risk_of, _drawn_rows(cases.n, seed, draws, patients))
    counts = (judged.n, judged.n_events)
    new = {name: _corrected(name, value, np.array([row[name] for row in optimism]), counts)
           for name, value in apparent.items()}  # fmt: skip
    return Gain(old, new, f"on the cases of the update, corrected for optimism by a bootstrap of {draws} draws")


def _drawn_rows(n: int, seed: int, draws: int, patients: npt.NDArray[np.generic] | None) -> list[IntArray]:
    rng = np.random.default_rng(seed)
    return [resample(n, rng, patients) for _ in range(draws)]


def _optimism(
    cases: UpdateCases, judged: Judged, choice: UpdateChoice, risk_of: RiskOf, drawn: list[IntArray]
) -> list[dict[str, float]]:
    """By draw and metric: value on the resample that the update was learned from, minus value on all cases."""
    before, everyone = risk_of(cases.linear_predictor), np.arange(cases.n)
    rungs = [rung for rung in choice.offered if rung != NONE]
    found = []
    for rows in drawn:
        update, _ = choose_rung(fit_rungs(cases.take(rows), rungs)[0], choice.alpha)
        risk = risk_of(update.linear_predictor(cases))
        there = _with_gain(judged, risk[rows], before[rows], rows)
        here = _with_gain(judged, risk, before, everyone)
        found.append({name: _scaled(name, there[name]) - _scaled(name, here[name]) for name in here})
    return found


def _corrected(name: str, apparent: float, optimism: FloatArray, counts: tuple[int, int]) -> Estimate:
    n, n_events = counts
    ends = percentile_interval(optimism)
    value = _scaled(name, apparent)
    if ends is None or not math.isfinite(value):
        reason = "undefined here, or in more than one in twenty resamples"
        return Estimate.withhold(reason, n=n, n_events=n_events)
    middle = float(np.nanmean(optimism))
    floor = 0.0 if name in _NEVER_NEGATIVE else -math.inf
    corrected, low, high = (max(_unscaled(name, value - part), floor) for part in (middle, ends[1], ends[0]))
    method = f"optimism-corrected bootstrap, {optimism.size} draws, closed test repeated in each"
    return measured(corrected, (low, high), method=method, n=n, n_events=n_events)


def _held_out_gain(judged: Judged, before: FloatArray, after: FloatArray, seed: int, draws: int) -> Estimate:
    def gained(rows: IntArray) -> float:
        return judged.brier(before[rows], rows) - judged.brier(after[rows], rows)

    n, n_events = judged.n, judged.n_events
    value = gained(np.arange(n))
    if not math.isfinite(value):
        return Estimate.withhold("the Brier score is undefined here", n=n, n_events=n_events)
    interval = percentile_interval(bootstrap(gained, n, seed=seed, draws=draws))
    return measured(value, interval, method=f"bootstrap, {draws} draws, percentile", n=n, n_events=n_events)


def _with_gain(judged: Judged, risk: FloatArray, before: FloatArray, rows: IntArray) -> dict[str, float]:
    found = judged.values(risk, rows)
    return found | {judged.gain: judged.brier(before, rows) - judged.brier(risk, rows)}


def _scaled(name: str, value: float) -> float:
    if not name.startswith(_RATIO):
        return value
    return math.log(value) if value > 0 else math.nan


def _unscaled(name: str, value: float) -> float:
    return math.exp(value) if name.startswith(_RATIO) else value


_RATIO = "oe_ratio"
_NEVER_NEGATIVE = frozenset({"ici", "ici_t", "brier", "brier_t"})
