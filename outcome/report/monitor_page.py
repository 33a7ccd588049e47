"""What changed since the model was made, and what to do: the page of `outcome monitor`. It loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from outcome.report.contents import Contents, Section
from outcome.report.pieces import Detail, Drawing, Group, Items, Piece, Table, Words
from outcome.report.svg import BLUE, GREEN, GRID, INK, MUTED, ORANGE, SKY, VERMILION, house_style, to_svg
from outcome.report.wording import BANNER

Json = Mapping[str, Any]
ROWS = Detail(rows=200)
_COLOURS = (BLUE, ORANGE, GREEN, VERMILION, SKY, INK)
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
_QUIET = (
    "No alarm. Silence is no proof: small or recent changes need more cases, and what is not judged may have changed."
)


def render_monitor(document: Json, checks: pd.DataFrame, timeline: pd.DataFrame, warnings: pd.DataFrame) -> str:
    """One self-contained HTML page from monitor.json and its tables (docs/monitor.md)."""
    contents = Contents.of(_sections(document, checks, timeline, warnings), ROWS)
    environment = Environment(
        loader=PackageLoader("outcome.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("monitor.html.j2").render(
        banner=BANNER, title=str(document["title"]), study=str(document["study"]), bundle=str(document["bundle_id"]),
        sections=contents.sections,
    )  # fmt: skip


def _sections(
    document: Json, checks: pd.DataFrame, timeline: pd.DataFrame, warnings: pd.DataFrame
) -> Iterator[Section]:
    yield Section("In plain words", "verdict", tuple(_verdict(document)))
    yield Section("Alarms", "alarms", tuple(_alarms(document)))
    yield Section("Over time", "time", tuple(_over_time(document, timeline)))
    yield Section("Cases unlike the training cases", "cases", (_warned(warnings),))
    yield Section("Not judged", "not-judged", (_not_judged(checks),))
    yield Section("Every check", "checks", (_every(checks),))
    yield Section("What is promised", "promise", (Words(str(document["guarantee"]) + "."),))


def _verdict(document: Json) -> Iterator[Piece]:
    told = document["checks"]
    development = document["development"]
    yield Words(
        f"{document['cases']} cases against the {development['n']} training cases of {development['study']}: "
        f"{told['alarm']} of {document['n_checks']} checks alarm, {told['not judged']} are not judged. "
        f"{document['cases_warned_of']} case(s) are warned of one by one."
    )
    yield Words(f"Cases stand {document['order']}.", muted=True)
    if not document["alarms"]:
        yield Words(_QUIET)


def _alarms(document: Json) -> Iterator[Piece]:
    for alarm in document["alarms"]:
        since = alarm["since_date"] or f"case {alarm['since_case']}"
        raised = f" ({alarm['raised_on']})" if alarm["raised_on"] else ""
        yield Group(
            str(alarm["what"]),
            (
                Items(
                    (
                        f"Since: about {since}; raised after {alarm['raised_after_cases']} cases{raised}, "
                        f"{alarm['cases_since']} of them since then",
                        f"How strong: evidence 10^{alarm['log10_evidence']:.1f}; an alarm needs "
                        f"10^{document['log10_threshold']:.1f}",
                        *([f"Seen: {alarm['seen']}"] if alarm["seen"] else []),
                        f"Next: {alarm['next_step']}",
                    )
                ),
            ),
        )


def _over_time(document: Json, timeline: pd.DataFrame) -> Iterator[Piece]:
    if timeline["period"].nunique() < 2:
        return
    told = timeline.sort_values("log10_evidence", ascending=False)
    strongest = told.drop_duplicates(["check", "name"])[["check", "name"]].head(len(_COLOURS))
    caption = (
        f"The strongest evidence by the end of each period; the dashed line is the threshold ({len(strongest)} checks)"
    )
    yield Drawing(_figure(document, timeline, strongest), caption)
    alarmed = {(alarm["check"], alarm["name"]) for alarm in document["alarms"]}
    rows = [
        (str(row.period), str(row.check), str(row.name_), str(row.cases), f"{row.log10_evidence:.1f}")
        for row in timeline.rename(columns={"name": "name_"}).itertuples()
        if (row.check, row.name_) in alarmed
    ]
    yield Table(("Period", "Check", "Of", "Cases so far", "Evidence, log10"), tuple(rows), "Checks that alarm")


def _figure(document: Json, timeline: pd.DataFrame, strongest: pd.DataFrame) -> str:
    periods = list(document["periods"])
    with house_style():
        figure = Figure(figsize=(6.6, 3.4), layout="constrained")
        axes = figure.subplots()
        for (check, name), colour, dash in zip(strongest.itertuples(index=False), _COLOURS, _DASHES, strict=False):
            rows = timeline[(timeline["check"] == check) & (timeline["name"] == name)]
            places = [periods.index(period) for period in rows["period"]]
            label = f"{check}: {name}"[:58]
            axes.plot(
                places, rows["log10_evidence"], color=colour, linestyle=dash, marker="o", markersize=3, label=label
            )
        axes.axhline(document["log10_threshold"], color=MUTED, linestyle="--", linewidth=1)
        shown = range(0, len(periods), max(1, len(periods) // 8))
        axes.set_xticks(list(shown), [periods[place] for place in shown])
        axes.set(ylabel="evidence, log10")
        axes.grid(color=GRID, linewidth=0.6)
        axes.legend(frameon=False, fontsize=7)
    return to_svg(figure, "Evidence of change over time")


def _warned(warnings: pd.DataFrame) -> Piece:
    told = warnings.fillna("")
    rows = [(str(row.case_id), str(row.code).replace("_", " "), str(row.message)) for row in told.itertuples()]
    return Table(("Case", "Warning", "What"), tuple(rows), "Each case by itself; see warnings.parquet for all")


def _not_judged(checks: pd.DataFrame) -> Piece:
    rows = checks[checks["status"] == "not judged"]
    return Table(
        ("Check", "Of", "Why"),
        tuple((str(row.check), str(row.label), str(row.why_not)) for row in rows.itertuples()),
        "These may have changed without anybody seeing it",
    )


def _every(checks: pd.DataFrame) -> Piece:
    told = checks.sort_values(["log10_evidence"], ascending=False, kind="stable")
    rows = [
        (str(row.check), str(row.label), str(row.cases), f"{row.log10_evidence:.1f}", str(row.status))
        for row in told.itertuples()
    ]
    marked = frozenset(place for place, row in enumerate(rows) if row[-1] == "alarm")
    return Table(("Check", "Of", "Cases", "Largest evidence, log10", "Status"), tuple(rows), "Strongest first", marked)
