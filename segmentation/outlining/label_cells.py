"""The winning class of every fine voxel between coarse ones, in compiled code; `label_export` says how."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

UNDECIDED = 255  # above every class number


@numba.njit(cache=True, nogil=True)
def fill_voxels(scores: Any, names: Any, out: Any) -> None:  # pragma: no cover - compiled
    """The name of the class that leads at every voxel of the scores' own grid; a tie takes the first class."""
    classes, xs, ys, zs = scores.shape
    first, winner = np.empty(zs, np.float32), np.empty(zs, np.int64)
    for x in range(xs):
        for y in range(ys):
            first[:], winner[:] = scores[0, x, y], 0
            for c in range(1, classes):
                for z in range(zs):
                    value = scores[c, x, y, z]
                    if value > first[z]:
                        first[z], winner[z] = value, c
            for z in range(zs):
                out[x, y, z] = names[winner[z]]


@numba.njit(cache=True, nogil=True)
def winners(scores: Any, best: Any, margin: Any) -> None:  # pragma: no cover - compiled
    """The class that leads every other by more than rounding could undo, or `UNDECIDED`."""
    classes, xs, ys, zs = scores.shape
    first, second = np.empty(zs, np.float32), np.empty(zs, np.float32)
    for x in range(xs):
        for y in range(ys):
            first[:], second[:] = -np.inf, -np.inf
            winner = best[x, y]
            winner[:] = 0
            for c in range(classes):
                for z in range(zs):
                    value = scores[c, x, y, z]
                    if value > first[z]:
                        second[z], first[z], winner[z] = first[z], value, c
                    elif value > second[z]:
                        second[z] = value
            for z in range(zs):
                if first[z] - second[z] <= margin:
                    winner[z] = UNDECIDED


