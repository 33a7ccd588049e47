"""Where a filter stands in the processing: on the resampled image, before the region is taken out of it.

IBSI interpolates the image, rounds it where asked, filters all of it and applies the region's mask to the response;
re-segmentation looks at the intensities before the filter. A filter whose kernel ends gives the same response to a crop
with so much around, so that only this is resampled; one defined by its spectrum needs the whole image.

Kernels run along the patient's axes as DICOM has them: to the left, posterior and superior, which are the axes of the
IBSI phantoms. Reference: arXiv:2006.05470, chapter 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.radiomics.filters import FilterSettings, reach, respond

Box = list[tuple[int, int]]


def seen_box(by: FilterSettings, box: Box, shape: Sequence[int], spacing: Sequence[float]) -> Box:
    """The voxels of the resampled image, along z, y, x, that a filter must see for its response in a box.

    `shape` and `spacing` (mm) are those of the whole resampled image. Where the kernel leaves a periodic image, it sees
    the other end: all of that axis is needed.
    """
    around = reach(by, spacing[::-1])
    if around is None:
        return [(0, n) for n in shape]
    seen: Box = []
    for (a, b), n, r in zip(box, shape, around[::-1], strict=True):
        leaves = a - r < 0 or b + r > n
        seen.append((0, n) if leaves and by.boundary == "periodic" else (max(0, a - r), min(n, b + r)))
    return seen


def response(by: FilterSettings, values: npt.NDArray[Any], spacing: Sequence[float]) -> npt.NDArray[Any]:
    """The response map (K, J, I), float32, of intensities along the patient's z, y, x; `spacing` (3,) mm alike."""
    turned = values[:, ::-1, ::-1].T  # x to the left, y to posterior
    return np.ascontiguousarray(respond(turned, spacing[::-1], by).T[:, ::-1, ::-1])
