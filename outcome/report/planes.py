"""How a plane of a case is shown: colours of regions and heat, the grey range, and the plane in words.

`outcome.report.plane_jpeg` draws it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_hex

NO_IMAGE = "no CT in this study: outlines only"
BACKGROUND, LETTERS = "#10161d", "#f2f5f7"
# Light members of Okabe and Ito's palette, which stay apart on a dark image; the dash tells them apart too.
PALETTE = ("#e69f00", "#56b4e9", "#cc79a7", "#f0e442", "#009e73", "#d55e00")
HEAT_COLOURS = "inferno"
AIR_HU = -500.0  # an image with values below this is taken for CT
SOFT_TISSUE_HU = (-160.0, 240.0)


class PlaneLike(Protocol):
    """One plane in display orientation (docs/segment.md)."""

    @property
    def name(self) -> str: ...
    @property
    def image(self) -> npt.NDArray[np.float32] | None: ...  # (rows, cols)
    @property
    def labels(self) -> npt.NDArray[Any]: ...  # (rows, cols) integer
    @property
    def letters(self) -> Mapping[str, str]: ...  # left, right, top, bottom
    @property
    def spacing_mm(self) -> tuple[float, float]: ...  # (row, col)


def region_colours(regions: Mapping[str, int]) -> dict[int, str]:
    """A colour for each region's label, by the order of the labels."""
    return {label: PALETTE[place % len(PALETTE)] for place, label in enumerate(sorted(set(regions.values())))}


def heat_key() -> tuple[str, ...]:
    """The colours of heat from cold to hot, as CSS, for a key beside the pictures."""
    return tuple(to_hex(matplotlib.colormaps[HEAT_COLOURS](level)) for level in (0.0, 0.25, 0.5, 0.75, 1.0))


def window(image: npt.NDArray[Any]) -> tuple[float, float]:
    """The grey range: soft tissue (HU) for a CT, else the middle 98 % of the values."""
    finite = image[np.isfinite(image)]
    if not finite.size:
        return 0.0, 1.0
    if float(finite.min()) < AIR_HU:
        return SOFT_TISSUE_HU
    low, high = (float(v) for v in np.percentile(finite, (1, 99)))
    return (low, high) if high > low else (low, low + 1.0)


def plane_alt(plane: PlaneLike, regions: Mapping[str, int]) -> str:
    """The plane in words: its name, which regions cross it, and which side of the patient is where."""
    shown = [name for name, label in regions.items() if bool((plane.labels == label).any())]
    what = f"outlines of {', '.join(shown)}" if shown else "no region in this plane"
    sides = ", ".join(f"{side} {plane.letters[side]}" for side in ("left", "right", "top", "bottom"))
    ground = "" if plane.image is not None else f"; {NO_IMAGE}"
    return f"{plane.name} plane: {what}; sides of the picture: {sides}{ground}"
