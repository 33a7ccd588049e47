"""The R.E.N.A.L. nephrometry points of a renal tumour from its measures (Kutikov & Uzzo 2009).

Reference: doi:10.1016/j.juro.2009.05.035. From masks instead of by eye: Heller N et al. 2022,
doi:10.1097/JU.0000000000002390. The polar lines, by eye the ends of the hilar lips, are the ends of the sinus here.
Whether the tumour lies before or behind (the letter A) gives no points and is the feature `place_anterior`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BULGE = 0.05  # a smaller share outside is the roughness of outlines: the tumour lies wholly within
POINTS = ("renal_radius", "renal_exophytic", "renal_nearness", "renal_location", "renal_score")
NO_SINUS = "no hollow in the organ that could be its sinus"


@dataclass(frozen=True, eq=False)
class Kidney:
    """What the points are made of. `lesion` and `sinus` are heights of their voxels along the kidney, any unit."""

    diameter_mm: float  # the tumour's largest
    exophytic: float  # share of the tumour outside the kidney, 0 to 1
    to_sinus_mm: float
    lesion: Floats  # (n,)
    sinus: Floats  # (m,)


def renal_points(kidney: Kidney) -> dict[str, float]:
    """Each letter's 1 to 3 points and their sum of 4 to 12; more points mean a harder resection."""
    letters = (
        _radius(kidney.diameter_mm),
        _exophytic(kidney.exophytic),
        _nearness(kidney.to_sinus_mm),
        _location(kidney.lesion, kidney.sinus),
    )
    return dict(zip(POINTS, (*letters, sum(letters)), strict=True))


def _radius(diameter_mm: float) -> float:
    return 1.0 if diameter_mm <= 40 else 2.0 if diameter_mm < 70 else 3.0


def _exophytic(share: float) -> float:
    return 1.0 if share >= 0.5 else 2.0 if share > BULGE else 3.0


def _nearness(to_sinus_mm: float) -> float:
    return 1.0 if to_sinus_mm >= 7 else 2.0 if to_sinus_mm > 4 else 3.0


def _location(lesion: Floats, sinus: Floats) -> float:
    """1 beyond a polar line; 2 across one; 3 mostly or wholly between them, or across the middle."""
    lower, upper = float(sinus.min()), float(sinus.max())
    between = float(np.mean((lesion > lower) & (lesion < upper)))
    middle = (lower + upper) / 2
    if between > 0.5 or lesion.min() < middle < lesion.max():
        return 3.0
    return 2.0 if between > 0 else 1.0
