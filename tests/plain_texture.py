"""Texture matrices and features in plain Python, straight from the formulas: slow, and sharing nothing with kernels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from itertools import product
from math import exp, log2, sqrt

import numpy as np
import numpy.typing as npt

Place = tuple[int, int, int]
Levels = dict[Place, int]
Table = Counter[tuple[int, int]]

NAMES = {
    "rlm": "sre lre lgre hgre srlge srhge lrlge lrhge glnu glnu_norm rlnu rlnu_norm r_perc gl_var rl_var rl_entr",
    "szm": "sze lze lgze hgze szlge szhge lzlge lzhge glnu glnu_norm zsnu zsnu_norm z_perc gl_var zs_var zs_entr",
    "dzm": "sde lde lgze hgze sdlge sdhge ldlge ldhge glnu glnu_norm zdnu zdnu_norm z_perc gl_var zd_var zd_entr",
    "ngl": "lde hde lgce hgce ldlge ldhge hdlge hdhge glnu glnu_norm dcnu dcnu_norm dc_perc gl_var dc_var dc_entr"
    " dc_energy",
}


def levels_of(bins: npt.NDArray[np.int32]) -> Levels:
    return {(int(k), int(j), int(i)): int(bins[k, j, i]) for k, j, i in np.argwhere(bins > 0)}


def moves(flat: bool, reach: int = 1) -> list[Place]:
    along = range(-reach, reach + 1)
    return [m for m in product((0,) if flat else along, along, along) if any(m)]


def directions(flat: bool) -> list[Place]:
    return [m for m in moves(flat) if m > (0, 0, 0)]


def moved(place: Place, move: Place, times: int = 1) -> Place:
    k, j, i = (p + times * m for p, m in zip(place, move, strict=True))
    return k, j, i


def cooccurrence(levels: Levels, move: Place, distance: int = 1) -> Table:
    """The symmetric matrix of one direction."""
    table: Table = Counter()
    for place, level in levels.items():
        other = levels.get(moved(place, move, distance))
        if other:
            table[level, other] += 1
            table[other, level] += 1
    return table


def run_length(levels: Levels, move: Place) -> Table:
    table: Table = Counter()
    for place, level in levels.items():
        if levels.get(moved(place, move, -1)) != level:
            length = 1
            while levels.get(moved(place, move, length)) == level:
                length += 1
            table[level, length] += 1
    return table


def zone_list(levels: Levels, flat: bool) -> list[tuple[int, list[Place]]]:
    """Each zone's level and voxels, by flooding."""
    left, found = dict(levels), []
    while left:
        start, level = left.popitem()
        zone, todo = [start], [start]
        while todo:
            place = todo.pop()
            for near in (moved(place, move) for move in moves(flat)):
                if left.get(near) == level:
                    del left[near]
                    zone.append(near)
                    todo.append(near)
        found.append((level, zone))
    return found


def erosions(mask: set[Place], flat: bool) -> dict[Place, int]:
    """One more than the erosions that each voxel survives."""
    faces = [m for m in moves(flat) if sum(map(abs, m)) == 1]
    left, survived, turn = set(mask), {}, 1
    while left:
        rim = {place for place in left if any(moved(place, face) not in left for face in faces)}
        survived.update(dict.fromkeys(rim, turn))
        left, turn = left - rim, turn + 1
    return survived


def size_zone(levels: Levels, flat: bool) -> Table:
    return Counter((level, len(zone)) for level, zone in zone_list(levels, flat))


def distance_zone(levels: Levels, flat: bool, mask: set[Place] | None = None) -> Table:
    distance = erosions(set(levels) if mask is None else mask, flat)
    return Counter((level, min(distance[place] for place in zone)) for level, zone in zone_list(levels, flat))


def dependence(levels: Levels, flat: bool, distance: int = 1, coarseness: int = 0) -> Table:
    table: Table = Counter()
    for place, level in levels.items():
        around = (levels.get(moved(place, move)) for move in moves(flat, distance))
        table[level, 1 + sum(1 for other in around if other and abs(other - level) <= coarseness)] += 1
    return table


def grey_tone(levels: Levels, flat: bool, distance: int = 1) -> dict[int, tuple[int, float]]:
    """n_i and s_i by level."""
    table: dict[int, tuple[int, float]] = {}
    for place, level in levels.items():
        around = [levels[near] for near in (moved(place, m) for m in moves(flat, distance)) if near in levels]
        if around:
            n, s = table.get(level, (0, 0.0))
            table[level] = (n + 1, s + abs(level - sum(around) / len(around)))
    return table


