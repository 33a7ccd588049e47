"""How many regions fit on a device at once."""

from __future__ import annotations

import math

import torch

from segmentation.radiomics.processing import PreparedRegion

# A fifth above what a region of 125,000 voxels took in a batch of four (31 MB, processor): a few numbers for each voxel
# of the box, many for every voxel of the region. Tables of counts add up to 34 MB a batch, however large it is.
_BYTES_A_PLACE = 24
_BYTES_A_VOXEL = 240
# A processor is fastest while a batch stays near its caches; a GPU wants its memory filled.
_PROCESSOR_BYTES = 128 * 1024**2
_SHARE_OF_GPU = 0.5


def bytes_needed(region: PreparedRegion | None) -> int:
    """About how many bytes measuring a region takes on the device."""
    if region is None:
        return 0
    places = math.prod(n + 2 for n in region.morphological.shape)
    return _BYTES_A_PLACE * places + _BYTES_A_VOXEL * int(region.morphological.sum())


def batch_bytes(device: str) -> int:
    """Bytes that one batch may take."""
    if device == "cpu":
        return _PROCESSOR_BYTES
    free, _ = torch.cuda.mem_get_info()
    return int(_SHARE_OF_GPU * free)
