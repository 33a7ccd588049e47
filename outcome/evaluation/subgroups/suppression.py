"""Which groups may not be told, so that no count of a few persons can be read or worked out?

A count of 1 to 4 cases, of cases with the event, or of cases without it, could point to a person: the rule for tables
of health data that leave a hospital asks for all three, since the outcome is what must not be learned. Zeros are told.
Hiding such a cell is not enough where a total, or a table that shares its margin, gives it back; so further cells are
hidden, the smallest of the same line first, until every hidden count could differ by at least the limit as far as all
that is told can show. What can be shown is found by linear programmes over all tables at once: Fischetti & Salazar
2001, doi:10.1287/mnsc.47.7.1008.9805, here with the nearest cell chosen step by step, not the cheapest set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from outcome.types import BoolArray, FloatArray

SMALL_CELL = 5
SUPPRESSED = (
    f"suppressed: fewer than {SMALL_CELL} cases, or fewer than {SMALL_CELL} with or without the event, "
    "or hidden so that such a group cannot be worked out"
)
# A linear programme is solved to about 1e-7; counts are whole numbers.
ROUNDING = 1e-6
WITH, WITHOUT, BOTH = range(3)

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Line:
    """Cells that add up to a total that everybody knows, or to another cell (`whole`); positions in the table."""

    parts: tuple[int, ...]
    whole: int | None = None

    @property
    def cells(self) -> tuple[int, ...]:
        return self.parts if self.whole is None else (*self.parts, self.whole)


@dataclass(frozen=True, eq=False)
class CellCounts:
    """The counts of k cells and how they add up.

    `sizes` (k,) counts cases; `with_event` (s, k) counts those with the outcome, one row for each of s outcomes that
    are told (none for measured values).
    """

    sizes: IntArray
    with_event: IntArray
    lines: tuple[Line, ...]

    def neighbours(self, cell: int) -> Iterator[set[int]]:
        """The other parts of the lines of a cell, then their wholes, then the same for those, and so on outwards."""
        reached, before = {cell}, 0
        while len(reached) > before:
            before = len(reached)
            touched = [line for line in self.lines if reached.intersection(line.cells)]
            parts = {part for line in touched for part in line.parts}
            wholes = {line.whole for line in touched if line.whole is not None}
            yield parts - reached
            yield wholes - reached
            reached |= parts | wholes


@dataclass(frozen=True)
class Hidden:
    """What is not told: of the cells in `sizes` nothing at all, of those in `outcomes` (which holds them too) nothing
    but the number of cases.
    """

    sizes: frozenset[int]
    outcomes: frozenset[int]

    def with_size(self, cell: int) -> Hidden:
        return Hidden(self.sizes | {cell}, self.outcomes | {cell})

    def with_outcome(self, cell: int) -> Hidden:
        return replace(self, outcomes=self.outcomes | {cell})


@dataclass(frozen=True)
class Exposed:
    """A hidden count that what is told pins down: the cell, and whether its size or its outcome."""

    cell: int
    is_size: bool


def hide(counts: CellCounts) -> Hidden:
    """Which cells stay hidden? The small ones, and as many more as keep them from being worked out."""
    hidden, reaches = _small(counts), _reaches(counts)
    given_up: set[Exposed] = set()
    while True:
        found = (exposed for reach in reaches for exposed in reach.exposed(counts.lines, hidden))
        exposed = next((one for one in found if one not in given_up), None)
        if exposed is None:
            return hidden
        partner = _partner(counts, hidden, exposed)
        if partner is not None:
            hidden = hidden.with_size(partner) if exposed.is_size else hidden.with_outcome(partner)
        elif exposed.cell not in hidden.sizes:  # all outcomes are hidden, so it is the sizes that tell
            hidden = hidden.with_size(exposed.cell)
        else:  # all that is linked with it is hidden: the total itself is small
            given_up.add(exposed)


@dataclass(frozen=True, eq=False)
class _Reach:
    """How far each count could lie off for a reader who knows all that is told, as far as found out yet.

    Counts that fit once what is told go on to fit when more is hidden, so ranges only grow. `low` and `high` (3, k):
    cases with the outcome, without it, and both.
    """

    truth: FloatArray  # (3, k)
    totals: FloatArray  # (3,) of all cases
    low: FloatArray
    high: FloatArray

    def exposed(self, lines: Sequence[Line], hidden: Hidden) -> Iterator[Exposed]:
        """The hidden counts that could vary by less than the limit; by the total, where that is less."""
        unknown = np.array(sorted(hidden.outcomes), dtype=np.intp)
        equations = _equations(lines, hidden, self.truth.shape[1])
        for cell in unknown:
            kinds = (BOTH, WITH, WITHOUT) if cell in hidden.sizes else (WITH, WITHOUT)
            tight = next((kind for kind in kinds if not self._is_wide(kind, cell, equations, unknown)), None)
            if tight is not None:
                yield Exposed(int(cell), is_size=tight == BOTH)

    def _is_wide(self, kind: int, cell: int, equations: FloatArray, unknown: IntArray) -> bool:
        needed = min(SMALL_CELL, self.totals[kind]) - ROUNDING
        for sign in (-1.0, 1.0):
            if self.high[kind, cell] - self.low[kind, cell] < needed:
                objective = np.zeros((2, self.truth.shape[1]))
                objective[[WITH, WITHOUT] if kind == BOTH else [kind], cell] = sign
                self._solve(objective, equations, unknown)
        return bool(self.high[kind, cell] - self.low[kind, cell] >= needed)

    def _solve(self, objective: FloatArray, equations: FloatArray, unknown: IntArray) -> None:
        columns = np.concatenate([unknown, unknown + self.truth.shape[1]])
        left = equations[:, columns]
        right = left @ self.truth[:BOTH].ravel()[columns]
        found = linprog(objective.ravel()[columns], A_eq=left, b_eq=right, bounds=(0, None), method="highs")
        if found.status == 0:
            parts = self.truth[:BOTH].copy()
            parts[:, unknown] = found.x.reshape(2, -1)
            fits = np.vstack([parts, parts.sum(axis=0)])
            np.minimum(self.low, fits, out=self.low)
            np.maximum(self.high, fits, out=self.high)


def _reaches(counts: CellCounts) -> list[_Reach]:
    outcomes = counts.with_event if len(counts.with_event) else np.zeros((1, counts.sizes.size), dtype=np.intp)
    everybody = list(next(line.parts for line in counts.lines if line.whole is None))
    truths = [np.array([inside, counts.sizes - inside, counts.sizes], dtype=float) for inside in outcomes]
    return [_Reach(truth, truth[:, everybody].sum(axis=1), truth.copy(), truth.copy()) for truth in truths]


def _small(counts: CellCounts) -> Hidden:
    def is_small(values: IntArray) -> BoolArray:
        return np.asarray((values > 0) & (values < SMALL_CELL))

    parts = [*counts.with_event, *(counts.sizes - counts.with_event)]
    outcomes = np.any([is_small(counts.sizes), *map(is_small, parts)], axis=0)
    sizes = frozenset(map(int, np.flatnonzero(is_small(counts.sizes))))
    return Hidden(sizes, sizes | frozenset(map(int, np.flatnonzero(outcomes))))


def _partner(counts: CellCounts, hidden: Hidden, exposed: Exposed) -> int | None:
    """The smallest cell that is still told in the lines of the exposed one, or as near to them as there is any."""
    told_not = hidden.sizes if exposed.is_size else hidden.outcomes
    for cells in counts.neighbours(exposed.cell):
        left = [cell for cell in cells if cell not in told_not]
        if left:
            return min(left, key=lambda cell: (int(counts.sizes[cell]), cell))
    return None


def _equations(lines: Sequence[Line], hidden: Hidden, k: int) -> FloatArray:
    """Every line holds for the cases with the outcome and for those without it; a told size is their sum. (e, 2 k)"""
    rows: list[FloatArray] = []
    for line in lines:
        row = np.zeros(k)
        row[list(line.parts)] = 1
        if line.whole is not None:
            row[line.whole] = -1
        if np.any(row[sorted(hidden.outcomes)]):
            rows.extend((np.concatenate([row, np.zeros(k)]), np.concatenate([np.zeros(k), row])))
    rows.extend(np.tile(np.arange(k) == cell, 2).astype(float) for cell in sorted(hidden.outcomes - hidden.sizes))
    return np.array(rows).reshape(-1, 2 * k)
