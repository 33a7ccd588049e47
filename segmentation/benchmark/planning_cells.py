"""The cells of a benchmark: what each one does, and the name of its work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segmentation.benchmark.cell import CellWork, Judging
from segmentation.benchmark.config import BenchmarkConfig, ModelEntry
from segmentation.benchmark.contestants import contestant
from segmentation.benchmark.fingerprints import code_hash, key_of
from segmentation.benchmark.loaded import Loaded
from segmentation.benchmark.parts import Part
from segmentation.benchmark.running import Failure, Place
from segmentation.errors import ImageRefusal

CELLS = "cells"


@dataclass(frozen=True)
class Course:
    """A benchmark to be run: `beside` is the folder from which its files are named, `out` where cells are kept."""

    config: BenchmarkConfig
    beside: Path
    out: Path
    device: str = "cpu"
    any_code: bool = False

    def works(self, data: Sequence[Loaded]) -> dict[Place, CellWork | Failure]:
        """Every cell's work; a cell that cannot be planned says why. Models of one part follow one another."""
        return {
            Place(seen.entry.name, model.shown, seed, part.fold): self._work(seen, part, model, seed)
            for seen in data for seed in self.config.seeds for part in seen.parts for model in self.config.models
        }  # fmt: skip

    def folder(self, place: Place) -> Path:
        return self.out / CELLS / place.folder

    def _work(self, seen: Loaded, part: Part, model: ModelEntry, seed: int) -> CellWork | Failure:
        place = Place(seen.entry.name, model.shown, seed, part.fold)
        found = [seen.surveys[case.case_id] for case in part.learn]
        budget, analysis = self.config.budget, self.config.analysis
        try:
            entrant = contestant(model, found, seen.dataset, seed, budget, self.beside)
        except ImageRefusal as error:
            return Failure(error.code, str(error))
        judging = Judging(seen.regions, seen.settings(analysis), analysis)
        learned, tested = ([seen.hashes[case.case_id] for case in cases] for cases in (part.learn, part.test))
        key = key_of([entrant.text, repr(judging), repr(budget.minutes), self.device, *learned, "judged by", *tested])
        return CellWork(
            entrant, part, judging, self.folder(place), key, self.device, budget.minutes, code_hash(), self.any_code
        )
