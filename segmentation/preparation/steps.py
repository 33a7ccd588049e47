"""What is done to an image before it is resampled and scaled: named steps, in the order in which they are named.

Steps work along the patient's axes in mm, so that a file's axis order changes nothing, and on all channels of an image
together. A step is written as its name, or with its number: "gaussian", "gaussian=1.5".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.images.grids import locate
from segmentation.images.orientation import as_filed, filed_window, upright, upright_spacing
from segmentation.preparation import denoising
from segmentation.preparation.bias_field import without_bias
from segmentation.preparation.body import body_mask, box_around
from segmentation.types import Grid, Mask, Volume, Window

Floats = npt.NDArray[np.float32]
Spacing = tuple[float, float, float]
CROP = "crop"
Filter = Callable[[Floats, Spacing, float], Floats]


@dataclass(frozen=True, eq=False)
class View:
    """Channels along the patient's axes, (channels, X, Y, Z), and where their first voxel lies in the whole image."""

    channels: Floats
    spacing_mm: Spacing
    start: tuple[int, int, int] = (0, 0, 0)

    @property
    def window(self) -> Window:
        """The part of the whole upright image that this is."""
        x, y, z = (slice(a, a + n) for a, n in zip(self.start, self.channels.shape[1:], strict=True))
        return x, y, z


@dataclass(frozen=True)
class StepKind:
    """What a step does, its number (`words` say which), and the numbers it takes."""

    words: str
    default: float
    low: float
    high: float
    change: Callable[[View, float], View]


def checked_steps(steps: Sequence[str]) -> tuple[str, ...]:
    """The steps as a plan keeps them. Raises ImageRefusal (`bad_preparation`) for unknown ones and unusable numbers."""
    if isinstance(steps, str):
        raise _bad("list of steps", "a list of names", steps)
    names = [parsed(step)[0] for step in steps]
    if CROP in names[:-1]:
        raise _bad("order", f"{CROP} once, as the last step", ", ".join(names))
    return tuple(steps)


def parsed(step: str) -> tuple[str, float]:
    """A step's name and number. Raises ImageRefusal (`bad_preparation`)."""
    name, _, text = str(step).strip().partition("=")
    if name not in STEPS:
        raise _bad("step", f"one of {', '.join(STEPS)}", name)
    kind = STEPS[name]
    try:
        number = float(text) if text else kind.default
    except ValueError:
        number = float("nan")
    if not kind.low <= number <= kind.high:
        raise _bad(f"number of {name}", f"{kind.low:g} to {kind.high:g}", text)
    return name, number


def prepared(scan: Sequence[Volume], steps: Sequence[str]) -> tuple[tuple[Volume, ...], Window]:
    """The channels after all steps, float32, in the file's own axes, and which part of the file's array they are.

    Without steps the channels are those that were passed. Raises ImageRefusal: `bad_preparation`, `non_finite`,
    `no_body` where background or crop find nothing, `negative_intensities`.
    """
    grid = scan[0].grid
    if not steps:
        i, j, k = (slice(0, n) for n in grid.shape)
        return tuple(scan), (i, j, k)
    stacked = np.stack([np.ascontiguousarray(upright(one.array, grid), dtype=np.float32) for one in scan])
    _check_finite(stacked)
    view = View(stacked, upright_spacing(grid))
    for step in steps:
        name, number = parsed(step)
        view = STEPS[name].change(view, number)
    window = filed_window(view.window, grid)
    part = grid.part(window)
    channels = (Volume(as_filed(channel, part), part.affine, one.modality) for channel, one in _pairs(view, scan))
    return tuple(channels), window


def image_steps(steps: Sequence[str]) -> tuple[str, ...]:
    """The steps that change voxels: all but the crop."""
    return tuple(step for step in steps if parsed(step)[0] != CROP)


