"""How large the zones of equal grey level are: the grey level size zone matrix, GLSZM (IBSI 9SAK).

Reference: arXiv:1612.07003, 3.8.
"""

from __future__ import annotations

import math

from segmentation.radiomics.texture.catalogue import stems
from segmentation.radiomics.texture.emphasis import emphasis_features
from segmentation.radiomics.texture.levels import GreyLevels
from segmentation.radiomics.texture.tally import Cells, Floats, tally
from segmentation.radiomics.texture.zones import Zones

STEMS = stems("szm")


def size_zones(levels: GreyLevels, zones: Zones) -> Cells:
    """Zones by grey level and number of voxels, by slice or volume."""
    shape = (len(levels.voxels), levels.n_bins, int(zones.size.max(initial=1)))
    keys = zones.keys(zones.size, shape)
    return Cells(*tally(keys, math.prod(shape)), shape, levels.voxels)


def size_zone_features(cells: Cells) -> dict[str, Floats]:
    """All GLSZM features, one value a matrix.

    Formula, unit and IBSI code of each: `dictionary.explain("szm_")`, or `segmentation features szm_`.
    """
    return emphasis_features(cells, STEMS)
