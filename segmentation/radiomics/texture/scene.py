"""What the families share while one region is measured by slice or by volume, and how each family is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from segmentation.radiomics.texture.aggregation import Values, aggregate, groups, ways
from segmentation.radiomics.texture.cooccurrence import cooccurrence_features, cooccurrences
from segmentation.radiomics.texture.distance_zone import distance_zone_features, distance_zones
from segmentation.radiomics.texture.grey_dependence import grey_dependence_features
from segmentation.radiomics.texture.grey_tone import grey_tone_features
from segmentation.radiomics.texture.levels import GreyLevels
from segmentation.radiomics.texture.neighbourhood import Neighbourhoods, read_neighbourhoods
from segmentation.radiomics.texture.run_length import run_length_features, run_lengths
from segmentation.radiomics.texture.size_zone import size_zone_features, size_zones
from segmentation.radiomics.texture.tally import Cells
from segmentation.radiomics.texture.zones import Zones, border_distance, find_zones


@dataclass(frozen=True, eq=False)
class Scene:
    """A region's grey levels, and what two families read from them: computed once, when first asked for."""

    levels: GreyLevels
    morphological: npt.NDArray[np.bool_]  # (K, J, I)
    coarseness: int
    dimensions: Sequence[str]

    @cached_property
    def zones(self) -> Zones:
        """For size and distance zones."""
        return find_zones(self.levels, border_distance(self.morphological, self.levels.reach, self.levels.flat))

    @cached_property
    def around(self) -> Neighbourhoods:
        """For grey tones and dependences."""
        return read_neighbourhoods(self.levels, self.coarseness)

    def directed(self, cells: Cells, features: Callable[[Cells], Values]) -> Values:
        """Features of matrices with a direction, aggregated in the six ways."""
        n = len(self.levels.directions)
        return aggregate(cells, features, n, ways(self.dimensions, True, self.levels.flat))

    def undirected(self, cells: Cells, features: Callable[[Cells], Values]) -> Values:
        """Features of matrices without a direction, aggregated in the three ways."""
        return aggregate(cells, features, 1, ways(self.dimensions, False, self.levels.flat))


def _grey_tone(scene: Scene) -> Values:
    counts, differences = scene.around.valid, scene.around.difference
    found: Values = {}
    for way in ways(scene.dimensions, False, scene.levels.flat):
        group, n = groups(way, len(counts), 1)
        together = np.zeros((n, len(counts)))
        together[group, np.arange(len(counts))] = 1
        values = grey_tone_features((together @ counts).astype(np.int64), together @ differences)
        found.update({f"{stem}{way.suffix}": value for stem, value in values.items()})
    return found


FAMILIES: dict[str, Callable[[Scene], Values]] = {
    "cm": lambda scene: scene.directed(cooccurrences(scene.levels), cooccurrence_features),
    "rlm": lambda scene: scene.directed(run_lengths(scene.levels), run_length_features),
    "szm": lambda scene: scene.undirected(size_zones(scene.levels, scene.zones), size_zone_features),
    "dzm": lambda scene: scene.undirected(distance_zones(scene.levels, scene.zones), distance_zone_features),
    "ngt": _grey_tone,
    "ngl": lambda scene: scene.undirected(scene.around.dependent, grey_dependence_features),
}