def region_of_interest(channels: Floats, spacing_mm: Spacing, steps: Sequence[str]) -> Window:
    """The box that the step crop leaves of (channels, X, Y, Z); without that step all of it. Raises `no_body`."""
    for step in steps:
        name, margin_mm = parsed(step)
        if name == CROP:
            return _body_box(channels, spacing_mm, margin_mm)
    x, y, z = (slice(0, n) for n in channels.shape[1:])
    return x, y, z


def around(mask: Mask, image: Grid, margin_mm: float) -> Window:
    """The part of an image's array that holds everything drawn in a mask, with so many mm around it: the crop to a
    coarse outline. `mask` may be a crop of the image's grid,.

    Raises ImageRefusal: `grid_mismatch`, and `no_body` for an empty mask.
    """
    place = locate(mask.grid, image)
    i, j, k = (round(margin_mm / step) for step in image.spacing_mm)
    inside = np.zeros(image.shape, dtype=bool)
    inside[place] = mask.labels > 0
    return box_around(inside, (i, j, k))


def _pairs(view: View, scan: Sequence[Volume]) -> list[tuple[Floats, Volume]]:
    return list(zip(view.channels, scan, strict=True))


def _each(change: Filter) -> Callable[[View, float], View]:
    """A step that treats every channel by itself."""

    def step(view: View, number: float) -> View:
        changed = [change(channel, view.spacing_mm, number) for channel in view.channels]
        return replace(view, channels=np.stack(changed))

    return step


def _n4(view: View, working_mm: float) -> View:
    body = body_mask(view.channels)
    flat = [without_bias(channel, body, view.spacing_mm, working_mm) for channel in view.channels]
    return replace(view, channels=np.stack(flat))


def _background(view: View, _: float) -> View:
    """Outside the body each channel takes its lowest value."""
    body = body_mask(view.channels)
    return replace(view, channels=np.stack([np.where(body, channel, channel.min()) for channel in view.channels]))


def _crop(view: View, margin_mm: float) -> View:
    box = _body_box(view.channels, view.spacing_mm, margin_mm)
    i, j, k = (a + part.start for a, part in zip(view.start, box, strict=True))
    return View(np.ascontiguousarray(view.channels[(slice(None), *box)]), view.spacing_mm, (i, j, k))


def _body_box(channels: Floats, spacing_mm: Spacing, margin_mm: float) -> Window:
    x, y, z = (round(margin_mm / step) for step in spacing_mm)
    return box_around(body_mask(channels), (x, y, z))


def _check_finite(channels: Floats) -> None:
    if not np.isfinite(channels).all():
        step = "fill the missing voxels in the source, or leave the image out"
        found = f"{int((~np.isfinite(channels)).sum())} that are not"
        raise ImageRefusal("non_finite", "The image has holes.", expected="finite voxels", found=found, next_step=step)


def _bad(what: str, expected: str, found: object) -> ImageRefusal:
    step = "write the steps as name or name=number, in their order"
    return ImageRefusal(
        "bad_preparation", f"The {what} cannot be used.", expected=expected, found=str(found), next_step=step
    )


STEPS: dict[str, StepKind] = {
    "gaussian": StepKind("smoothed; standard deviation, mm", 1.0, 0.01, 50, _each(denoising.gaussian)),
    "median": StepKind("median of a cube; voxels a side", 3, 3, 15, _each(denoising.median)),
    "non_local_means": StepKind(
        "means of patches that look alike; strength in deviations of the noise", 0.8, 0.1, 5,
        _each(denoising.non_local_means),
    ),
    "diffusion": StepKind("anisotropic diffusion; conductance", 2.0, 0.1, 20, _each(denoising.diffusion)),
    "n4": StepKind("bias field of MR divided out; working voxels, mm", 4.0, 0.5, 20, _n4),
    "background": StepKind("outside the body (Otsu) the lowest value; no number", 0.0, 0, 0, _background),
    CROP: StepKind("cut to the body (Otsu); margin, mm", 5.0, 0, 200, _crop),
}  # fmt: skip
