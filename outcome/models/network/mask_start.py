"""What an image encoder learns by outlining the regions of a fit's own cases, before it learns of any outcome.

The encoder becomes the way down of a small U-Net that draws the regions of a crop from its image alone (Ronneberger et
al. 2015, doi:10.1007/978-3-319-24574-4_28). The way up is thrown away. Departures: a thin way up that adds maps where
the paper joins them, one yes or no a region, since regions may overlap, and Dice beside cross-entropy (Milletari et
al. 2016, doi:10.1109/3DV.2016.79), since a region is a small part of a crop. Cases left aside as judges are left aside
here too: an encoder that knew their crops would be weighed too well on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from outcome.models.network.augmentation import changed
from outcome.models.network.data import PART, CaseStack
from outcome.models.network.region_pooling import resampled
from outcome.models.network.tuning import body_weights
from outcome.types import BoolArray

FROM_MASKS = "masks"  # what params name instead of a file
EPOCHS, BATCH, RATE = 20, 8, 1e-2
WIDTH = 8  # maps of the way up
SMOOTH = 1.0  # voxels added to both sides of a Dice, so that an empty region has one
SPACE = (2, 3, 4)


class Outliner(nn.Module):
    """(n, 1, X, Y, Z) to (n, regions, X, Y, Z): log odds of each voxel to lie in each region."""

    def __init__(self, encoder: Any, regions: int) -> None:
        super().__init__()
        self.encoder = encoder
        with torch.no_grad():
            maps = [x.shape[1] for x in encoder.levels(torch.zeros(1, encoder.read, *encoder.size))]
        self.skips = nn.ModuleList(nn.Conv3d(channels, WIDTH, 1) for channels in maps)
        self.joints = nn.ModuleList(nn.Conv3d(WIDTH, WIDTH, 3, padding=1) for _ in maps)
        self.last = nn.Conv3d(WIDTH, regions, 1)

    def forward(self, image: Tensor) -> Tensor:
        skips = [skip(x) for skip, x in zip(self.skips, self.encoder.levels(image), strict=True)]
        x = torch.zeros_like(skips[-1])
        for skip, joint in zip(reversed(skips), reversed(self.joints), strict=True):
            x = functional.relu(joint(resampled(x, skip.shape[2:]) + skip))
        return resampled(self.last(x), image.shape[2:])

    def way_up(self) -> list[nn.Parameter]:
        """The weights that are thrown away."""
        return [weight for part in (self.skips, self.joints, self.last) for weight in part.parameters()]


def begin_with_masks(
    encoders: Mapping[str, Any], stack: CaseStack, aside: BoolArray, rng: np.random.Generator, device: str
) -> str:
    """Teach encoders by block to outline the regions of the rows not `aside` (n,); one sentence about how well.

    A crop counts once, however often its case was drawn. Encoders are 3-D ones that read the image alone, and end on
    the CPU. Where no crop has a voxel of a region there is nothing to learn, and an encoder stays as it was. Raises
    ValueError for an encoder that reads the regions, which need not learn to see them, or that reads slices.
    """
    told = []
    for block, encoder in encoders.items():
        if encoder.read != 1 or encoder.kind != "3d":
            raise ValueError(f"a 3-D encoder of the image alone learns from masks, found {encoder.read} channels read")
        learning, judging = (
            stack.crops[block][stack.places(block, torch.from_numpy(rows))] for rows in (~aside, aside)
        )
        told.append(f"{block}: {_taught(encoder, _outlined(learning), _outlined(judging), rng, device)}")
    return f"Image encoders began with what regions of the training cases taught them ({'; '.join(told)})."


def learn_outlines(outliner: Outliner, crops: Tensor, rng: np.random.Generator, device: str) -> list[float]:
    """Learn from crops (n, 1 + regions, X, Y, Z); ends on the CPU. Returns the loss of every batch."""
    from outcome.models.network.fabric import local_fabric  # seconds that only training pays

    fabric = local_fabric(device)
    optimizer = torch.optim.AdamW([*body_weights(outliner.encoder), *outliner.way_up()], RATE)
    learner, optimizer = fabric.setup(outliner.train(), optimizer)
    batches = -(-len(crops) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=EPOCHS * batches + 1)
    told = []
    for _ in range(EPOCHS):
        for part in np.array_split(rng.permutation(len(crops)), batches):
            shown = changed(crops[torch.from_numpy(part)].float(), rng)
            shown = shown.to(fabric.device, memory_format=torch.channels_last_3d)
            optimizer.zero_grad()
            loss = outlining_loss(learner(shown[:, :1]), shown[:, 1:])
            fabric.backward(loss)
            optimizer.step()
            schedule.step()
            told.append(loss.detach())
    outliner.cpu()
    return [float(each) for each in told]


def outlining_loss(log_odds: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy of every voxel, and 1 - Dice of each region over the batch; both (n, regions, X, Y, Z)."""
    share = torch.sigmoid(log_odds)
    both, either = (x.sum(dim=(0, *SPACE)) for x in (share * masks, share + masks))
    dice = (2 * both + SMOOTH) / (either + SMOOTH)
    return functional.binary_cross_entropy_with_logits(log_odds, masks) + (1 - dice).mean()


def dice_of(outliner: Outliner, crops: Tensor) -> float:
    """The mean Dice, 0 to 1, of the outlines of all regions that crops (n, 1 + regions, X, Y, Z) hold; NaN for none."""
    found = list[Tensor]()
    with torch.no_grad():
        for part in crops.split(PART):
            drawn, masks = outliner(part[:, :1].float()) > 0, part[:, 1:] > 0.5
            there = masks.any(dim=-1).any(dim=-1).any(dim=-1)
            found.append((2 * (drawn & masks).sum(SPACE) / (drawn.sum(SPACE) + masks.sum(SPACE)))[there])
    return float(torch.cat(found).mean()) if found else float("nan")


def _taught(encoder: Any, crops: Tensor, judging: Tensor, rng: np.random.Generator, device: str) -> str:
    """Put what these crops teach into an encoder; in words how many they were, and how well others are outlined."""
    if not len(crops):
        return "none, as no case has a voxel of a region: random weights"
    outliner = Outliner(deepcopy(encoder).requires_grad_(True), crops.shape[1] - 1)
    learn_outlines(outliner, crops, rng, device)
    encoder.load_state_dict(outliner.encoder.state_dict())
    if not len(judging):
        return f"{len(crops)} cases, none left aside to judge"
    return f"{len(crops)} cases, Dice {dice_of(outliner, judging):.2f} on {len(judging)} cases left aside"


def _outlined(crops: Tensor) -> Tensor:
    """Those crops in which a region has a voxel."""
    return crops[crops[:, 1:].flatten(1).any(dim=1)]
