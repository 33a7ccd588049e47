"""One model's cases on one data set: the values of all its seeds and folds brought together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from segmentation.benchmark.errors_of_case import Errors
from segmentation.metrics import Measured

ALL = "all regions"
NOT_THERE, NO_NOISE = "the case failed", "no noise was added"
Result = Mapping[str, Any]


@dataclass(frozen=True)
class ModelCases:
    """`results` are those of the finished cells, `cases` the data set's test cases in their order."""

    results: tuple[Result, ...]
    cases: tuple[str, ...]

    def values(self, metric: str, region: str = ALL) -> list[Measured]:
        """Each case's value: the mean over seeds, for all regions also over those that have one."""
        return [_mean([_value(seen, metric, region) for seen in self._seen(case)]) for case in self.cases]

    def under_noise(self, level: str, region: str = ALL) -> list[Measured]:
        """Dice of each case with noise added."""
        found = [[run["noise"].get(level, {}).get(case) for run in self.results] for case in self.cases]
        return [_mean([_one(seen, region) for seen in runs if seen], NO_NOISE) for runs in found]

    def sizes(self, region: str) -> list[float]:
        """The region's given size in each case; 0 where no run has it."""
        return [next((float(seen["sizes"][region]) for seen in self._seen(case)), 0.0) for case in self.cases]

    def errors(self, region: str) -> list[list[Errors]]:
        """Each case's errors, one a seed."""
        return [[Errors(**seen["errors"][region]) for seen in self._seen(case)] for case in self.cases]

    def cost(self, name: str) -> float | None:
        """The mean over cells of something that they cost (the peak: the largest); None where nobody measured it."""
        known = [run["cost"][name] for run in self.results if run["cost"].get(name) is not None]
        return (max(known) if name == "peak_mb" else fmean(known)) if known else None

    def _seen(self, case: str) -> list[Result]:
        return [run["cases"][case] for run in self.results if case in run["cases"]]


def _value(seen: Result, metric: str, region: str) -> Measured:
    if region != ALL:
        return _measured(seen["regions"][region][metric])
    found = [_measured(measures[metric]) for measures in seen["regions"].values()]
    known = [one.value for one in found if one.value is not None]
    return Measured(fmean(known)) if known else found[0]


def _measured(value: float | str) -> Measured:
    return Measured(None, value) if isinstance(value, str) else Measured(float(value))


def _one(seen: Mapping[str, float], region: str) -> Measured:
    return Measured(fmean(seen.values()) if region == ALL else seen[region])


def _mean(found: Sequence[Measured], nothing: str = NOT_THERE) -> Measured:
    known = [one.value for one in found if one.value is not None]
    if known:
        return Measured(fmean(known))
    return Measured(None, found[0].reason if found else nothing)
