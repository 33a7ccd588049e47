"""Everything that is asked about the subgroups of one endpoint, ready to be written down.

Who is told at all (`suppression`), what differs (`interaction`), what would have been seen (`gap`), what to believe of
small groups (`partial_pooling`), and what a threshold does to each (`fairness`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from outcome.evaluation.event_rate import outcomes_of
from outcome.evaluation.kinds import KINDS, Metrics
from outcome.evaluation.sample import Sample
from outcome.evaluation.subgroups.fairness import fairness
from outcome.evaluation.subgroups.gap import gap_to_rest
from outcome.evaluation.subgroups.groups import Group, Labels, Pair, subgroup_row, subgroups_of
from outcome.evaluation.subgroups.interaction import (
    InteractionTest,
    adjusted,
    calibration_by_group,
    calibration_by_group_t,
    heterogeneity,
)
from outcome.evaluation.subgroups.metrics import ComparedMetric, compared_metrics
from outcome.evaluation.subgroups.partial_pooling import shrink
from outcome.evaluation.subgroups.suppression import SMALL_CELL
from outcome.types import BoolArray, EndpointKind, Estimate

CALIBRATION = "calibration"
FAMILY = (
    "p-values are adjusted for all interaction tests of this endpoint together, over variables and questions: Holm "
    "(no false alarm at all) and Benjamini-Hochberg (share of false alarms)"
)
WITHOUT_THRESHOLD = "the bundle names no threshold for this endpoint"
WITHOUT_RISK = "there is no risk to which a threshold applies"

Measure = Callable[[Sample], Metrics]
Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class SubgroupSection:
    """`rows` as `subgroups.subgroup_rows`; `analysis` is JSON (docs/store.md), None without groups."""

    rows: tuple[Mapping[str, Any], ...]
    analysis: Json | None


@dataclass(frozen=True, eq=False)
class _Variable:
    """One variable, or crossed pair, with those of its groups of which everything may be told."""

    name: str
    sample: Sample
    groups: tuple[Group, ...]

    def estimates(self, metric: ComparedMetric, least: int) -> dict[str, Estimate]:
        return {group.label: metric.measure(self.sample.take(group.members), least) for group in self.groups}

    @property
    def shown(self) -> BoolArray:
        members = [group.members for group in self.groups]
        return np.any(members, axis=0) if members else np.zeros(self.sample.n, dtype=bool)

    @property
    def labels(self) -> np.ndarray:
        """The label of each shown case, in order."""
        found = np.full(self.sample.n, "", dtype=object)
        for group in self.groups:
            found[group.members] = group.label
        return found[self.shown]


def subgroup_section(
    sample: Sample, groups: Labels, measure: Measure, *, pairs: Sequence[Pair] = ()
) -> SubgroupSection:
    """Whom does this prediction serve worse, as far as these cases can tell?

    `groups` maps a column's name to n labels of the sample's cases; `measure` gives every metric of a sample; `pairs`
    names the columns to cross. Only groups that may be told are tested, compared and pooled. Raises DataRefusal for
    pairs of unknown columns.
    """
    found = subgroups_of(groups, told_outcomes(sample), pairs=pairs)
    names = KINDS[sample.target.kind].names(sample)
    is_event = _is_event(sample)
    rows = tuple(subgroup_row(group, is_event, lambda m: measure(sample.take(m)), names) for group in found)
    if not found:
        return SubgroupSection(rows, None)
    variables = [
        _Variable(name, sample, tuple(group for group in members if group.tells_outcome))
        for name, members in groupby(found, key=lambda group: group.variable)
    ]
    analysis = {
        "interaction_tests": _interactions(variables),
        "family": FAMILY,
        "gaps": [gap for variable in variables for gap in _gaps(variable)],
        "partial_pooling": [row for variable in variables for row in _pooled(variable)],
        "fairness": [{"variable": variable.name, **_fairness(variable)} for variable in variables],
    }
    return SubgroupSection(rows, analysis)


def _interactions(variables: Sequence[_Variable]) -> list[Json]:
    asked = [(variable.name, *question) for variable in variables for question in _questions(variable)]
    tests = adjusted([test for _, _, test in asked])
    return [
        {"variable": variable, "metric": metric, **test.to_json()}
        for (variable, metric, _), test in zip(asked, tests, strict=True)
    ]


def _questions(variable: _Variable) -> Iterator[tuple[str, InteractionTest]]:
    least = variable.sample.settings.min_events
    for metric in compared_metrics(variable.sample):
        if metric.tested:
            yield metric.name, heterogeneity(variable.estimates(metric, least), metric.scale)
    test = _calibration(variable, least)
    if test is not None:
        yield CALIBRATION, test


def _calibration(variable: _Variable, least: int) -> InteractionTest | None:
    """None where calibration has no meaning: scores that are no risks, measured values."""
    cases, horizon_days = variable.sample.take(variable.shown), variable.sample.settings.horizon_days
    target = cases.target
    if cases.risk is None:
        return None
    if target.kind is EndpointKind.BINARY:
        return calibration_by_group(target.value, cases.risk, variable.labels, min_events=least)
    if target.kind is not EndpointKind.TIME_TO_EVENT or horizon_days is None:
        return None
    return calibration_by_group_t(
        target.time_days, target.event, cases.risk, horizon_days, variable.labels, min_events=least
    )


def _gaps(variable: _Variable) -> Iterator[Json]:
    sample = variable.sample
    least, level = sample.settings.min_events, sample.settings.level
    for group in variable.groups:
        own, rest = sample.take(group.members), sample.take(~group.members)
        for metric in compared_metrics(sample):
            pair = metric.measure(own, least), metric.measure(rest, least)
            gap = gap_to_rest(*pair, metric=metric.words, scale=metric.gap_scale, level=level)
            where = {"variable": variable.name, "group": group.label, "metric": metric.name}
            yield {**where, "scale": metric.gap_scale, **gap.to_json()}


def _pooled(variable: _Variable) -> Iterator[Json]:
    """Groups too small for an estimate of their own take part too: drawing them in is what pooling is for."""
    level = variable.sample.settings.level
    least = min(SMALL_CELL, variable.sample.settings.min_events)
    for metric in compared_metrics(variable.sample):
        if metric.tested:
            for label, found in shrink(variable.estimates(metric, least), metric.scale, level=level).items():
                where = {"variable": variable.name, "group": label, "metric": metric.name}
                numbers = {"estimate": found.estimate.to_json(), "common": found.common, "kept": found.kept}
                yield {**where, **numbers}


def _fairness(variable: _Variable) -> Json:
    sample = variable.sample
    outcome, threshold = outcomes_of(sample.target, sample.settings.horizon_days), sample.settings.threshold
    if sample.risk is None or outcome is None or threshold is None:
        reason = WITHOUT_RISK if sample.risk is None or outcome is None else WITHOUT_THRESHOLD
        return {"withheld": reason}
    members = {group.label: group.members for group in variable.groups}
    found = fairness(outcome, sample.risk, members, threshold, level=sample.settings.level)
    return {"withheld": None, **found.to_json()}


def _is_event(sample: Sample) -> BoolArray | None:
    target = sample.target
    if target.kind is EndpointKind.BINARY:
        return np.asarray(target.value == 1)
    return np.asarray(target.event == 1) if target.kind is EndpointKind.TIME_TO_EVENT else None


def told_outcomes(sample: Sample) -> tuple[BoolArray, ...]:
    """What is counted in public: events, and events by the horizon where metrics at it have a count of their own."""
    is_event, status = _is_event(sample), sample.status()
    if is_event is None:
        return ()
    return (is_event,) if status is None or sample.target.kind is EndpointKind.BINARY else (is_event, status[0])
