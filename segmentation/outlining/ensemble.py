"""Several networks asked as one: mean probabilities, how far the networks differ, and several masks of one case.

Reference: Lakshminarayanan B et al. Simple and scalable predictive uncertainty estimation using deep ensembles.
arXiv:1612.01474.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.outlining.inference import PLAIN, Outlining, Segmenter, mask_of
from segmentation.preparation.preprocess import Floats, as_filed, network_shape, resample, upright
from segmentation.types import Finding, Grid, Mask, Shape, Volume

AGREED = 0.7  # mean Dice between members below which a person should look
_SURE = 1e-30  # least probability: its logarithm is finite


@dataclass(frozen=True)
class Asked:
    """What is wanted of an ensemble beside its mask: volumes of `uncertainty`, and so many `masks` of the case."""

    uncertainty: bool = True
    masks: int = 0
    how: Outlining = PLAIN


@dataclass(frozen=True, eq=False)
class Outlined:
    """A mask with what is known of its certainty.

    `entropy` (of the mean probabilities, 0 where certain, 1 where all classes are equally likely) and `variance` (of
    the probabilities between members, summed over the classes, 0 to 1) are float32 volumes on the image's grid; None
    where they were not asked for. `agreement` is the mean Dice between members for each region (1 where no member
    finds it; empty with one member). `masks` are those asked for.
    """

    mask: Mask
    entropy: Volume | None = None
    variance: Volume | None = None
    agreement: Mapping[str, float] = field(default_factory=dict)
    masks: tuple[Mask, ...] = ()
    findings: tuple[Finding, ...] = ()


class Ensemble:
    """Networks with the same regions and inputs; their plans may differ otherwise. The order of members is irrelevant.

    Raises ImageRefusal (`no_members`, `ensemble_mismatch`).
    """

    def __init__(self, members: Sequence[Segmenter]) -> None:
        if not members:
            raise ImageRefusal("no_members", "The ensemble has no network.", expected="one or more", found="none")
        self.members = tuple(sorted(members, key=lambda member: member.id))
        first = self.members[0]
        for other in self.members:
            if (other.regions, other.inputs) != (first.regions, first.inputs):
                raise ImageRefusal(
                    "ensemble_mismatch",
                    "The networks do not outline the same regions on the same inputs.",
                    expected=f"{first.regions} on {', '.join(first.inputs)}",
                    found=f"{other.regions} on {', '.join(other.inputs)}",
                    next_step="name networks that were trained for one purpose",
                )

    @property
    def name(self) -> str:
        """`ensemble:<12 hex digits of the members' names>`; of one network its own name."""
        if len(self.members) == 1:
            return self.members[0].name
        names = "\n".join(member.name for member in self.members)
        return f"ensemble:{hashlib.sha256(names.encode()).hexdigest()[:12]}"

    @property
    def regions(self) -> dict[str, int]:
        """Names and labels of what it draws."""
        return self.members[0].regions

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the channels that it reads, in their order."""
        return self.members[0].inputs

    def segment(self, image: Volume | Sequence[Volume], *, limit_bytes: int | None = None) -> Mask:
        """The regions on the whole grid of an image. Raises ImageRefusal as `Segmenter.segment`."""
        scan = (image,) if isinstance(image, Volume) else tuple(image)
        return self.outline(scan, Asked(uncertainty=False), limit_bytes=limit_bytes).mask

    def outline(self, scan: Sequence[Volume], asked: Asked, *, limit_bytes: int | None = None) -> Outlined:
        """The mask by the members' mean probabilities, and what was `asked` for.

        Probabilities are held at the first member's voxels; a member with other voxels is resampled linearly. Masks
        asked for are the members' own where there are as many members, else drawn from cautious to generous:
        `drawn_at`. Raises ImageRefusal as `Segmenter.segment`.
        """
        grid, first = scan[0].grid, self.members[0]
        needed = self.predicted_bytes(grid)
        findings = {f for member in self.members for f in member.check(scan, needed, limit_bytes)}
        if len(self.members) == 1 and not asked.uncertainty:
            scores = first.scores(scan, asked.how)
            masks = tuple(drawn_at(scores, grid, first, threshold) for threshold in thresholds(asked.masks))
            return Outlined(mask_of(scores, grid, first.plan), masks=masks, findings=tuple(findings))
        mean, spread, drawn = self._asked(scan, asked.how)
        agreement = agreement_between(drawn, self.regions) if len(drawn) > 1 else {}
        entropy, variance = _entropy(mean), spread
        scores = np.log(np.maximum(mean, _SURE, out=mean), out=mean)
        masks = drawn[: asked.masks]
        if asked.masks > len(drawn):
            masks = tuple(drawn_at(scores, grid, first, threshold) for threshold in thresholds(asked.masks))
        ordered = sorted(findings, key=lambda finding: finding.message)
        return Outlined(
            mask_of(scores, grid, first.plan),
            _volume(entropy, scan[0]) if asked.uncertainty else None,
            _volume(variance, scan[0]) if asked.uncertainty and len(drawn) > 1 else None,
            agreement,
            masks,
            (*ordered, *disagreements(agreement)),
        )

    def predicted_bytes(self, grid: Grid) -> int:
        """Memory that `outline` takes for an image on this grid, bytes; an estimate from above."""
        classes, inner = 1 + len(self.regions), math.prod(network_shape(grid, self.members[0].plan))
        alone = max(member.predicted_bytes(grid) for member in self.members)
        return alone + math.prod(grid.shape) * (2 * len(self.members) + 16) + 4 * inner * (3 * classes + 4)

    def _asked(self, scan: Sequence[Volume], how: Outlining) -> tuple[Floats, Floats, tuple[Mask, ...]]:
        """Mean probabilities, their variance summed over classes, and each member's own mask."""
        shape = network_shape(scan[0].grid, self.members[0].plan)
        total = np.zeros((1 + len(self.regions), *shape), dtype=np.float32)
        squares, masks = np.zeros(shape, dtype=np.float32), []
        for member in self.members:
            scores = member.scores(scan, how)
            masks.append(mask_of(scores, scan[0].grid, member.plan))
            likely = _at(probabilities(scores), shape)
            total += likely
            for one in likely:
                squares += one * one
        total /= len(self.members)
        squares /= len(self.members)
        for one in total:
            squares -= one * one
        return total, np.maximum(squares, 0, out=squares), tuple(masks)


