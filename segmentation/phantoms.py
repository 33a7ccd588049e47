"""Synthetic CT-like volumes with known truth: two unequal kidneys, and a tumour of chosen size, place and texture.

The body is built in patient coordinates (RAS mm) and only then laid out in the array, so that the same patient can be
stored in any spacing and axis order. It is asymmetric in all three directions (a spine behind, a liver on the right
and above), so that a wrong flip is seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.types import Mask, Shape, Volume

REGIONS = {"kidney": 1, "tumor": 2}
SIDES = ("left", "right")
POLES = {"upper": 0.6, "middle": 0.0, "lower": -0.6}

Floats = npt.NDArray[np.float32]

_FIELD_MM = (170.0, 150.0, 170.0)  # right-left, front-back, up-down
_KIDNEY_MM = {"left": (23.0, 20.0, 44.0), "right": (21.0, 19.0, 40.0)}  # half axes; the right one is smaller ...
_CENTRE_MM = {"left": (-42.0, -15.0, 4.0), "right": (42.0, -15.0, -6.0)}  # ... and lower
_LIVER_MM = ((45.0, 25.0, 45.0), (36.0, 40.0, 34.0))  # centre, half axes
_SPINE_MM = ((0.0, -55.0), 15.0)  # centre (x, y), radius
_AIR_HU, _FAT_HU, _LIVER_HU, _BONE_HU = -1000.0, -90.0, 110.0, 500.0
_BODY_MM = (80.0, 71.0)
_WAVES = 6


@dataclass(frozen=True)
class PhantomSpec:
    """What to build. `exophytic` is how far the tumour's centre lies from the organ's middle (0) to beyond its
    surface (1 is on it) towards the patient's side; `texture_hu` is the amplitude of its uneven enhancement."""

    shape: Shape = (64, 64, 40)  # along the array axes of `orientation`
    orientation: str = "RAS"
    tumour_ml: float = 20.0
    side: str = "left"
    pole: str = "middle"
    exophytic: float = 0.8
    organ_hu: float = 150.0
    tumour_hu: float = 80.0
    texture_hu: float = 0.0
    noise_hu: float = 10.0

    def __post_init__(self) -> None:
        if sorted(_patient_axes(self.orientation)) != [0, 1, 2]:
            raise ValueError(f"orientation must name each patient axis once, e.g. 'RAS', found {self.orientation!r}")
        if self.side not in SIDES or self.pole not in POLES:
            raise ValueError(f"side must be in {SIDES} and pole in {tuple(POLES)}, found {self.side!r}, {self.pole!r}")
        if not self.tumour_ml > 0 or self.noise_hu < 0 or self.texture_hu < 0:
            raise ValueError("tumour_ml must be above 0, noise_hu and texture_hu at least 0")

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """The field of view shared out over the voxels, along the array axes."""
        i, j, k = (_FIELD_MM[axis] / n for axis, n in zip(_patient_axes(self.orientation), self.shape, strict=True))
        return i, j, k


def phantom(rng: np.random.Generator, spec: PhantomSpec) -> tuple[Volume, Mask, dict[str, Any]]:
    """An image in HU (int16), its mask (kidney 1, tumor 2), and what is true of them.

    Truth: `tumour_ml` (of the ball asked for), `tumour_voxels_ml` (of the voxels drawn), `tumour_centre_mm` (RAS),
    `tumour_diameter_mm`, `side`, `pole`. The noise comes from `rng` alone.
    """
    affine = _affine(spec)
    x, y, z = _coordinates(spec, affine)
    organ = _ellipsoid(x, y, z, _CENTRE_MM["left"], _KIDNEY_MM["left"])
    organ |= _ellipsoid(x, y, z, _CENTRE_MM["right"], _KIDNEY_MM["right"])
    centre, radius = _tumour_centre(spec), _radius_mm(spec.tumour_ml)
    tumour = _ellipsoid(x, y, z, centre, (radius, radius, radius))
    labels = np.where(tumour, np.uint8(2), organ.astype(np.uint8))
    hu = np.where(organ, np.float32(spec.organ_hu), _surroundings(x, y, z))
    hu = np.where(tumour, spec.tumour_hu + _texture(rng, spec, x, y, z), hu)
    hu += np.float32(spec.noise_hu) * rng.standard_normal(spec.shape, dtype=np.float32)
    image = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    mask = Mask(labels, affine, REGIONS)
    truth = {
        "tumour_ml": spec.tumour_ml,
        "tumour_voxels_ml": float(tumour.sum()) * mask.grid.voxel_ml,
        "tumour_centre_mm": centre,
        "tumour_diameter_mm": 2 * radius,
        "side": spec.side,
        "pole": spec.pole,
    }
    return Volume(np.asfortranarray(image), affine, "CT"), mask, truth


