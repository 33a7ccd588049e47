"""A case measured again: the patient a little moved, the scan a little noisier, the outline drawn by another hand.

Every perturbed version is measured by the same recipe. It is cut from the whole image with all that its profiles read
around the region, on the image's own grid, so that a version without any change measures what the case itself does, in
every family. Two departures: intensities are single precision, and a filter that sees the whole image (non-separable
wavelets, Riesz transforms) sees `WIDEST_MM` around the region.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from outcome.cases.masks import own_mask
from outcome.cases.measuring import measure_case
from outcome.cases.refusing import refusing
from outcome.recipe import CaseInput, Recipe
from outcome.types import FloatArray
from segmentation.errors import ImageRefusal
from segmentation.images.grids import locate
from segmentation.images.reading import read_image, read_mask
from segmentation.radiomics import measure_all
from segmentation.radiomics.dictionary import NEEDS_SPACING
from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.processing import reading_window
from segmentation.radiomics.region import label_boxes
from segmentation.radiomics.robustness.agreement import agreement
from segmentation.radiomics.robustness.perturbations import Perturbation, Ranges, draw_perturbations, perturbed
from segmentation.radiomics.settings import RadiomicsSettings, parse_settings
from segmentation.types import Grid, Mask, Volume

WIDEST_MM = 60.0
_ROOM_MM = 10.0  # around a mask without an image, so that its region can grow
Profiles = Mapping[str, RadiomicsSettings]


@dataclass(frozen=True, eq=False)
class _Scan:
    """A whole image (None: the mask alone is measured), the mask on it and what is measured there."""

    image: Volume | None
    mask: Mask
    families: tuple[str, ...]
    profiles: Profiles
    units_mm: bool


def drawn_repeats(count: int, seed: int) -> tuple[Perturbation, ...]:
    """`count` changes of all kinds at once (shift, turn, noise, growth, contour): one list for all cases."""
    return draw_perturbations(count, seed)


def drawn_outlines(count: int, seed: int, contour_mm: float = 0.5, growth: float = 0.1) -> tuple[Perturbation, ...]:
    """`count` other outlines on an unchanged image: displaced by a spread of `contour_mm`, up to `growth` larger or
    smaller (share of the volume)."""
    return draw_perturbations(count, seed, Ranges(0.0, 0.0, 0.0, growth, contour_mm))


def repeat_limits(table: FloatArray) -> tuple[float, float] | None:
    """The 95 % limits of ICC(1,1), absolute agreement of a single measurement, from (n cases, k repeats); or None."""
    return agreement(table).limits


@refusing
def measure_repeats(
    case: CaseInput, mask: Mask, recipe: Recipe, changes: Sequence[Perturbation]
) -> list[dict[str, float]]:
    """The features of a case under each change in turn, named as by `measure_case`; what cannot be had is absent.

    Each image's own mask is changed where it has one. Raises DataRefusal where an image cannot be vouched for, or is
    too thin to tell its noise where noise is asked for.
    """
    found: list[dict[str, float]] = [{} for _ in changes]
    for scan in _scans(case, mask, recipe):
        for region in _there(scan.mask):
            for values, pair in zip(found, _versions(scan, region, changes), strict=True):
                values.update({f"{region}.{tag}": value for tag, value in _measured(scan, region, *pair).items()})
    return found


def measure_masks(case: CaseInput, masks: Sequence[Mask], recipe: Recipe) -> list[dict[str, float]]:
    """The features of a case by each of several masks in turn, on its image as it is; what cannot be had is absent.

    Raises DataRefusal as `measure_case`.
    """
    return [measure_case(case, mask, recipe)[0] for mask in masks]


def _scans(case: CaseInput, mask: Mask, recipe: Recipe) -> Iterator[_Scan]:
    """Image by image, so that each is read once and let go."""
    for name in dict.fromkeys([recipe.mask_on, *(profile.image for profile in recipe.profiles.values())]):
        specs = {p: spec for p, spec in recipe.profiles.items() if spec.image == name}
        profiles = {p: parse_settings(dict(spec.settings)) for p, spec in specs.items()}
        families = recipe.families if name == recipe.mask_on else ()
        if profiles or families:
            own = own_mask(case, recipe, name)
            placed = mask if own is None else read_mask(own, recipe.regions)
            yield _Scan(_image(case, name, placed), placed, families, profiles, recipe.units_mm)


def _image(case: CaseInput, name: str, mask: Mask) -> Volume | None:
    """The image where there is one on the mask's grid; a finding has said so where there is not."""
    if name not in case.images:
        return None
    image = read_image(case.images[name])
    try:
        locate(mask.grid, image.grid)
    except ImageRefusal:
        return None
    return image


