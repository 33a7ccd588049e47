"""How many neighbours are like a voxel: the neighbouring grey level dependence matrix, NGLDM (IBSI REK0).

The voxel itself counts, so that a dependence is 1 or more. The matrix is counted in `neighbourhood`.

References: Sun & Wee 1983, doi:10.1016/0734-189X(83)90032-4; arXiv:1612.07003, 3.11.
"""

from __future__ import annotations

from segmentation.radiomics.texture.catalogue import stems
from segmentation.radiomics.texture.emphasis import emphasis_features
from segmentation.radiomics.texture.tally import Cells, Floats

STEMS = stems("ngl")


def grey_dependence_features(cells: Cells) -> dict[str, Floats]:
    """All NGLDM features, one value a matrix.

    Formula, unit and IBSI code of each: `dictionary.explain("ngl_")`, or `segmentation features ngl_`.
    """
    return emphasis_features(cells, STEMS)
