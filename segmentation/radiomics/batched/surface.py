"""The forms of the cubes that the surface mesh of many regions cuts, counted on the device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from segmentation.radiomics.batched.boxes import Boxes, Ints
from segmentation.radiomics.batched.tables import Tables
from segmentation.radiomics.mesh import volume_and_area_of_forms

_CORNERS = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]  # is bit 4x + 2y + z, as in `mesh`
_FORMS = 256


def volumes_and_areas(boxes: Boxes, outline: Tensor, spacings: Sequence[np.ndarray]) -> list[tuple[float, float]]:
    """Volume and area of each region's mesh, as `mesh_volume_and_area` gives them; `outline` is the line of masks."""
    return [
        volume_and_area_of_forms(counts, spacing)
        for counts, spacing in zip(_form_counts(boxes, outline), spacings, strict=True)
    ]


def _form_counts(boxes: Boxes, outline: Tensor) -> list[Ints]:
    """Of each region how often each form occurs, (slabs, 256); a cube without a corner inside is not counted."""
    voxels = boxes.voxels(outline)
    forms = torch.zeros(outline.shape, dtype=torch.int32, device=outline.device)
    for bit, step in enumerate(boxes.steps(_CORNERS)):
        forms[voxels.places - voxels.own(step)] += 1 << bit
    cubes = boxes.voxels(forms)
    # Cubes begin one voxel before the first: in the border, whose other slabs hold none.
    slabs = cubes.slab - (boxes.reach - 1)
    tables = Tables([(1, int(k) + 1, _FORMS) for k in boxes.sizes[:, 0]], boxes.device)
    keys = tables.keys(cubes.case, torch.zeros_like(slabs), slabs + 1, forms[cubes.places].long() + 1)
    return [_full(tally, shape[1]) for tally, shape in zip(tables.tally(keys), tables.shapes, strict=True)]


def _full(tally: tuple[Ints, Ints], slabs: int) -> Ints:
    counts = np.zeros(slabs * _FORMS, dtype=np.int64)
    counts[tally[0]] = tally[1]
    return counts.reshape(slabs, _FORMS)
