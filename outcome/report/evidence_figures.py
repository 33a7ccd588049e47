"""Figures of the further questions: sites with their pooled value, how far risks move, and risk groups, as SVG text."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from outcome.report.numbers import count, format_number, is_number
from outcome.report.svg import BLUE, GRID, INK, MUTED, ORANGE, house_style, to_svg
from outcome.report.wording import metric_of

Json = Mapping[str, Any]
MAX_POINTS = 200
MAX_SITES = 40
_ROW_INCHES = 0.28


def sites_svg(rows: Sequence[Json], pooled: Sequence[Json], metric: str, title: str) -> str | None:
    """A forest: the metric at each site, the pooled value as a diamond and the prediction interval as a thin line.

    None where no site has a number. Of more than `MAX_SITES` sites the largest are drawn.
    """
    drawn = sorted(rows, key=lambda row: -int(row.get("n") or 0))[:MAX_SITES]
    estimates = [(row.get("metrics") or {}).get(metric) for row in drawn]
    if not any(_given(estimate) for estimate in estimates):
        return None
    common = next((row for row in pooled if row.get("metric") == metric), {})
    labels = [textwrap.shorten(f"{row.get('site')} ({count(row.get('n'))})", 40, placeholder="…") for row in drawn]
    with house_style():
        figure = Figure(figsize=(6.4, 0.9 + _ROW_INCHES * (len(drawn) + 1)), layout="constrained")
        axes = figure.subplots()
        for place, estimate in enumerate(estimates):
            _draw_site(axes, place, estimate)
        _draw_pooled(axes, len(drawn), common)
        axes.set_yticks(range(len(labels) + 1), [*labels, "all sites"])
        axes.set(ylim=(len(labels) + 0.6, -0.6), xlabel=metric_of(metric)[1])
        _rule(axes, metric_of(metric)[0].null)
    return to_svg(figure, title)


def _given(estimate: Json | None) -> bool:
    return bool(estimate) and is_number((estimate or {}).get("value"))


def _rule(axes: Axes, null: float | None) -> None:
    if null is not None:
        axes.axvline(null, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def _draw_site(axes: Axes, place: int, estimate: Json | None) -> None:
    if not _given(estimate) or estimate is None:
        axes.text(0.01, place, "withheld", transform=axes.get_yaxis_transform(), va="center", color=MUTED)
        return
    if is_number(estimate.get("low")) and is_number(estimate.get("high")):
        axes.plot([estimate["low"], estimate["high"]], [place, place], color=BLUE, linewidth=1.6)
    axes.plot([estimate["value"]], [place], marker="s", markersize=5, color=BLUE)


def _draw_pooled(axes: Axes, place: int, common: Json) -> None:
    estimate, prediction = common.get("estimate") or {}, common.get("prediction") or {}
    if is_number(prediction.get("low")) and is_number(prediction.get("high")):
        axes.plot([prediction["low"], prediction["high"]], [place, place], color=MUTED, linewidth=0.9)
    low, value, high = (estimate.get(name) for name in ("low", "value", "high"))
    if is_number(value) and is_number(low) and is_number(high):
        axes.fill([low, value, high, value], [place, place - 0.22, place, place + 0.22], color=ORANGE)


def instability_svg(points: Sequence[Sequence[float]], title: str) -> str | None:
    """Each case's risk with the spread over refitted models; `points` are (risk, low, high). None without points."""
    drawn = [point for point in points if len(point) == 3 and all(is_number(value) for value in point)][:MAX_POINTS]
    if not drawn:
        return None
    with house_style():
        figure = Figure(figsize=(4.4, 3.4), layout="constrained")
        axes = figure.subplots()
        for risk, low, high in drawn:
            axes.plot([risk, risk], [low, high], color=BLUE, alpha=0.35, linewidth=1)
        end = max(1.0, *(high for _, _, high in drawn))
        axes.plot([0, end], [0, end], color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
        axes.set(xlabel="predicted by the model", ylabel="predicted by refitted models")
        axes.grid(color=GRID, linewidth=0.6)
    return to_svg(figure, title)


def risk_groups_svg(groups: Sequence[Json], title: str) -> str | None:
    """What happened in each risk group: curves over time where there are any, else bars; None where nothing is."""
    curves = [(place, group["curve"]) for place, group in enumerate(groups) if group.get("curve")]
    shares = [(place, group) for place, group in enumerate(groups) if _given(group.get("observed"))]
    if not curves and not shares:
        return None
    with house_style():
        figure = Figure(figsize=(4.4, 3.2), layout="constrained")
        axes = figure.subplots()
        if curves:
            _draw_curves(axes, curves)
        else:
            _draw_shares(axes, shares)
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.set(ylabel="share with the event")
    return to_svg(figure, title)


def _draw_curves(axes: Axes, curves: Sequence[tuple[int, Json]]) -> None:
    for place, curve in curves:
        shade = 0.25 + 0.75 * (place + 1) / (max(other for other, _ in curves) + 1)
        axes.step(curve["time_days"], curve["value"], where="post", color=BLUE, alpha=shade, label=f"group {place + 1}")
        axes.fill_between(curve["time_days"], curve["low"], curve["high"], step="post", color=BLUE, alpha=0.08)
    axes.set(xlabel="days", ylim=(0, None))
    axes.legend(frameon=False, fontsize=8, loc="upper left", title="low to high risk", title_fontsize=8)


def _draw_shares(axes: Axes, shares: Sequence[tuple[int, Json]]) -> None:
    for place, group in shares:
        seen = group["observed"]
        axes.bar([place], [seen["value"]], 0.6, color=BLUE, alpha=0.5)
        if is_number(seen.get("low")) and is_number(seen.get("high")):
            axes.plot([place, place], [seen["low"], seen["high"]], color=INK, linewidth=1.2)
        if is_number(group.get("mean_risk")):
            axes.plot([place], [group["mean_risk"]], marker="o", markersize=5, color=ORANGE, markeredgecolor=INK)
    labels = [f"group {place + 1}\nfrom {format_number(group.get('lower') or 0)}" for place, group in shares]
    axes.set_xticks([place for place, _ in shares], labels)
