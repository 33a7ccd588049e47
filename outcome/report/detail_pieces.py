"""What a model says beyond one number, beside what happened: grades, quantiles, incidences over time (a figure)."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from outcome.report.entries import Json
from outcome.report.numbers import format_estimate, is_number, per_100
from outcome.report.pieces import Drawing, Group, Pieces, Table, Words
from outcome.report.svg import BLUE, GRID, INK, ORANGE, house_style, to_svg

_CURVES = (
    "Points with bands: the share that had had the event by each day (Aalen-Johansen). Lines: the mean predicted "
    "incidence."
)
_COLOURS = {"event": BLUE, "competing": ORANGE}
_NAMES = {"event": "event", "competing": "competing event"}


def detail_pieces(part: Json, title: str) -> Pieces:
    """A table of grades, the coverage of quantiles and the curves, whichever the part holds."""
    return (
        Words(f"{part.get('words') or ''}."),
        _grades(part.get("grades") or []),
        *_quantiles(part.get("quantiles") or {}),
        Drawing(incidence_svg(part.get("incidence") or [], title), _CURVES, repeats=False),
    )


def _grades(rows: Sequence[Json]) -> Table:
    cells = tuple(
        (
            _grade_name(row),
            format_estimate(row.get("observed"), decimals=0),
            f"{float(row['expected']):.1f}" if is_number(row.get("expected")) else "",
        )
        for row in rows
    )
    return Table(("Grade or worse", "Cases observed (interval)", "Cases expected"), cells)


def _grade_name(row: Json) -> str:
    rank = f"rank {float(row['grade']):g}"
    return f"{row['label']} ({rank})" if row.get("label") else rank


def _quantiles(part: Json) -> Pieces:
    if not part:
        return ()
    promised = f"{per_100(part['high_level'] - part['low_level'])} %"
    span = f"from the {per_100(part['low_level'])} % to the {per_100(part['high_level'])} % quantile"
    held = Words(f"{format_estimate(part.get('coverage'))} of the cases lie {span}; {promised} were promised.")
    rows = tuple((f"{per_100(row['level'])} %", format_estimate(row.get("below"))) for row in part.get("rows") or [])
    return (held, Group("Each quantile", (Table(("Quantile", "Share of cases at or below it (interval)"), rows),)))


def incidence_svg(rows: Sequence[Json], title: str) -> str | None:
    """Observed and mean predicted incidence of each cause over time; None without rows."""
    if not rows:
        return None
    with house_style():
        figure = Figure(figsize=(4.8, 3.2), layout="constrained")
        axes = figure.subplots()
        for cause in dict.fromkeys(str(row["cause"]) for row in rows):
            _draw(axes, [row for row in rows if row["cause"] == cause], cause)
        axes.set(xlabel="days", ylabel="share with the event", xlim=(0, None), ylim=(0, None))
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    return to_svg(figure, title)


def _draw(axes: Axes, rows: Sequence[Json], cause: str) -> None:
    colour, name = _COLOURS.get(cause, INK), _NAMES.get(cause, cause)
    seen = [(float(row["days"]), row["observed"]) for row in rows if is_number(row["observed"].get("value"))]
    values = [float(estimate["value"]) for _, estimate in seen]
    axes.plot([day for day, _ in seen], values, "o", markersize=3, color=colour, label=f"{name}, observed")
    banded = [(day, e) for day, e in seen if is_number(e.get("low")) and is_number(e.get("high"))]
    days = [day for day, _ in banded]
    low, high = ([float(estimate[end]) for _, estimate in banded] for end in ("low", "high"))
    axes.fill_between(days, low, high, color=colour, alpha=0.12, linewidth=0)
    said = [(float(row["days"]), float(row["predicted"])) for row in rows if is_number(row.get("predicted"))]
    line = [0.0, *(day for day, _ in said)], [0.0, *(mean for _, mean in said)]
    axes.plot(*line, color=colour, label=f"{name}, predicted")