def _patient_axes(orientation: str) -> list[int]:
    """For each array axis the patient axis it runs along (0 x, 1 y, 2 z); -1 for a letter that means none."""
    pairs = ("RL", "AP", "SI")
    return [next((axis for axis, pair in enumerate(pairs) if letter in pair), -1) for letter in orientation]


def _affine(spec: PhantomSpec) -> npt.NDArray[np.float64]:
    """Voxel index to RAS mm with the middle of the field at 0, 0, 0."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (patient, letter) in enumerate(zip(_patient_axes(spec.orientation), spec.orientation, strict=True)):
        affine[patient, axis] = spec.spacing_mm[axis] * (1 if letter in "RAS" else -1)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(spec.shape) - 1) / 2)
    return affine


def _coordinates(spec: PhantomSpec, affine: npt.NDArray[np.float64]) -> tuple[Floats, Floats, Floats]:
    """RAS x, y and z of every voxel, each as an array that broadcasts over (I, J, K)."""
    found: dict[int, Floats] = {}
    for axis, patient in enumerate(_patient_axes(spec.orientation)):
        line = affine[patient, axis] * np.arange(spec.shape[axis]) + affine[patient, 3]
        found[patient] = np.expand_dims(line.astype(np.float32), tuple({0, 1, 2} - {axis}))
    return found[0], found[1], found[2]


def _ellipsoid(
    x: Floats, y: Floats, z: Floats, centre: tuple[float, ...], half_axes: tuple[float, ...]
) -> npt.NDArray[np.bool_]:
    parts = (((line - c) / a) ** 2 for line, c, a in zip((x, y, z), centre, half_axes, strict=True))
    return sum(parts) <= np.float32(1)  # type: ignore[return-value]


def _surroundings(x: Floats, y: Floats, z: Floats) -> Floats:
    """Air, fat, liver and spine in HU."""
    body = (x / _BODY_MM[0]) ** 2 + (y / _BODY_MM[1]) ** 2 <= 1
    (spine_x, spine_y), spine_r = _SPINE_MM
    spine = (x - spine_x) ** 2 + (y - spine_y) ** 2 <= spine_r**2
    flat = np.where(spine, np.float32(_BONE_HU), np.where(body, np.float32(_FAT_HU), np.float32(_AIR_HU)))
    return np.where(_ellipsoid(x, y, z, *_LIVER_MM), np.float32(_LIVER_HU), flat)


def _radius_mm(volume_ml: float) -> float:
    return float((3000.0 * volume_ml / (4 * math.pi)) ** (1 / 3))


def _tumour_centre(spec: PhantomSpec) -> tuple[float, float, float]:
    """On the organ's outer side at the height of the chosen pole, RAS mm."""
    (cx, cy, cz), (a, _, c) = _CENTRE_MM[spec.side], _KIDNEY_MM[spec.side]
    height = POLES[spec.pole]
    outward = 1.0 if spec.side == "right" else -1.0
    return cx + outward * spec.exophytic * a * math.sqrt(1 - height**2), cy, cz + height * c


def _texture(rng: np.random.Generator, spec: PhantomSpec, x: Floats, y: Floats, z: Floats) -> Floats:
    """A smooth uneven field: a few plane waves of 8 to 25 mm, root mean square `texture_hu`."""
    if spec.texture_hu == 0:
        return np.zeros((1, 1, 1), dtype=np.float32)
    direction = rng.standard_normal((_WAVES, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    waves = direction * (2 * np.pi / rng.uniform(8, 25, (_WAVES, 1)))
    phase = rng.uniform(0, 2 * np.pi, _WAVES)
    field = sum(
        np.cos(np.float32(a) * x + np.float32(b) * y + (np.float32(c) * z + np.float32(p)))
        for (a, b, c), p in zip(waves, phase, strict=True)
    )
    return np.float32(spec.texture_hu * math.sqrt(2 / _WAVES)) * np.asarray(field, dtype=np.float32)
