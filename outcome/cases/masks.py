"""Where the regions of a case lie: the given mask, or what a network draws on the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from outcome.cases.refusing import finding_of, refusing
from outcome.errors import BundleRefusal, DataRefusal
from outcome.recipe import CaseInput, Recipe
from outcome.types import Finding, Level
from segmentation.assessment.expected_volumes import VolumeRange
from segmentation.assessment.quality import check_mask
from segmentation.errors import ImageRefusal
from segmentation.images.grids import check_grids
from segmentation.images.reading import read_header, read_mask
from segmentation.images.scans import read_scan
from segmentation.images.writing import crop_to_regions, mask_bytes, write_mask
from segmentation.models import load_model
from segmentation.radiomics.region import label_boxes
from segmentation.types import Finding as ImageFinding
from segmentation.types import Mask, Volume

# What is a fault of a mask that somebody drew is a result where a network found nothing.
_SAID_OF_GIVEN_MASKS = ("empty_mask", "region_missing")


class Segmenter(Protocol):
    """What draws masks: a trained network, or another model of `segmentation.models`."""

    @property
    def name(self) -> str:
        """ "<network>:<12 hex digits of its weights' hash>", as a recipe names it."""

    @property
    def volumes(self) -> Mapping[str, VolumeRange]:
        """For each region the volumes that its training cases lead to expect; empty where they are not known."""

    def segment(self, image: Volume | Sequence[Volume]) -> Mask:
        """The mask of a whole image, one channel or several, on the image's own grid."""


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


def load_segmenter(data: bytes, recipe: Recipe, *, device: str = "cpu") -> Segmenter:
    """The network of a bundle's segmenter.safetensors, ready to draw on "cpu" or "cuda".

    Raises BundleRefusal where the weights are damaged or another architecture's, are not those that the recipe names,
    or draw other regions.
    """
    try:
        network = load_model(data, device)
    except ImageRefusal as error:
        raise BundleRefusal(
            f"the bundle's segmenter cannot be used: {error.message}", expected=error.expected, found=error.found,
            next_step="ask for the bundle again from where it was made",
        ) from error  # fmt: skip
    named = (network.name, dict(network.regions))
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
        found = _findings_on_drawn(mask, recipe, segmenter.volumes)
    else:
        mask = _given(case, recipe)
        found = check_mask(mask, units_mm=recipe.units_mm)
        image = case.images.get(recipe.mask_on)
        if image is not None:
            found += check_grids(mask.source or mask.grid, read_header(image).grid, recipe.mask_on)
    findings = tuple(finding_of(f, case.case_id) for f in found)
    return SegmentedCase(
        case.case_id, mask, {**_summary(mask, recipe), "findings": [f.to_json() for f in findings]}, findings
    )


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


def own_mask(case: CaseInput, recipe: Recipe, sequence: str) -> Path | None:
    """The given mask on a sequence other than the one that the recipe's mask lies on; none where a network draws."""
    return case.masks.get(sequence) if sequence != recipe.mask_on and not recipe.draws_masks else None


def _given(case: CaseInput, recipe: Recipe) -> Mask:
    if recipe.draws_masks:
        raise ValueError(f"this recipe's masks are drawn by {recipe.segmenter}, which was not handed over")
    if case.mask is None:
        raise DataRefusal(f"case {case.case_id} has no mask", next_step="hand over its mask, or exclude the case")
    return read_mask(case.mask, recipe.regions)


def _drawn(case: CaseInput, recipe: Recipe, segmenter: Segmenter) -> Mask:
    """What the network draws, as a file would hold it: cropped to its regions, which may be none."""
    absent = [name for name in recipe.drawn_on if name not in case.images]
    if absent:
        raise DataRefusal(
            f"case {case.case_id} has no image {', '.join(absent)}, on which its mask would be drawn",
            next_step="hand over the image, or let the case go on without measurements",
        )
    return crop_to_regions(segmenter.segment(read_scan([case.images[name] for name in recipe.drawn_on])))


def _findings_on_drawn(mask: Mask, recipe: Recipe, volumes: Mapping[str, VolumeRange]) -> list[ImageFinding]:
    _, counts = label_boxes(mask)
    absent = [name for name, label in recipe.regions.items() if not counts[label]]
    expected = volumes if recipe.units_mm else None
    findings = check_mask(mask, units_mm=recipe.units_mm, expected=expected)
    found = [f for f in findings if f.code not in _SAID_OF_GIVEN_MASKS]
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
