"""Which rows a reader sees: pure functions from `metrics.json` (docs/store.md) to rows of text.

No row claims a gain that its paired interval does not show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

from outcome.report.entries import Json, ModelEntry, model_entries
from outcome.report.numbers import EN_DASH, count, events_text, format_difference, format_estimate, is_number
from outcome.report.wording import (
    AMOUNT_METRICS,
    amount_unit,
    inputs_words,
    metric_of,
    partition_title,
    partition_words,
    rung_words,
)

NO_COMPARATOR = "no comparator in this study"
OVERVIEW_HEADER = (
    "Cases",
    "Endpoint",
    "Inputs",
    "Events / cases",
    "Measure",
    "Model",
    "Comparator alone",
    "Difference",
    "What this shows",
)


@dataclass(frozen=True)
class OverviewRow:
    """One endpoint with one input set in one partition, as text."""

    cases: str
    endpoint: str
    inputs: str
    events: str
    measure: str
    model: str
    comparator: str
    difference: str
    verdict: str

    def cells(self) -> tuple[str, ...]:
        """The texts in the order of `OVERVIEW_HEADER`, for a terminal table."""
        return astuple(self)


@dataclass(frozen=True)
class MetricRow:
    """One metric as text."""

    label: str
    value: str
    meaning: str


@dataclass(frozen=True)
class SubgroupRow:
    """One subgroup with its primary metric; `estimate` is kept for the forest plot."""

    variable: str
    group: str
    events: str
    value: str
    estimate: Json | None


@dataclass(frozen=True)
class ComparisonRow:
    """A simpler model (a comparator or a rung of the ladder) beside the chosen one."""

    name: str
    value: str
    difference: str
    verdict: str
    estimate: Json | None
    chosen: bool = False


def verdict(difference: Json | None, other: str) -> str:
    """What a paired difference (model minus other) allows to be said; a gain only where the interval excludes zero."""
    if not difference:
        return NO_COMPARATOR if not other else f"not compared with {other}"
    if not is_number(difference.get("value")):
        return f"no comparison with {other}: {difference.get('withheld') or 'no reason was recorded'}"
    low, high = difference.get("low"), difference.get("high")
    if not (is_number(low) and is_number(high)):
        return f"no gain over {other} claimed: the difference has no interval"
    if float(low) > 0:
        return f"ranks better than {other} in these cases"
    if float(high) < 0:
        return f"ranks worse than {other} in these cases"
    return f"no gain over {other} claimed: the interval covers zero"


def overview_rows(metrics: Json) -> list[OverviewRow]:
    """All endpoints by input sets by partitions, each beside the comparator alone; for the report and the terminal."""
    return [_overview_row(entry) for entry in model_entries(metrics)]


def _overview_row(entry: ModelEntry) -> OverviewRow:
    name, comparator = first_comparator(entry.endpoint)
    other = comparator_words(name, comparator)
    difference = (comparator.get("difference") or {}).get(entry.inputs)
    return OverviewRow(
        cases=partition_title(entry.partition_name, entry.partition),
        endpoint=entry.label,
        inputs=inputs_words(entry.inputs),
        events=events_text(entry.endpoint.get("n"), entry.endpoint.get("n_events")),
        measure=metric_of(entry.metric)[1],
        model=primary_text(entry.model.get("metrics"), entry.metric),
        comparator=f"{other}: {primary_text(comparator.get('metrics'), entry.metric)}" if name else NO_COMPARATOR,
        difference=format_difference(difference) if name else EN_DASH,
        verdict=verdict(difference, other),
    )


def first_comparator(endpoint: Json) -> tuple[str, Json]:
    """The comparator that the overview shows; an empty name where the study has none."""
    nothing: tuple[str, Json] = ("", {})
    return next(iter(comparators_of(endpoint).items()), nothing)


def comparators_of(endpoint: Json) -> dict[str, Json]:
    """An endpoint's comparators by name, the study's one number before published scores (files hold them by the
    alphabet); none where the whole part is withheld.
    """
    stored = endpoint.get("comparators") or {}
    found = [(name, comparator) for name, comparator in stored.items() if isinstance(comparator, Mapping)]
    return dict(sorted(found, key=lambda pair: pair[1].get("source") == "published"))


def comparator_words(name: str, comparator: Json) -> str:
    """The comparator's label for readers."""
    return str(comparator.get("label") or name.replace("_", " "))


def primary_text(metrics: Json | None, name: str) -> str:
    """One metric of a set as text."""
    return format_estimate((metrics or {}).get(name), decimals=metric_of(name)[0].decimals)


