"""How far from the border the zones of equal grey level lie: the grey level distance zone matrix, GLDZM (IBSI VMDZ).

Zones are those of the intensity mask, distances are to the border of the morphological mask.
Reference: arXiv:1612.07003, 3.9.
"""

from __future__ import annotations

import math

from segmentation.radiomics.texture.catalogue import stems
from segmentation.radiomics.texture.emphasis import emphasis_features
from segmentation.radiomics.texture.levels import GreyLevels
from segmentation.radiomics.texture.tally import Cells, Floats, tally
from segmentation.radiomics.texture.zones import Zones

STEMS = stems("dzm")


def distance_zones(levels: GreyLevels, zones: Zones) -> Cells:
    """Zones by grey level and smallest distance to the border, by slice or volume."""
    shape = (len(levels.voxels), levels.n_bins, int(zones.distance.max(initial=1)))
    keys = zones.keys(zones.distance, shape)
    return Cells(*tally(keys, math.prod(shape)), shape, levels.voxels)


def distance_zone_features(cells: Cells) -> dict[str, Floats]:
    """All GLDZM features, one value a matrix.

    Formula, unit and IBSI code of each: `dictionary.explain("dzm_")`, or `segmentation features dzm_`.
    """
    return emphasis_features(cells, STEMS)
