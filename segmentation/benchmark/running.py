"""Cell after cell: finished ones are kept, each runs in a process of its own, and one that fails stops no other."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from segmentation.benchmark.cell import CellWork, finished, work_on
from segmentation.errors import ImageRefusal


@dataclass(frozen=True, order=True)
class Place:
    """Where a cell stands in the table."""

    data: str
    model: str
    seed: int
    fold: int

    @property
    def words(self) -> str:
        return f"{self.model} on {self.data}, seed {self.seed}" + (f", fold {self.fold}" if self.fold else "")

    @property
    def folder(self) -> str:
        fold = f"_fold_{self.fold}" if self.fold else ""
        return f"{self.data}/{self.model.replace(' ', '_')}/seed_{self.seed}{fold}"


@dataclass(frozen=True)
class Failure:
    """Why a cell has no result."""

    code: str
    message: str


Works = Mapping[Place, CellWork | Failure]
Outcomes = dict[Place, dict[str, Any] | Failure]


def run_cells(works: Works, told: Callable[[str], None], *, isolated: bool = True) -> Outcomes:
    """What every cell gave, or why it gave nothing. `isolated`: in a process a cell, whose memory is its own."""
    found: Outcomes = {}
    for number, (place, work) in enumerate(works.items(), start=1):
        before = finished(work) if isinstance(work, CellWork) else None
        told(f"{number} of {len(works)}: {place.words}" + (" is done already" if before else ""))
        found[place] = before or _one(work, isolated)
        told(_ended(found[place]))
    return found


def _one(work: CellWork | Failure, isolated: bool) -> dict[str, Any] | Failure:
    if isinstance(work, Failure):
        return work
    failure = _apart(work) if isolated else attempt(work)
    if failure:
        return failure
    return finished(work) or Failure("no_result", "the cell left no result")


def attempt(work: CellWork) -> Failure | None:
    """Work on a cell; whatever stops it comes back as a failure."""
    try:
        work_on(work)
    except ImageRefusal as error:
        return Failure(error.code, str(error))
    except MemoryError:
        return Failure("too_large", "the memory was used up")
    except Exception as error:  # a model's own bug must not take the table away
        return Failure("error", f"{type(error).__name__}: {error}")
    return None


def _apart(work: CellWork) -> Failure | None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(attempt, work).result()
        except BrokenProcessPool:
            return Failure("process_died", "its process was killed from outside, perhaps for want of memory")


def _ended(found: dict[str, Any] | Failure) -> str:
    if isinstance(found, Failure):
        return f"  failed: {found.code}: {found.message}"
    cases = [case["regions"].values() for case in found["cases"].values()]
    means = [sum(region["dice"] for region in regions) / len(regions) for regions in cases]
    return f"  mean Dice {sum(means) / len(means):.4f} over {len(means)} cases"
