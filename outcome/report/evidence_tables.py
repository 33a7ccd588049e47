"""Rows of the parts of `metrics.json` that answer further questions of one model: sites, instability, coverage, gaps.

Each function turns one part (docs/store.md) into pieces of a page; `part_pieces` looks after empty and withheld parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from outcome.report.entries import Json, ModelEntry
from outcome.report.evidence_figures import instability_svg, risk_groups_svg, sites_svg
from outcome.report.numbers import (
    EN_DASH,
    count,
    events_text,
    format_difference,
    format_estimate,
    format_number,
    is_number,
    per_100,
)
from outcome.report.pieces import Drawing, Pieces, Table, Words
from outcome.report.wording import metric_of


def part_pieces(part: Json | None, content: Callable[[Json], Pieces]) -> Pieces:
    """A part's pieces by `content`; its reason where it is withheld, nothing where there is none."""
    if not part:
        return ()
    if part.get("withheld"):
        return (Words(f"Withheld: {part['withheld']}."),)
    return content(part)


def metric_text(name: str, estimate: Json | None) -> str:
    """An estimate with the decimals of its metric."""
    return format_estimate(estimate, decimals=metric_of(name)[0].decimals)


def number_text(value: object, decimals: int = 2) -> str:
    """A plain number, or a dash."""
    return format_number(float(value), decimals) if is_number(value) else EN_DASH


def p_text(value: object) -> str:
    """A p-value: "<0.001", else three decimals; a dash where none was computed."""
    if not is_number(value):
        return EN_DASH
    return "<0.001" if float(value) < 0.001 else format_number(float(value), 3)


def metric_names(rows: Iterable[Json], primary: str = "") -> list[str]:
    """The metrics that stand in any of the rows, the primary one first."""
    found = dict.fromkeys(name for row in rows for name in row.get("metrics") or {})
    return sorted(found, key=lambda name: (name != primary, list(found).index(name)))


def _group_table(caption: str, first: str, key: str, rows: Sequence[Json], entry: ModelEntry) -> Table:
    """One row a group with its events and each of its metrics."""
    names, counted = metric_names(rows, entry.metric), is_number(entry.endpoint.get("n_events"))
    header = (first, "Events / cases", *(metric_of(name)[1] for name in names))
    body = tuple(
        (
            str(row.get(key, "")),
            events_text(row.get("n"), row.get("n_events"), counted=counted),
            *(metric_text(name, (row.get("metrics") or {}).get(name)) for name in names),
        )
        for row in rows
    )
    return Table(header, body, caption)


def sites_pieces(part: Json, entry: ModelEntry, title: str) -> Pieces:
    """Each site, and what they have in common: pooled estimate and where a new site's value is expected."""
    rows, pooled = part.get("rows") or [], part.get("pooled") or []
    figure = sites_svg(rows, pooled, entry.metric, title)
    table = _group_table("Each site", "Site", "site", rows, entry)
    drawn = Drawing(figure, "Squares: sites. Diamond: pooled. Thin line: where a new site is expected.")
    return (Words(str(part.get("words") or "")), drawn, table, _pooled_table(pooled))


def held_out_pieces(part: Json, entry: ModelEntry, title: str) -> Pieces:
    """The same of sites held out in turn, and the model behind each: its rung, or why there is none."""
    rows = part.get("rows") or []
    header = ("Site held out", "Cases learned from", "Rung chosen")
    body = tuple(
        (str(row.get("site", "")), count(row.get("n_training")), str(row.get("rung") or row.get("skipped")))
        for row in rows
    )
    return (*sites_pieces(part, entry, title), Table(header, body, "The models of the other sites"))


def _pooled_table(pooled: Sequence[Json]) -> Table:
    header = ("Measure", "Pooled (interval)", "Prediction interval for a new site", "tau²", "I²", "Method")
    return Table(
        header,
        tuple(
            (
                metric_of(str(row.get("metric")))[1],
                metric_text(str(row.get("metric")), row.get("estimate")),
                _interval_text(row.get("prediction")),
                number_text(row.get("tau2"), 3),
                number_text(row.get("i2")),
                str(row.get("method") or EN_DASH),
            )
            for row in pooled
        ),
        "Over all sites (random effects)",
    )


def _interval_text(estimate: Json | None) -> str:
    """Only the interval, for a prediction has no better middle than the pooled value beside it."""
    low, high = ((estimate or {}).get(end) for end in ("low", "high"))
    if is_number(low) and is_number(high):
        return f"{format_number(low)} to {format_number(high)}"
    return format_estimate(estimate)