def _there(mask: Mask) -> list[str]:
    _, counts = label_boxes(mask)
    return [name for name, label in mask.regions.items() if counts[label]]


def _versions(scan: _Scan, region: str, changes: Sequence[Perturbation]) -> Iterator[tuple[Volume | None, Mask]]:
    if scan.image is None:
        contour = max((change.contour_mm for change in changes), default=0.0)
        yield from perturbed(None, _roomy(scan.mask, _ROOM_MM + 3 * contour), region, changes)
        return
    around = min(WIDEST_MM, max([0.0, *(_around_mm(one, scan, region) for one in scan.profiles.values())]))
    for image, mask in perturbed(scan.image, scan.mask, region, changes, around):
        yield _within(image, mask, scan.image.grid)


def _measured(scan: _Scan, region: str, image: Volume | None, mask: Mask) -> dict[str, float]:
    values = dict(measure_all(mask, image, scan.families, scan.units_mm)[region][0]) if scan.families else {}
    if image is None or scan.image is None:
        return values
    for name, settings in scan.profiles.items():
        whole = scan.image.grid if _around_mm(settings, scan, region) <= WIDEST_MM else None
        found, _ = measure_with(settings, image, mask, region, whole)
        kept = {tag: value for tag, value in found.items() if scan.units_mm or tag not in NEEDS_SPACING}
        values.update({f"{name}.{tag}": value for tag, value in kept.items()})
    return values


def _around_mm(settings: RadiomicsSettings, scan: _Scan, region: str) -> float:
    """How far beyond a region its profile reads, with a voxel of either grid to spare: the region may move on them."""
    if scan.image is None:
        return 0.0
    whole, tight = scan.image.grid, _tight(scan.mask, region)
    box, seen = locate(tight, whole), reading_window(settings, tight, whole)
    beyond = [
        max(inner.start - outer.start, outer.stop - inner.stop) * step
        for inner, outer, step in zip(box, seen, whole.spacing_mm, strict=True)
    ]
    return max(beyond) + max(whole.spacing_mm) + max(settings.grid.spacing_mm or (0.0,))


def _tight(mask: Mask, region: str) -> Grid:
    """The grid of the region's box."""
    boxes, _ = label_boxes(mask)
    box = boxes[mask.regions[region]].reshape(3, 2)[::-1]
    affine = mask.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ box[:, 0]
    i, j, k = (int(n) for n in box[:, 1] - box[:, 0])
    return Grid((i, j, k), affine)


def _within(image: Volume | None, mask: Mask, whole: Grid) -> tuple[Volume | None, Mask]:
    """Image and mask without what sticks out of the whole image: profiles see its edge there, as in the case itself."""
    start = np.rint((np.linalg.inv(whole.affine) @ mask.affine)[:3, 3]).astype(int)
    low, high = np.maximum(-start, 0), np.minimum(mask.labels.shape, np.array(whole.shape) - start)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    affine = mask.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ low
    held = None if image is None else Volume(image.array[i, j, k], affine, image.modality)
    return held, Mask(mask.labels[i, j, k], affine, mask.regions)


def _roomy(mask: Mask, mm: float) -> Mask:
    """The same mask on a grid that goes on by so many mm on every side."""
    spare = np.ceil(mm / np.array(mask.grid.spacing_mm)).astype(int)
    affine = mask.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ spare
    return Mask(np.pad(mask.labels, [(int(n), int(n)) for n in spare]), affine, mask.regions)
