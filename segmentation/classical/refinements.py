"""Classical steps that go on from a mask that another method drew. Each keeps to a band round the mask's own border.

A step gets one channel (X, Y[, Z]), classes of the same shape and numbers, and gives new classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.segmentation import watershed

from segmentation.classical.active_contour import Motion, moved
from segmentation.classical.morphology import ball, opened_and_closed
from segmentation.classical.region_growing import grow
from segmentation.errors import ImageRefusal

Image = npt.NDArray[np.float32]
Classes = npt.NDArray[Any]
Inside = npt.NDArray[np.bool_]
Change = Callable[[Image, Classes, Mapping[str, Any]], Classes]
MOST = 50  # of any option that counts


@dataclass(frozen=True)
class Step:
    """One refinement by name with its options. Raises ImageRefusal (`bad_refinement`) for unknown names and values."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in REFINEMENTS:
            raise _bad("step", f"one of {', '.join(REFINEMENTS)}", self.name)
        known = REFINEMENTS[self.name].options
        for key, value in self.options.items():
            if key not in known:
                raise _bad(f"option of {self.name}", f"one of {', '.join(known) or 'none'}", key)
            _check(key, value, known[key])
        object.__setattr__(self, "options", dict(self.options))

    def refined(self, image: Image, classes: Classes) -> Classes:
        """New classes, of the same shape."""
        refinement = REFINEMENTS[self.name]
        return refinement.change(image, classes, {**refinement.options, **self.options})


@dataclass(frozen=True)
class Refinement:
    """A step's words, options with defaults, and code."""

    words: str
    options: Mapping[str, Any]
    change: Change


def _contour(image: Image, classes: Classes, options: Mapping[str, Any]) -> Classes:
    """Each region's contour moves on the image within the band; what was another region's stays so."""
    motion = Motion(options["kind"], options["steps"], options["smoothing"])
    out = classes.copy()
    for number in _numbers(classes):
        mine = classes == number
        core, reach = _band(mine, options["band"])
        box = _box(reach, options["band"])
        drawn = np.zeros(mine.shape, dtype=bool)
        drawn[box] = moved(image[box], mine[box], motion)
        drawn = (drawn & reach) | core
        out[mine & ~drawn] = 0
        out[drawn & (classes == 0)] = number
    return out


def _flood(image: Image, classes: Classes, options: Mapping[str, Any]) -> Classes:
    """The gradient is flooded from each region's core and from what lies beyond the band."""
    reach, markers = options["band"], np.zeros(classes.shape, dtype=np.int32)
    everywhere = classes > 0
    for number in _numbers(classes):
        core, _ = _band(classes == number, reach)
        # A region thinner than the band has no core: it keeps its own voxels.
        markers[core if core.any() else classes == number] = number
    outside = int(classes.max()) + 1
    markers[~ndimage.binary_dilation(everywhere, ball(classes.ndim, reach))] = outside
    steep = ndimage.gaussian_gradient_magnitude(image, options["smoothing"])
    found = watershed(steep, markers)
    return np.where(found == outside, 0, found).astype(classes.dtype) if everywhere.any() else classes


def _growth(image: Image, classes: Classes, options: Mapping[str, Any]) -> Classes:
    """Within the band a region keeps and gains what is as bright as itself and joined with its core."""
    out = classes.copy()
    for number in _numbers(classes):
        mine = classes == number
        core, reach = _band(mine, options["band"])
        core = core if core.any() else mine
        values = image[mine].astype(np.float64)
        like = np.abs(image - values.mean()) <= options["tolerance"] * max(float(values.std()), 1e-6)
        grown = grow((like & reach) | core, core)
        out[mine & ~grown] = 0
        out[grown & (classes == 0)] = number
    return out


def _shape(_: Image, classes: Classes, options: Mapping[str, Any]) -> Classes:
    """Each region is opened and closed, its holes filled; what was another region's stays so."""
    out = np.where(classes > 0, 0, classes)
    for number in _numbers(classes):
        mine = classes == number
        shaped = opened_and_closed(mine, options["opening"], options["closing"])
        shaped = np.asarray(ndimage.binary_fill_holes(shaped)) if options["holes"] else shaped
        if options["largest"] and shaped.any():
            pieces, _found = ndimage.label(shaped)
            shaped = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
        out[shaped & ((classes == 0) | mine)] = number
    return out


def _numbers(classes: Classes) -> list[int]:
    return [int(number) for number in np.unique(classes) if number]


def _band(mine: Inside, reach: int) -> tuple[Inside, Inside]:
    """What lies deeper in a region than the band, and the region with the band round it."""
    around = ball(mine.ndim, reach)
    return ndimage.binary_erosion(mine, around, border_value=1), ndimage.binary_dilation(mine, around)


def _box(inside: Inside, margin: int) -> tuple[slice, ...]:
    return tuple(slice(max(0, int(at.min()) - margin), int(at.max()) + 1 + margin) for at in np.nonzero(inside))


def _check(key: str, value: Any, default: Any) -> None:
    if isinstance(default, str):
        if value not in ("chan_vese", "geodesic"):
            raise _bad(key, "chan_vese or geodesic", value)
    elif isinstance(default, bool) or isinstance(value, bool):
        if not (isinstance(default, bool) and isinstance(value, bool)):
            raise _bad(key, f"a value such as {default}", value)
    elif not isinstance(value, (int, float) if isinstance(default, float) else int) or not 0 <= value <= MOST:
        raise _bad(key, f"a {'number' if isinstance(default, float) else 'whole number'} from 0 to {MOST}", value)


def _bad(what: str, expected: str, found: Any) -> ImageRefusal:
    step = "change it in the list of refinements"
    return ImageRefusal(
        "bad_refinement", f"The {what} cannot be used.", expected=expected, found=str(found), next_step=step
    )


REFINEMENTS: dict[str, Refinement] = {
    "active_contour": Refinement(
        "the contour moves on", {"kind": "geodesic", "steps": 5, "smoothing": 1, "band": 2}, _contour
    ),
    "watershed": Refinement("the band is flooded from the core", {"band": 1, "smoothing": 0.7}, _flood),
    "region_growing": Refinement("the core grows through what is alike", {"band": 1, "tolerance": 2.5}, _growth),
    "morphology": Refinement(
        "opened, closed, holes filled, the largest piece kept",
        {"opening": 0, "closing": 1, "holes": True, "largest": False},
        _shape,
    ),
}
