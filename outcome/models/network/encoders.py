"""Every image encoder by its name in a study file: 3-D networks, or a 2-D backbone of timm over slices.

A crop is (n, 1 + regions, X, Y, Z). Each encoder gives (n, features); a `change` is done to its mixed maps
(n, maps, cells) before they are summed up. torch, MONAI and timm cost seconds to import, so this module stands behind
`outcome.models.network.model` and only networks load it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from outcome.errors import ConfigRefusal
from outcome.models.network.encoder_options import MEAN, USUAL, EncoderOptions
from outcome.models.network.slice_encoder import SliceEncoder
from outcome.models.network.volume_encoders import VOLUME_ENCODERS

TIMM = "timm"


def build_encoder(name: str, channels: int, size: Sequence[int], options: EncoderOptions = USUAL) -> nn.Module:
    """An encoder by its name in a study file: one of `VOLUME_ENCODERS`, or `timm:` and a backbone.

    Raises ConfigRefusal for a name that none goes by, and for slices to be weighed where an encoder reads none.
    """
    family, _, backbone = name.partition(":")
    if family not in ENCODERS or (family == TIMM) != bool(backbone):
        raise ConfigRefusal(
            "no image encoder goes by this name",
            expected=f"{', '.join(VOLUME_ENCODERS)}, or {TIMM}:NAME",
            found=name,
            next_step="correct training.network.encoder in the study file",
        )
    if options.slices != MEAN and family != TIMM:
        raise ConfigRefusal(
            "only an encoder of slices can weigh them",
            expected=f"slices: {MEAN}, or an encoder {TIMM}:NAME",
            found=f"slices: {options.slices} with {name}",
            next_step="correct training.network.slices in the study file",
        )
    cure()
    return ENCODERS[family](channels, size, backbone, options)


def cure() -> None:
    """Let timm, MONAI and Lightning be imported beside any build of torchvision."""
    from segmentation.torchvision_cure import cure_torchvision  # segmentation enters where networks are made only

    cure_torchvision()


ENCODERS: dict[str, Callable[[int, Sequence[int], str, EncoderOptions], nn.Module]] = {
    **VOLUME_ENCODERS,
    TIMM: SliceEncoder,
}
