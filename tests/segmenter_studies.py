"""Tiny phantoms on disk, and plans small enough to train in seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segmentation.images.writing import write_image, write_mask
from segmentation.learning.training_case import TrainingCase
from segmentation.networks import NETWORKS
from segmentation.phantoms import PhantomSpec, phantom
from segmentation.planning.plan import SegmenterPlan
from segmentation.types import Mask, Volume

SHAPE = (24, 24, 16)
BLOCKS = SegmenterPlan(
    network="unet_3d",
    regions={"kidney": 1, "tumor": 2},
    intensity="hu",
    voxel=None,
    patch=(24, 24, 16),
    channels=(8, 16),
    neighbours=0,
    steps=4,
    batch=2,
    learning_rate=1e-2,
    seed=3,
)
SLICES = replace(BLOCKS, network="unet_2d", patch=(24, 24, 1), neighbours=1, batch=6)
SMALL: dict[str, dict[str, Any]] = {  # where a network needs other sizes than the rest
    "deeplab_2d": {"options": {"encoder": "mobilenetv3_small_050"}},
    "mask_rcnn_2d": {
        "options": {"encoder": "mobilenetv3_small_050", "anchors": (4, 8, 12, 16, 20), "finest": 2},
    },
    "swin_unetr_2d": {"patch": (64, 32, 1)},
    "swin_unetr_3d": {"patch": (64, 32, 32), "options": {"window": 2}},
    "timm_2d": {"options": {"encoder": "mobilenetv3_small_050"}},
}
PLANS = {
    name: replace(SLICES if family.dimensions == 2 else BLOCKS, network=name, **SMALL.get(name, {}))
    for name, family in NETWORKS.items()
}
LEARNING = {  # enough to outline the phantoms
    "unet_3d": replace(BLOCKS, channels=(16, 32, 64), steps=70),
    "unet_2d": replace(SLICES, channels=(16, 32, 64), steps=100),
}


def patient(number: int, shape: tuple[int, int, int] = SHAPE) -> tuple[Volume, Mask]:
    side, pole = ("left", "right")[number % 2], ("upper", "middle", "lower")[number % 3]
    spec = PhantomSpec(shape=shape, tumour_ml=60.0 + 20 * (number % 4), side=side, pole=pole)
    volume, mask, _ = phantom(np.random.default_rng(number), spec)
    return volume, mask


def write_cases(folder: Path, numbers: range, layout: tuple[str, str] = ("imagesTr", "labelsTr")) -> list[TrainingCase]:
    """Phantoms in the Decathlon's layout."""
    cases = []
    for number in numbers:
        image, mask = (folder / name / f"case_{number:02d}.nii.gz" for name in layout)
        for path in (image, mask):
            path.parent.mkdir(parents=True, exist_ok=True)
        drawn = patient(number)
        write_image(drawn[0], image)
        write_mask(drawn[1], mask)
        cases.append(TrainingCase(f"case_{number:02d}", (image,), mask))
    return cases