def metric_rows(metrics: Json | None, names: Sequence[str], endpoint: Json) -> list[MetricRow]:
    """The metrics whose base name is among `names`, in that order, with the unit where they carry one."""
    stored = sorted(metrics or {}, key=lambda name: _place(name, names))
    return [_metric_row(metrics or {}, name, endpoint) for name in stored if name.partition("@")[0] in names]


def _place(name: str, names: Sequence[str]) -> tuple[int, float]:
    """By the metric's place among `names`, then by the day it is measured at."""
    base, _, day = name.partition("@")
    return names.index(base) if base in names else len(names), float(day) if is_number(day) else 0.0


def _metric_row(metrics: Json, name: str, endpoint: Json) -> MetricRow:
    metric, label = metric_of(name)
    unit = amount_unit(endpoint) if name.partition("@")[0] in AMOUNT_METRICS else metric.unit
    return MetricRow(label, format_estimate(metrics[name], decimals=metric.decimals, unit=unit), metric.meaning)


def subgroup_rows(entry: ModelEntry) -> list[SubgroupRow]:
    """The primary metric in each subgroup with its events; a suppressed group keeps its row and says so."""
    counted = is_number(entry.endpoint.get("n_events"))
    return [_subgroup_row(row, entry.metric, counted=counted) for row in entry.model.get("subgroups") or []]


def _subgroup_row(row: Json, metric: str, *, counted: bool) -> SubgroupRow:
    estimate = (row.get("metrics") or {}).get(metric)
    return SubgroupRow(
        variable=str(row.get("label") or row.get("variable", "")).replace("_", " "),
        group=str(row.get("group", "")),
        events=events_text(row.get("n"), row.get("n_events"), counted=counted),
        value=format_estimate(estimate, decimals=metric_of(metric)[0].decimals),
        estimate=estimate,
    )


def comparator_rows(entry: ModelEntry) -> list[ComparisonRow]:
    """Each comparator alone, with the model's paired difference from it."""
    rows = []
    for name, comparator in comparators_of(entry.endpoint).items():
        other = comparator_words(name, comparator)
        difference = (comparator.get("difference") or {}).get(entry.inputs)
        reason = {entry.metric: {"value": None, "withheld": comparator.get("withheld")}}
        metrics = reason if comparator.get("withheld") else comparator.get("metrics")
        rows.append(_comparison(other, metrics, difference, entry.metric))
    return rows


def ladder_rows(entry: ModelEntry) -> list[ComparisonRow]:
    """Every rung with the chosen model's paired difference from it; the chosen rung is marked, not compared."""
    rows = []
    for rung in entry.model.get("ladder") or []:
        chosen = rung.get("rung") == entry.model.get("rung")
        row = _comparison(
            rung_words(str(rung.get("rung"))), rung.get("metrics"), rung.get("difference"), entry.metric, chosen=chosen
        )
        rows.append(row)
    return rows


def _comparison(
    name: str, metrics: Json | None, difference: Json | None, metric: str, *, chosen: bool = False
) -> ComparisonRow:
    return ComparisonRow(
        name=name,
        value=primary_text(metrics, metric),
        difference="chosen" if chosen and not difference else format_difference(difference),
        verdict="the rung of the final model" if chosen else verdict(difference, name),
        estimate=(metrics or {}).get(metric),
        chosen=chosen,
    )


def withheld_rows(metrics: Json) -> list[tuple[str, str]]:
    """(where, reason) for every primary number that is not given, each pair once."""
    found: dict[tuple[str, str], None] = {}
    for entry in model_entries(metrics):
        reason = ((entry.model.get("metrics") or {}).get(entry.metric) or {}).get("withheld")
        if reason:
            where = f"{entry.label}, {inputs_words(entry.inputs)} inputs, {partition_words(entry.partition)}"
            found[(where, str(reason))] = None
    return list(found)


def flow_rows(flow: Sequence[Json]) -> list[tuple[str, str, str, str]]:
    """Participant flow: step, reason, cases left, cases taken out."""
    return [
        (str(s.get("step", "")), str(s.get("reason", "")), count(s.get("n_left")), count(s.get("n_excluded")))
        for s in flow
    ]


def finding_rows(findings: Sequence[Json]) -> list[tuple[str, str, str, str]]:
    """Findings with the gravest first: level, code, message, number of cases named."""
    order = {"reject": 0, "review": 1, "note": 2}
    ranked = sorted(findings, key=lambda f: (order.get(str(f.get("level")), 3), str(f.get("code"))))
    return [
        (str(f.get("level")), str(f.get("code")).replace("_", " "), str(f.get("message")), _named(f)) for f in ranked
    ]


def _named(finding: Json) -> str:
    cases = finding.get("case_ids") or []
    return str(len(cases)) if cases else "whole study"
