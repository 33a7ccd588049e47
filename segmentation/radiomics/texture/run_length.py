"""How long the lines of equal grey level are: the grey level run length matrix, GLRLM (IBSI TP0I).

References: Galloway 1975, doi:10.1016/S0146-664X(75)80008-6; arXiv:1612.07003, 3.7.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from segmentation.radiomics.texture.catalogue import stems
from segmentation.radiomics.texture.emphasis import emphasis_features
from segmentation.radiomics.texture.levels import GreyLevels, narrowest
from segmentation.radiomics.texture.tally import Cells, Floats, Ints, interleave, tally

STEMS = stems("rlm")


def run_lengths(levels: GreyLevels) -> Cells:
    """Runs by grey level and length, by slice or volume and direction."""
    longest = max(levels.block.shape)
    shape = (len(levels.voxels), levels.n_bins, longest)
    keys = np.empty(len(levels.inside), dtype=narrowest(math.prod(shape)))
    lengths = np.empty(levels.line.shape, dtype=np.uint16)
    parts = []
    for step in levels.directions:
        kind = (step, levels.n_bins, longest)
        used = _run_keys(levels.line, levels.inside, levels.bounds, kind, (lengths, keys))
        parts.append(tally(keys[:used], math.prod(shape)))
    return interleave(parts, shape, levels.voxels)


@numba.njit(cache=True)
def _run_keys(
    line: npt.NDArray[Any],
    inside: npt.NDArray[Any],
    bounds: Ints,
    kind: tuple[int, int, int],
    out: tuple[npt.NDArray[np.uint16], npt.NDArray[Any]],
) -> int:  # pragma: no cover - compiled
    """Write the key of every run along one direction; the number of runs.

    `lengths` holds how long the run up to each voxel is. Each voxel writes a key, and only those at the end of a run
    are kept: without a branch, for runs end too irregularly for a processor to guess.
    """
    step, n_bins, longest = kind
    lengths, keys = out
    used = 0
    for part in range(bounds.shape[0] - 1):
        base = (np.int64(part) * n_bins - 1) * longest - 1
        for t in range(bounds[part], bounds[part + 1]):
            place = int(inside[t])
            level = np.int64(line[place])
            length = np.int64(line[place - step] == level) * np.int64(lengths[place - step]) + 1
            lengths[place] = length
            keys[used] = base + level * longest + length
            used += int(line[place + step] != level)
    return used


def run_length_features(cells: Cells) -> dict[str, Floats]:
    """All GLRLM features, one value a matrix.

    Formula, unit and IBSI code of each: `dictionary.explain("rlm_")`, or `segmentation features rlm_`.
    """
    return emphasis_features(cells, STEMS)
