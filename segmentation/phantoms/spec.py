"""What a phantom is to be: grid, scanner, organs and tumour; a wrong wish is refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segmentation.types import Shape

REGIONS = {"kidney": 1, "tumor": 2}
SIDES = ("left", "right")
POLES = {"upper": 0.6, "middle": 0.0, "lower": -0.6}
MODALITIES = ("CT", "MR")
FIELD_MM = (190.0, 160.0, 170.0)  # right-left, front-back, up-down
_PAIRS = ("RL", "AP", "SI")

Floats = npt.NDArray[np.float32]
Point = tuple[float, float, float]


@dataclass(frozen=True)
class PhantomSpec:
    """What to build. Levels and noise are in HU; an MR has tissue levels of its own, and follows `texture_hu` and
    `noise_hu` in proportion.

    `exophytic` is how far the tumour's centre lies from the organ's middle (0) to its surface (1) on the patient's
    side; below 0 it lies towards the hilum. `irregularity` 0 is a ball, 1 strongly lobulated, the volume unchanged.
    `texture_hu` is the spread of the tumour's uneven enhancement and `coarseness` how long its waves are: 0 about
    11 mm, 1 about 33 mm; the values themselves are spread alike whatever the coarseness. Surface and texture are drawn
    from the seed `anatomy`: the same number is the same patient, in any grid and modality.
    """

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
    irregularity: float = 0.0
    coarseness: float = 0.5
    anatomy: int = 0
    organ_scale: float = 1.0  # of the kidneys' axes
    offset_mm: Point = (0.0, 0.0, 0.0)  # of the patient in the field
    modality: str = "CT"
    shift_hu: float = 0.0  # CT: the scanner's calibration error
    gain: float = 1.0  # MR: the scanner's arbitrary unit
    bias: float = 0.0  # MR: how much brighter the image grows from its middle to a corner, as a share

    def __post_init__(self) -> None:
        if sorted(patient_axes(self.orientation)) != [0, 1, 2]:
            raise ValueError(f"orientation must name each patient axis once, e.g. 'RAS', found {self.orientation!r}")
        if self.side not in SIDES or self.pole not in POLES:
            raise ValueError(f"side must be in {SIDES} and pole in {tuple(POLES)}, found {self.side!r}, {self.pole!r}")
        if not self.tumour_ml > 0 or self.noise_hu < 0 or self.texture_hu < 0:
            raise ValueError("tumour_ml must be above 0, noise_hu and texture_hu at least 0")
        if not (0 <= self.irregularity <= 1 and 0 <= self.coarseness <= 1):
            raise ValueError(
                f"irregularity and coarseness must be 0 to 1, found {self.irregularity}, {self.coarseness}"
            )
        if self.modality not in MODALITIES:
            raise ValueError(f"modality must be one of {MODALITIES}, found {self.modality!r}")

    @property
    def spacing_mm(self) -> Point:
        """The field of view shared out over the voxels, along the array axes."""
        i, j, k = (FIELD_MM[axis] / n for axis, n in zip(patient_axes(self.orientation), self.shape, strict=True))
        return i, j, k

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """Voxel index to RAS mm with the middle of the field at 0, 0, 0."""
        affine = np.eye(4)
        affine[:3, :3] = 0
        for axis, (patient, letter) in enumerate(zip(patient_axes(self.orientation), self.orientation, strict=True)):
            affine[patient, axis] = self.spacing_mm[axis] * (1 if letter in "RAS" else -1)
        affine[:3, 3] = -affine[:3, :3] @ ((np.array(self.shape) - 1) / 2)
        return affine

    def patient_lines(self) -> tuple[Floats, Floats, Floats]:
        """The patient's own x, y and z (mm) of every voxel, each as an array that broadcasts over (I, J, K)."""
        affine, found = self.affine, {}
        for axis, patient in enumerate(patient_axes(self.orientation)):
            line = affine[patient, axis] * np.arange(self.shape[axis]) + affine[patient, 3] - self.offset_mm[patient]
            found[patient] = np.expand_dims(line.astype(np.float32), tuple({0, 1, 2} - {axis}))
        return found[0], found[1], found[2]


def patient_axes(orientation: str) -> list[int]:
    """For each array axis the patient axis it runs along (0 x, 1 y, 2 z); -1 for a letter that means none."""
    return [next((axis for axis, pair in enumerate(_PAIRS) if letter in pair), -1) for letter in orientation]