@numba.njit(cache=True, nogil=True)
def fill_cells(scores: Any, best: Any, tables: Any, about: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Every fine voxel of some cells along x."""
    cells_x, cells_y, cells_z, wx, wy, wz = tables
    names, margin, block = about
    classes = scores.shape[0]
    largest, floor = np.empty((classes, scores.shape[3]), np.float32), np.empty(len(cells_z), np.float32)
    undecided, rivals = np.empty(len(cells_z), np.bool_), np.empty(classes, np.int64)
    held = (np.empty(block, np.float32), np.empty(block, np.int64))
    for cell_x in cells_x:
        for cell_y in cells_y:
            rows = (cell_x[0], cell_x[1], cell_y[0], cell_y[1])
            part = out[cell_x[2] : cell_x[3], cell_y[2] : cell_y[3]]
            if not _fill_decided(best, rows, cells_z, (names, undecided), part):
                continue
            _bounds(scores, rows, (cells_z, undecided), (largest, floor))
            weights = (wx[cell_x[2] : cell_x[3]], wy[cell_y[2] : cell_y[3]], wz)
            for n in range(len(cells_z)):
                if undecided[n]:
                    cell = cells_z[n]
                    count = 0
                    for c in range(classes):
                        if max(largest[c, cell[0]], largest[c, cell[1]]) >= floor[n] - margin:
                            rivals[count] = c
                            count += 1
                    _decide(scores, rows, (cell, rivals[:count]), (weights, held, names), part)


@numba.njit(cache=True, nogil=True)
def _fill_decided(best: Any, rows: Any, cells_z: Any, about: Any, part: Any) -> bool:  # pragma: no cover - compiled
    """Fill the cells along z whose corners have one winner, note the others, and say whether there are any."""
    x0, x1, y0, y1 = rows
    names, undecided = about
    left = False
    for n in range(len(cells_z)):
        z0, z1, start, stop = cells_z[n]
        one = best[x0, y0, z0]
        same = one != UNDECIDED and best[x0, y0, z1] == one and best[x0, y1, z0] == one and best[x0, y1, z1] == one
        same = same and best[x1, y0, z0] == one and best[x1, y0, z1] == one
        same = same and best[x1, y1, z0] == one and best[x1, y1, z1] == one
        undecided[n] = not same
        left = left or not same
        if same:
            part[:, :, start:stop] = names[one]
    return left


@numba.njit(cache=True, nogil=True)
def _bounds(scores: Any, rows: Any, where: Any, found: Any) -> None:  # pragma: no cover - compiled
    """Each class's largest of the four corners at every z that an undecided cell has, and those cells' floors."""
    x0, x1, y0, y1 = rows
    cells_z, undecided = where
    largest, floor = found
    low, high = scores.shape[3], -1
    for n in range(len(cells_z)):
        if undecided[n]:
            low, high = min(low, cells_z[n, 0]), max(high, cells_z[n, 1])
    floor[:] = -np.inf
    for c in range(scores.shape[0]):
        for z in range(low, high + 1):
            left = max(scores[c, x0, y0, z], scores[c, x0, y1, z])
            largest[c, z] = max(left, max(scores[c, x1, y0, z], scores[c, x1, y1, z]))
    _raise_floor(scores, rows, cells_z, undecided, floor)


@numba.njit(cache=True, nogil=True)
def _raise_floor(
    scores: Any, rows: Any, cells_z: Any, undecided: Any, floor: Any
) -> None:  # pragma: no cover - compiled
    """For every undecided cell: the largest, over classes, of the smallest of its corners."""
    x0, x1, y0, y1 = rows
    for c in range(scores.shape[0]):
        for n in range(len(cells_z)):
            if undecided[n]:
                z0, z1 = cells_z[n, 0], cells_z[n, 1]
                a = min(scores[c, x0, y0, z0], scores[c, x0, y0, z1])
                b = min(scores[c, x0, y1, z0], scores[c, x0, y1, z1])
                d = min(scores[c, x1, y0, z0], scores[c, x1, y0, z1])
                e = min(scores[c, x1, y1, z0], scores[c, x1, y1, z1])
                floor[n] = max(floor[n], min(min(a, b), min(d, e)))


@numba.njit(cache=True, nogil=True)
def _decide(scores: Any, rows: Any, which: Any, how: Any, part: Any) -> None:  # pragma: no cover - compiled
    """Interpolate the rivals in one cell and write the winners' labels."""
    x0, x1, y0, y1 = rows
    cell, rivals = which
    weights, held, names = how
    corner = np.empty((2, 2, 2), np.float32)
    for r in range(len(rivals)):
        c = rivals[r]
        for n in range(2):
            z = cell[n]
            corner[0, 0, n], corner[0, 1, n] = scores[c, x0, y0, z], scores[c, x0, y1, z]
            corner[1, 0, n], corner[1, 1, n] = scores[c, x1, y0, z], scores[c, x1, y1, z]
        _compete(corner, (r == 0, c), cell, weights, held)
    win = held[1]
    for i in range(part.shape[0]):
        for j in range(part.shape[1]):
            for k in range(cell[3] - cell[2]):
                part[i, j, cell[2] + k] = names[win[i, j, k]]


@numba.njit(cache=True, nogil=True)
def _compete(corner: Any, who: Any, cell: Any, weights: Any, held: Any) -> None:  # pragma: no cover - compiled
    """One class in one cell: interpolated along z, y and x as the sparse products do, against the best so far."""
    first, number = who
    wx, wy, wz = weights
    top, win = held
    for k in range(cell[3] - cell[2]):
        p, q = wz[cell[2] + k, 0], wz[cell[2] + k, 1]
        a = p * corner[0, 0, 0] + q * corner[0, 0, 1]
        b = p * corner[0, 1, 0] + q * corner[0, 1, 1]
        c = p * corner[1, 0, 0] + q * corner[1, 0, 1]
        d = p * corner[1, 1, 0] + q * corner[1, 1, 1]
        for j in range(len(wy)):
            r, s = wy[j, 0], wy[j, 1]
            left, right = r * a + s * b, r * c + s * d
            for i in range(len(wx)):
                value = wx[i, 0] * left + wx[i, 1] * right
                if first or value > top[i, j, k]:
                    top[i, j, k], win[i, j, k] = value, number
