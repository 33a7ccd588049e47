"""A trained network that outlines regions on an image, in the image's own geometry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from segmentation.assessment.expected_volumes import VolumeRange
from segmentation.device import check_memory, cores
from segmentation.errors import ImageRefusal
from segmentation.learning.training_facts import TrainingFacts, check_spacing
from segmentation.networks import NETWORKS
from segmentation.outlining.label_export import write_labels
from segmentation.outlining.sliding import GPU_WINDOWS, SLICES, scores_of, together
from segmentation.outlining.weights import fingerprint, pack, trained_on, unpack
from segmentation.planning.plan import SegmenterPlan
from segmentation.preparation.preprocess import (
    Floats,
    network_shape,
    prepare_part,
    prepare_scan,
    upright,
    upright_spacing,
)
from segmentation.refinement.postprocess import clean, on_background, refined_scores
from segmentation.types import Finding, Grid, Mask, Volume, Window

_SLABS = 2**28  # while labels go to a coarser grid, and small things


@dataclass(frozen=True)
class Outlining:
    """How a network is asked: with `mirrored`, also about the mirror images along the plan's symmetric axes (2, 4 or
    8 times the work); with `half`, in bf16: faster where the processor multiplies in it, and not to the bit."""

    mirrored: bool = False
    half: bool = False


PLAIN = Outlining()


class Segmenter:
    """A plan and its trained network. Immutable in use: `segment` changes nothing.

    On the CPU the same image gives the same mask to the last bit on one kind of processor, whatever the number of
    cores. On a GPU single voxels at borders may differ from the CPU's. `trained_on` is what is known of the images that
    it learned from.
    """

    def __init__(
        self, plan: SegmenterPlan, network: nn.Module, *, device: str = "cpu", trained_on: TrainingFacts | None = None
    ) -> None:
        self.plan, self.device, self.trained_on = plan, device, trained_on
        self.network = network.to(device).eval()
        self._bytes: bytes | None = None

    def segment(
        self, image: Volume | Sequence[Volume], *, limit_bytes: int | None = None, how: Outlining = PLAIN
    ) -> Mask:
        """The regions of the plan on the whole grid of an image (labels of `plan.regions`, 0 background).

        `image` is a volume, or one for each of the plan's inputs in their order. `limit_bytes` is the memory that may
        be used (default: what is available).

        Raises ImageRefusal: `too_large` before anything runs, `wrong_channels`, `not_3d`, `non_finite`,
        `constant_image`, `spacing_off`, and `not_symmetric` where mirror images are asked for and the plan has none.
        """
        scan = (image,) if isinstance(image, Volume) else tuple(image)
        self.check(scan, self.predicted_bytes(scan[0].grid), limit_bytes)
        return mask_of(self.scores(scan, how), scan[0].grid, self.plan)

    def check(self, scan: Sequence[Volume], needed: int, limit_bytes: int | None = None) -> list[Finding]:
        """What is unusual about an image, before anything runs. Raises ImageRefusal: `too_large`, `spacing_off`."""
        check_memory(
            needed,
            limit_bytes,
            what=f"Outlining an image of {scan[0].grid.shape} voxels",
            remedy="use a 2-D network (unet_2d), a plan with coarser voxels, or a machine with more memory",
        )
        return check_spacing(self.trained_on, scan[0].grid)

    def scores(self, scan: Sequence[Volume], how: Outlining = PLAIN, box: Window | None = None) -> Floats:
        """Scores of the classes at the plan's voxels, (classes, X, Y, Z), of an image or of a box of those voxels.

        The image's intensities are scaled as a whole: a box sees the same numbers. Raises ImageRefusal as `segment`.
        """
        axes = self._mirrors(how)
        if box is None:
            part, inside = prepare_part(scan, self.plan)
        else:
            part, inside = np.ascontiguousarray(prepare_scan(scan, self.plan)[(slice(None), *box)]), None
        found = scores_of(self.network, part, self.plan, device=self.device, half=how.half, mirrored=axes)
        spacing = self.plan.voxel or upright_spacing(scan[0].grid)
        refined = refined_scores(found, part, spacing, self.plan.refine, device=self.device)
        return refined if inside is None else on_background(refined, inside, network_shape(scan[0].grid, self.plan))

    def _mirrors(self, how: Outlining) -> tuple[int, ...]:
        if how.mirrored and not self.plan.symmetric_axes:
            raise ImageRefusal(
                "not_symmetric",
                "The plan names no axis along which an image may be mirrored.",
                expected="symmetric_axes in the plan that the network was trained by",
                found="none",
                next_step="outline without mirror images; or train with symmetric_axes where sides are alike",
            )
        return tuple("xyz".index(name) for name in self.plan.symmetric_axes) if how.mirrored else ()

    def predicted_bytes(self, grid: Grid) -> int:
        """Memory that `segment` takes for an image on this grid, bytes; an estimate from above."""
        plan = self.plan
        filed, inner = math.prod(grid.shape), network_shape(grid, plan)
        padded = math.prod(max(n, p) for n, p in zip(inner, plan.patch, strict=True))
        at_once = SLICES if plan.dimensions == 2 else together(plan) if self.device == "cpu" else GPU_WINDOWS
        window = math.prod(plan.patch) * at_once
        held = NETWORKS[plan.network].held_floats(plan)
        windows = int(window * (2 * cores() * plan.classes * 4 + cores() * held * 4))
        inputs = len(plan.inputs)
        work = 12 * inputs if plan.preparation else 0
        return filed * (4 + 4 * inputs + 2 + work) + padded * 4 * (3 + plan.classes + 4 * inputs) + windows + _SLABS

    @property
    def regions(self) -> dict[str, int]:
        """Names and labels of what it draws."""
        return dict(self.plan.regions)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the channels that it reads, in their order."""
        return self.plan.inputs

    @property
    def volumes(self) -> dict[str, VolumeRange]:
        """For each region the volumes that its training cases lead to expect, ml; empty where they are not known."""
        return dict(self.trained_on.volumes) if self.trained_on else {}

    def to_bytes(self) -> bytes:
        """The plan and the weights as safetensors; the same segmenter gives the same bytes."""
        if self._bytes is None:
            self._bytes = pack(self.plan, self.network, self.trained_on)
        return self._bytes

    @classmethod
    def from_bytes(cls, data: bytes, *, device: str = "cpu") -> Segmenter:
        """The inverse of `to_bytes`. Raises ImageRefusal (`weights_damaged`, `weights_mismatch`, `bad_plan`)."""
        plan, network = unpack(data)
        made = cls(plan, network, device=device, trained_on=trained_on(data))
        made._bytes = bytes(data)  # of an older version too: a segmenter keeps its name
        return made

    @property
    def id(self) -> str:
        """Twelve hex digits that name these weights and this plan."""
        return fingerprint(self.to_bytes())

    @property
    def name(self) -> str:
        """`<network>:<id>`."""
        return f"{self.plan.network}:{self.id}"


def mask_of(scores: Floats, grid: Grid, plan: SegmenterPlan) -> Mask:
    """The regions with the highest scores, at the voxels of an image; `scores` are at the plan's voxels."""
    labels = empty_labels(grid, plan)
    write_labels(scores, upright(labels, grid), plan.class_labels)
    return clean(Mask(labels, grid.affine, plan.regions), plan.refine)


def empty_labels(grid: Grid, plan: SegmenterPlan) -> np.ndarray:
    """Background on the whole grid of an image."""
    return np.zeros(grid.shape, dtype=np.uint8 if max(plan.class_labels) < 256 else np.uint16, order="F")
