"""One case of a review: what is to be looked at, and how urgently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segmentation.assessment.expected_volumes import VolumeRange
from segmentation.assessment.quality import check_disagreement, check_mask
from segmentation.display import three_planes
from segmentation.errors import ImageRefusal
from segmentation.images.grids import check_grids
from segmentation.images.reading import read_channels, read_mask
from segmentation.review.pictures import as_address, picture
from segmentation.types import Finding, Mask, Volume

SHOWN_REGIONS = 4
_LEVELS = ("reject", "review", "note")


@dataclass(frozen=True)
class Shown:
    """One region in three planes: addresses of the pictures and what they show in words."""

    region: str
    pictures: tuple[tuple[str, str], ...]  # (address, words)


@dataclass(frozen=True)
class ReviewCase:
    """A case on the sheet. `mask` names the file's content, "" where it cannot be read."""

    case_id: str
    mask: str
    findings: tuple[Finding, ...]
    shown: tuple[Shown, ...]
    regions_left_out: int = 0

    @property
    def urgency(self) -> tuple[int, ...]:
        """Sorts what needs a look first: masks that are refused, then those with most questions."""
        return tuple(-sum(finding.level == level for finding in self.findings) for level in _LEVELS)


@dataclass(frozen=True)
class Question:
    """The files of a case: its mask, the image, and the masks of an ensemble's members."""

    case_id: str
    mask: Path
    image: Path | None = None
    members: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Expected:
    """What every case is held against: regions, the volumes of training cases, whether voxels have a size."""

    regions: Mapping[str, int]
    volumes: Mapping[str, VolumeRange]
    units_mm: bool = True


def review_case(question: Question, expected: Expected, mask_name: str) -> ReviewCase:
    """The findings on a mask, and its regions in three planes. An image that cannot be read is a finding.

    Raises ImageRefusal where the mask itself cannot be read.
    """
    mask = read_mask(question.mask, expected.regions)
    findings = check_mask(mask, units_mm=expected.units_mm, expected=expected.volumes)
    findings += check_disagreement(mask, [read_mask(path, expected.regions) for path in question.members])
    image, said = _image(question, mask)
    names, left_out = _worth_showing(mask, findings)
    shown = tuple(Shown(name, _planes(mask, image, name)) for name in names)
    return ReviewCase(question.case_id, mask_name, (*findings, *said), shown, left_out)


def unreadable(case_id: str, error: ImageRefusal) -> ReviewCase:
    """A case whose mask cannot be read."""
    return ReviewCase(case_id, "", (Finding(error.code, "reject", error.message),), ())


def in_order(cases: Iterable[ReviewCase], reviewed: Iterable[str]) -> list[ReviewCase]:
    """Most urgent first; what was reviewed already last; by name where equal."""
    done = set(reviewed)
    return sorted(cases, key=lambda case: (case.case_id in done, case.urgency, case.case_id))


def _image(question: Question, mask: Mask) -> tuple[Volume | None, list[Finding]]:
    """The first channel of the case's image where it can be shown under the mask."""
    if question.image is None:
        return None, [Finding("no_image", "note", "no image of that name: outlines only")]
    try:
        image = read_channels(question.image)[0]
    except ImageRefusal as error:
        return None, [Finding(error.code, "review", error.message)]
    apart = check_grids(mask.source or mask.grid, image.grid)
    return (None, apart) if apart else (image, [])


def _worth_showing(mask: Mask, findings: Sequence[Finding]) -> tuple[list[str], int]:
    """The regions to draw: those that a finding names first, then by label; and how many are left out."""
    present = [name for name, label in mask.regions.items() if (mask.labels == label).any()]
    spoken = " ".join(finding.message for finding in findings)
    present.sort(key=lambda name: (name not in spoken, mask.regions[name]))
    return present[:SHOWN_REGIONS], max(0, len(present) - SHOWN_REGIONS)


def _planes(mask: Mask, image: Volume | None, region: str) -> tuple[tuple[str, str], ...]:
    planes = three_planes(mask, image, region=region)
    words = [f"{plane.name} plane through {region}, slice {plane.index + 1}" for plane in planes]
    return tuple((as_address(picture(plane, mask.regions)), text) for plane, text in zip(planes, words, strict=True))
