"""One case from its files to numbers, by a recipe: the only place in the core where `segmentation` is called.

`process_case` does in memory what the segment and radiomics stages do by way of the store, and gives the same bits:
a mask is cropped at once, and everything measured depends on the crop as a file would hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from outcome.errors import DataRefusal
from outcome.types import CaseInput, CaseResult, Finding, Level, Recipe
from segmentation.display import Plane, three_planes
from segmentation.errors import ImageRefusal
from segmentation.grids import check_grids, locate
from segmentation.quality import check_mask
from segmentation.radiomics import NO_IMAGE, measure_all
from segmentation.radiomics.region import label_boxes
from segmentation.reading import read_header, read_image, read_mask
from segmentation.types import Finding as ImageFinding
from segmentation.types import Grid, Mask
from segmentation.writing import mask_bytes, write_mask

OTHER_GRID = "the image lies on another grid than the mask"

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


@dataclass(frozen=True, eq=False)
class SegmentedCase:
    """A case's mask, cropped to its regions, with the summary that the store keeps and the findings on it."""

    case_id: str
    mask: Mask
    summary: Mapping[str, Any]
    findings: tuple[Finding, ...]

    @property
    def rejected(self) -> bool:
        return any(finding.level is Level.REJECT for finding in self.findings)


def _refusing(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """The same function, with what `segmentation` refuses raised as the user's `DataRefusal`."""

    @wraps(function)
    def converted(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        try:
            return function(*args, **kwargs)
        except ImageRefusal as error:
            raise DataRefusal(
                error.message, expected=error.expected, found=error.found, next_step=error.next_step
            ) from error

    return converted


@_refusing
def segment_case(case: CaseInput, recipe: Recipe) -> SegmentedCase:
    """Where each region of a case lies: the given mask, cropped, with a summary and findings.

    The summary holds shape, spacing_mm, orientation of the file's grid, offset and shape of the crop, and voxels and
    volume_ml per region (spacing and volumes None where the recipe has no mm). Findings include an image on another
    grid than the mask (`grid_mismatch`, in mm) and an empty mask (`empty_mask`), both of level reject.

    Raises DataRefusal where there is no mask, or the mask or the image's header cannot be vouched for.
    """
    if case.mask is None:
        raise DataRefusal(f"case {case.case_id} has no mask", next_step="hand over its mask, or exclude the case")
    mask = read_mask(case.mask, recipe.regions)
    found = check_mask(mask, units_mm=recipe.units_mm)
    image = case.images.get(recipe.mask_on)
    if image is not None:
        found += check_grids(mask.source or mask.grid, read_header(image).grid, recipe.mask_on)
    findings = tuple(_finding(f, case.case_id) for f in found)
    return SegmentedCase(
        case.case_id, mask, {**_summary(mask, recipe), "findings": [f.to_json() for f in findings]}, findings
    )


@_refusing
def measure_case(
    case_id: str, mask: Mask, recipe: Recipe, image_path: Path | None = None
) -> tuple[dict[str, float], dict[str, str]]:
    """The features of a case by `<region>.<tag>`, and for each missing one the reason.

    Without an image, or with one on another grid, the intensity family is missing.

    Raises DataRefusal where the image is there but cannot be vouched for.
    """
    window = None if image_path is None else _window(mask, read_header(image_path).grid)
    image = None if image_path is None or window is None else read_image(image_path, window=window)
    features: dict[str, float] = {}
    missing: dict[str, str] = {}
    for region, (found, reasons) in measure_all(mask, image, recipe.families, recipe.units_mm).items():
        features.update({f"{region}.{tag}": value for tag, value in found.items()})
        missing.update({f"{region}.{tag}": reason for tag, reason in reasons.items()})
    if image is None:
        missing = _explained(missing, recipe, given=image_path is not None)
    return features, missing


def process_case(case: CaseInput, recipe: Recipe) -> CaseResult:
    """A case's mask summary, features and findings, all in memory: what serving needs.

    A rejected case has no features; its findings say why. Raises DataRefusal as `segment_case` and `measure_case`.
    """
    segmented = segment_case(case, recipe)
    features: dict[str, float] = {}
    missing: dict[str, str] = {}
    if not segmented.rejected:
        features, missing = measure_case(case.case_id, segmented.mask, recipe, case.images.get(recipe.mask_on))
    return CaseResult(case.case_id, segmented.summary, features, missing, segmented.findings)


def inspect_case(case: CaseInput, recipe: Recipe, *, look_inside: bool = False) -> list[Finding]:
    """What is wrong with a case's files, from their headers alone. Never raises: each problem is a finding.

    Missing and unreadable files and grids that differ from the mask's (in mm). With `look_inside` the mask is read,
    which also finds damaged data, impossible labels, an empty mask and everything else said about masks.
    """
    findings: list[ImageFinding] = []
    if case.mask is None:
        findings.append(ImageFinding("missing_mask", "reject", "no mask was handed over"))
    mask_grid = _header_grid(case.mask, findings)
    image_grids = {name: _header_grid(path, findings) for name, path in sorted(case.images.items())}
    image_grid = image_grids.get(recipe.mask_on)
    if mask_grid is not None and image_grid is not None:
        findings += check_grids(mask_grid, image_grid, recipe.mask_on)
    if look_inside and mask_grid is not None and case.mask is not None:
        findings += _mask_findings(case.mask, recipe)
    return [_finding(found, case.case_id) for found in findings]


@_refusing
def write_case_mask(mask: Mask, path: Path) -> None:
    """Write a cropped mask as `.nii.gz`: the same bytes for the same mask."""
    write_mask(mask, path)


def case_mask_bytes(mask: Mask) -> bytes:
    """What `write_case_mask` writes, for a store that writes atomically itself."""
    return mask_bytes(mask)


@_refusing
def read_case_mask(path: Path, recipe: Recipe) -> Mask:
    """Read a mask that `write_case_mask` wrote; it measures the same to the last bit."""
    return read_mask(path, recipe.regions)


@_refusing
def planes(image_path: Path | None, mask: Mask, region: str | None = None) -> tuple[Plane, Plane, Plane]:
    """Axial, coronal and sagittal planes through a region, as shown on a screen (see `segmentation.display`).

    Without an image the planes show the labels alone. Raises DataRefusal for an image that cannot be vouched for or
    lies on another grid, and for an unknown region.
    """
    image = None if image_path is None else read_image(image_path)
    return three_planes(mask, image, region=region)


def _summary(mask: Mask, recipe: Recipe) -> dict[str, Any]:
    source = mask.source or mask.grid
    _, counts = label_boxes(mask)
    voxels = {name: int(counts[label]) for name, label in recipe.regions.items()}
    ml = {name: n * source.voxel_ml if recipe.units_mm else None for name, n in voxels.items()}
    return {
        "shape": list(source.shape),
        "spacing_mm": list(source.spacing_mm) if recipe.units_mm else None,
        "orientation": source.orientation,
        "offset": list(mask.offset),
        "crop": list(mask.grid.shape),
        "regions": {name: {"voxels": voxels[name], "volume_ml": ml[name]} for name in voxels},
    }


def _window(mask: Mask, image: Grid) -> tuple[slice, slice, slice] | None:
    """Where the mask lies in the image, None where it does not: `segment_case` has said so as a finding."""
    try:
        return locate(mask.grid, image)
    except ImageRefusal:
        return None


def _explained(missing: dict[str, str], recipe: Recipe, *, given: bool) -> dict[str, str]:
    """Reasons that say which image is missing, and why none could be used."""
    if given:
        reason = OTHER_GRID
    elif recipe.mask_on:
        reason = f"the case has no image {recipe.mask_on!r}"
    else:
        reason = "the recipe names no image that the mask was drawn on"
    return {name: reason if text == NO_IMAGE else text for name, text in missing.items()}


def _header_grid(path: Path | None, findings: list[ImageFinding]) -> Grid | None:
    if path is None:
        return None
    try:
        return read_header(path).grid
    except ImageRefusal as error:
        findings.append(ImageFinding(error.code, "reject", str(error)))
        return None


def _mask_findings(path: Path, recipe: Recipe) -> list[ImageFinding]:
    try:
        return check_mask(read_mask(path, recipe.regions), units_mm=recipe.units_mm)
    except ImageRefusal as error:
        return [ImageFinding(error.code, "reject", str(error))]


def _finding(found: ImageFinding, case_id: str) -> Finding:
    return Finding(found.code, Level(found.level), found.message, (case_id,))
