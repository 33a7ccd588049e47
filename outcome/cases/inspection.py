"""What is wrong with a case's files, before anything is measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from outcome.cases.masks import own_mask
from outcome.cases.refusing import finding_of
from outcome.recipe import CaseInput, Recipe
from outcome.types import Finding
from segmentation.assessment.quality import check_mask
from segmentation.crops import region_middle
from segmentation.errors import ImageRefusal
from segmentation.images.grids import check_grids, locate
from segmentation.images.reading import read_header, read_mask
from segmentation.types import Finding as ImageFinding
from segmentation.types import Grid


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
    return [finding_of(found, case.case_id) for found in findings]


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
