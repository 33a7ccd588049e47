"""How often sets, intervals and lower bounds hold what they promise: in all, at each site, and in each subgroup."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from outcome.report.entries import Json
from outcome.report.numbers import EN_DASH, count, format_estimate, is_number, per_100
from outcome.report.pieces import Pieces, Table, Words

ALL = "all"


def conformal_pieces(part: Json) -> Pieces:
    """Coverage by level in all and by site, and below by subgroup where the study has some."""
    rows = part.get("rows") or []
    sites = tuple(cells for row in rows for cells in _of_sites(row))
    groups = tuple(cells for row in rows for cells in _of_groups(row))
    table = Table(("Promised", "Site", "Cases", "Coverage (interval)", "Mean size"), sites)
    by_group = Table(("Promised", "Variable", "Group", "Cases", "Coverage (interval)"), groups, "Coverage by subgroup")
    return (Words(str(part.get("words") or "")), table, *((by_group,) if groups else ()))


def _of_sites(row: Json) -> Iterator[tuple[str, ...]]:
    named: list[tuple[str, Any, Any]] = [(ALL, (row.get("coverage") or {}).get("n"), row.get("coverage"))]
    named += [(str(site.get("site")), site.get("n"), site.get("coverage")) for site in row.get("by_site") or []]
    for place, (site, n, coverage) in enumerate(named):
        size = EN_DASH if place else format_estimate(row.get("size"))
        yield _promised(row), site, count(n), format_estimate(coverage), size


def _of_groups(row: Json) -> Iterator[tuple[str, ...]]:
    for group in row.get("by_subgroup") or []:
        labels = (str(group.get("variable")), str(group.get("group")))
        yield _promised(row), *labels, count(group.get("n")), format_estimate(group.get("coverage"))


def _promised(row: Json) -> str:
    level = f"{per_100(row['level'])} %" if is_number(row.get("level")) else EN_DASH
    return f"{level} {row.get('kind', '')}"
