"""A trained network that outlines regions on an image, in the image's own geometry."""

from __future__ import annotations

import math

import numpy as np
from torch import nn

from segmentation.device import check_memory, cores
from segmentation.plan import SegmenterPlan
from segmentation.preprocess import label_slabs, network_shape, prepare_image, upright
from segmentation.sliding import SLICES, scores_of, together
from segmentation.types import Grid, Mask, Volume
from segmentation.weights import fingerprint, pack, unpack

# Of a network's first level, per voxel and channel: its own maps, their norms, and the skip that waits.
_MAPS = 6


class Segmenter:
    """A plan and its trained network. Immutable in use: `segment` changes nothing.

    On the CPU the same image gives the same mask to the last bit on one kind of processor, whatever the number of
    cores. On a GPU single voxels at borders may differ from the CPU's.
    """

    def __init__(self, plan: SegmenterPlan, network: nn.Module, *, device: str = "cpu") -> None:
        self.plan, self.device = plan, device
        self.network = network.to(device).eval()
        self._bytes: bytes | None = None

    def segment(self, volume: Volume, *, limit_bytes: int | None = None) -> Mask:
        """The regions of the plan on the whole grid of an image (labels of `plan.regions`, 0 background).

        `limit_bytes` is the memory that may be used (default: what is available).

        Raises ImageRefusal: `too_large` before anything runs, `not_3d`, `non_finite`, `constant_image`.
        """
        grid, plan = volume.grid, self.plan
        check_memory(
            self.predicted_bytes(grid),
            limit_bytes,
            what=f"Outlining an image of {grid.shape} voxels",
            remedy="use a 2-D network (unet_2d), a plan with coarser voxels, or a machine with more memory",
        )
        scores = scores_of(self.network, prepare_image(volume, plan), plan, device=self.device)
        labels = np.zeros(grid.shape, dtype=np.uint8 if max(plan.class_labels) < 256 else np.uint16, order="F")
        view = upright(labels, grid)
        x, y, z = view.shape
        for part, slab in label_slabs(scores, (x, y, z), plan.class_labels):
            view[:, :, part] = slab
        return Mask(labels, volume.affine, plan.regions)

    def predicted_bytes(self, grid: Grid) -> int:
        """Memory that `segment` takes for an image on this grid, bytes; an estimate from above."""
        plan = self.plan
        filed, inner = math.prod(grid.shape), network_shape(grid, plan)
        padded = math.prod(max(n, p) for n, p in zip(inner, plan.patch, strict=True))
        classes = 1 + len(plan.regions)
        window = math.prod(plan.patch) * (SLICES if plan.dimensions == 2 else together(plan))
        windows = window * (2 * cores() * classes * 4 + cores() * _MAPS * plan.channels[0] * 4)
        slabs = 2**28
        return filed * (4 + 4 + 2) + padded * 4 * (3 * classes + 4) + windows + slabs

    def to_bytes(self) -> bytes:
        """The plan and the weights as safetensors; the same segmenter gives the same bytes."""
        if self._bytes is None:
            self._bytes = pack(self.plan, self.network)
        return self._bytes

    @classmethod
    def from_bytes(cls, data: bytes, *, device: str = "cpu") -> Segmenter:
        """The inverse of `to_bytes`. Raises ImageRefusal (`weights_damaged`, `weights_mismatch`, `bad_plan`)."""
        plan, network = unpack(data)
        return cls(plan, network, device=device)

    @property
    def id(self) -> str:
        """Twelve hex digits that name these weights and this plan."""
        return fingerprint(self.to_bytes())

    @property
    def name(self) -> str:
        """`<network>:<id>`."""
        return f"{self.plan.network}:{self.id}"
