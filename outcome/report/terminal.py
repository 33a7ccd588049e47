"""The overview for a terminal of 80 columns: one small table a partition, the same numbers as in the report."""

from __future__ import annotations

from dataclasses import dataclass

from outcome.report.entries import Json, ModelEntry, model_entries
from outcome.report.numbers import EN_DASH, format_difference, format_estimate, is_number
from outcome.report.tables import first_comparator
from outcome.report.wording import metric_of, partition_title

HEADER = ("endpoint", "inputs", "events/n", "model", "comparator", "difference")
CAPTION = "AUC or C with 95 % interval; * the difference's interval lies off zero. Research use only."
_INPUTS = {"preoperative": "preop", "with_plan": "+ plan"}


@dataclass(frozen=True)
class Summary:
    """One partition's table; `comparator` names what stands in that column."""

    title: str
    comparator: str
    rows: tuple[tuple[str, ...], ...]


def summaries(metrics: Json) -> list[Summary]:
    """One table for each partition of a metrics.json, in its order."""
    tables: dict[str, list[ModelEntry]] = {}
    for entry in model_entries(metrics):
        tables.setdefault(partition_title(entry.partition_name, entry.partition), []).append(entry)
    return [Summary(title, _comparator(rows), tuple(_row(entry) for entry in rows)) for title, rows in tables.items()]


def _comparator(entries: list[ModelEntry]) -> str:
    return next((name for name, _ in (first_comparator(entry.endpoint) for entry in entries) if name), EN_DASH)


def _row(entry: ModelEntry) -> tuple[str, ...]:
    name, comparator = first_comparator(entry.endpoint)
    difference = (comparator.get("difference") or {}).get(entry.inputs)
    return (
        entry.label.partition(" (")[0],
        _INPUTS.get(entry.inputs, entry.inputs),
        _events(entry.endpoint),
        _short((entry.model.get("metrics") or {}).get(entry.metric), entry.metric),
        _short((comparator.get("metrics") or {}).get(entry.metric), entry.metric) if name else EN_DASH,
        _signed(difference) if name else EN_DASH,
    )


def _events(endpoint: Json) -> str:
    n, events = endpoint.get("n"), endpoint.get("n_events")
    return f"{events}/{n}" if is_number(events) else f"{n}"


def _short(estimate: Json | None, metric: str) -> str:
    if not estimate or not is_number(estimate.get("value")):
        return "withheld"
    return format_estimate(estimate, decimals=metric_of(metric)[0].decimals)


def _signed(estimate: Json | None) -> str:
    if not estimate or not is_number(estimate.get("value")):
        return "withheld"
    low, high = estimate.get("low"), estimate.get("high")
    clear = is_number(low) and is_number(high) and (float(low) > 0 or float(high) < 0)
    return format_difference(estimate) + ("*" if clear else "")
