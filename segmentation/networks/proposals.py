"""Where a Mask R-CNN looks: torchvision's proposal network, with what it draws at random and what it leaves out
made the same on every machine and in every thread. torchvision must be importable first (`torchvision_cure`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops.boxes import clip_boxes_to_image, remove_small_boxes

from segmentation.networks.randomness import order

RATIOS = (0.5, 1.0, 2.0)  # of an anchor's sides
ALIKE = 0.7  # overlap from which on two proposals are one
LEAST_SIDE = 0.5  # voxels
ANCHORS_JUDGED, SHARE_POSITIVE = 256, 0.5  # of the paper


class Anchors(nn.Module):
    """Boxes to start from: one size a level, in voxels, in three shapes, at every place of its maps.

    Computed from numbers when asked for, so that nothing of it lies in a file or on a device.
    """

    def __init__(self, sizes: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        self.sizes, self.strides = tuple(sizes), tuple(strides)

    def forward(self, images: Any, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        levels = zip(self.sizes, self.strides, features, strict=True)
        whole = torch.cat([self._level(size, stride, maps) for size, stride, maps in levels])
        return [whole] * len(images.image_sizes)

    def _level(self, size: int, stride: int, maps: torch.Tensor) -> torch.Tensor:
        rows, columns = ((torch.arange(n, device=maps.device) + 0.5) * stride for n in maps.shape[-2:])
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        centres = torch.stack([x, y, x, y], dim=-1)[:, :, None]
        halves = [(size / ratio**0.5 / 2, size * ratio**0.5 / 2) for ratio in RATIOS]
        shapes = torch.tensor([(-w, -h, w, h) for w, h in halves], device=maps.device)
        return (centres + shapes).reshape(-1, 4)


class Draw:
    """Which of the matched boxes are judged in a step: `number` an image, at most `share` of them positive."""

    def __init__(self, number: int, share: float) -> None:
        self.number, self.share = number, share

    def __call__(self, matched: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        pairs = [self._drawn(one) for one in matched]
        return [positive for positive, _ in pairs], [negative for _, negative in pairs]

    def _drawn(self, matched: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        positive = _some(matched >= 1, int(self.number * self.share))
        return positive, _some(matched == 0, self.number - int(positive.sum()))


class Proposals(RegionProposalNetwork):
    """torchvision's proposal network; of boxes that lie on each other the surest stays, ties in a fixed order."""

    def filter_proposals(
        self,
        proposals: torch.Tensor,
        objectness: torch.Tensor,
        image_shapes: Sequence[tuple[int, int]],
        num_anchors_per_level: Sequence[int],
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        sure = objectness.detach().reshape(len(proposals), -1)
        found = [
            self._kept(boxes, one, shape, num_anchors_per_level)
            for boxes, one, shape in zip(proposals.detach(), sure, image_shapes, strict=True)
        ]
        return [boxes for boxes, _ in found], [one for _, one in found]

    def _kept(
        self, boxes: torch.Tensor, sure: torch.Tensor, shape: tuple[int, int], levels: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        parts = [one.argsort(descending=True, stable=True)[: self.pre_nms_top_n()] for one in sure.split(list(levels))]
        starts = [sum(levels[:n]) for n in range(len(levels))]
        places = torch.cat([part + start for part, start in zip(parts, starts, strict=True)])
        level = torch.cat([torch.full_like(part, n) for n, part in enumerate(parts)])
        boxes, sure = clip_boxes_to_image(boxes[places], shape), sure[places]
        large = remove_small_boxes(boxes, LEAST_SIDE)
        kept = large[distinct(boxes[large], sure[large], level[large], ALIKE)][: self.post_nms_top_n()]
        return boxes[kept], torch.sigmoid(sure[kept])


def proposal_network(width: int, anchors: Anchors, most: int) -> Proposals:
    """An untrained one over maps of `width` channels, giving at most `most` boxes an image."""
    head, before = RPNHead(width, len(RATIOS)), {"training": 2 * most, "testing": 2 * most}
    after = {"training": most, "testing": most}
    made = Proposals(anchors, head, 0.7, 0.3, ANCHORS_JUDGED, SHARE_POSITIVE, before, after, ALIKE)
    made.fg_bg_sampler = Draw(ANCHORS_JUDGED, SHARE_POSITIVE)
    return made


def distinct(boxes: torch.Tensor, scores: torch.Tensor, groups: torch.Tensor, alike: float) -> torch.Tensor:
    """Indices by falling score of the boxes left when, within a group, those that overlap a surer one by more than
    `alike` (intersection over union) are gone."""
    boxes, scores = boxes.detach(), scores.detach()
    if not len(boxes):
        return groups
    apart = boxes + (groups * (boxes.max() + 1))[:, None]
    return torch.ops.torchvision.nms(apart, scores, alike)


def _some(chosen: torch.Tensor, most: int) -> torch.Tensor:
    """At most so many of the true places of a mask, drawn at random."""
    places = torch.where(chosen)[0]
    kept = torch.zeros_like(chosen)
    kept[places[order(len(places)).to(places.device)[:most]]] = True
    return kept
