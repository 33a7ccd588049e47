"""The Mask R-CNN of a plan; `detector` is the network.

Reference: He K et al. Mask R-CNN. ICCV 2017. doi:10.1109/ICCV.2017.322
"""

from __future__ import annotations

from torch import nn

from segmentation.errors import ImageRefusal
from segmentation.networks.timm_unet import encoder_of, levels_of
from segmentation.planning.plan import SegmenterPlan
from segmentation.torchvision_cure import cure_torchvision


def mask_rcnn(plan: SegmenterPlan) -> nn.Module:
    """The Mask R-CNN that a plan asks for. `channels`: first the pyramid's and the masks' width, last the boxes' head.

    Options: `encoder` and `weights` as in `encoder_of`; `anchors` the sizes in voxels, one for each of the encoder's
    strides from `finest` on; `proposals` and `detections`, the most of each in a slice. Raises ImageRefusal
    (`bad_plan`, and as `encoder_of`).
    """
    cure_torchvision()
    from segmentation.networks.detector import MaskRCNN  # imports torchvision, which must be cured first
    from segmentation.networks.proposals import Anchors

    sizes, finest = plan.option("anchors"), plan.option("finest")
    levels = levels_of(plan)
    taken = [(number, level) for number, level in enumerate(levels) if level[0] >= finest]
    strides = [stride for _, (stride, _) in taken]
    if list(sizes) != sorted(set(sizes)) or min(sizes, default=0) < 1 or len(sizes) != len(taken):
        raise ImageRefusal(
            "bad_plan",
            "The plan's anchors cannot be used.",
            expected=f"rising sizes in voxels, one for each of the strides {strides}",
            found=str(list(sizes)),
            next_step="change anchors or finest under options",
        )
    encoder = encoder_of(plan, out_indices=tuple(number for number, _ in taken))
    return MaskRCNN(encoder, [width for _, (_, width) in taken], Anchors(sizes, strides), plan)
