"""Does the model serve everybody? Any metrics, over the groups of any column and of stated pairs of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from outcome.errors import DataRefusal
from outcome.evaluation.subgroups.suppression import SMALL_CELL, SUPPRESSED, CellCounts, Hidden, Line, hide
from outcome.types import BoolArray, Estimate

__all__ = ["MISSING", "SMALL_CELL", "SUPPRESSED", "Group", "Measure", "Pair", "subgroup_rows", "subgroups_of"]

MISSING = "(missing)"
JOIN = " × "

Measure = Callable[[BoolArray], Mapping[str, Estimate]]
Pair = tuple[str, str]
Labels = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Group:
    """One group of a variable, or of two crossed ("sex × site", "f × north").

    `tells_size` and `tells_outcome` say whether the number of cases, and all else about them, may be told.
    """

    variable: str
    label: str
    members: BoolArray  # (n,)
    tells_size: bool = True
    tells_outcome: bool = True


@dataclass(frozen=True, eq=False)
class _Table:
    """Every cell of every variable and stated pair, and how the cells add up."""

    groups: tuple[Group, ...]
    lines: tuple[Line, ...]


def subgroup_rows(
    groups: Labels,
    is_event: BoolArray | None,
    measure: Measure,
    metric_names: Sequence[str],
    *,
    pairs: Sequence[Pair] = (),
) -> tuple[dict[str, Any], ...]:
    """One row a group: {"variable", "group", "n", "n_events", "metrics": {name: Estimate}}.

    `groups` maps a column's name to n labels; `is_event` (n,) counts events, None where the endpoint has none;
    `measure` gives the metrics of a mask of cases and withholds what it must; `pairs` names the columns to cross. Rows
    in sorted order, columns before pairs; combinations that no case has get none. What could point to a person is
    None, and its metrics, `metric_names`, are withheld (see `suppression`). Raises DataRefusal for an unknown column.
    """
    told = () if is_event is None else (is_event,)
    found = subgroups_of(groups, told, pairs=pairs)
    return tuple(subgroup_row(group, is_event, measure, metric_names) for group in found)


def subgroup_row(
    group: Group, is_event: BoolArray | None, measure: Measure, metric_names: Sequence[str]
) -> dict[str, Any]:
    """What may be told about one group, in the shape of `subgroup_rows`."""
    size = int(np.sum(group.members)) if group.tells_size else None
    row = {"variable": group.variable, "group": group.label, "n": size, "n_events": None}
    if not group.tells_outcome:
        return {**row, "metrics": {name: Estimate.withhold(SUPPRESSED, n=size or 0) for name in metric_names}}
    n_events = None if is_event is None else int(np.sum(is_event & group.members))
    return {**row, "n_events": n_events, "metrics": dict(measure(group.members))}


def subgroups_of(groups: Labels, outcomes: Sequence[BoolArray], *, pairs: Sequence[Pair] = ()) -> tuple[Group, ...]:
    """Every group with what may be told of it: columns in their order, then `pairs`; labels sorted, unknown ones as
    "(missing)".

    `outcomes`: each (n,), what is counted in a group besides its size. Raises DataRefusal for pairs of unknown columns.
    """
    _check_pairs(groups, pairs)
    named = {name: _text(labels) for name, labels in groups.items()}
    table = _table(named, pairs)
    if not table.groups:
        return ()
    sizes = np.array([group.members.sum() for group in table.groups])
    counted = [[int(np.sum(group.members & outcome)) for group in table.groups] for outcome in outcomes]
    with_event = np.array(counted, dtype=np.intp).reshape(len(outcomes), len(sizes))
    return _told(table.groups, hide(CellCounts(sizes, with_event, table.lines)))


def _told(groups: Sequence[Group], hidden: Hidden) -> tuple[Group, ...]:
    return tuple(
        Group(group.variable, group.label, group.members, place not in hidden.sizes, place not in hidden.outcomes)
        for place, group in enumerate(groups)
    )


def _table(named: Labels, pairs: Sequence[Pair]) -> _Table:
    cells: list[Group] = []
    lines: list[Line] = []
    places: dict[tuple[str, str], int] = {}
    for name, labels in named.items():
        start = len(cells)
        cells.extend(Group(name, label, labels == label) for label in sorted(set(labels)))
        places |= {(name, cell.label): place for place, cell in enumerate(cells[start:], start)}
        lines.append(Line(tuple(range(start, len(cells)))))
    for pair in pairs:
        crossed = list(_crossed(named, pair))
        at = range(len(cells), len(cells) + len(crossed))
        lines.extend(_margins(crossed, at, pair, places))
        cells.extend(group for _, group in crossed)
    return _Table(tuple(cells), tuple(line for line in lines if line.parts))


def _crossed(named: Labels, pair: Pair) -> Iterator[tuple[tuple[str, str], Group]]:
    first, second = (named[name] for name in pair)
    for labels in sorted(set(zip(first.tolist(), second.tolist(), strict=True))):
        members = (first == labels[0]) & (second == labels[1])
        yield labels, Group(JOIN.join(pair), JOIN.join(labels), members)


def _margins(
    crossed: Sequence[tuple[tuple[str, str], Group]], at: range, pair: Pair, places: Mapping[tuple[str, str], int]
) -> Iterator[Line]:
    """The cells of a crossed table that share a label add up to that label's own group."""
    for side, name in enumerate(pair):
        for label in sorted({labels[side] for labels, _ in crossed}):
            parts = tuple(place for place, (labels, _) in zip(at, crossed, strict=True) if labels[side] == label)
            yield Line(parts, places[name, label])


def _text(labels: npt.NDArray[Any]) -> npt.NDArray[np.object_]:
    # NaN is the only label that differs from itself.
    return np.array([MISSING if v is None or v != v else str(v) for v in labels], dtype=object)


def _check_pairs(groups: Labels, pairs: Sequence[Pair]) -> None:
    wrong = [pair for pair in pairs if len(pair) != 2 or pair[0] == pair[1] or not set(pair) <= set(groups)]
    if wrong:
        expected = f"two different columns of {sorted(groups)}"
        raise DataRefusal("subgroups cannot be crossed", expected=expected, found=f"{wrong}")
