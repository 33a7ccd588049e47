"""What a case's images look like: one plane as PNG with outlines of the regions and letters on its four sides."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Protocol

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

NO_IMAGE = "no CT in this study: outlines only"
BACKGROUND, LETTERS = "#10161d", "#f2f5f7"
# Light members of Okabe and Ito's palette, which stay apart on a dark image; the dash tells them apart too.
PALETTE = ("#e69f00", "#56b4e9", "#cc79a7", "#f0e442", "#009e73", "#d55e00")
_DASHES = ("solid", "dashed", "dotted", "dashdot")
HEAT_COLOURS = "inferno"
_HEAT_OPAQUE = 0.75
_HU_AIR = -500.0  # an image with values below this is taken for CT
_SOFT_TISSUE_HU = (-160.0, 240.0)
_ROOM = 0.1  # bare outlines are cropped to the regions; without room the letters would stand on them
_WIDTH_INCHES, _DPI = 3.2, 150


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


def draw_plane(
    plane: PlaneLike, regions_colours: Mapping[int, str], heat: npt.NDArray[np.floating[Any]] | None = None
) -> bytes:
    """The plane as PNG: image in grey (or a dark ground that says there is none), outlines, letters, right aspect.

    `regions_colours` maps a mask label to a colour. A label without a colour is not drawn. `heat` (rows, cols), from 0
    to 1 and NaN where nothing was read, lies over the image, the more opaque the hotter. Same plane, same bytes.
    """
    rows, cols = plane.labels.shape
    row_mm, col_mm = plane.spacing_mm
    height = _WIDTH_INCHES * min(max(rows * row_mm / (cols * col_mm), 0.4), 1.6)
    with matplotlib.rc_context({"text.parse_math": False}):
        figure = Figure(figsize=(_WIDTH_INCHES, height), dpi=_DPI, facecolor=BACKGROUND)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        _draw_ground(axes, plane)
        if heat is not None:
            _draw_heat(axes, heat)
        _draw_outlines(axes, plane.labels, regions_colours)
        room = _ROOM if plane.image is None else 0.0
        axes.set(xlim=_widened(cols, room), ylim=_widened(rows, room)[::-1])
        axes.set_aspect(row_mm / col_mm)
        _draw_letters(figure, plane.letters)
        if plane.image is None:
            figure.text(0.015, 0.02, NO_IMAGE, color=LETTERS, fontsize=6, ha="left", va="bottom", alpha=0.85)
    return _png(figure)


def _widened(length: int, room: float) -> tuple[float, float]:
    """Pixel edges of an axis with `room` of its length added at either end."""
    return -0.5 - room * length, length - 0.5 + room * length


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def _draw_ground(axes: Axes, plane: PlaneLike) -> None:
    if plane.image is None:
        return
    low, high = window(plane.image)
    axes.imshow(plane.image, cmap="gray", vmin=low, vmax=high, interpolation="bilinear")


def _draw_heat(axes: Axes, heat: npt.NDArray[np.floating[Any]]) -> None:
    """Heat in colour, and a dotted line around what was read: beyond it nothing is known, within it may be cold."""
    read = np.isfinite(heat)
    shown = np.where(read, heat, 0.0)
    axes.imshow(
        shown, cmap=HEAT_COLOURS, vmin=0.0, vmax=1.0, alpha=_HEAT_OPAQUE * shown, interpolation="bilinear", zorder=1
    )
    if read.any() and not read.all():
        axes.contour(read.astype(float), levels=[0.5], colors=[LETTERS], linestyles="dotted", linewidths=0.8)


def heat_key() -> tuple[str, ...]:
    """The colours of heat from cold to hot, as CSS, for a key beside the pictures."""
    return tuple(to_hex(matplotlib.colormaps[HEAT_COLOURS](level)) for level in (0.0, 0.25, 0.5, 0.75, 1.0))


def window(image: npt.NDArray[Any]) -> tuple[float, float]:
    """The grey range: soft tissue (HU) for a CT, else the middle 98 % of the values."""
    finite = image[np.isfinite(image)]
    if not finite.size:
        return 0.0, 1.0
    if float(finite.min()) < _HU_AIR:
        return _SOFT_TISSUE_HU
    low, high = (float(v) for v in np.percentile(finite, (1, 99)))
    return (low, high) if high > low else (low, low + 1.0)


def _draw_outlines(axes: Axes, labels: npt.NDArray[Any], colours: Mapping[int, str]) -> None:
    padded = np.pad(labels, 1)  # an outline that touches the border closes there
    grid = [np.arange(-1, n + 1) for n in labels.shape]
    for place, label in enumerate(sorted(colours)):
        inside = (padded == label).astype(float)
        if inside.any():
            style = _DASHES[place % len(_DASHES)]
            axes.contour(
                grid[1], grid[0], inside, levels=[0.5], colors=[colours[label]], linestyles=style, linewidths=1.2
            )


def _draw_letters(figure: Figure, letters: Mapping[str, str]) -> None:
    places = {"left": (0.02, 0.5), "right": (0.98, 0.5), "top": (0.5, 0.985), "bottom": (0.5, 0.015)}
    for side, (x, y) in places.items():
        horizontal = side if side in ("left", "right") else "center"
        vertical = side if side in ("top", "bottom") else "center"
        figure.text(x, y, letters[side], color=LETTERS, fontsize=11, fontweight="bold", ha=horizontal, va=vertical)


def plane_alt(plane: PlaneLike, regions: Mapping[str, int]) -> str:
    """The plane in words: its name, which regions cross it, and which side of the patient is where."""
    shown = [name for name, label in regions.items() if bool((plane.labels == label).any())]
    what = f"outlines of {', '.join(shown)}" if shown else "no region in this plane"
    sides = ", ".join(f"{side} {plane.letters[side]}" for side in ("left", "right", "top", "bottom"))
    ground = "" if plane.image is not None else f"; {NO_IMAGE}"
    return f"{plane.name} plane: {what}; sides of the picture: {sides}{ground}"
