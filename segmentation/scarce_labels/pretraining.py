"""A first stage of training that needs none of the wanted masks: hidden parts of images, or organs of phantoms.

Only weights that do not depend on what is outlined are taken over: the first stage has another number of outputs, so
that its head never fits. (The weights of a timm encoder come from a file instead: the option `weights` of its network.)
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from segmentation.augmentation.augment import Source
from segmentation.learning.losses import Criterion
from segmentation.learning.sources import spots_of
from segmentation.networks.randomness import order
from segmentation.phantoms import REGIONS, PhantomSpec, phantom
from segmentation.phantoms.spec import POLES, SIDES
from segmentation.planning.plan import SegmenterPlan
from segmentation.preparation.preprocess import prepare_mask, prepare_scan, upright_spacing
from segmentation.scarce_labels.lesson import Beginning, Share, finest
from segmentation.scarce_labels.recipes import Task
from segmentation.types import Shape

BLOCK, HIDDEN = 8, 0.5  # voxels along each axis of what is hidden, and the share of a patch
PHANTOMS = 24
_PHANTOM = 6  # stream of random numbers


class Reconstruction:
    """Fill in hidden blocks: the mean squared difference over hidden voxels between patch and scores.

    Departs from the paper: a network of convolutions reads the patch with the blocks set to its mean.

    Reference: He K et al. Masked autoencoders. CVPR 2022. doi:10.1109/CVPR52688.2022.01553
    """

    def attach(self, network: nn.Module, plan: SegmenterPlan) -> nn.Module:
        return nn.Module()

    def loss(self, network: nn.Module, share: Share, criterion: Criterion) -> torch.Tensor:
        image = share.image
        hidden = hidden_blocks(image)
        mean = image.flatten(2).mean(dim=2).reshape(*image.shape[:2], *([1] * (image.dim() - 2)))
        drawn = finest(network(torch.where(hidden > 0, mean, image)))[:, : image.shape[1]]
        return ((drawn - image).square() * hidden).sum() / (hidden.sum() * image.shape[1])


def hidden_blocks(image: torch.Tensor) -> torch.Tensor:
    """1 where a patch is hidden, (batch, 1, *spatial): half of its blocks, drawn for each patch by itself."""
    spatial = image.shape[2:]
    counts = [math.ceil(n / BLOCK) for n in spatial]
    total = math.prod(counts)
    found = torch.zeros(len(image), total)
    for row in found:
        row[order(total)[: max(1, round(HIDDEN * total))]] = 1
    found = found.reshape(len(image), 1, *counts)
    for axis, n in enumerate(spatial, start=2):
        found = found.repeat_interleave(BLOCK, dim=axis).narrow(axis, 0, n)
    return found.to(image)


def masked_reconstruction(task: Task) -> Beginning:
    """First weights from all images to learn from, labelled or not; no mask is looked at."""
    plan = first_plan(task.plan, task.plan.channels_read)
    blank = [replace(one, classes=torch.zeros_like(one.classes), spots={}) for one in task.labelled]
    weights = task.learn(plan, Beginning([*task.unlabelled, *blank], task.start, Reconstruction()))
    return Beginning(task.labelled, weights)


def phantoms(task: Task) -> Beginning:
    """First weights from outlining kidneys and tumours of synthetic phantoms."""
    plan = replace(first_plan(task.plan, 1 + len(REGIONS)), voxel=None, preparation=())
    named = {**REGIONS, **{name: label for name, label in plan.regions.items() if label > len(REGIONS)}}
    plan = replace(plan, regions=named)
    weights = task.learn(plan, Beginning([phantom_source(number, plan) for number in range(PHANTOMS)], task.start))
    return Beginning(task.labelled, weights)


def first_plan(plan: SegmenterPlan, outputs: int) -> SegmenterPlan:
    """The plan of a first stage with at least so many outputs, and another number than the plan's own."""
    outputs = max(2, outputs)
    outputs += outputs == plan.outputs
    regions = {f"map_{number}": number for number in range(1, outputs)}
    return replace(plan, regions=regions, heads={}, refine=(), class_weights="equal", deep_supervision=False, ema=0.0)


def phantom_source(number: int, plan: SegmenterPlan) -> Source:
    """A phantom as the network sees it, an eighth larger than a patch on either side; the number decides it."""
    rng = np.random.default_rng([plan.seed, _PHANTOM, number])
    volume, mask, _ = phantom(rng, _spec(rng, number, plan))
    image = prepare_scan((volume,) * len(plan.inputs), plan) - np.float32(plan.fill)
    classes = prepare_mask(mask, volume.grid, plan)
    name = f"phantom_{number:03d}"
    spots, spacing = spots_of(classes, name), upright_spacing(volume.grid)
    return Source(name, name, torch.from_numpy(image), torch.from_numpy(classes), spots, spacing)


def _spec(rng: np.random.Generator, number: int, plan: SegmenterPlan) -> PhantomSpec:
    x, y, z = (max(16, math.ceil(1.25 * n)) for n in plan.patch)
    shape: Shape = (x, y, z)
    return PhantomSpec(
        shape,
        tumour_ml=float(rng.uniform(10, 90)),
        side=SIDES[number % 2],
        pole=tuple(POLES)[number % 3],
        exophytic=float(rng.uniform(0, 1)),
        texture_hu=float(rng.uniform(0, 20)),
        noise_hu=float(rng.uniform(5, 25)),
        irregularity=float(rng.uniform(0, 1)),
        coarseness=float(rng.uniform(0, 1)),
        anatomy=number,
        organ_scale=float(rng.uniform(0.9, 1.2)),
        modality="CT" if plan.intensity == "hu" else "MR",
        bias=float(rng.uniform(0, 0.3)),
    )
