"""One case from its files to numbers, by a recipe: the only place in the core where `segmentation` is called.

`process_case` does in memory what the segment and radiomics stages do by way of the store, and gives the same bits:
a mask is cropped at once, and everything measured depends on the crop as a file would hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from outcome.errors import BundleRefusal, DataRefusal
from outcome.types import CaseInput, CaseResult, CropArray, Finding, Level, Recipe
from segmentation.crops import quantised, read_region_crop, region_middle
from segmentation.display import Plane, three_planes
from segmentation.errors import ImageRefusal
from segmentation.grids import check_grids, locate
from segmentation.quality import check_mask
from segmentation.radiomics import NO_IMAGE, measure_all
from segmentation.radiomics.region import label_boxes
from segmentation.reading import read_header, read_image, read_mask
from segmentation.types import Finding as ImageFinding
from segmentation.types import Grid, Mask, Volume
from segmentation.writing import crop_to_regions, mask_bytes, write_mask

OTHER_GRID = "the image lies on another grid than the mask"
_CROP_GAPS = ("missing_image", "grid_mismatch", "empty_region")
OTHER_GRID_NO_MASK = f"{OTHER_GRID}, and no mask was drawn on it"

# What is a fault of a mask that somebody drew is a result where a network found nothing.
_SAID_OF_GIVEN_MASKS = ("empty_mask", "region_missing")

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class Segmenter(Protocol):
    """A trained network that draws masks: `segmentation.inference.Segmenter`, which only who needs it imports."""

    @property
    def name(self) -> str:
        """ "<network>:<12 hex digits of its weights' hash>", as a recipe names it."""

    def segment(self, volume: Volume) -> Mask:
        """The mask of a whole image, on the image's own grid."""


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


