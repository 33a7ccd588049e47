"""What does each regression of the ladder explain beyond the one nested in it? Likelihood-ratio tests, unpenalised.

A figure of the development cases alone: it was fitted to the very outcomes it explains, says nothing of new patients
and has no part in the choice of the rung. Columns are prepared as the larger rung prepares them, so that the smaller
model's are truly among them; missing values are filled once, and cases taken as independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from outcome.evaluation.comparison.likelihood_ratio import LikelihoodRatio, likelihood_ratio
from outcome.training.data import TrainingData
from outcome.training.procedure import RungFit
from outcome.training.rungs import RECORD_BLOCKS, Rung
from outcome.training.unpenalised import NoTest, independent_columns, log_likelihood
from outcome.types import EndpointKind, Target

TESTED = ("logistic", "cox")
EVENTS_A_COLUMN = 10  # fewer, and the statistic is no longer chi-squared: Peduzzi 1996, 10.1016/S0895-4356(96)00236-3
WITHOUT_PLAN = " without planned variables"


@dataclass(frozen=True)
class _Step:
    """A model of named feature columns."""

    name: str
    columns: frozenset[str]


def likelihood_ratios(data: TrainingData, fits: Sequence[RungFit]) -> dict[str, dict[str, Any]]:
    """By rung name what its regression explains beyond the largest one nested in it, ready for JSON.

    `fits`: the rungs of the ladder, simplest first, as fitted to the known cases of `data`. Logistic and Cox rungs
    alone; none for the lowest, for one that reads what a lower one reads, and for harmonised ones. A record that holds
    planned variables is compared with itself without them. Each row: `beyond`, `statistic`, `df`, `p_value`, `columns`
    (of the larger model), `n`, `n_events`, `withheld` (the reason where there is no test, else null).
    """
    known, lower, rows = data.known(), list[_Step](), {}
    for fit in fits:
        if fit.rung.algorithm not in TESTED or fit.rung.harmonised:
            continue
        step = _Step(fit.rung.name, frozenset(column.name for column in fit.rung.pick(data.columns)))
        nested = [*lower, *_unplanned(fit.rung, data)]
        within = [other for other in nested if other.columns < step.columns]
        if within and all(other.columns != step.columns for other in lower):
            rows[step.name] = _row(known, fit, max(within, key=lambda other: len(other.columns)))
        lower.append(step)
    return rows


def _unplanned(rung: Rung, data: TrainingData) -> list[_Step]:
    """The record without what is known once the operation is planned."""
    if not rung.blocks or not set(rung.blocks) <= set(RECORD_BLOCKS):
        return []
    names = frozenset(column.name for column in rung.pick(data.columns) if column.availability != "planned")
    return [_Step(f"{rung.name}{WITHOUT_PLAN}", names)] if names else []


def _row(known: TrainingData, fit: RungFit, smaller: _Step) -> dict[str, Any]:
    test, columns, withheld = None, None, None
    try:
        test, columns = _test(known, fit, smaller.columns)
    except NoTest as error:
        withheld = str(error)
    return {
        "beyond": smaller.name,
        "statistic": test.statistic if test else None,
        "df": test.df if test else None,
        "p_value": test.p_value if test else None,
        "columns": columns,
        "n": len(known),
        "n_events": known.target.n_events,
        "withheld": withheld,
    }


def _test(known: TrainingData, fit: RungFit, smaller: frozenset[str]) -> tuple[LikelihoodRatio, int]:
    """The test and the number of columns of the larger model; raises NoTest with the reason where there is none.

    The smaller model's columns come first, so that of columns that say the same a later one is left out.
    """
    outputs = fit.preprocessor.outputs
    order = sorted(range(len(outputs)), key=lambda i: outputs[i].source not in smaller)
    matrix, events = fit.preprocessor.transform(known.frame)[:, order], _rarer(known.target)
    kept = independent_columns(matrix, events // EVENTS_A_COLUMN)
    inside = [i for i in kept if outputs[order[i]].source in smaller]
    if len(kept) > events // EVENTS_A_COLUMN:
        what = "cases with the rarer outcome" if known.target.kind is EndpointKind.BINARY else "events"
        raise NoTest(f"more than one column for every {EVENTS_A_COLUMN} of {events} {what}")
    if len(kept) == len(inside):
        raise NoTest("no column is left that the smaller model lacks")
    small, large = (log_likelihood(matrix[:, columns], known.target) for columns in (inside, kept))
    try:
        return likelihood_ratio(small, large, len(kept) - len(inside)), len(kept)
    except ValueError as error:
        raise NoTest(str(error)) from error


def _rarer(target: Target) -> int:
    """Events, or for yes/no the rarer of the two outcomes."""
    events = target.n_events or 0
    return min(events, len(target) - events) if target.kind is EndpointKind.BINARY else events
