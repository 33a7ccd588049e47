"""What a network was trained on, as far as an image to outline can be compared with it; travels beside the weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from segmentation.assessment.expected_volumes import (
    VolumeRange,
    expected_volumes,
    volumes_from_json,
    volumes_to_json,
)
from segmentation.errors import ImageRefusal
from segmentation.images.reading import has_size, read_mask
from segmentation.images.scans import scan_grid
from segmentation.learning.training_case import TrainingCase
from segmentation.preparation.preprocess import upright_spacing
from segmentation.types import Finding, Grid

UNUSUAL, ABSURD = 2.0, 10.0  # times beyond what was seen: other scanners differ by less than two, units by ten or more
Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class TrainingFacts:
    """The least and the largest voxel spacing along the patient's x, y, z (mm) among so many training images.

    `images` are the SHA-256 of their files, sorted: whoever draws masks with the network can tell whether it learned
    from the very image; who has no such file learns nothing from them. `recipe` is how few masks were made more of (see
    `recipes`; "": plainly). `volumes` are those of each region that raise no question.
    """

    least_mm: Spacing
    largest_mm: Spacing
    cases: int
    images: tuple[str, ...] = ()
    recipe: str = ""
    volumes: Mapping[str, VolumeRange] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        spacing = {"least_mm": list(self.least_mm), "largest_mm": list(self.largest_mm)}
        recipe = {"recipe": self.recipe} if self.recipe else {}
        volumes = {"volumes": volumes_to_json(self.volumes)} if self.volumes else {}
        return {**spacing, "cases": self.cases, "images": list(self.images), **recipe, **volumes}

    def having_seen(self, images: Iterable[str], recipe: str) -> TrainingFacts:
        """These facts with further images (SHA-256 of files) that were learned from, with masks or without."""
        return replace(self, images=tuple(sorted({*self.images, *images})), recipe=recipe)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainingFacts:
        """Raises KeyError, TypeError or ValueError where the entry has another form."""
        least, largest = (tuple(float(n) for n in data[name]) for name in ("least_mm", "largest_mm"))
        if len(least) != 3 or len(largest) != 3 or not min(least) > 0:
            raise ValueError("three spacings above 0")
        images = tuple(str(name) for name in data.get("images", ()))
        cases, recipe, volumes = int(data["cases"]), str(data.get("recipe", "")), data.get("volumes", {})
        low, high = (least[0], least[1], least[2]), (largest[0], largest[1], largest[2])
        return cls(low, high, cases, images, recipe, volumes_from_json(volumes))


def facts_of(cases: Sequence[TrainingCase], regions: Mapping[str, int]) -> TrainingFacts:
    """The facts of training cases with masks of these regions; their order does not matter."""
    facts = facts_of_grids(scan_grid(case.images) for case in cases)
    images = {hashlib.sha256(path.read_bytes()).hexdigest() for case in cases for path in case.images}
    sized = [case for case in cases if all(has_size(path) for path in case.images)]
    volumes = expected_volumes(read_mask(case.mask, regions) for case in sized)
    return replace(facts, images=tuple(sorted(images)), volumes=volumes)


def facts_of_grids(grids: Iterable[Grid]) -> TrainingFacts:
    """The facts of training images that lie on these grids."""
    seen = np.array([upright_spacing(grid) for grid in grids])
    least, largest = seen.min(axis=0).tolist(), seen.max(axis=0).tolist()
    return TrainingFacts((least[0], least[1], least[2]), (largest[0], largest[1], largest[2]), len(seen))


def check_spacing(facts: TrainingFacts | None, grid: Grid) -> list[Finding]:
    """A finding where an image's voxels are more than twice as large or small as any that was learned from.

    Raises ImageRefusal (`spacing_off`) at ten times: a unit is wrong, or the image is of something else. Without facts
    nothing is known and nothing is said.
    """
    if facts is None:
        return []
    spacing = upright_spacing(grid)
    rows = zip("xyz", spacing, facts.least_mm, facts.largest_mm, strict=True)
    factors = {axis: max(mm / high, low / mm) for axis, mm, low, high in rows}
    worst = max(factors.values())
    if worst < UNUSUAL:
        return []
    found = f"{_words(spacing)} mm, {worst:.3g} times beyond"
    expected = f"{_words(facts.least_mm)} to {_words(facts.largest_mm)} mm along x, y, z, as in training"
    if worst >= ABSURD:
        raise ImageRefusal(
            "spacing_off",
            "The image's voxels are not of the size that the network learned from.",
            expected=expected,
            found=found,
            next_step="check the unit of the spacing in the file's header, or use a network trained on such images",
        )
    return [Finding("unusual_spacing", "review", f"voxel spacing {found}; expected {expected}")]


def _words(spacing: Spacing) -> str:
    return " x ".join(f"{mm:.3g}" for mm in spacing)