def instability_pieces(part: Json, title: str) -> Pieces:
    """How far a case's risk moves when the model is made again from other samples of the development cases."""
    quantiles = "; ".join(
        f"{round(100 * float(share))} % of cases move less than {number_text(value, 3)}"
        for share, value in (part.get("quantiles") or {}).items()
    )
    mean = number_text(part.get("mean_absolute_difference"), 3)
    figure = instability_svg(part.get("points") or [], title)
    caption = "Each line: the spread of one case's risk over the refitted models, at the risk of the model itself."
    return (
        Words(str(part.get("words") or "")),
        Words(f"{count(part.get('refits'))} refits; mean absolute difference of risk {mean}. {quantiles}."),
        Drawing(figure, caption, repeats=False),
    )


def missing_pieces(part: Json, entry: ModelEntry) -> Pieces:
    """The numbers among cases with and without the data that are often missing."""
    return (Words(str(part.get("words") or "")), _group_table("", "Cases", "group", part.get("rows") or [], entry))


def information_pieces(part: Json, entry: ModelEntry) -> Pieces:
    """How many cases are told no number, and the numbers above and below the level."""
    few = count(part.get("n_below")) if part.get("n_below") is not None else "Few"
    told = f"{few} of {count(part.get('n'))} cases lie below {per_100(part['level'])} % of what the model reads."
    return (Words(told), *missing_pieces(part, entry))


def precision_pieces(part: Json) -> Pieces:
    """How many cases would give intervals as narrow as wanted, and how wide they are here."""
    header = ("Measure", "Cases needed", "Width wanted", "Width here")
    rows = tuple(
        (
            metric_of(str(row.get("metric")))[1],
            count(row.get("n_needed")),
            number_text(row.get("width_wanted"), 3),
            number_text(row.get("width_here"), 3),
        )
        for row in part.get("criteria") or []
    )
    return (Words(str(part.get("words") or "")), Table(header, rows))


def risk_group_pieces(part: Json, title: str) -> Pieces:
    """What happened in each risk group; the cuts were set before these cases were looked at."""
    groups = part.get("groups") or []
    rows = tuple(
        (
            _range(group),
            events_text(group.get("n"), group.get("n_events"), counted=True),
            number_text(group.get("mean_risk")),
            format_estimate(group.get("observed")),
        )
        for group in groups
    )
    figure = risk_groups_svg(groups, title)
    return (
        Words(f"Cut points: {part.get('provenance') or 'provenance not recorded'}."),
        Table(("Risk", "Events / cases", "Mean predicted risk", "Observed share (interval)"), rows),
        Drawing(figure, "Share with the event in each risk group; dots: what was predicted."),
    )


def _range(group: Json) -> str:
    low, high = group.get("lower"), group.get("upper")
    if not is_number(low):
        return f"below {number_text(high)}" if is_number(high) else "all"
    return f"{number_text(low)} to {number_text(high)}" if is_number(high) else f"{number_text(low)} or more"


def readers_pieces(part: Json, inputs: str) -> Pieces:
    """The model beside clinicians on the same cases: in ranking, in net benefit, and what each adds to the other."""
    model = (part.get("models") or {}).get(inputs) or {}
    by_reader = {row.get("name"): row for row in model.get("by_reader") or []}
    readers = tuple(_reader_row(reader, by_reader) for reader in part.get("readers") or [])
    difference = format_difference(model.get("difference"))
    mean = f"Model minus the readers' mean: {difference}, p {p_text(model.get('p_value'))}"
    kind = "as drawn from all such readers" if part.get("readers_are") == "random" else "as these readers alone"
    header = ("Reader", "Cases", "AUC (ROC)", "Model minus reader", "p")
    return (
        Table(header, readers),
        Words(f"{mean}; readers taken {kind}.") if model else Words(""),
        _benefit_table(model.get("net_benefit") or []),
        *(_added(model.get(name), words) for name, words in _ADDED.items()),
    )


_ADDED: Mapping[str, str] = {
    "model_adds": "What the model adds to the readers' judgement",
    "readers_add": "What the readers' judgement adds to the model",
}


def _reader_row(reader: Json, by_reader: Mapping[Any, Json]) -> tuple[str, ...]:
    beside = by_reader.get(reader.get("name")) or {}
    return (
        str(reader.get("label") or reader.get("name")),
        count(reader.get("n")),
        format_estimate(reader.get("auroc")),
        format_difference(beside.get("difference")),
        p_text(beside.get("p_value")),
    )


def _benefit_table(rows: Sequence[Json]) -> Table:
    cells = tuple(
        (
            number_text(row.get("threshold")),
            str(reader.get("name")),
            format_estimate(row.get("model"), decimals=3),
            format_estimate(reader.get("net_benefit"), decimals=3),
            format_difference(reader.get("difference")),
        )
        for row in rows
        for reader in row.get("readers") or []
    )
    return Table(("Threshold", "Reader", "Model", "Reader alone", "Difference"), cells, "Net benefit")


def _added(part: Json | None, words: str) -> Words:
    if not part:
        return Words("")
    return Words(f"{words}: AUC {format_difference(part.get('auroc_change'))}, p {p_text(part.get('p_value'))}.")
