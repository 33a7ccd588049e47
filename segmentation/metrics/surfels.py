"""Where the surface of a region lies and how much of it lies there.

Two definitions. "area" (the default): a surface element sits at every corner between voxels of which some are inside
and some outside, and weighs as much as the marching-cubes surface through that corner has area (length in a single
slice). Sums over elements are then areas in mm2 whatever the spacing and the way the region is turned. "voxel": every
inside voxel with a face to the outside, each weighing 1: what MONAI measures, and what most papers print; thick slices
and slanting surfaces count wrongly. What lies beyond the image is outside.

The areas are those of the 14 ways in which the eight voxels round a corner can be inside or outside, up to turning,
mirroring and exchanging inside and outside; they are equal to google-deepmind/surface-distance's table of 256.

Reference: Nikolov S et al. J Med Internet Res 2021;23:e26151. doi:10.2196/26151
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_erosion

from segmentation.metrics.pair import Bools

AREA, VOXEL = "area", "voxel"
Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

# By dimension and code of the inside corners (the first corner counts most): normals of its elements, in eighths.
_ELEMENTS: dict[int, dict[int, tuple[tuple[int, ...], ...]]] = {
    1: {0: (), 1: ((8,),)},
    2: {0: (), 1: ((4, 4),), 3: ((8, 0),), 6: ((4, 4),) * 2},
    3: {
        0: (),
        1: ((1, 1, 1),),
        3: ((2, 2, 0),) * 2,
        6: ((1, 1, 1),) * 2,
        7: ((4, 0, 0), (2, 2, 2), (1, 1, 1)),
        15: ((4, 0, 0),) * 2,
        22: ((1, 1, 1),) * 3,
        23: ((1, 1, 1), (2, 2, 2)) * 2,
        24: ((1, 1, 1),) * 2,
        25: ((0, 2, 2), (0, 2, 2), (1, 1, 1)),
        27: ((1, 1, 1), (3, 3, 3), (0, 2, 2), (2, 0, 2)),
        30: ((4, 0, 0), (1, 1, 1), (2, 2, 2), (1, 1, 1)),
        60: ((2, 2, 0),) * 4,
        105: ((1, 1, 1),) * 4,
    },
}


def surface(inside: Bools, spacing: tuple[float, ...], kind: str = AREA) -> tuple[Ints, Floats]:
    """The surface elements of a region: their places (n, axes), in voxel steps, and their weights (n,).

    Raises ValueError for another kind than "area" and "voxel".
    """
    if kind == AREA:
        codes = _codes(inside)
        places = np.argwhere((codes > 0) & (codes < 2 ** (2**inside.ndim) - 1))
        return places, element_sizes(spacing)[codes[tuple(places.T)]]
    if kind != VOXEL:
        raise ValueError(f"a surface is {AREA} or {VOXEL}, found {kind!r}")
    places = np.argwhere(inside & ~binary_erosion(inside))
    return places, np.ones(len(places))


@lru_cache(maxsize=64)
def element_sizes(spacing: tuple[float, ...]) -> Floats:
    """The surface through a corner for each code of its neighbours: area in mm2 (3 axes), length in mm (2), 1 (1)."""
    axes = len(spacing)
    face = np.prod(spacing) / np.asarray(spacing)
    table = np.zeros(2 ** (2**axes))
    for code, normals in _ELEMENTS[axes].items():
        cells = (_kernel(axes) & code) > 0
        for order, signs in itertools.product(
            itertools.permutations(range(axes)), itertools.product((1, -1), repeat=axes)
        ):
            turned = cells.transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
            size = sum(float(np.linalg.norm(np.take(normal, order) * face)) / 8 for normal in normals)
            table[_code(turned)] = table[_code(~turned)] = size
    return table


def _kernel(axes: int) -> npt.NDArray[np.intp]:
    """What each of the 2 x 2 (x 2) corners counts, the first most."""
    return np.asarray(2 ** np.arange(2**axes)[::-1]).reshape((2,) * axes)


def _code(cells: Bools) -> int:
    return int(_kernel(cells.ndim)[cells].sum())


def _codes(inside: Bools) -> npt.NDArray[np.uint8]:
    """The code of the voxels round every corner of the grid, sizes one larger than the array's."""
    padded = np.pad(inside, 1).view(np.uint8)
    codes = np.zeros([n + 1 for n in inside.shape], dtype=np.uint8)
    kernel = _kernel(inside.ndim)
    for start in np.ndindex(kernel.shape):
        window = tuple(slice(first, first + n) for first, n in zip(start, codes.shape, strict=True))
        codes |= padded[window] * np.uint8(kernel[start])
    return codes
