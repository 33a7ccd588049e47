"""The scanners of the synthetic hospitals: grids, orientations, noise, calibration; and each patient's scan on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from segmentation.phantoms import PhantomSpec

_TEXTURE_HU = 26.0  # alike for everybody: only its coarseness bears on the risk
_PAIRS = ("RL", "AP", "SI")
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Scanner:
    """How a site's images are made. Shapes are voxels along the patient's x, y and z."""

    orientations: tuple[str, ...]
    shapes: tuple[Shape, ...]
    noise_hu: tuple[float, float]
    shift_hu: float
    mr_orientations: tuple[str, ...]
    mr_shapes: tuple[Shape, ...]
    mr_gain: tuple[float, float]  # an MR has no fixed unit: each scan differs


SCANNERS: Mapping[str, Scanner] = {
    "A": Scanner(("RAS", "LPS"), ((64, 64, 40), (72, 72, 36)), (8.0, 16.0), 0.0,
                 ("LPS", "PSR"), ((56, 60, 44), (60, 60, 34)), (0.8, 2.0)),
    "B": Scanner(("LPS", "LAS", "SPL"), ((60, 60, 48), (80, 80, 32)), (12.0, 22.0), 12.0,
                 ("LPS", "LIP"), ((64, 64, 34),), (2.0, 4.0)),
    "C": Scanner(("LPS", "RPI"), ((72, 64, 34), (64, 64, 44)), (10.0, 18.0), -15.0,
                 ("PSR", "RAS"), ((60, 56, 40),), (0.4, 1.2)),
}  # fmt: skip


def ct_spec(rng: np.random.Generator, scanner: Scanner, latents: pd.Series) -> PhantomSpec:
    """A patient's CT. `latents`: tumor_volume_ml, irregularity, coarseness, depth, pole, side; the rest is drawn."""
    orientation = str(rng.choice(scanner.orientations))
    shape = scanner.shapes[rng.integers(len(scanner.shapes))]
    i, j, k = rng.uniform(-4, 4, 3).tolist()
    return PhantomSpec(
        shape=_along(orientation, shape),
        orientation=orientation,
        tumour_ml=float(latents["tumor_volume_ml"]),
        side=str(latents["side"]),
        pole=str(latents["pole"]),
        exophytic=0.9 - 1.5 * float(latents["depth"]),
        irregularity=float(latents["irregularity"]),
        coarseness=float(latents["coarseness"]),
        anatomy=int(rng.integers(2**31)),
        organ_scale=float(np.clip(rng.normal(1.0, 0.07), 0.85, 1.15)),
        offset_mm=(i, j, k),
        organ_hu=float(rng.normal(150, 12)),
        tumour_hu=float(rng.normal(75, 10)),
        texture_hu=_TEXTURE_HU,
        noise_hu=float(rng.uniform(*scanner.noise_hu)),
        shift_hu=scanner.shift_hu,
    )


def mr_spec(rng: np.random.Generator, scanner: Scanner, ct: PhantomSpec) -> PhantomSpec:
    """An MR of the patient of a CT, in the same patient coordinates and another grid."""
    orientation = str(rng.choice(scanner.mr_orientations))
    shape = scanner.mr_shapes[rng.integers(len(scanner.mr_shapes))]
    return replace(
        ct,
        modality="MR",
        orientation=orientation,
        shape=_along(orientation, shape),
        gain=float(rng.uniform(*scanner.mr_gain)),
        bias=float(rng.uniform(0.15, 0.45)),
    )


def _along(orientation: str, shape: Shape) -> Shape:
    """Sizes along the array axes, from those along the patient's."""
    by_pair = dict(zip(_PAIRS, shape, strict=True))
    i, j, k = (next(n for pair, n in by_pair.items() if letter in pair) for letter in orientation)
    return i, j, k
