"""From matrices of slices and directions to one value a feature: what is added up, and what is averaged.

IBSI names six ways for matrices with a direction and three for those without (arXiv:1612.07003, 3.6.1 and 3.8.1).
A matrix without any count, or on which a feature is not defined, does not enter its average.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segmentation.radiomics.texture.tally import Cells

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Values = dict[str, Floats]

DIMENSIONS = ("2D", "2_5D", "3D")


@dataclass(frozen=True)
class Way:
    """One aggregation: which matrices are added up before features are computed and averaged."""

    dimension: str
    suffix: str
    code: str  # IBSI
    keep_slices: bool
    keep_directions: bool
    meaning: str


DIRECTIONAL = (
    Way("2D", "_2D_avg", "BTW3", True, True, "mean over slices and directions"),
    Way("2D", "_2D_comb", "SUJT", True, False, "directions merged, mean over slices"),
    Way("2_5D", "_2_5D_avg", "JJUI", False, True, "slices merged, mean over directions"),
    Way("2_5D", "_2_5D_comb", "ZW7Z", False, False, "slices and directions merged"),
    Way("3D", "_3D_avg", "ITBB", False, True, "mean over directions in space"),
    Way("3D", "_3D_comb", "IAZD", False, False, "directions in space merged"),
)
UNDIRECTED = (
    Way("2D", "_2D", "8QNN", True, False, "mean over slices"),
    Way("2_5D", "_2_5D", "62GR", False, False, "slices merged"),
    Way("3D", "_3D", "KOBO", False, False, "in space"),
)


def ways(dimensions: Sequence[str], directional: bool, flat: bool) -> list[Way]:
    """The aggregations that `dimensions` ask for and matrices by slice (`flat`) or by volume can give."""
    known = DIRECTIONAL if directional else UNDIRECTED
    return [way for way in known if way.dimension in dimensions and (way.dimension != "3D") == flat]


def groups(way: Way, n_slices: int, n_directions: int) -> tuple[Ints, int]:
    """For each matrix (slice by slice, direction by direction) the group it is added to, and how many groups."""
    place = np.arange(n_slices * n_directions)
    if way.keep_slices:
        return (place, len(place)) if way.keep_directions else (place // n_directions, n_slices)
    return (place % n_directions, n_directions) if way.keep_directions else (np.zeros_like(place), 1)


def aggregate(cells: Cells, features: Callable[[Cells], Values], n_directions: int, asked: Sequence[Way]) -> Values:
    """Every feature in every way asked for, by tag: an array of one value a group, to be averaged by `mean`."""
    found: Values = {}
    for way in asked:
        group, n_groups = groups(way, cells.shape[0] // n_directions, n_directions)
        alone = n_groups == cells.shape[0]
        values = features(cells if alone else cells.merged(group, n_groups))
        found.update({f"{stem}{way.suffix}": value for stem, value in values.items()})
    return found


def mean(values: Floats) -> float | None:
    """The mean over the groups that have a value, or None where none has."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else None


def divided(top: Floats, bottom: Floats) -> Floats:
    """`top` over `bottom`, NaN where `bottom` is zero."""
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=np.asarray(bottom) != 0)
