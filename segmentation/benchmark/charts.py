"""Small charts as SVG text for a page that needs no network: points with intervals, and curves under noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from segmentation.benchmark.document import Row

WIDTH, ROW, LEFT, RIGHT, TOP, BOTTOM = 760, 24, 190, 120, 8, 26
# Okabe and Ito's palette. doi:10.1038/nmeth.1618
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#5b5b5b", "#7b3294")
_TICKS = 5


def intervals(rows: Sequence[Row], keys: tuple[str, str, str], words: str, *, zero: bool = False) -> str:
    """A line a row: its point and interval (`keys` name value, low and high), the numbers at the right.

    `zero` draws where there is no difference. Rows without a value are left out; "" without any.
    """
    rows = [row for row in rows if row[keys[0]]]
    if not rows:
        return ""
    numbers = [float(row[key]) for row in rows for key in keys if row[key]] + ([0.0] if zero else [])
    scale = _Scale(min(numbers), max(numbers))
    height = TOP + ROW * len(rows) + BOTTOM
    parts = [_axis(scale, TOP + ROW * len(rows))]
    if zero:
        x = scale.place(0.0)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TOP + ROW * len(rows)}" class="zero"/>')
    parts += [_line(row, keys, scale, TOP + ROW * (place + 0.5)) for place, row in enumerate(rows)]
    return _svg(height, words, parts)


def curves(rows: Sequence[Row], words: str) -> str:
    """Dice against the noise added, a line a model, its name at the line's end; "" without rows."""
    series: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row["what"] == "Dice" and row["value"]:
            series.setdefault(row["model"], []).append((float(row["group"]), float(row["value"])))
    if not series:
        return ""
    values = [value for line in series.values() for _, value in line]
    levels = sorted({level for line in series.values() for level, _ in line})
    height = 300
    low, high = min(values), max(max(values), min(values) + 1e-3)
    upright = lambda value: TOP + (height - TOP - BOTTOM) * (high - value) / (high - low)  # noqa: E731
    scale = _Scale(levels[0], levels[-1], left=60, right=200)
    parts = [_axis(scale, height - BOTTOM, levels)]
    marks = (low, (low + high) / 2, high)
    parts += [f'<text x="52" y="{upright(value) + 4:.1f}" class="end">{value:.3g}</text>' for value in marks]
    ends = _apart({name: upright(line[-1][1]) for name, line in series.items()})
    for place, (name, line) in enumerate(series.items()):
        colour = COLOURS[place % len(COLOURS)]
        points = " ".join(f"{scale.place(level):.1f},{upright(value):.1f}" for level, value in line)
        dashes = ' stroke-dasharray="5 3"' if place >= len(COLOURS) else ""
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        parts.append(_label(name, (scale.place(levels[-1]), upright(line[-1][1]), ends[name]), colour))
    lowest = max([height - BOTTOM, *ends.values()])
    return _svg(int(max(height, lowest + BOTTOM)), words, parts)


class _Scale:
    """Where a number lies between the left and the right edge."""

    def __init__(self, low: float, high: float, left: int = LEFT, right: int = RIGHT) -> None:
        self.low, self.high, self.left, self.right = low, high, left, right
        if self.high - self.low < 1e-9:
            self.low, self.high = low - 0.05, high + 0.05

    def place(self, value: float) -> float:
        return self.left + (WIDTH - self.left - self.right) * (value - self.low) / (self.high - self.low)


def _label(name: str, at: tuple[float, float, float], colour: str) -> str:
    x, y, beside = at
    return (
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x + 14:.1f}" y2="{beside:.1f}" stroke="{colour}"/>'
        f'<text x="{x + 18:.1f}" y="{beside + 4:.1f}" fill="{colour}">{escape(name)}</text>'
    )


def _round_ticks(low: float, high: float) -> list[float]:
    """Some round numbers within two bounds."""
    rough = (high - low) / _TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * by for by in (1, 2, 5, 10) if unit * by >= rough)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _axis(scale: _Scale, y: float, ticks: Sequence[float] = ()) -> str:
    ticks = ticks or _round_ticks(scale.low, scale.high)
    lines = [f'<line x1="{scale.left}" x2="{WIDTH - scale.right}" y1="{y}" y2="{y}" class="axis"/>']
    for tick in ticks:
        x = scale.place(tick)
        lines.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 4}" class="axis"/>')
        lines.append(f'<text x="{x:.1f}" y="{y + 18}" class="middle">{tick:.3g}</text>')
    return "".join(lines)


def _line(row: Mapping[str, str], keys: tuple[str, str, str], scale: _Scale, y: float) -> str:
    value, low, high = (row[key] for key in keys)
    x = scale.place(float(value))
    bar = ""
    if low and high:
        start, end = scale.place(float(low)), scale.place(float(high))
        bar = f'<line x1="{start:.1f}" x2="{end:.1f}" y1="{y}" y2="{y}" class="bar"/>'
    interval = f" ({low} to {high})" if low else ""
    return (
        f'<text x="{LEFT - 10}" y="{y + 4}" class="end">{escape(row["model"])}</text>{bar}'
        f'<circle cx="{x:.1f}" cy="{y}" r="4" class="point"/>'
        f'<text x="{WIDTH - RIGHT + 10}" y="{y + 4}">{escape(value)}<title>{escape(value + interval)}</title></text>'
    )


def _apart(places: Mapping[str, float], least: float = 15.0) -> dict[str, float]:
    """Places of labels moved down where two would cover each other."""
    moved: dict[str, float] = {}
    last = float("-inf")
    for name in sorted(places, key=lambda one: places[one]):
        last = max(places[name], last + least)
        moved[name] = last
    return moved


def _svg(height: int, words: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(words)}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(words)}</title>{"".join(parts)}</svg>'
    )
