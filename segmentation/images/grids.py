"""Do two grids hold the same voxels, and where does a part lie in a whole?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.types import Finding, Grid, Window

# A NIfTI header stores positions in float32; two exports of one series differ by a few micrometres.
SAME_PLACE = 0.01  # of a voxel
SAME_AXES = 1e-4  # relative spacing, and cosines: 0.05 of a voxel across 500 slices
SAME_VOXELS = 0.1  # of a voxel, anywhere in a part that is looked for in a whole


def grid_differences(mask: Grid, image: Grid) -> list[str]:
    """In which ways two grids differ, each with its size: shape, spacing, direction, origin (mm). Empty if the same."""
    differences = []
    if mask.shape != image.shape:
        differences.append(f"shape {mask.shape} against {image.shape}")
    ours, theirs = np.array(mask.spacing_mm), np.array(image.spacing_mm)
    if (np.abs(ours / theirs - 1) > SAME_AXES).any():
        differences.append(f"spacing {_mm(ours)} against {_mm(theirs)} mm")
    turn = np.abs(mask.direction - image.direction).max()
    if turn > SAME_AXES:
        differences.append(f"direction {mask.orientation} against {image.orientation} (largest cosine gap {turn:.3f})")
    shift = float(np.linalg.norm(mask.affine[:3, 3] - image.affine[:3, 3]))
    if shift > SAME_PLACE * float(theirs.min()):
        differences.append(f"origin {shift:.3f} mm apart")
    return differences


def check_grids(mask: Grid, image: Grid, name: str = "image") -> list[Finding]:
    """One `reject` finding where a mask (its full grid) does not lie on the image it should belong to."""
    differences = grid_differences(mask, image)
    if not differences:
        return []
    message = (
        f"mask and {name} lie on different grids: {'; '.join(differences)}; resample the mask or name its own image"
    )
    return [Finding("grid_mismatch", "reject", message)]


def locate(part: Grid, whole: Grid) -> Window:
    """Where a smaller grid lies inside a larger one with the same voxels.

    Raises ImageRefusal (`grid_mismatch`) where voxels differ in size or direction, do not coincide, or stick out.
    """
    relation = np.linalg.inv(whole.affine) @ part.affine
    start = np.rint(relation[:3, 3])
    reach = np.array(part.shape)
    gap = np.abs(relation[:3, :3] - np.eye(3)).max() * float(reach.max()) + np.abs(relation[:3, 3] - start).max()
    if gap > SAME_VOXELS or (start < 0).any() or (start + reach > whole.shape).any():
        raise ImageRefusal(
            "grid_mismatch",
            "The mask does not lie on the grid of the image.",
            expected="the same spacing, direction and voxel centres, inside the image",
            found=f"voxels up to {gap:.2f} of a voxel apart, first voxel {start.astype(int).tolist()}",
            next_step="resample the mask to the image, or name the image it was drawn on",
        )
    i, j, k = (slice(int(a), int(a) + n) for a, n in zip(start, part.shape, strict=True))
    return i, j, k


def _mm(numbers: npt.NDArray[np.float64]) -> str:
    return " x ".join(f"{n:.4g}" for n in numbers)
