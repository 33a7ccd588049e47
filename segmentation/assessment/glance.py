"""What kind of image is this? A few numbers that tell a wrong one: spacing, extent, intensities, asymmetry, place.

Not for models: for comparing images with those that a model was made from. Everything is told along the patient's axes
(x to the right, y to the front, z upwards), so that the order of a file's axes changes nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segmentation.types import Grid, Mask, Volume

AXES = ("x", "y", "z")
MOST_ALONG_AN_AXIS = 48  # voxels looked at along each axis
_LEVELS = (5, 25, 50, 75, 95)
Doubles = npt.NDArray[np.float64]


def glance_at_image(image: Volume, *, units_mm: bool = True) -> dict[str, float]:
    """Spacing and extent (mm), quantiles of intensity, and how the halves and the rim differ.

    `right_left`, `front_back`, `top_bottom`: mean of one half minus that of the other; `rim_middle`: mean of the outer
    eighth minus that of the middle half of x and y; all in units of the 5 to 95 % range.
    """
    found = _geometry(image.grid) if units_mm else {}
    seen = _upright(image.array, image.grid)
    quantiles = np.percentile(seen, _LEVELS)
    found |= {f"q{level:02d}": float(q) for level, q in zip(_LEVELS, quantiles, strict=True)}
    spread = float(quantiles[-1] - quantiles[0])
    if spread > 0:
        found |= {name: value / spread for name, value in _asymmetry(seen).items()}
    return found


def glance_at_mask(mask: Mask, image: Volume | None = None, *, units_mm: bool = True) -> dict[str, float]:
    """By region its volume (ml), where its middle lies in the image (0 left, back, bottom; 1 right, front, top), and
    the mean and standard deviation of the image within it. `image` must hold the mask's full grid.
    """
    found: dict[str, float] = {}
    source = mask.source or mask.grid
    for name, label in mask.regions.items():
        voxels = np.argwhere(mask.labels == label) + np.array(mask.offset)
        if not len(voxels):
            continue
        if units_mm:
            found[f"{name}.volume"] = len(voxels) * source.voxel_ml
        found |= {f"{name}.{axis}": place for axis, place in zip(AXES, _place(voxels, source), strict=True)}
        if image is not None and image.grid.shape == source.shape:
            inside = image.array[tuple(voxels.T)].astype(float)
            found |= {f"{name}.mean": float(inside.mean()), f"{name}.sd": float(inside.std())}
    return found


def _geometry(grid: Grid) -> dict[str, float]:
    found: dict[str, float] = {}
    for (axis, _), step, size in zip(grid.axes, grid.spacing_mm, grid.shape, strict=True):
        found |= {f"spacing_{AXES[axis]}": step, f"extent_{AXES[axis]}": step * size}
    return found


def _upright(array: npt.NDArray[np.generic], grid: Grid) -> Doubles:
    """A sample of the voxels as (x, y, z), each growing as the patient's axes do."""
    steps = tuple(slice(None, None, max(1, size // MOST_ALONG_AN_AXIS)) for size in array.shape)
    order = np.argsort([axis for axis, _ in grid.axes])
    turned = array[steps].astype(float).transpose(order)
    return np.flip(turned, tuple(axis for axis, sign in grid.axes if sign < 0))


def _asymmetry(seen: Doubles) -> dict[str, float]:
    found = {}
    for axis, name in enumerate(("right_left", "front_back", "top_bottom")):
        half = seen.shape[axis] // 2
        low, high = (
            np.take(seen, range(half), axis),
            np.take(seen, range(seen.shape[axis] - half, seen.shape[axis]), axis),
        )
        found[name] = float(high.mean() - low.mean()) if half else 0.0
    x, y = (max(1, size // 8) for size in seen.shape[:2])
    inner = np.ones(seen.shape[:2], dtype=bool)
    inner[x:-x, y:-y] = False
    middle = seen[tuple(slice(size // 4, size - size // 4) for size in seen.shape[:2])]
    found["rim_middle"] = float(seen[inner].mean() - middle.mean())
    return found


def _place(voxels: npt.NDArray[np.int64], grid: Grid) -> list[float]:
    share = (voxels.mean(axis=0) + 0.5) / np.array(grid.shape)
    found = [0.0, 0.0, 0.0]
    for along, (axis, sign) in zip(share, grid.axes, strict=True):
        found[axis] = float(along) if sign > 0 else float(1 - along)
    return found
