"""Connected pieces of a mask by rule, and what a plan's `refine` makes of scores and masks.

Rules follow one another; each looks at the mask that the one before left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segmentation.errors import ImageRefusal
from segmentation.images.grids import locate
from segmentation.images.orientation import upright
from segmentation.refinement.settings import ComponentRule, CrfSettings, Refinement
from segmentation.types import Mask, Shape, Window

Floats = npt.NDArray[np.float32]
Inside = npt.NDArray[np.bool_]
_CERTAIN = 10.0  # log odds
Numbers = npt.NDArray[np.intp]


def refined_scores(
    scores: Floats,
    image: Floats,
    spacing_mm: tuple[float, float, float],
    refine: Sequence[Refinement],
    *,
    device: str = "cpu",
) -> Floats:
    """Scores (classes, X, Y, Z) after the random field of a plan, where it has one: log probabilities then.

    `image` (channels, X, Y, Z) is what the network read, `spacing_mm` that of its voxels.
    """
    for one in refine:
        if isinstance(one, CrfSettings):
            from segmentation.refinement.crf import refine_scores  # torch takes seconds to import

            scores = refine_scores(scores, image, spacing_mm, one, device=device)
    return scores


def on_background(scores: Floats, box: Window, size: Shape) -> Floats:
    """Scores of a box, (classes, *box), among all voxels (classes, *size): certain background around it."""
    if scores.shape[1:] == size:
        return scores
    whole = np.full((len(scores), *size), -_CERTAIN, dtype=np.float32)
    whole[0] = _CERTAIN
    whole[(slice(None), *box)] = scores
    return whole


def on_whole_grid(mask: Mask) -> Mask:
    """A mask that is the crop of a larger one, on the larger one's grid."""
    if mask.source is None:
        return mask
    labels = np.zeros(mask.source.shape, dtype=mask.labels.dtype, order="F")
    labels[locate(mask.grid, mask.source)] = mask.labels
    return Mask(labels, mask.source.affine, mask.regions, unnamed=mask.unnamed)


def clean(mask: Mask, rules: Sequence[Refinement]) -> Mask:
    """A mask whose pieces obey the component rules, in their order; other refinements are passed over.

    Raises ImageRefusal (`bad_refinement`) for a region that the mask does not name.
    """
    found = [rule for rule in rules if isinstance(rule, ComponentRule)]
    if not found:
        return mask
    labels = mask.labels.copy(order="F")
    for rule in found:
        for name in (rule.region,) if rule.region else tuple(mask.regions):
            if name != rule.touching:
                _apply(upright(labels, mask.grid), mask, name, rule)
    return Mask(labels, mask.affine, mask.regions, source=mask.source, offset=mask.offset, unnamed=mask.unnamed)


def _apply(labels: npt.NDArray[np.unsignedinteger], mask: Mask, name: str, rule: ComponentRule) -> None:
    """One rule for one region, in place, within the region's box and a voxel around it."""
    number = _label(mask, name)
    window = _window(labels == number)
    if window is None:
        return
    part = labels[window]
    inside = part == number
    others = part == _label(mask, rule.touching) if rule.touching else None
    part[inside & ~_kept(inside, others, rule, mask.grid.voxel_ml)] = 0
    if rule.fill_holes:
        filled = _filled(part == number, rule.joined)
        part[filled & (part == 0)] = number


def _kept(inside: Inside, others: Inside | None, rule: ComponentRule, voxel_ml: float) -> Inside:
    """The voxels of the pieces that stay."""
    joined = ndimage.generate_binary_structure(3, rule.joined)
    pieces, found = ndimage.label(inside, joined)
    sizes = np.bincount(pieces.ravel(), minlength=found + 1)
    stays = (sizes >= rule.least_voxels) & (sizes * voxel_ml >= rule.least_ml)
    if others is not None:
        touched = np.zeros(found + 1, dtype=bool)
        touched[np.unique(pieces[ndimage.binary_dilation(others, joined)])] = True
        stays &= touched
    stays[0] = False
    if rule.most_pieces:
        stays &= _largest(np.where(stays, sizes, 0), rule.most_pieces)
    return np.asarray(stays[pieces])


def _largest(sizes: Numbers, count: int) -> Inside:
    """The largest pieces; of equal ones the first along the patient's axes."""
    among = np.zeros(len(sizes), dtype=bool)
    among[np.argsort(-sizes, kind="stable")[:count]] = True
    return among


def _filled(inside: Inside, joined: int) -> Inside:
    """With the holes that the region encloses; a mask of one plane (or line) is filled within it."""
    flat = np.squeeze(inside)
    if flat.ndim == 0:
        return inside
    # What is joined over corners is a wall for what is joined over faces alone, and the other way round.
    around = ndimage.generate_binary_structure(flat.ndim, 1 if joined > 1 else flat.ndim)
    return np.asarray(ndimage.binary_fill_holes(flat, around)).reshape(inside.shape)


def _window(inside: Inside) -> Window | None:
    """The box of what is inside, one voxel wider: a touching voxel of another region may lie there."""
    box = ndimage.find_objects(inside.astype(np.uint8))
    if not box or box[0] is None:
        return None
    i, j, k = (
        slice(max(0, part.start - 1), min(n, part.stop + 1)) for part, n in zip(box[0], inside.shape, strict=True)
    )
    return i, j, k


def _label(mask: Mask, name: str) -> int:
    if name not in mask.regions:
        step = "name a region of the mask"
        raise ImageRefusal(
            "bad_refinement", "The rule's region is unknown.", expected=f"one of {sorted(mask.regions)}", found=name,
            next_step=step,
        )  # fmt: skip
    return mask.regions[name]
