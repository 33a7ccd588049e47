"""A phantom's image and mask: levels of CT or MR, a scanner's offset, bias field and noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.phantoms.anatomy import Palette, kidneys, surroundings, tumour_centre
from segmentation.phantoms.spec import FIELD_MM, REGIONS, Floats, PhantomSpec
from segmentation.phantoms.tumour import Doubles, centred_offsets, draw_surface, inside, texture
from segmentation.types import Mask, Volume

_CT = {"air": -1000.0, "fat": -90.0, "liver": 110.0, "bone": 500.0, "vessel": 190.0}
_MR = Palette(air=0.0, fat=420.0, liver=180.0, bone=60.0, vessel=30.0, organ=330.0, tumour=230.0)  # T2-like
_MR_PER_HU = 1.4  # of texture and noise


def phantom(rng: np.random.Generator, spec: PhantomSpec) -> tuple[Volume, Mask, dict[str, Any]]:
    """An image (int16; HU, or arbitrary units for MR), its mask (kidney 1, tumor 2), and what is true of them.

    Truth: `tumour_ml` (as asked for), `tumour_voxels_ml` (of the voxels drawn), `tumour_centre_mm` (RAS),
    `tumour_diameter_mm` (of the ball of that volume), `side`, `pole`. The noise comes from `rng` alone.
    """
    lines, patient = spec.patient_lines(), np.random.default_rng([spec.anatomy, 17])
    surface = draw_surface(patient, spec.tumour_ml, spec.irregularity)
    centre = tumour_centre(spec, surface.reach_mm)
    tissue = _palette(spec)
    organ = kidneys(lines, spec.organ_scale)
    levels = np.where(organ, np.float32(tissue.organ), surroundings(lines, tissue))
    where, points = _box(lines, centre, surface.reach_mm)
    drawn = inside(surface, centred_offsets(points, centre))
    voxels = tuple(index[drawn] for index in where)
    levels[voxels] = tissue.tumour + _spread(spec) * texture(patient, points[drawn], spec.coarseness)
    labels = organ.astype(np.uint8)
    labels[voxels] = REGIONS["tumor"]
    mask = Mask(labels, spec.affine, REGIONS)
    image = np.asfortranarray(FINISHES[spec.modality](rng, spec, levels, lines))
    return Volume(image, spec.affine, spec.modality), mask, {
        "tumour_ml": spec.tumour_ml,
        "tumour_voxels_ml": float(drawn.sum()) * mask.grid.voxel_ml,
        "tumour_centre_mm": tuple(c + o for c, o in zip(centre, spec.offset_mm, strict=True)),
        "tumour_diameter_mm": 2 * (750.0 * spec.tumour_ml / math.pi) ** (1 / 3),
        "side": spec.side,
        "pole": spec.pole,
    }  # fmt: skip


def _box(
    lines: tuple[Floats, Floats, Floats], centre: tuple[float, float, float], reach_mm: float
) -> tuple[tuple[npt.NDArray[np.intp], ...], Doubles]:
    """The voxels of the cube around the tumour: their indices along the array axes, and patient coordinates (n, 3)."""
    near = [np.abs(line - c) <= reach_mm for line, c in zip(lines, centre, strict=True)]
    where = np.nonzero(near[0] & near[1] & near[2])
    axis_of = [int(np.argmax(line.shape)) if line.size > 1 else 0 for line in lines]
    columns = [line.ravel()[where[axis]].astype(np.float64) for line, axis in zip(lines, axis_of, strict=True)]
    return where, np.column_stack(columns)


def _palette(spec: PhantomSpec) -> Palette:
    return _MR if spec.modality == "MR" else Palette(**_CT, organ=spec.organ_hu, tumour=spec.tumour_hu)


def _spread(spec: PhantomSpec) -> float:
    return spec.texture_hu * (_MR_PER_HU if spec.modality == "MR" else 1.0)


def _as_ct(
    rng: np.random.Generator, spec: PhantomSpec, levels: Floats, lines: tuple[Floats, Floats, Floats]
) -> npt.NDArray[np.int16]:
    hu = levels + np.float32(spec.shift_hu)
    hu += np.float32(spec.noise_hu) * rng.standard_normal(spec.shape, dtype=np.float32)
    return np.clip(np.rint(hu), -1024, 3071).astype(np.int16)


def _as_mr(
    rng: np.random.Generator, spec: PhantomSpec, levels: Floats, lines: tuple[Floats, Floats, Floats]
) -> npt.NDArray[np.int16]:
    """Brighter to one side and to the rim (a smooth bias field), with the noise of a magnitude image (Rician)."""
    x, y, z = (line / np.float32(length / 2) for line, length in zip(lines, FIELD_MM, strict=True))
    rim = x * x + y * y + z * z - np.float32(0.7) * x + np.float32(0.5) * z
    signal = levels * (1 + np.float32(spec.bias / 3) * rim)
    noise = np.float32(spec.noise_hu * _MR_PER_HU)
    real = signal + noise * rng.standard_normal(spec.shape, dtype=np.float32)
    imaginary = noise * rng.standard_normal(spec.shape, dtype=np.float32)
    return np.clip(np.rint(np.float32(spec.gain) * np.sqrt(real**2 + imaginary**2)), 0, 32767).astype(np.int16)


FINISHES = {"CT": _as_ct, "MR": _as_mr}
