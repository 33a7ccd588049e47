"""The made-up body around the tumour: kidneys, great vessels, liver, spine, fat and air, in patient coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segmentation.phantoms.spec import POLES, Floats, PhantomSpec, Point

Bools = npt.NDArray[np.bool_]

KIDNEY_MM = {"left": (23.0, 20.0, 44.0), "right": (21.0, 19.0, 40.0)}  # half axes; the right one is smaller ...
KIDNEY_CENTRE_MM = {"left": (-42.0, -15.0, 4.0), "right": (42.0, -15.0, -6.0)}  # ... and lower
BODY_MM = (88.0, 74.0)
_LIVER_MM = ((47.0, 25.0, 45.0), (36.0, 40.0, 34.0))  # centre, half axes
_SPINE_MM = ((0.0, -55.0), 15.0)  # centre (x, y), radius
_TRUNK_MM = {"left": ((-10.0, -32.0), 8.0), "right": ((12.0, -29.0), 10.0)}  # aorta and vena cava: (x, y), radius
_BRANCH_MM = 4.5  # radius of the renal vessels


@dataclass(frozen=True)
class Palette:
    """The level of each tissue in the image's unit."""

    air: float
    fat: float
    liver: float
    bone: float
    vessel: float
    organ: float
    tumour: float


def kidneys(lines: tuple[Floats, Floats, Floats], scale: float) -> Bools:
    """Where the two kidneys are, as if there were no tumour."""
    parts = (
        ellipsoid(lines, KIDNEY_CENTRE_MM[side], tuple(scale * a for a in KIDNEY_MM[side]))
        for side in KIDNEY_MM
    )  # fmt: skip
    left, right = parts
    return left | right


def surroundings(lines: tuple[Floats, Floats, Floats], tissue: Palette) -> Floats:
    """Levels of everything but kidneys and tumour, as float32."""
    x, y, _ = lines
    body = (x / BODY_MM[0]) ** 2 + (y / BODY_MM[1]) ** 2 <= 1
    (spine_x, spine_y), spine_r = _SPINE_MM
    spine = (x - spine_x) ** 2 + (y - spine_y) ** 2 <= spine_r**2
    flat = np.where(spine, np.float32(tissue.bone), np.where(body, np.float32(tissue.fat), np.float32(tissue.air)))
    for (trunk_x, trunk_y), radius in _TRUNK_MM.values():
        flat = np.where((x - trunk_x) ** 2 + (y - trunk_y) ** 2 <= radius**2, np.float32(tissue.vessel), flat)
    with_liver = np.where(ellipsoid(lines, *_LIVER_MM), np.float32(tissue.liver), flat)
    return np.where(_renal_vessels(lines), np.float32(tissue.vessel), with_liver)


def ellipsoid(lines: tuple[Floats, Floats, Floats], centre: Point, half_axes: tuple[float, ...]) -> Bools:
    """Where an ellipsoid along the patient's axes is."""
    parts = (((line - c) / a) ** 2 for line, c, a in zip(lines, centre, half_axes, strict=True))
    return sum(parts) <= np.float32(1)  # type: ignore[return-value]


def tumour_centre(spec: PhantomSpec, reach_mm: float) -> Point:
    """Between hilum and outer side at the height of the chosen pole; a large tumour stays inside the body."""
    (cx, cy, cz), (a, _, c) = KIDNEY_CENTRE_MM[spec.side], KIDNEY_MM[spec.side]
    height, outward = POLES[spec.pole], 1.0 if spec.side == "right" else -1.0
    lateral = abs(cx) + spec.exophytic * spec.organ_scale * a * float(np.sqrt(1 - height**2))
    return outward * min(lateral, max(abs(cx), BODY_MM[0] - reach_mm)), cy, cz + height * spec.organ_scale * c


def _renal_vessels(lines: tuple[Floats, Floats, Floats]) -> Bools:
    """A level vessel from each trunk to the middle of its kidney."""
    found = np.zeros((1, 1, 1), dtype=bool)
    for side, (start, _) in _TRUNK_MM.items():
        kx, ky, kz = KIDNEY_CENTRE_MM[side]
        found = found | (_off_segment(lines, start, (kx, ky)) + (lines[2] - kz) ** 2 <= _BRANCH_MM**2)
    return found


def _off_segment(lines: tuple[Floats, Floats, Floats], start: tuple[float, float], end: tuple[float, float]) -> Floats:
    """Squared distance in the x, y plane from the line between two points, mm²."""
    x, y, _ = lines
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    share = ((x - start[0]) * along_x + (y - start[1]) * along_y) / np.float32(along_x**2 + along_y**2)
    share = np.clip(share, 0, 1)
    distance = (x - start[0] - share * along_x) ** 2 + (y - start[1] - share * along_y) ** 2
    return np.asarray(distance, dtype=np.float32)
