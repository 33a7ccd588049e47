"""Is this mask fit for use? Named checks, each one function; the list is at the foot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from segmentation.assessment.expected_volumes import VolumeRange
from segmentation.metrics import dice
from segmentation.radiomics.region import RegionVoxels, connect_runs, cut_regions, labels_of_runs
from segmentation.types import Finding, Grid, Mask, Window

# Below: a speck of a few voxels, hardly drawn on purpose. Above: more than a litre beyond any organ but a whole liver.
PLAUSIBLE_ML = (0.01, 5000.0)
MANY_PIECES = 3
SPECK_VOXELS = 10
MAX_COMPARED = 64  # regions that fit the bits of one number
TORSO_MM = 250.0  # an image this wide shows both sides of the body
DISAGREEMENT = 0.8  # mean Dice between the members of an ensemble below which a person looks
_SIDES = {"left": "right", "right": "left"}


@dataclass(frozen=True, eq=False)
class _Subject:
    """A mask with what several checks need, computed once."""

    mask: Mask
    units_mm: bool
    expected: Mapping[str, VolumeRange]

    @cached_property
    def regions(self) -> dict[str, RegionVoxels | None]:
        return cut_regions(self.mask)

    @cached_property
    def present(self) -> dict[str, RegionVoxels]:
        return {name: region for name, region in self.regions.items() if region is not None}


def check_mask(
    mask: Mask, *, units_mm: bool = True, expected: Mapping[str, VolumeRange] | None = None
) -> list[Finding]:
    """Every finding on a mask, in the order of `CHECKS`. Of a crop, `source` tells where the borders were.

    `expected` holds what volumes of a region the training cases show (see `expected_volumes`); without it a volume is
    implausible only where no organ has it.
    """
    subject = _Subject(mask, units_mm, expected or {})
    return [finding for check in CHECKS for finding in check(subject)]


def _empty(subject: _Subject) -> list[Finding]:
    if subject.present:
        return []
    labels = sorted(subject.mask.unnamed)
    found = f"the file holds labels {labels}" if labels else "the file holds background only"
    message = f"no voxel of {sorted(subject.mask.regions)}: {found}; check the mask and the labels in the study file"
    return [Finding("empty_mask", "reject", message)]


def _missing_regions(subject: _Subject) -> list[Finding]:
    absent = [name for name, region in subject.regions.items() if region is None]
    if not absent or not subject.present:
        return []
    return [
        Finding(
            "region_missing", "note", f"no voxel of {', '.join(sorted(absent))} (may be right: not every case has each)"
        )
    ]


def _unnamed_labels(subject: _Subject) -> list[Finding]:
    unnamed = subject.mask.unnamed
    if not unnamed:
        return []
    counts = ", ".join(f"{label} ({n} voxels)" for label, n in sorted(unnamed.items()))
    return [
        Finding(
            "unnamed_labels",
            "review",
            f"labels that no region names were left out: {counts}; name them or clean the mask",
        )
    ]


def _on_border(subject: _Subject) -> list[Finding]:
    source = subject.mask.source or subject.mask.grid
    findings = []
    for name, region in subject.present.items():
        sides = _touched_sides(region.window, subject.mask.offset, source)
        if sides:
            message = f"{name} touches the {', '.join(sides)} border of the volume and may be cut off"
            findings.append(Finding("region_on_border", "review", message))
    return findings


def _touched_sides(window: Window, offset: tuple[int, int, int], source: Grid) -> list[str]:
    """Patient sides on which a box reaches the first or last voxel; axes one voxel long have no border."""
    opposite = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}
    names = {"R": "right", "L": "left", "A": "anterior", "P": "posterior", "S": "superior", "I": "inferior"}
    sides = []
    for part, start, size, letter in zip(window, offset, source.shape, source.orientation, strict=True):
        if size > 1 and part.start + start == 0:
            sides.append(names[opposite[letter]])
        if size > 1 and part.stop + start == size:
            sides.append(names[letter])
    return sides


def _many_pieces(subject: _Subject) -> list[Finding]:
    findings = []
    for name, region in subject.present.items():
        sizes = region.piece_sizes
        if len(sizes) > MANY_PIECES:
            specks = int((sizes < SPECK_VOXELS).sum())
            message = f"{name} lies in {len(sizes)} separate pieces, {specks} of them below {SPECK_VOXELS} voxels"
            findings.append(Finding("many_pieces", "note", message))
    return findings


def _implausible_volume(subject: _Subject) -> list[Finding]:
    if not subject.units_mm:
        return []
    findings = []
    for name, region in subject.present.items():
        known = subject.expected.get(name)
        low, high = (known.low_ml, known.high_ml) if known else PLAUSIBLE_ML
        volume_ml = region.n_voxels * subject.mask.grid.voxel_ml
        if not low <= volume_ml <= high:
            message = (
                f"{name} measures {volume_ml:.3g} ml, expected {low:.3g} to {high:.4g}; check the spacing and the mask"
            )
            findings.append(Finding("implausible_volume", "review", message))
    return findings


def _apart(subject: _Subject) -> list[Finding]:
    """A region that touches no other one (the largest, taken for the organ, is not asked)."""
    present = subject.present
    if len(present) < 2 or len(subject.regions) > MAX_COMPARED:
        return []
    largest = max(present, key=lambda name: present[name].n_voxels)
    together = _labels_together(subject.mask)
    findings = []
    for name in sorted(set(present) - {largest}):
        own = np.uint64(1 << list(subject.mask.regions).index(name))
        if (together[(together & own) > 0] == own).all():
            findings.append(Finding("region_apart", "review", f"{name} touches no other region; check side and label"))
    return findings


def _wrong_side(subject: _Subject) -> list[Finding]:
    """A region named left that lies to the right of its namesake, or, alone, on the other half of a whole torso."""
    findings = []
    for name, region in subject.present.items():
        side = next((side for side in _SIDES if side in name.lower().replace("-", "_").split("_")), None)
        if side is None:
            continue
        twin = subject.present.get(name.replace(side, _SIDES[side]))
        if side == "right" and twin is not None:
            continue  # told once, of the left one
        beyond = _to_right(region, subject.mask) - _middle(twin, subject.mask)
        if (_sees_both_sides(subject) or twin is not None) and (beyond > 0 if side == "left" else beyond < 0):
            place = f"{_SIDES[side]} of its namesake" if twin is not None else f"on the patient's {_SIDES[side]}"
            message = f"{name} lies {place}; check the label and the image's orientation"
            findings.append(Finding("wrong_side", "review", message))
    return findings


def _sees_both_sides(subject: _Subject) -> bool:
    source = subject.mask.source or subject.mask.grid
    return subject.units_mm and float(np.abs(source.affine[0, :3]) @ np.asarray(source.shape)) >= TORSO_MM


def _middle(twin: RegionVoxels | None, mask: Mask) -> float:
    """Where left ends: at the namesake's centre, or in the middle of the image; mm towards the patient's right."""
    if twin is not None:
        return _to_right(twin, mask)
    source = mask.source or mask.grid
    return float(source.affine[0] @ [*((n - 1) / 2 for n in source.shape), 1.0])


def _to_right(region: RegionVoxels, mask: Mask) -> float:
    """The region's centre of mass along the patient's right, mm."""
    inner = region.block[1:-1, 1:-1, 1:-1]
    centre = []
    for axis, part in zip((2, 1, 0), region.window, strict=True):
        others = tuple(other for other in range(3) if other != axis)
        counts = inner.sum(axis=others, dtype=np.int64)
        centre.append(part.start + float(counts @ np.arange(len(counts))) / region.n_voxels)
    return float(mask.affine[0] @ [*centre, 1.0])


def check_disagreement(mask: Mask, members: Sequence[Mask]) -> list[Finding]:
    """Where the members of an ensemble differ from the mask that they make: mean Dice of a region below 0.8."""
    findings = []
    for name, label in mask.regions.items():
        scores = [dice(mask, member, label) for member in members]
        mean = float(np.mean(scores)) if scores else 1.0
        if mean < DISAGREEMENT:
            message = f"{name}: the members of the ensemble agree with it to a mean Dice of {mean:.2f} only"
            findings.append(Finding("ensemble_disagreement", "review", message))
    return findings


def _labels_together(mask: Mask) -> npt.NDArray[np.uint64]:
    """For each connected piece of everything labelled, which regions it holds: bit n for the n-th region, (pieces,)."""
    whole = cut_regions(Mask((mask.labels > 0).view(np.uint8), mask.affine, {"any": 1}))["any"]
    if whole is None:
        return np.zeros(0, dtype=np.uint64)
    bits = np.zeros(int(np.iinfo(mask.labels.dtype).max) + 1, dtype=np.uint64)
    for n, label in enumerate(mask.regions.values()):
        bits[label] = 1 << n
    roots = connect_runs(whole.runs, *whole.block.shape[:2])
    of_runs = labels_of_runs(whole.runs, np.ascontiguousarray(mask.labels[whole.window].T), bits)
    held = np.zeros(len(roots), dtype=np.uint64)
    np.bitwise_or.at(held, roots, of_runs)
    return held[held > 0]


CHECKS: tuple[Callable[[_Subject], list[Finding]], ...] = (
    _empty,
    _missing_regions,
    _unnamed_labels,
    _on_border,
    _many_pieces,
    _implausible_volume,
    _apart,
    _wrong_side,
)