def shared_features(table: Table, n_voxels: int, family: str) -> dict[str, float]:
    """Runs, zones and dependences, in the order of NAMES."""
    total = sum(table.values())
    p = {cell: count / total for cell, count in table.items()}
    by_level: Counter[int] = Counter()
    by_length: Counter[int] = Counter()
    for (i, j), count in table.items():
        by_level[i] += count
        by_length[j] += count
    powers = [(0, -2), (0, 2), (-2, 0), (2, 0), (-2, -2), (2, -2), (-2, 2), (2, 2)]
    values = [sum(q * i**a * j**b for (i, j), q in p.items()) for a, b in powers]
    for margin in (by_level, by_length):
        square = sum(count**2 for count in margin.values())
        values += [square / total, square / total**2]
    values.append(total / n_voxels)
    for axis in (0, 1):
        centre = sum(q * cell[axis] for cell, q in p.items())
        values.append(sum(q * (cell[axis] - centre) ** 2 for cell, q in p.items()))
    values += [-sum(q * log2(q) for q in p.values()), sum(q**2 for q in p.values())]
    return {f"{family}_{name}": value for name, value in zip(NAMES[family].split(), values, strict=False)}


def cooccurrence_features(table: Table, n_bins: int) -> dict[str, float]:
    total = sum(table.values())
    p = {cell: count / total for cell, count in table.items()}
    row, apart, together = (defaultdict[int, float](float) for _ in range(3))
    for (i, j), q in p.items():
        row[i] += q
        apart[abs(i - j)] += q
        together[i + j] += q

    def mean(function: Callable[[int, int], float]) -> float:
        return sum(q * function(i, j) for (i, j), q in p.items())

    def entropy(parts: Mapping[int, float]) -> float:
        return -sum(q * log2(q) for q in parts.values() if q)

    mu = mean(lambda i, j: i)
    variance = mean(lambda i, j: (i - mu) ** 2)
    hxy = -sum(q * log2(q) for q in p.values())
    hxy1 = -sum(q * log2(row[i] * row[j]) for (i, j), q in p.items())
    hxy2 = -sum(row[i] * row[j] * log2(row[i] * row[j]) for i, j in product(row, row))
    found = {
        "joint_max": max(p.values()),
        "joint_avg": mu,
        "joint_var": variance,
        "joint_entr": hxy,
        "diff_avg": mean(lambda i, j: abs(i - j)),
        "diff_var": mean(lambda i, j: (abs(i - j) - mean(lambda i, j: abs(i - j))) ** 2),
        "diff_entr": entropy(apart),
        "sum_avg": mean(lambda i, j: i + j),
        "sum_var": mean(lambda i, j: (i + j - 2 * mu) ** 2),
        "sum_entr": entropy(together),
        "energy": sum(q**2 for q in p.values()),
        "contrast": mean(lambda i, j: (i - j) ** 2),
        "dissimilarity": mean(lambda i, j: abs(i - j)),
        "inv_diff": mean(lambda i, j: 1 / (1 + abs(i - j))),
        "inv_diff_norm": mean(lambda i, j: 1 / (1 + abs(i - j) / n_bins)),
        "inv_diff_mom": mean(lambda i, j: 1 / (1 + (i - j) ** 2)),
        "inv_diff_mom_norm": mean(lambda i, j: 1 / (1 + (i - j) ** 2 / n_bins**2)),
        "inv_var": 2 * sum(q / (i - j) ** 2 for (i, j), q in p.items() if j > i),
        "auto_corr": mean(lambda i, j: i * j),
        "clust_tend": mean(lambda i, j: (i + j - 2 * mu) ** 2),
        "clust_shade": mean(lambda i, j: (i + j - 2 * mu) ** 3),
        "clust_prom": mean(lambda i, j: (i + j - 2 * mu) ** 4),
        "info_corr2": sqrt(max(0.0, 1 - exp(-2 * (hxy2 - hxy)))),
    }
    if len(row) > 1:
        found["corr"] = mean(lambda i, j: (i - mu) * (j - mu)) / variance
        found["info_corr1"] = (hxy - hxy1) / entropy(row)
    return {f"cm_{name}": value for name, value in found.items()}


def grey_tone_features(table: dict[int, tuple[int, float]]) -> dict[str, float]:
    total = sum(n for n, _ in table.values())
    p = {i: n / total for i, (n, _) in table.items()}
    s = {i: each for i, (_, each) in table.items()}
    change, pairs, n = sum(p[i] * s[i] for i in p), list(product(p, p)), len(p)
    busy = sum(abs(i * p[i] - j * p[j]) for i, j in pairs)
    spread = sum(p[i] * p[j] * (i - j) ** 2 for i, j in pairs)
    complexity = sum(abs(i - j) * (p[i] * s[i] + p[j] * s[j]) / (p[i] + p[j]) for i, j in pairs)
    strength = sum((p[i] + p[j]) * (i - j) ** 2 for i, j in pairs)
    found = {
        "ngt_coarseness": 1 / change if change else 1e6,
        "ngt_contrast": spread / (n * (n - 1)) * sum(s.values()) / total if n > 1 else 0.0,
        "ngt_complexity": complexity / total,
        "ngt_strength": strength / sum(s.values()) if sum(s.values()) else 0.0,
    }
    if n == 1 or busy > 1e-12:
        found["ngt_busyness"] = change / busy if n > 1 else 0.0
    return found
