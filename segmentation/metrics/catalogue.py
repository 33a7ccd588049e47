"""Every measure of agreement between two masks, by name; the list is at the foot.

What cannot be had is missing with its reason, never 0 and never NaN:

    neither holds the region      Dice, Jaccard, F1 and surface Dice are 1 by convention (they agree that there is
                                  nothing), the volume difference is 0; precision, sensitivity, distances and the
                                  relative error are missing
    only the given mask holds it  Dice, Jaccard, F1, sensitivity and surface Dice are 0, the relative error is -1;
                                  precision and distances are missing
    only the drawn one holds it   Dice, Jaccard, F1, precision and surface Dice are 0; sensitivity, distances and the
                                  relative error are missing

Accuracy and specificity count every voxel of the image, so they rise with the air round the patient: near 1 they say
little. F1 is Dice by another name and is kept for readers of tables that print it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from segmentation.metrics.distances import SurfaceDistances, surface_distances
from segmentation.metrics.pair import RegionPair, region_pair
from segmentation.metrics.surfels import AREA
from segmentation.types import Mask

NO_TRUTH = "the given mask does not hold the region"
NO_DRAWN = "the drawn mask does not hold the region"
NEITHER = "neither mask holds the region"
NO_OUTSIDE = "the region fills the image"
NO_SPACING = "no voxel spacing was published"


@dataclass(frozen=True)
class Measured:
    """A number, or None with the reason why there is none."""

    value: float | None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.reason):
            raise ValueError("a value, or the reason why there is none")


@dataclass(frozen=True)
class Settings:
    """How masks are compared: the tolerance of surface Dice (mm), the definition of a surface (see `surfels`), and
    whether voxels have a size in mm."""

    tolerance_mm: float = 2.0
    surface: str = AREA
    units_mm: bool = True


@dataclass(frozen=True, eq=False)
class Comparison:
    """A pair with what several measures need, computed once."""

    pair: RegionPair
    settings: Settings

    @cached_property
    def distances(self) -> SurfaceDistances:
        return surface_distances(self.pair, self.settings.surface)

    @property
    def empty(self) -> str:
        """Why there is no surface to measure between, or nothing."""
        if not self.pair.n_truth and not self.pair.n_drawn:
            return NEITHER
        return "" if self.pair.n_truth and self.pair.n_drawn else NO_DRAWN if self.pair.n_truth else NO_TRUTH


@dataclass(frozen=True)
class Metric:
    """A measure: its unit, which way is better (`higher`, `lower`, or `zero` for signed errors), and how it is had."""

    unit: str
    better: str
    function: Callable[[Comparison], Measured]


def compare(
    truth: Mask, drawn: Mask, labels: int | Iterable[int], settings: Settings | None = None
) -> dict[str, Measured]:
    """Every measure of `METRICS` for one label, or for the union of several, in a given and in a drawn mask.

    Either may be the crop of a larger mask. Raises ImageRefusal (`grid_mismatch`) where the whole grids differ.
    """
    asked = Comparison(region_pair(truth, drawn, labels), settings or Settings())
    return {name: metric.function(asked) for name, metric in METRICS.items()}


def _overlap(both: int, total: int) -> float:
    return 2 * both / total if total else 1.0


def _dice(asked: Comparison) -> Measured:
    pair = asked.pair
    return Measured(_overlap(pair.both, pair.n_truth + pair.n_drawn))


def _jaccard(asked: Comparison) -> Measured:
    pair = asked.pair
    union = pair.n_truth + pair.n_drawn - pair.both
    return Measured(pair.both / union if union else 1.0)


def _accuracy(asked: Comparison) -> Measured:
    pair = asked.pair
    right = pair.both + pair.neither
    return Measured(right / (right + pair.n_truth + pair.n_drawn - 2 * pair.both))


def _precision(asked: Comparison) -> Measured:
    pair = asked.pair
    return Measured(pair.both / pair.n_drawn) if pair.n_drawn else Measured(None, asked.empty)


def _sensitivity(asked: Comparison) -> Measured:
    pair = asked.pair
    return Measured(pair.both / pair.n_truth) if pair.n_truth else Measured(None, asked.empty)


def _specificity(asked: Comparison) -> Measured:
    pair = asked.pair
    outside = pair.neither + pair.n_drawn - pair.both
    return Measured(pair.neither / outside) if outside else Measured(None, NO_OUTSIDE)


def _distance(measure: Callable[[Comparison], float]) -> Callable[[Comparison], Measured]:
    def function(asked: Comparison) -> Measured:
        if not asked.settings.units_mm:
            return Measured(None, NO_SPACING)
        return Measured(None, asked.empty) if asked.empty else Measured(measure(asked))

    return function


def _surface_dice(asked: Comparison) -> Measured:
    if not asked.settings.units_mm:
        return Measured(None, NO_SPACING)
    if asked.empty:
        return Measured(1.0 if asked.empty == NEITHER else 0.0)
    return Measured(asked.distances.share_within(asked.settings.tolerance_mm))


def _volume_difference(asked: Comparison) -> Measured:
    if not asked.settings.units_mm:
        return Measured(None, NO_SPACING)
    return Measured((asked.pair.n_drawn - asked.pair.n_truth) * asked.pair.voxel_ml)


def _relative_volume_error(asked: Comparison) -> Measured:
    pair = asked.pair
    return Measured(pair.n_drawn / pair.n_truth - 1) if pair.n_truth else Measured(None, asked.empty)


def _hausdorff(asked: Comparison) -> float:
    return asked.distances.hausdorff()


def _hausdorff_95(asked: Comparison) -> float:
    return asked.distances.hausdorff(95.0)


def _average(asked: Comparison) -> float:
    return asked.distances.average()


METRICS: dict[str, Metric] = {
    "dice": Metric("", "higher", _dice),
    "jaccard": Metric("", "higher", _jaccard),
    "f1": Metric("", "higher", _dice),
    "accuracy": Metric("", "higher", _accuracy),
    "precision": Metric("", "higher", _precision),
    "sensitivity": Metric("", "higher", _sensitivity),
    "specificity": Metric("", "higher", _specificity),
    "hausdorff_mm": Metric("mm", "lower", _distance(_hausdorff)),
    "hausdorff_95_mm": Metric("mm", "lower", _distance(_hausdorff_95)),
    "average_surface_distance_mm": Metric("mm", "lower", _distance(_average)),
    "surface_dice": Metric("", "higher", _surface_dice),
    "volume_difference_ml": Metric("ml", "zero", _volume_difference),
    "relative_volume_error": Metric("", "zero", _relative_volume_error),
}
