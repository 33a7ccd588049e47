"""Mask R-CNN on slices: pieces of regions are found as boxes, named and outlined one by one.

torchvision's proposal network, heads and losses over a timm encoder with group norms. Trained on the connected pieces
of the given masks; when it outlines, the pieces that it finds become scores of classes, so that windows, export and
all else are as with any other network.

Departs from the paper: boxes are pooled by products of matrices, small anchors, few proposals, no batch norms.

torchvision must have been made importable (`torchvision_cure`) before this module is imported; `mask_rcnn` does it.

Reference: He K et al. Mask R-CNN. ICCV 2017. doi:10.1109/ICCV.2017.322
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.boxes import clip_boxes_to_image, remove_small_boxes

from segmentation.learning.losses import Criterion
from segmentation.networks.instances import Instances, Target, pieces_of
from segmentation.networks.proposals import LEAST_SIDE, Anchors, Draw, distinct, proposal_network
from segmentation.networks.rois import aligned, aligned_masks, pasted
from segmentation.planning.plan import SegmenterPlan

BOX_BINS, MASK_BINS = 7, 14  # of maps in a box; masks are twice as fine
BOXES_JUDGED, SHARE_POSITIVE = 32, 0.25
LEAST_SCORE, ALIKE = 0.05, 0.5
_CLOSEST = 1e-4  # shares are kept that far from 0 and 1, so that log odds are finite


@dataclass(frozen=True)
class Pyramid:
    """Maps of one image at several sizes, (channels, x, y) each, with their strides; `sizes` are the anchors'."""

    maps: Sequence[torch.Tensor]
    strides: Sequence[int]
    sizes: Sequence[int]

    def within(self, boxes: torch.Tensor, bins: int) -> torch.Tensor:
        """(boxes, channels, bins, bins), each box from the level whose anchors are nearest to its size."""
        sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=LEAST_SIDE).prod(dim=1).sqrt()
        known = torch.tensor(self.sizes, dtype=sides.dtype, device=sides.device)
        level = (sides[:, None].log() - known.log()).abs().argmin(dim=1)
        whole = boxes.new_zeros((len(boxes), len(self.maps[0]), bins, bins))
        for number, (maps, stride) in enumerate(zip(self.maps, self.strides, strict=True)):
            here = torch.where(level == number)[0]
            if len(here):
                whole = whole.index_copy(0, here, aligned(maps, boxes[here], 1 / stride, bins))
        return whole