def refusing(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
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


def load_segmenter(data: bytes, recipe: Recipe, *, device: str = "cpu") -> Segmenter:
    """The network of a bundle's segmenter.safetensors, ready to draw on "cpu" or "cuda".

    Raises BundleRefusal where the weights are damaged or another architecture's, are not those that the recipe names,
    or draw other regions.
    """
    from segmentation.inference import Segmenter as Network  # torch costs seconds, and most studies have no network

    try:
        network = Network.from_bytes(data, device=device)
    except ImageRefusal as error:
        raise BundleRefusal(
            f"the bundle's segmenter cannot be used: {error.message}", expected=error.expected, found=error.found,
            next_step="ask for the bundle again from where it was made",
        ) from error  # fmt: skip
    named = (network.name, dict(network.plan.regions))
    if named != (recipe.segmenter, dict(recipe.regions)):
        raise BundleRefusal(
            "the bundle's segmenter is not the one its recipe names",
            expected=f"{recipe.segmenter} for {dict(recipe.regions)}",
            found=f"{named[0]} for {named[1]}",
            next_step="ask for the bundle again from where it was made",
        )
    return network


@refusing
def segment_case(case: CaseInput, recipe: Recipe, segmenter: Segmenter | None = None) -> SegmentedCase:
    """Where each region of a case lies: the given mask, cropped, with a summary and findings; or what a network draws.

    With a `segmenter` the mask is drawn on the image that the recipe names and a given one is not looked at. A region
    that the network does not find is a finding (`region_not_found`, review): the case goes on without it.

    The summary holds shape, spacing_mm, orientation of the file's grid, offset and shape of the crop, and voxels and
    volume_ml per region (spacing and volumes None where the recipe has no mm). Findings include an image on another
    grid than the mask (`grid_mismatch`, in mm) and an empty mask (`empty_mask`), both of level reject.

    Raises DataRefusal where there is no mask and none can be drawn, or a file cannot be vouched for.
    """
    if segmenter is not None:
        mask = _drawn(case, recipe, segmenter)
        found = _findings_on_drawn(mask, recipe)
    else:
        mask = _given(case, recipe)
        found = check_mask(mask, units_mm=recipe.units_mm)
        image = case.images.get(recipe.mask_on)
        if image is not None:
            found += check_grids(mask.source or mask.grid, read_header(image).grid, recipe.mask_on)
    findings = tuple(_finding(f, case.case_id) for f in found)
    return SegmentedCase(
        case.case_id, mask, {**_summary(mask, recipe), "findings": [f.to_json() for f in findings]}, findings
    )


@refusing
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


def crop_case(case: CaseInput, mask: Mask, recipe: Recipe) -> tuple[dict[str, CropArray], dict[str, str]]:
    """The blocks of tissue that image networks read, by sequence, and for each missing one the reason (`code: words`).

    A sequence with a given mask of its own (`case.masks`) is cut and filled by that one, any other by `mask`, which
    has to lie on its grid; where a network draws the masks, given ones are not looked at. Images hold half precision,
    as a file keeps them: nothing more is lost on the way through one.
    """
    crops: dict[str, CropArray] = {}
    missing: dict[str, str] = {}
    for sequence in recipe.crop.sequences if recipe.crop else ():
        try:
            crops[sequence] = quantised(_crop(case, mask, recipe, sequence))
        except ImageRefusal as error:
            strange = error.code == "grid_mismatch" and own_mask(case, recipe, sequence) is None
            missing[sequence] = f"{error.code}: {OTHER_GRID_NO_MASK if strange else error}"
    return crops, missing


def crop_faults(missing: Mapping[str, str]) -> dict[str, str]:
    """Of the reasons for missing crops those that name a fault of a file; the others are gaps that a case may have."""
    return {name: reason for name, reason in missing.items() if reason.partition(":")[0] not in _CROP_GAPS}


def process_case(case: CaseInput, recipe: Recipe, segmenter: Segmenter | None = None) -> CaseResult:
    """A case's mask summary, features, crops and findings, all in memory: what serving needs.

    A rejected case has neither features nor crops; its findings say why. Raises DataRefusal as `segment_case` and
    `measure_case`.
    """
    segmented = segment_case(case, recipe, segmenter)
    if segmented.rejected:
        return CaseResult(case.case_id, segmented.summary, {}, {}, segmented.findings)
    features, missing = measure_case(case.case_id, segmented.mask, recipe, case.images.get(recipe.mask_on))
    crops, missing_crops = crop_case(case, segmented.mask, recipe)
    return CaseResult(case.case_id, segmented.summary, features, missing, segmented.findings, crops, missing_crops)


def inspect_case(case: CaseInput, recipe: Recipe, *, look_inside: bool = False) -> list[Finding]:
    """What is wrong with a case's files, from their headers alone. Never raises: each problem is a finding.

    Missing and unreadable files, grids that differ from the mask's (in mm), and what keeps a block of tissue from
    being cut. With `look_inside` the masks are read, which also finds damaged data, impossible labels, an empty mask
    and everything else said about masks.
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
    for sequence in recipe.crop.sequences if recipe.crop else ():
        findings += _sequence_findings(case, recipe, sequence, {"": mask_grid, **image_grids}, look_inside=look_inside)
    return [_finding(found, case.case_id) for found in findings]


@refusing
def write_case_mask(mask: Mask, path: Path) -> None:
    """Write a cropped mask as `.nii.gz`: the same bytes for the same mask."""
    write_mask(mask, path)


def case_mask_bytes(mask: Mask) -> bytes:
    """What `write_case_mask` writes, for a store that writes atomically itself."""
    return mask_bytes(mask)


@refusing
def read_case_mask(path: Path, recipe: Recipe) -> Mask:
    """Read a mask that `write_case_mask` wrote; it measures the same to the last bit."""
    return read_mask(path, recipe.regions)


@refusing
def planes(image_path: Path | None, mask: Mask, region: str | None = None) -> tuple[Plane, Plane, Plane]:
    """Axial, coronal and sagittal planes through a region, as shown on a screen (see `segmentation.display`).

    Without an image the planes show the labels alone. Raises DataRefusal for an image that cannot be vouched for or
    lies on another grid, and for an unknown region.
    """
    image = None if image_path is None else read_image(image_path)
    return three_planes(mask, image, region=region)


def _given(case: CaseInput, recipe: Recipe) -> Mask:
    if recipe.draws_masks:
        raise ValueError(f"this recipe's masks are drawn by {recipe.segmenter}, which was not handed over")
    if case.mask is None:
        raise DataRefusal(f"case {case.case_id} has no mask", next_step="hand over its mask, or exclude the case")
    return read_mask(case.mask, recipe.regions)


def _drawn(case: CaseInput, recipe: Recipe, segmenter: Segmenter) -> Mask:
    """What the network draws, as a file would hold it: cropped to its regions, which may be none."""
    image = case.images.get(recipe.mask_on)
    if image is None:
        raise DataRefusal(
            f"case {case.case_id} has no image {recipe.mask_on!r}, on which its mask would be drawn",
            next_step="hand over the image, or let the case go on without measurements",
        )
    return crop_to_regions(segmenter.segment(read_image(image)))


def _findings_on_drawn(mask: Mask, recipe: Recipe) -> list[ImageFinding]:
    _, counts = label_boxes(mask)
    absent = [name for name, label in recipe.regions.items() if not counts[label]]
    found = [f for f in check_mask(mask, units_mm=recipe.units_mm) if f.code not in _SAID_OF_GIVEN_MASKS]
    if absent:
        words = f"the network found no {', '.join(sorted(absent))}; look at the image, its measurements are missing"
        found.append(ImageFinding("region_not_found", "review", words))
    return found


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


def _crop(case: CaseInput, mask: Mask, recipe: Recipe, sequence: str) -> CropArray:
    spec, image = recipe.crop, case.images.get(sequence)
    if spec is None or image is None:
        raise ImageRefusal("missing_image", f"the case has no image {sequence!r}")
    own = own_mask(case, recipe, sequence)
    placed = mask if own is None else read_mask(own, recipe.regions)
    return read_region_crop(
        image, placed, region=spec.region, size=spec.size, extent=spec.extent, scale=spec.sequences[sequence]
    )


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
        mask = read_mask(path, recipe.regions)
    except ImageRefusal as error:
        return [ImageFinding(error.code, "reject", str(error))]
    found = check_mask(mask, units_mm=recipe.units_mm)
    if recipe.crop is not None and mask.labels.any():
        try:
            region_middle(mask, recipe.crop.region)
        except ImageRefusal as error:
            found.append(ImageFinding(error.code, "review", str(error)))
    return found


def _sequence_findings(
    case: CaseInput, recipe: Recipe, sequence: str, grids: Mapping[str, Grid | None], *, look_inside: bool
) -> list[ImageFinding]:
    """Why no block of tissue can be cut from a sequence: the case goes on without it. `grids[""]` is the mask's."""
    if sequence not in case.images:
        return [ImageFinding("missing_sequence", "note", f"no image {sequence!r}: the case goes on without this block")]
    found: list[ImageFinding] = []
    own = own_mask(case, recipe, sequence)
    mask, image = grids[""] if own is None else _header_grid(own, found), grids[sequence]
    if own is not None and mask is not None and look_inside:
        found += [ImageFinding(f.code, "review", f"{f.message} (mask on {sequence!r})")
                  for f in _mask_findings(own, recipe) if f.level != "note"]  # fmt: skip
    if mask is not None and image is not None and (own is not None or sequence != recipe.mask_on):
        found += _grid_findings(sequence, mask, image)
    return found


def _grid_findings(sequence: str, mask: Grid, image: Grid) -> list[ImageFinding]:
    try:
        locate(mask, image)
    except ImageRefusal as error:
        step = f"name the masks drawn on {sequence!r} under mask.others, or resample it"
        message = f"{sequence!r} lies on another grid than its mask ({error.found}): no block is cut; {step}"
        return [ImageFinding("sequence_on_other_grid", "review", message)]
    return []


def own_mask(case: CaseInput, recipe: Recipe, sequence: str) -> Path | None:
    """The given mask on a sequence other than the one that the recipe's mask lies on; none where a network draws."""
    return case.masks.get(sequence) if sequence != recipe.mask_on and not recipe.draws_masks else None


def _finding(found: ImageFinding, case_id: str) -> Finding:
    return Finding(found.code, Level(found.level), found.message, (case_id,))
