"""What the report's figures show: calibration, decisions, subgroups, the ladder and the participant flow, as SVG text.

Colour never carries a meaning alone: lines differ in dash and marks in shape too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from outcome.report.numbers import is_number
from outcome.report.svg import BLUE, GRID, INK, MUTED, ORANGE, house_style, to_svg
from outcome.report.tables import ComparisonRow, SubgroupRow

Json = Mapping[str, Any]
MAX_GROUPS = 40
_ROW_INCHES = 0.26


def calibration_svg(curve: Json | None, histogram: Json | None, title: str) -> str | None:
    """Observed against predicted risk with its band, above a histogram of the risks; None where there is neither.

    `curve`: `risk` and `observed` (probabilities), `low` and `high` where a band exists, `kind` "spline" or "groups".
    `histogram`: `edges` (k + 1 probabilities), `events` and `non_events` (k counts).
    """
    if not (curve or histogram):
        return None
    with house_style():
        figure = Figure(figsize=(4.4, 4.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        _draw_curve(upper, curve or {})
        _draw_histogram(lower, histogram or {})
    return to_svg(figure, title)


def _draw_curve(axes: Axes, curve: Json) -> None:
    risk, observed = _numbers(curve, "risk"), _numbers(curve, "observed")
    low, high = _numbers(curve, "low"), _numbers(curve, "high")
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle=(0, (4, 3)), linewidth=1, label="perfect agreement")
    banded = bool(len(risk)) and len(low) == len(high) == len(risk)
    if curve.get("kind") == "groups":
        reach = np.array([observed - low, high - observed]).clip(0) if banded else None
        axes.errorbar(
            risk, observed, reach, fmt="o", color=BLUE, markersize=4, linewidth=1.2, label="risk groups, 95 %"
        )
    else:
        if banded:
            axes.fill_between(risk, low, high, color=BLUE, alpha=0.18, linewidth=0, label="95 % band")
        axes.plot(risk, observed, color=BLUE, linewidth=1.8, label="observed")
    if not len(risk):
        axes.text(0.5, 0.5, "no curve was given", ha="center", va="center", color=MUTED)
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="observed share of events")
    axes.grid(color=GRID, linewidth=0.6)
    axes.legend(frameon=False, loc="upper left", fontsize=8)


def decision_svg(curve: Json | None, title: str) -> str | None:
    """Net benefit of acting on the risk by threshold, beside acting on all and on none; None where there is none.

    `curve`: `threshold`, `model`, `low`, `high` and `treat_all`, as `utility.decision_lines` gives them.
    """
    if not curve:
        return None
    threshold, model, everybody = (_numbers(curve, key) for key in ("threshold", "model", "treat_all"))
    low, high = _numbers(curve, "low"), _numbers(curve, "high")
    acted = threshold[np.isfinite(low)]  # past the highest risk nobody is treated, and there is no interval
    if not len(acted):
        return None
    with house_style():
        figure = Figure(figsize=(4.4, 3.2), layout="constrained")
        axes = figure.subplots()
        axes.fill_between(threshold, low, high, color=BLUE, alpha=0.18, linewidth=0, label="95 % band")
        axes.plot(threshold, model, color=BLUE, linewidth=1.8, label="act on the risk")
        axes.plot(threshold, everybody, color=ORANGE, linewidth=1.4, linestyle=(0, (5, 2)), label="act on all")
        axes.axhline(0, color=MUTED, linewidth=1, linestyle=(0, (1, 2)), label="act on nobody")
        top = float(np.nanmax(np.concatenate([model, everybody[:1]])))
        axes.set(xlim=(0, min(1.0, acted[-1] + 0.05)), ylim=(-0.3 * top - 0.01, 1.15 * top + 0.01))
        axes.set(xlabel="threshold: act at this risk or above", ylabel="net benefit, per patient")
        axes.grid(color=GRID, linewidth=0.6)
        axes.legend(frameon=False, loc="upper right", fontsize=8)
    return to_svg(figure, title)


def _draw_histogram(axes: Axes, histogram: Json) -> None:
    edges = _numbers(histogram, "edges")
    events, others = _numbers(histogram, "events"), _numbers(histogram, "non_events")
    axes.set(xlabel="predicted risk (probability)", ylabel="cases")
    if len(edges) != len(events) + 1 or not len(events):
        return
    axes.bar(edges[:-1], events, np.diff(edges), align="edge", color=ORANGE, label="with event (up)")
    axes.bar(edges[:-1], -others, np.diff(edges), align="edge", color=BLUE, alpha=0.6, label="without (down)")
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    axes.legend(frameon=False, loc="lower right", fontsize=7.5, ncols=2)


def _numbers(source: Json, key: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([np.nan if v is None else float(v) for v in source.get(key) or []], dtype=float)


def forest_svg(rows: Sequence[SubgroupRow], overall: Json | None, null: float | None, title: str) -> str | None:
    """The primary metric with its interval in each subgroup; a dotted line at the overall value.

    A withheld group keeps its line and says so. None where no group has a number. Of more than `MAX_GROUPS` groups the
    first are drawn; the table beside the figure has all.
    """
    if not any(_given(row.estimate) for row in rows):
        return None
    rows = rows[:MAX_GROUPS]
    labels = [f"{row.variable}: {row.group}  ({row.events})" for row in rows]
    lines = {"overall": overall["value"]} if _given(overall) and overall else {}
    return _intervals_svg(labels, [row.estimate for row in rows], lines, null, title)


def ladder_svg(rows: Sequence[ComparisonRow], null: float | None, title: str) -> str | None:
    """The primary metric of every rung with its interval, the chosen one named; None where no rung has a number."""
    if not any(_given(row.estimate) for row in rows):
        return None
    labels = [f"{row.name}{'  (chosen)' if row.chosen else ''}" for row in rows]
    return _intervals_svg(labels, [row.estimate for row in rows], {}, null, title)


def steps_svg(labels: Sequence[str], differences: Sequence[Json | None], title: str) -> str | None:
    """A paired difference with its interval a row, and a line at zero; None where no difference has a number."""
    if not any(_given(difference) for difference in differences):
        return None
    return _intervals_svg(labels, differences, {}, 0.0, title)


def _given(estimate: Json | None) -> bool:
    return bool(estimate) and is_number((estimate or {}).get("value"))


def _intervals_svg(
    labels: Sequence[str], estimates: Sequence[Json | None], lines: Mapping[str, float], null: float | None, title: str
) -> str:
    with house_style():
        figure = Figure(figsize=(6.4, 0.75 + _ROW_INCHES * len(labels)), layout="constrained")
        axes = figure.subplots()
        if null is not None:
            axes.axvline(null, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
        for value in lines.values():
            axes.axvline(value, color=BLUE, linestyle=":", linewidth=1)
        for row, estimate in enumerate(estimates):
            _draw_interval(axes, row, estimate)
        axes.set_yticks(range(len(labels)), [textwrap.shorten(label, 56, placeholder="…") for label in labels])
        axes.set(ylim=(len(labels) - 0.4, -0.6), xlabel=title.split(":")[0])
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
    return to_svg(figure, title)


def _draw_interval(axes: Axes, row: int, estimate: Json | None) -> None:
    if not _given(estimate) or estimate is None:
        axes.text(
            0.01,
            row,
            "withheld",
            transform=axes.get_yaxis_transform(),
            va="center",
            color=MUTED,
            backgroundcolor="white",
        )
        return
    low, high = estimate.get("low"), estimate.get("high")
    if is_number(low) and is_number(high):
        axes.plot([low, high], [row, row], color=BLUE, linewidth=1.6, solid_capstyle="butt")
    axes.plot([estimate["value"]], [row], marker="s", markersize=5, color=BLUE)


def flow_svg(rows: Sequence[tuple[str, str, str, str]], title: str) -> str | None:
    """The participant flow: a box a step with the cases left, an arrow to the side with those taken out."""
    if not rows:
        return None
    with house_style():
        figure = Figure(figsize=(6.6, 0.72 * len(rows) + 0.1))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set(xlim=(0, 100), ylim=(len(rows) - 0.45, -0.55))
        axes.axis("off")
        for place, row in enumerate(rows):
            _draw_step(axes, place, row)
    return to_svg(figure, title)


def _draw_step(axes: Axes, place: int, row: tuple[str, str, str, str]) -> None:
    step, reason, left, excluded = row
    box = {"boxstyle": "round,pad=0.45", "facecolor": "#eef3f7", "edgecolor": MUTED, "linewidth": 0.8}
    arrow = {"arrowstyle": "-|>", "color": MUTED, "linewidth": 0.9}
    if place:
        axes.annotate("", xy=(24, place - 0.26), xytext=(24, place - 0.74), arrowprops=arrow)
    name = textwrap.shorten(step.replace("_", " "), 34, placeholder="…")
    axes.text(24, place, f"{name}: {left} cases", ha="center", va="center", bbox=box)
    if excluded not in ("0", "–"):
        axes.annotate("", xy=(55, place - 0.5), xytext=(24, place - 0.5), arrowprops=arrow)
        text = textwrap.fill(textwrap.shorten(f"{excluded} taken out: {reason}", 88, placeholder="…"), 46)
        axes.text(56, place - 0.5, text, ha="left", va="center", fontsize=8)
