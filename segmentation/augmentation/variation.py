"""What was drawn for one patch of a training image. No torch here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Triple = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Variation:
    """Where a patch lies (index of its middle), how it is turned, bent and changed in brightness: all that was drawn.

    `angles_degrees` (about x, y, z), `scale`, `flipped` (axes) and `moved` (voxels) tell what is in `matrix` and
    `middle`. The fields of `elastic_mm` and `bias`, and the noise, follow from their seeds.
    """

    middle: Matrix  # (3,) voxels
    matrix: Matrix  # (3, 3) patch voxels to image voxels
    gain: float = 1.0
    shift: float = 0.0
    gamma: float = 1.0
    noise: float = 0.0
    noise_seed: int = 0
    angles_degrees: Triple = (0.0, 0.0, 0.0)
    scale: float = 1.0
    flipped: tuple[str, ...] = ()
    moved: Triple = (0.0, 0.0, 0.0)
    elastic_mm: float = 0.0
    elastic_seed: int = 0
    blur: Triple = (0.0, 0.0, 0.0)  # voxels
    low_resolution: Triple = (1.0, 1.0, 1.0)
    bias: float = 0.0
    bias_seed: int = 0

    def row(self) -> dict[str, str]:
        """Everything as one row of a table; lists and matrices as JSON."""
        return {name: _text(value) for name, value in asdict(self).items()}


def _text(value: object) -> str:
    if isinstance(value, np.ndarray):
        return json.dumps(value.tolist())
    return json.dumps(list(value)) if isinstance(value, tuple) else str(value)
