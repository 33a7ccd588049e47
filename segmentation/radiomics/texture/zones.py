"""Zones: pieces of one grey level whose voxels touch by face, edge or corner, with size and distance to the border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from segmentation.radiomics.texture.levels import GreyLevels, narrowest

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Zones:
    """Every zone of a region, (n,) each; `part` is its slice, or 0 in a volume."""

    part: npt.NDArray[np.uint16]
    level: npt.NDArray[np.uint16]  # from 1
    size: npt.NDArray[np.int32]  # voxels
    distance: npt.NDArray[np.uint16]  # smallest over its voxels: 1 on the border of the region

    def keys(self, other: npt.NDArray[Any], shape: tuple[int, int, int]) -> Ints:
        """Each zone's place in matrices of `shape` (parts, levels, `other` from 1), as one number, (n,)."""
        keys = self.part.astype(np.int64)
        keys *= shape[1]
        keys += self.level
        keys -= 1
        keys *= shape[2]
        keys += other
        keys -= 1
        return keys


def find_zones(levels: GreyLevels, distance: npt.NDArray[Any]) -> Zones:
    """The zones of a region; `distance` is `border_distance` on the same padded grid."""
    label = np.empty(levels.line.shape, dtype=narrowest(levels.line.size))
    back = levels.directions
    n = _join(levels.line, levels.inside, back, label)
    part, level, near = (np.zeros(n, dtype=np.uint16) for _ in range(3))
    zones = Zones(part, level, np.zeros(n, dtype=np.int32), near)
    found = (zones.part, zones.level, zones.size, zones.distance)
    _measure(levels.line, levels.inside, levels.bounds, (label, distance.reshape(-1)), found)
    return zones


def border_distance(mask: npt.NDArray[np.bool_], reach: int, flat: bool) -> npt.NDArray[Any]:
    """Steps through faces to leave the mask, 1 on its border, 0 outside; within slices where `flat`.

    `mask` is (K, J, I); the answer is padded by `reach` on every side, as the grey levels are. It is the number of
    erosions, by the 6 (4) neighbours, that a voxel survives plus one. uint8 where the box is too narrow for more.
    """
    deepest = min(mask.shape[flat:]) // 2 + 1
    kind = np.uint8 if deepest < np.iinfo(np.uint8).max else np.uint16
    inside = np.zeros([n + 2 * reach for n in mask.shape], dtype=kind)
    inside[tuple(slice(reach, reach + n) for n in mask.shape)][mask] = np.iinfo(kind).max
    _, n_j, n_i = inside.shape
    steps = np.array([1, n_i] if flat else [1, n_i, n_j * n_i])
    _sweep(inside.reshape(-1), steps)
    return inside


@numba.njit(cache=True)
def _sweep(line: npt.NDArray[Any], steps: Ints) -> None:  # pragma: no cover - compiled
    """Two sweeps are enough for the city-block distance."""
    for turn in (-1, 1):
        for t in range(line.shape[0]):
            place = t if turn < 0 else line.shape[0] - 1 - t
            if line[place] == 0:
                continue
            nearest = int(line[place])
            for s in range(steps.shape[0]):
                nearest = min(nearest, int(line[place + turn * steps[s]]) + 1)
            line[place] = nearest


@numba.njit(cache=True)
def _root(label: npt.NDArray[Any], place: int) -> int:  # pragma: no cover - compiled
    while label[place] != place:
        label[place] = label[label[place]]
        place = int(label[place])
    return place


@numba.njit(cache=True)
def _join(
    line: npt.NDArray[Any], inside: npt.NDArray[Any], back: Ints, label: npt.NDArray[Any]
) -> int:  # pragma: no cover - compiled
    """Point every voxel at an earlier one of its zone, the first at itself; the number of zones."""
    n = 0
    for t in range(inside.shape[0]):
        place = int(inside[t])
        root = place
        label[place] = place
        n += 1
        for s in range(back.shape[0]):
            if line[place - back[s]] == line[place]:
                other = _root(label, place - back[s])
                if other != root:
                    n -= 1
                    low, high = min(root, other), max(root, other)
                    label[high] = low
                    root = low
    return n


@numba.njit(cache=True)
def _measure(
    line: npt.NDArray[Any],
    inside: npt.NDArray[Any],
    bounds: Ints,
    maps: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    found: tuple[npt.NDArray[Any], ...],
) -> None:  # pragma: no cover - compiled
    """Fill part, level, size and distance of each zone. Labels become -1 - number of the zone on the way."""
    label, distance = maps
    parts, levels, sizes, near = found
    n = 0
    for part in range(bounds.shape[0] - 1):
        for t in range(bounds[part], bounds[part + 1]):
            place = int(inside[t])
            if label[place] == place:
                label[place] = -1 - n
                parts[n], levels[n], near[n] = part, line[place], distance[place]
                n += 1
            else:
                label[place] = label[label[place]]
            zone = -1 - np.int64(label[place])
            sizes[zone] += 1
            if distance[place] < near[zone]:
                near[zone] = distance[place]
