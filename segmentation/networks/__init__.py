"""The segmentation networks by name. Their code, and torch, is imported when one is built: naming one costs nothing.

A network turns (batch, channels, *spatial) into class scores (batch, 1 + regions, *spatial), not normalised, of the
same spatial size. Two things more it may do in training mode: give back a list of scores, finest first, where its plan
asks for `deep_supervision`; and have a method `loss(image, classes, criterion)` of its own. Batch statistics have no
place here: a step's patches go to the cores a few at a time, and what one case scores may not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from segmentation.planning.plan import SegmenterPlan


@dataclass(frozen=True)
class NetworkFamily:
    """One network in one number of dimensions.

    `dimensions` is 2 where axial slices are read (with their neighbours as channels), 3 where blocks are. `place` is
    "module:builder" below this package. `options` are the plan's options that the builder knows, with their defaults.
    `allowed` are the values that an option may have (others: whatever is of its default's kind).
    `multiple` is what each side of a patch must be a multiple of; 0: what the plan's levels halve. `maps` is how many
    maps of its first level (of its widest one, or of what an option says: `width`) it holds at once while it outlines
    a window, measured; docs/results/segmentation.md has the command. `own_loss`: it is not trained by the plan's loss.
    """

    dimensions: int
    place: str
    words: str
    options: tuple[tuple[str, Any], ...] = ()
    multiple: int = 0
    deep_supervision: bool = False
    allowed: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    maps: float = 17.0
    width: str = "first"
    own_loss: bool = False

    def build(self, plan: SegmenterPlan) -> nn.Module:
        """The untrained network; its first weights come from torch's global generator."""
        module, _, name = self.place.partition(":")
        builder: Callable[[SegmenterPlan], nn.Module] = getattr(import_module(f"{__name__}.{module}"), name)
        made = builder(plan)
        return import_module(f"{__name__}.nested_heads").nested(made, plan) if plan.heads else made

    def option(self, plan: SegmenterPlan, name: str) -> Any:
        """What the plan says of an option, or its default."""
        return plan.options.get(name, dict(self.options)[name])

    def unusable(self, options: Mapping[str, Any]) -> list[str]:
        """The options that this network does not know, or not with such a value, in words."""
        return [
            f"{name} = {value}" if name in dict(self.options) else name
            for name, value in sorted(options.items())
            if not self._usable(name, value)
        ]

    def _usable(self, name: str, value: Any) -> bool:
        known = dict(self.options)
        if name not in known or type(value) is not type(known[name]):
            return False
        allowed = dict(self.allowed).get(name)
        return allowed is None or value in allowed

    def choices(self) -> str:
        """What may be said under `options`, in words."""
        allowed = dict(self.allowed)
        return ", ".join(
            f"{name} ({' or '.join(map(str, allowed[name])) if name in allowed else type(default).__name__})"
            for name, default in self.options
        )

    def held_floats(self, plan: SegmenterPlan) -> float:
        """Numbers that it holds at once for each voxel of a window while it outlines; multiply by 4 for bytes."""
        widths = {"first": plan.channels[0], "widest": max(plan.channels)}
        return self.maps * (widths[self.width] if self.width in widths else self.option(plan, self.width))


_UNET = "encoder and decoder with skips (Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28)"
_UNET_OPTIONS = (("skips", True), ("kernel", 3), ("factorised", False), ("dilation", 1), ("norm", "instance"))
_UNET_ALLOWED = (("kernel", (3, 5, 7, 9)), ("dilation", (1, 2, 3, 4)), ("norm", ("instance", "group")))
_CNN = "a classifier of patches asked of every voxel (Pereira et al. 2016, doi:10.1109/TMI.2016.2538465)"
_FCN = "scores of three depths added, FCN-8s (Long et al. 2015, doi:10.1109/CVPR.2015.7298965)"
_SEGNET = "pooling places carried to the decoder (Badrinarayanan et al. 2017, doi:10.1109/TPAMI.2016.2644615)"
_DEEPLAB = "DeepLab V3+: a pyramid of distances (Chen et al. 2018, doi:10.1007/978-3-030-01234-2_49)"
_RATES = ("rates", (2, 4, 6))
_RATES_ALLOWED = (("rates", ((1, 2, 3), (2, 4, 6), (3, 6, 9), (6, 12, 18))),)
_TIMM = (("encoder", "resnet10t"), ("weights", ""))
_ATTENTION = "gates on the skips (Schlemper et al. 2019, doi:10.1016/j.media.2019.01.012)"
_RESIDUAL = "residual encoder (Isensee et al. 2024, doi:10.1007/978-3-031-72114-4_47)"
_SWIN = "windows of attention (Hatamizadeh et al. 2021, doi:10.1007/978-3-031-08999-2_22)"
_SWIN_OPTIONS = (("feature_size", 12), ("window", 7))
_SWIN_ALLOWED = (("feature_size", (12, 24, 36, 48, 60)), ("window", (2, 3, 4, 5, 6, 7, 8)))

_INCEPTION = "one, three and five voxels wide at once (Szegedy et al. 2015, doi:10.1109/CVPR.2015.7298594)"
_INCEPTION_OPTIONS = (("wide", "factorised"), ("dropout", 0.1))
_INCEPTION_ALLOWED = (("wide", ("plain", "dilated", "factorised")), ("dropout", (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)))
_MASK_RCNN = "pieces found as boxes, then outlined (He et al. 2017, doi:10.1109/ICCV.2017.322)"
_MASK_RCNN_OPTIONS = (
    ("encoder", "resnet18"), ("weights", ""), ("anchors", (8, 16, 32, 64)), ("finest", 4), ("proposals", 64),
    ("detections", 16),
)  # fmt: skip
_MASK_RCNN_ALLOWED = (
    ("finest", (2, 4, 8)), ("proposals", (16, 32, 64, 128, 256)), ("detections", (4, 8, 16, 32, 64, 128)),
)  # fmt: skip


def _mask_rcnn() -> NetworkFamily:
    return NetworkFamily(
        2, "mask_rcnn:mask_rcnn", _MASK_RCNN, _MASK_RCNN_OPTIONS, allowed=_MASK_RCNN_ALLOWED, width="detections",
        own_loss=True,
    )  # fmt: skip


def _attention(dimensions: int) -> NetworkFamily:
    return NetworkFamily(
        dimensions, "attention_unet:attention_unet", _ATTENTION, (("multiscale", False),), deep_supervision=True
    )  # fmt: skip


def _inception(dimensions: int) -> NetworkFamily:
    return NetworkFamily(
        dimensions, "inception_unet:inception_unet", _INCEPTION, _INCEPTION_OPTIONS, deep_supervision=True,
        allowed=_INCEPTION_ALLOWED,
    )  # fmt: skip


def _unet(dimensions: int) -> NetworkFamily:
    return NetworkFamily(
        dimensions, "unet:unet", _UNET, _UNET_OPTIONS, deep_supervision=True, allowed=_UNET_ALLOWED
    )  # fmt: skip


def _residual(dimensions: int) -> NetworkFamily:
    allowed = (("blocks", (0, 1, 2, 3, 4)),)
    return NetworkFamily(
        dimensions, "residual_unet:residual_unet", _RESIDUAL, (("blocks", 2),), deep_supervision=True, allowed=allowed
    )


def _swin(dimensions: int) -> NetworkFamily:
    return NetworkFamily(
        dimensions, "swin_unetr:swin_unetr", _SWIN, _SWIN_OPTIONS, multiple=32, allowed=_SWIN_ALLOWED,
        width="feature_size",
    )  # fmt: skip


NETWORKS: dict[str, NetworkFamily] = {
    "cnn_2d": NetworkFamily(2, "cnn:cnn", _CNN, multiple=4, width="widest", maps=6.0),
    "cnn_3d": NetworkFamily(3, "cnn:cnn", _CNN, multiple=4, width="widest", maps=6.0),
    "fcn_2d": NetworkFamily(2, "fcn:fcn", _FCN),
    "fcn_3d": NetworkFamily(3, "fcn:fcn", _FCN),
    "unet_2d": _unet(2),
    "unet_3d": _unet(3),
    "segnet_2d": NetworkFamily(2, "segnet:segnet", _SEGNET),
    "segnet_3d": NetworkFamily(3, "segnet:segnet", _SEGNET),
    "deeplab_2d": NetworkFamily(
        2, "deeplab:deeplab_2d", _DEEPLAB, (*_TIMM, _RATES), allowed=_RATES_ALLOWED, width="widest"
    ),
    "deeplab_3d": NetworkFamily(3, "deeplab:deeplab_3d", _DEEPLAB, (_RATES,), allowed=_RATES_ALLOWED),
    "attention_unet_2d": _attention(2),
    "attention_unet_3d": _attention(3),
    "residual_unet_2d": _residual(2),
    "residual_unet_3d": _residual(3),
    "swin_unetr_2d": _swin(2),
    "swin_unetr_3d": _swin(3),
    "timm_2d": NetworkFamily(2, "timm_unet:timm_unet", "a timm encoder, a U-Net decoder", _TIMM),
    "inception_unet_2d": _inception(2),
    "inception_unet_3d": _inception(3),
    "mask_rcnn_2d": _mask_rcnn(),
}
