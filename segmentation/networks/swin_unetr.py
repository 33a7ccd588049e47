"""Swin UNETR: attention within shifted windows on the way down, convolutions on the way up; MONAI's.

Reference: Hatamizadeh A et al. BrainLes 2021. doi:10.1007/978-3-031-08999-2_22
"""

from __future__ import annotations

import torch
from torch import nn

from segmentation.planning.plan import SegmenterPlan

_PLACES = "relative_position_index"


def swin_unetr(plan: SegmenterPlan) -> nn.Module:
    """MONAI's Swin UNETR with instance norms; option `feature_size` (a multiple of 12) is its first width."""
    from monai.networks.nets import SwinUNETR  # takes seconds to import

    with torch.device("cpu"):  # it reads numbers back while it is built, which an empty device cannot give
        network = SwinUNETR(
            in_channels=plan.channels_read,
            out_channels=plan.outputs,
            feature_size=plan.option("feature_size"),
            spatial_dims=plan.dimensions,
            window_size=plan.option("window"),
        )
    _keep_tables_out_of_the_weights(network)
    return network


def _keep_tables_out_of_the_weights(network: nn.Module) -> None:
    """Which places see each other follows from the window's size; a table read from a file could point anywhere."""
    for module in network.modules():
        table = module._buffers.get(_PLACES)
        if table is not None:
            module.register_buffer(_PLACES, table, persistent=False)
