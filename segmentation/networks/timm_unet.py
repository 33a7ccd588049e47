"""Any encoder of timm under a U-Net's decoder, in 2-D; and how such an encoder is made fit for small batches.

Weights come from a safetensors file that the plan names, never from the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segmentation.errors import ImageRefusal
from segmentation.networks.layers import CONV, grouped, without_batch_statistics
from segmentation.networks.resizing import resized
from segmentation.planning.plan import SegmenterPlan
from segmentation.torchvision_cure import cure_torchvision


def encoder_of(plan: SegmenterPlan, **asked: Any) -> nn.Module:
    """timm's encoder that the plan's option `encoder` names, giving a list of maps; batch norms become group norms.

    Option `weights`: a safetensors file of the encoder's own weights as timm names them (its classifier is left out,
    the first layer is fitted to the plan's channels). Raises ImageRefusal (`bad_plan`, `encoder_weights`).
    """
    file = str(plan.option("weights"))
    return without_batch_statistics(_made(plan, file, **asked, **(_given(Path(file)) if file else {})))


def levels_of(plan: SegmenterPlan, **asked: Any) -> list[tuple[int, int]]:
    """Stride and channels of each of the encoder's maps, finest first. Raises as `encoder_of`."""
    with torch.device("meta"):
        info = _made(plan, "", **asked).feature_info
    return list(zip(info.reduction(), info.channels(), strict=True))  # type: ignore[union-attr, operator]


def _made(plan: SegmenterPlan, file: str, **asked: Any) -> nn.Module:
    cure_torchvision()
    import timm  # imports torchvision, which must be cured first

    name = str(plan.option("encoder"))
    if not timm.is_model(name):  # a name with an address in it would be looked up on the web
        raise _refuse(name, file, LookupError("timm has no such model"))
    try:
        network: nn.Module = timm.create_model(name, features_only=True, in_chans=plan.channels_read, **asked)
    except (RuntimeError, NotImplementedError, AssertionError, TypeError, ValueError, KeyError) as error:
        raise _refuse(name, file, error) from error
    return network


def _given(file: Path) -> dict[str, Any]:
    if file.suffix == ".safetensors" and file.is_file():
        return {"pretrained": True, "pretrained_cfg_overlay": {"file": str(file)}}
    raise ImageRefusal(
        "encoder_weights",
        "The encoder's weights are not there.",
        expected="a .safetensors file",
        found=file.name,
        next_step="change the option weights, or leave it out to start from random weights",
    )


def _refuse(name: str, file: str, error: Exception) -> ImageRefusal:
    found = f"{name}{', weights ' + Path(file).name if file else ''}: {type(error).__name__}: {str(error)[:200]}"
    return ImageRefusal(
        "encoder_weights" if file else "bad_plan",
        "The encoder cannot be built.",
        expected="a timm model that gives maps of several strides, and weights of that model",
        found=found,
        next_step="choose another encoder, such as resnet10t, mobilenetv3_small_050 or efficientnet_b0",
    )


class EncoderUNet(nn.Module):
    """(batch, inputs, x, y) to class scores of the same size; any size will do.

    Each level of the decoder takes the coarser maps, brought up linearly, and the encoder's; the finest the image.
    `channels` are those of the decoder, finest first; the last one serves whatever is deeper.
    """

    def __init__(
        self, encoder: nn.Module, encoded: Sequence[int], inputs: int, classes: int, channels: Sequence[int]
    ) -> None:
        super().__init__()
        self.encoder = encoder
        enough = [*channels, *[channels[-1]] * len(encoded)]
        widths = [*enough[: len(encoded)], encoded[-1]]
        skips = (inputs, *encoded[:-1])
        parts = zip(widths[1:], skips, widths[:-1], strict=True)
        self.up = nn.ModuleList(grouped(deep + skip, flat, (1, 1)) for deep, skip, flat in parts)
        self.head = CONV[2](channels[0], classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        seen = [image, *self.encoder(image)]
        maps = seen.pop()
        for level, skip in zip(reversed(self.up), reversed(seen), strict=True):
            maps = level(torch.cat([resized(maps, skip.shape[2:]), skip], dim=1))
        return self.head(maps)


def timm_unet(plan: SegmenterPlan) -> EncoderUNet:
    """The U-Net over the plan's timm encoder (options `encoder`, `weights`). Raises as `encoder_of`."""
    encoder = encoder_of(plan)
    encoded = [int(n) for n in encoder.feature_info.channels()]  # type: ignore[union-attr, operator]
    return EncoderUNet(encoder, encoded, plan.channels_read, plan.outputs, plan.channels)
