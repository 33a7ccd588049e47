"""Pieces of regions in slices: those that a mask holds, to learn from, and those that a network found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

Target = dict[str, torch.Tensor]
_TOUCHING = np.ones((3, 3), dtype=int)  # corners join: a thin oblique part is no piece of its own


@dataclass(frozen=True, eq=False)
class Instances:
    """What was found in one slice, surest first.

    `boxes` (n, 4) in voxels as torchvision has them: first along y, first along x, last along y, last along x.
    `classes` (n,) from 1 on, `scores` (n,) in [0, 1], higher is surer, `masks` (n, x, y): each voxel's share in [0, 1].
    """

    boxes: torch.Tensor
    classes: torch.Tensor
    scores: torch.Tensor
    masks: torch.Tensor

    def __len__(self) -> int:
        return len(self.scores)

    def class_shares(self, classes: int) -> torch.Tensor:
        """The highest share times score at each voxel of any instance of a class, (classes - 1, x, y); 0: none."""
        sure = self.masks * self.scores[:, None, None]
        none = sure.new_zeros((1, *sure.shape[1:]))
        by_class = [torch.cat([none, sure[self.classes == number]]) for number in range(1, classes)]
        return torch.stack([one.amax(dim=0) for one in by_class])


def pieces_of(classes: torch.Tensor, count: int) -> Target:
    """The connected pieces of every class but 0 in a slice of classes (x, y) below `count`, as torchvision's
    detectors learn from them: boxes (n, 4) in voxels, labels (n,) and masks (n, x, y)."""
    drawn = classes.cpu().numpy()
    boxes, labels, masks = [], [], []
    for number in range(1, count):
        pieces, _ = ndimage.label(drawn == number, structure=_TOUCHING)
        for piece, (rows, columns) in enumerate(ndimage.find_objects(pieces), start=1):
            boxes.append((columns.start, rows.start, columns.stop, rows.stop))
            labels.append(number)
            masks.append(pieces == piece)
    at, (x, y) = classes.device, classes.shape
    found = np.stack(masks) if masks else np.zeros((0, x, y), dtype=bool)
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32, device=at).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64, device=at),
        "masks": torch.from_numpy(found).to(at, torch.float32),
    }
