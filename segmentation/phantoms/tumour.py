"""The tumour of a phantom: a ball made lobulated at an unchanged volume, and a texture of chosen coarseness.

Computed in float64, so that rounding to whole levels does not depend on the processor's last bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segmentation.phantoms.spec import Point

Doubles = npt.NDArray[np.float64]

_LOBES, _LOBE_WAVES = 7, (2.5, 5.0)  # plane waves over the unit sphere, and their wave numbers
_STEEPEST, _HIGHEST = 0.24, 1.8  # spread of the logarithm of the radius at irregularity 1; cut at so many spreads
_WAVES, _SHORTEST_MM, _LONGEST_RATIO = 10, 11.0, 3.0
_SPHERE_POINTS = 600
_ROUNDS = 4  # giving the values their spread brings a little of the slope back


@dataclass(frozen=True, eq=False)
class Surface:
    """A star-shaped surface: the radius in mm in every direction."""

    radius_mm: float
    spread: float
    waves: Doubles  # (lobes, 3)
    phases: Doubles  # (lobes,)
    mean: float
    scale: float

    def radius(self, directions: Doubles) -> Doubles:
        """The radius (mm) along unit vectors (n, 3), shape (n,)."""
        height = (_sum_of_waves(directions, self.waves, self.phases) - self.mean) / self.scale
        return np.asarray(self.radius_mm * np.exp(self.spread * np.clip(height, -_HIGHEST, _HIGHEST)))

    @property
    def reach_mm(self) -> float:
        """No point of the tumour is farther from its centre."""
        return self.radius_mm * math.exp(self.spread * _HIGHEST)


def draw_surface(rng: np.random.Generator, volume_ml: float, irregularity: float) -> Surface:
    """A surface that encloses `volume_ml`; a ball at irregularity 0."""
    waves = _directions(rng, _LOBES) * rng.uniform(*_LOBE_WAVES, (_LOBES, 1))
    phases = rng.uniform(0, 2 * np.pi, _LOBES)
    points = _sphere()
    height = _sum_of_waves(points, waves, phases)
    raw = Surface(1.0, _STEEPEST * irregularity, waves, phases, float(height.mean()), float(height.std()))
    volume = 4 * math.pi / 3 * float((raw.radius(points) ** 3).mean())
    return Surface((1000.0 * volume_ml / volume) ** (1 / 3), raw.spread, waves, phases, raw.mean, raw.scale)


def inside(surface: Surface, offsets: Doubles) -> npt.NDArray[np.bool_]:
    """Which points are inside, given their distance vectors (n, 3) from the centre in mm, shape (n,)."""
    distance = np.sqrt((offsets**2).sum(axis=1))
    near = distance <= surface.reach_mm
    found = np.zeros(len(offsets), dtype=bool)
    unit = offsets[near] / np.maximum(distance[near], 1e-9)[:, None]
    found[near] = distance[near] <= surface.radius(unit)
    return found


def texture(rng: np.random.Generator, points: Doubles, coarseness: float) -> Doubles:
    """An uneven field at points (n, 3) in mm: the same spread of values, uniform with standard deviation 1, at any
    coarseness; only how near to each other like values lie differs.

    A straight slope through the tumour is taken out: coarse waves would leave one, and shift its centre of mass.
    """
    length = _SHORTEST_MM * _LONGEST_RATIO**coarseness * rng.uniform(0.85, 1.15, (_WAVES, 1))
    waves, phases = _directions(rng, _WAVES) * (2 * np.pi / length), rng.uniform(0, 2 * np.pi, _WAVES)
    n = len(points)
    levels = math.sqrt(12) * ((np.arange(n) + 0.5) / max(n, 1) - 0.5)
    field = _sum_of_waves(points, waves, phases)
    for _ in range(_ROUNDS):
        order = np.argsort(_level(field, points), kind="stable")
        field[order] = levels
    return field


def centred_offsets(points: Doubles, centre: Point) -> Doubles:
    """Distance vectors (n, 3) from the centre."""
    return points - np.asarray(centre)


def _sum_of_waves(points: Doubles, waves: Doubles, phases: Doubles) -> Doubles:
    return np.asarray(np.cos(points @ waves.T + phases).sum(axis=1))


def _level(field: Doubles, points: Doubles) -> Doubles:
    """The field less its best straight slope."""
    slopes = np.column_stack([np.ones(len(points)), points - points.mean(axis=0)]) if len(points) else points
    return np.asarray(field - slopes @ np.linalg.lstsq(slopes, field, rcond=None)[0]) if len(points) > 4 else field


def _directions(rng: np.random.Generator, n: int) -> Doubles:
    found = rng.standard_normal((n, 3))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def _sphere() -> Doubles:
    """Points spread evenly over the unit sphere (a Fibonacci lattice), (n, 3)."""
    step = np.arange(_SPHERE_POINTS) + 0.5
    z = 1 - 2 * step / _SPHERE_POINTS
    angle, ring = step * math.pi * (3 - math.sqrt(5)), np.sqrt(1 - z**2)
    return np.column_stack([ring * np.cos(angle), ring * np.sin(angle), z])
