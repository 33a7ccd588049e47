"""What the families share while one region is measured by slice or by volume, and how each family is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from segmentation.radiomics.texture.aggregation import Values, aggregate, groups, ways
from segmentation.radiomics.texture.cooccurrence import cooccurrence_features, cooccurrences
from segmentation.radiomics.texture.distance_zone import distance_zone_features, distance_zones
from segmentation.radiomics.texture.grey_dependence import grey_dependence_features
from segmentation.radiomics.texture.grey_tone import grey_tone_features
from segmentation.radiomics.texture.levels import N_DIRECTIONS, GreyLevels
from segmentation.radiomics.texture.neighbourhood import Neighbourhoods, read_neighbourhoods
from segmentation.radiomics.texture.run_length import run_length_features, run_lengths
from segmentation.radiomics.texture.size_zone import size_zone_features, size_zones
from segmentation.radiomics.texture.tally import Cells
from segmentation.radiomics.texture.zones import Zones, border_distance, find_zones


class Counted(Protocol):
    """What was counted in a region, by slice (`flat`) or by volume: by the kernels (`Scene`), or on another device."""

    @property
    def dimensions(self) -> Sequence[str]: ...
    @property
    def flat(self) -> bool: ...
    @property
    def pairs(self) -> Cells: ...
    @property
    def runs(self) -> Cells: ...
    @property
    def zones_by_size(self) -> Cells: ...
    @property
    def zones_by_distance(self) -> Cells: ...
    @property
    def around(self) -> Neighbourhoods: ...


@dataclass(frozen=True, eq=False)
class Scene:
    """A region's grey levels, and what two families read from them: computed once, when first asked for."""

    levels: GreyLevels
    morphological: npt.NDArray[np.bool_]  # (K, J, I)
    coarseness: int
    dimensions: Sequence[str]

    @property
    def flat(self) -> bool:
        return self.levels.flat

    @property
    def pairs(self) -> Cells:
        return cooccurrences(self.levels)

    @property
    def runs(self) -> Cells:
        return run_lengths(self.levels)

    @property
    def zones_by_size(self) -> Cells:
        return size_zones(self.levels, self.zones)

    @property
    def zones_by_distance(self) -> Cells:
        return distance_zones(self.levels, self.zones)

    @cached_property
    def zones(self) -> Zones:
        """For size and distance zones."""
        return find_zones(self.levels, border_distance(self.morphological, self.levels.reach, self.levels.flat))

    @cached_property
    def around(self) -> Neighbourhoods:
        """For grey tones and dependences."""
        return read_neighbourhoods(self.levels, self.coarseness)


def _directed(scene: Counted, cells: Cells, features: Callable[[Cells], Values]) -> Values:
    """Features of matrices with a direction, aggregated in the six ways."""
    return aggregate(cells, features, N_DIRECTIONS[scene.flat], ways(scene.dimensions, True, scene.flat))


def _undirected(scene: Counted, cells: Cells, features: Callable[[Cells], Values]) -> Values:
    """Features of matrices without a direction, aggregated in the three ways."""
    return aggregate(cells, features, 1, ways(scene.dimensions, False, scene.flat))


def _grey_tone(scene: Counted) -> Values:
    counts, differences = scene.around.valid, scene.around.difference
    found: Values = {}
    for way in ways(scene.dimensions, False, scene.flat):
        group, n = groups(way, len(counts), 1)
        together = np.zeros((n, len(counts)))
        together[group, np.arange(len(counts))] = 1
        values = grey_tone_features((together @ counts).astype(np.int64), together @ differences)
        found.update({f"{stem}{way.suffix}": value for stem, value in values.items()})
    return found


FAMILIES: dict[str, Callable[[Counted], Values]] = {
    "cm": lambda scene: _directed(scene, scene.pairs, cooccurrence_features),
    "rlm": lambda scene: _directed(scene, scene.runs, run_length_features),
    "szm": lambda scene: _undirected(scene, scene.zones_by_size, size_zone_features),
    "dzm": lambda scene: _undirected(scene, scene.zones_by_distance, distance_zone_features),
    "ngt": _grey_tone,
    "ngl": lambda scene: _undirected(scene, scene.around.dependent, grey_dependence_features),
}
