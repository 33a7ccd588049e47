"""The development cases ranked within outer folds, and how far the number moves with other folds."""

from __future__ import annotations

from outcome.report.entries import Json, ModelEntry
from outcome.report.evidence_tables import metric_text, number_text, part_pieces
from outcome.report.numbers import EN_DASH, count, format_difference
from outcome.report.pieces import Pieces, Table, Words
from outcome.report.tables import comparator_words
from outcome.report.wording import metric_of, rung_words

CHOICE = "the chosen model of each fold"


def within_folds_pieces(entry: ModelEntry) -> Pieces:
    """A row a model and comparator, one sentence why, and a line about further partitions where there were some."""
    repeats = entry.model.get("outer_repeats") or {}
    told = (Words(repeats_words(repeats)), Words(str(repeats["words"]) + ".", muted=True)) if repeats else ()
    return (*part_pieces(entry.model.get("within_folds"), lambda part: _ranked(part, entry)), *told)


def _ranked(part: Json, entry: ModelEntry) -> Pieces:
    metric = str(part.get("metric") or entry.metric)
    header = ("Model", f"{metric_of(metric)[1]}, mean over folds (interval)", "Chosen minus this one", "Folds")
    rows = tuple(_row(row, metric, entry) for row in part.get("rows") or [])
    chosen = frozenset(place for place, row in enumerate(part.get("rows") or []) if row.get("kind") == "chosen")
    return (Table(header, rows, marked=chosen), Words(f"{part.get('words') or ''}.", muted=True))


def _row(row: Json, metric: str, entry: ModelEntry) -> tuple[str, ...]:
    left_out = row.get("left_out")
    difference = row.get("difference")
    return (
        _name(row, entry),
        metric_text(metric, row.get("estimate")),
        EN_DASH if difference is None else format_difference(difference, decimals=metric_of(metric)[0].decimals),
        f"{count(row.get('folds'))}{f', {count(left_out)} left out' if left_out else ''}",
    )


def _name(row: Json, entry: ModelEntry) -> str:
    name = str(row.get("name"))
    if row.get("kind") == "comparator":
        return comparator_words(name, (entry.endpoint.get("comparators") or {}).get(name) or {})
    return CHOICE if row.get("kind") == "chosen" else rung_words(name)


def repeats_words(part: Json) -> str:
    """How the metric moved over the partitions, pooled and within folds, and which rungs were chosen how often."""
    metric = str(part.get("metric"))
    picks = part.get("chosen_in_outer_folds") or {}
    chosen = ", ".join(f"{rung_words(str(name))} in {count(n)}" for name, n in picks.items())
    ranked = "; ".join(
        f"{how} {_spread(part.get(key), metric)}"
        for how, key in (("pooled", "pooled"), ("within folds", "within_folds"))
    )
    partitions = f"Over {len(part.get('rows') or [])} partitions into outer folds"
    return f"{partitions}, {metric_of(metric)[1]} was {ranked}. Chosen in their outer folds: {chosen or 'none'}."


def _spread(spread: Json | None, metric: str) -> str:
    if not spread:
        return "not to be had"
    decimals = metric_of(metric)[0].decimals + 1
    mean, smallest, largest = (number_text(spread.get(name), decimals) for name in ("mean", "smallest", "largest"))
    return f"{mean} on average, {smallest} to {largest}"