def probabilities(scores: Floats) -> Floats:
    """Scores (classes, X, Y, Z) as probabilities that sum to 1."""
    out = scores - scores.max(axis=0)
    np.exp(out, out=out)
    out /= out.sum(axis=0)
    return out


def thresholds(masks: int) -> tuple[float, ...]:
    """So many evenly spaced thresholds between 0 and 1, the strictest first: three are .75, .5, .25."""
    return tuple((masks - n) / (masks + 1) for n in range(masks))


def drawn_at(scores: Floats, grid: Grid, segmenter: Segmenter, threshold: float) -> Mask:
    """The mask with background made more likely: a voxel is outlined where a region's odds against background exceed
    those of `threshold`. At 0.5 it is the plain mask; a lower threshold's outlines hold those of a higher one."""
    if threshold == 0.5:
        return mask_of(scores, grid, segmenter.plan)
    shifted = scores.copy()
    shifted[0] += np.float32(math.log(threshold / (1 - threshold)))
    return mask_of(shifted, grid, segmenter.plan)


def agreement_between(masks: Sequence[Mask], regions: Mapping[str, int]) -> dict[str, float]:
    """The mean Dice of every pair of masks for each region, 0 to 1; a pair without the region counts 1."""
    found = {}
    for name, label in regions.items():
        inside = [mask.labels == label for mask in masks]
        sizes = [int(np.count_nonzero(one)) for one in inside]
        pairs = [_dice(inside, sizes, a, b) for a, b in combinations(range(len(masks)), 2)]
        found[name] = float(np.mean(pairs))
    return found


def disagreements(agreement: Mapping[str, float]) -> list[Finding]:
    """One `review` finding for each region that the members do not draw alike."""
    return [
        Finding(
            "ensemble_disagreement",
            "review",
            f"{name}: the networks' outlines differ (mean Dice {value:.2f} between them)",
        )
        for name, value in agreement.items()
        if value < AGREED
    ]


def _dice(inside: Sequence[npt.NDArray[np.bool_]], sizes: Sequence[int], a: int, b: int) -> float:
    both = int(np.count_nonzero(inside[a] & inside[b]))
    return 2 * both / (sizes[a] + sizes[b]) if sizes[a] + sizes[b] else 1.0


def _entropy(mean: Floats) -> Floats:
    out = np.zeros(mean.shape[1:], dtype=np.float32)
    for one in mean:
        out -= one * np.log(np.maximum(one, _SURE))
    return np.clip(out / np.float32(math.log(len(mean))), 0, 1)


def _at(likely: Floats, shape: Shape) -> Floats:
    return likely if likely.shape[1:] == shape else np.stack([resample(one, shape) for one in likely])


def _volume(values: Floats, image: Volume) -> Volume:
    """At the image's voxels, to three decimals (a file of noise digits would not compress)."""
    x, y, z = upright(image.array, image.grid).shape
    whole = np.round(resample(values, (x, y, z)), 3)
    return Volume(np.asfortranarray(as_filed(whole, image.grid)), image.affine)