class MaskRCNN(nn.Module):
    """(batch, inputs, x, y) to class scores of the same size: log odds of each region's surest piece, background 0.

    `loss` is what it is trained by; `detections` are the pieces themselves.
    """

    def __init__(self, encoder: nn.Module, encoded: Sequence[int], anchors: Anchors, plan: SegmenterPlan) -> None:
        super().__init__()
        self.classes, width = plan.classes, plan.channels[0]
        self.encoder, self.anchors = encoder, anchors
        self.pyramid = FeaturePyramidNetwork(list(encoded), width)
        self.proposals = proposal_network(width, anchors, plan.option("proposals"))
        self.heads = _heads(plan)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        shares = torch.stack([found.class_shares(self.classes) for found in self.detections(image)])
        odds = torch.logit(shares, eps=_CLOSEST)
        return torch.cat([torch.zeros_like(odds[:, :1]), odds], dim=1)

    def detections(self, image: torch.Tensor) -> list[Instances]:
        """The pieces found in each slice of (batch, inputs, x, y), surest first."""
        levels, boxes, _ = self._proposed(image, None)
        with torch.autocast(image.device.type, enabled=False):
            return [self._found(*one, image.shape[2:]) for one in zip(levels, boxes, strict=True)]

    def loss(self, image: torch.Tensor, classes: torch.Tensor, criterion: Criterion) -> torch.Tensor:
        """The sum of the five losses of the paper for slices (batch, inputs, x, y) with classes (batch, x, y), in
        training mode; `criterion` is not asked."""
        targets = [pieces_of(one, self.classes) for one in classes]
        levels, boxes, first = self._proposed(image, targets)
        with torch.autocast(image.device.type, enabled=False):
            return sum(first.values(), start=self._judged(levels, boxes, targets))

    def _proposed(
        self, image: torch.Tensor, targets: list[Target] | None
    ) -> tuple[list[Pyramid], list[torch.Tensor], dict[str, torch.Tensor]]:
        maps = self.pyramid(OrderedDict((str(n), one) for n, one in enumerate(self.encoder(image))))
        maps = OrderedDict((name, one.float()) for name, one in maps.items())
        sizes = [(int(image.shape[2]), int(image.shape[3]))] * len(image)
        with torch.autocast(image.device.type, enabled=False):
            boxes, losses = self.proposals(ImageList(image, sizes), maps, targets)
        strides, known = self.anchors.strides, self.anchors.sizes
        levels = [Pyramid([one[n] for one in maps.values()], strides, known) for n in range(len(image))]
        return levels, boxes, losses

    def _judged(self, levels: list[Pyramid], boxes: list[torch.Tensor], targets: list[Target]) -> torch.Tensor:
        boxes, matched, labels, shifts = self.heads.select_training_samples(boxes, targets)
        pooled = [level.within(part, BOX_BINS) for level, part in zip(levels, boxes, strict=True)]
        named, moved = self.heads.box_predictor(self.heads.box_head(torch.cat(pooled)))
        total = sum(fastrcnn_loss(named, moved, labels, shifts))
        positive = [torch.where(part > 0)[0] for part in labels]
        chosen = [part[here] for part, here in zip(boxes, positive, strict=True)]
        logits = self._outlined(levels, chosen, [part[here] for part, here in zip(labels, positive, strict=True)])
        given = [
            aligned_masks(target["masks"][places[here]], part, 2 * MASK_BINS)
            for target, places, here, part in zip(targets, matched, positive, chosen, strict=True)
            if len(here)
        ]
        if not given:
            return total + 0 * logits.sum()
        return total + functional.binary_cross_entropy_with_logits(logits, torch.cat(given))

    def _outlined(self, levels: list[Pyramid], boxes: list[torch.Tensor], labels: list[torch.Tensor]) -> torch.Tensor:
        """The mask of each box for its own class, not yet a share, (boxes, bins, bins)."""
        pooled = torch.cat([level.within(part, MASK_BINS) for level, part in zip(levels, boxes, strict=True)])
        logits = self.heads.mask_predictor(self.heads.mask_head(pooled))
        numbers = torch.cat(labels)
        return logits[torch.arange(len(numbers), device=numbers.device), numbers]

    def _found(self, level: Pyramid, boxes: torch.Tensor, shape: torch.Size) -> Instances:
        named, moved = self.heads.box_predictor(self.heads.box_head(level.within(boxes, BOX_BINS)))
        boxes, scores, labels = _settled(self.heads, named, moved, (boxes, (int(shape[0]), int(shape[1]))))
        shares = torch.sigmoid(self._outlined([level], [boxes], [labels]))
        return Instances(boxes, labels, scores, pasted(shares, boxes, (int(shape[0]), int(shape[1]))))


def _heads(plan: SegmenterPlan) -> RoIHeads:
    """What names boxes and outlines what is in them."""
    width, deep = plan.channels[0], plan.channels[-1]
    box_head, boxes = TwoMLPHead(width * BOX_BINS**2, deep), FastRCNNPredictor(deep, plan.classes)
    mask_head, masks = MaskRCNNHeads(width, [width] * 2, 1), MaskRCNNPredictor(width, width, plan.classes)
    made = RoIHeads(
        None, box_head, boxes, 0.5, 0.5, BOXES_JUDGED, SHARE_POSITIVE, None, LEAST_SCORE, ALIKE,
        plan.option("detections"), None, mask_head, masks,
    )  # fmt: skip
    made.fg_bg_sampler = Draw(BOXES_JUDGED, SHARE_POSITIVE)
    return made


def _settled(
    heads: RoIHeads, named: torch.Tensor, moved: torch.Tensor, place: tuple[torch.Tensor, tuple[int, int]]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Boxes, scores and classes that are left: sure enough, large enough, and not on a surer one of their class."""
    boxes, shape = place
    moved_boxes = clip_boxes_to_image(heads.box_coder.decode(moved, [boxes])[:, 1:].reshape(-1, 4), shape)
    scores = functional.softmax(named, dim=1)[:, 1:]
    labels = torch.arange(1, named.shape[1], device=named.device).expand_as(scores).reshape(-1)
    scores = scores.reshape(-1)
    sure = torch.where(scores > heads.score_thresh)[0]
    sure = sure[remove_small_boxes(moved_boxes[sure], LEAST_SIDE)]
    kept = sure[distinct(moved_boxes[sure], scores[sure], labels[sure], heads.nms_thresh)][: heads.detections_per_img]
    return moved_boxes[kept], scores[kept], labels[kept]
