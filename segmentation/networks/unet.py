"""The U-Net in two or three dimensions: plain convolutions, norms, strided down, transposed up.

Norms are of one patch (`layers.norm`), because batches are small: a case is then seen alike alone and among others.
MONAI's U-Nets are the same network behind an import of seconds; this one adds strides that leave a thin axis whole.

Reference: Ronneberger O, Fischer P, Brox T. U-Net. MICCAI 2015. doi:10.1007/978-3-319-24574-4_28
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from segmentation.networks.layers import CONV, INSTANCE, PLAIN, UP, Kernel, block
from segmentation.planning.plan import SegmenterPlan

Encoder = Callable[[int, int, int, Sequence[int]], nn.Module]  # level, inputs, outputs, stride
Gate = Callable[[int], nn.Module]  # channels of a level


@dataclass(frozen=True)
class UNetForm:
    """`channels` of each level, `strides` of the steps between them, one number an axis; `decoding` convolutions a
    level on the way up, with `kernel`; `norms` as `layers.norm` calls them."""

    inputs: int
    classes: int
    channels: Sequence[int]
    strides: Sequence[Sequence[int]]
    skips: bool = True
    deep_supervision: bool = False
    kernel: Kernel = PLAIN
    decoding: int = 2
    norms: str = INSTANCE

    @property
    def dimensions(self) -> int:
        return len(self.strides[0])


class UNet(nn.Module):
    """(batch, `inputs`, *spatial) to class scores (batch, `classes`, *spatial), not normalised; while training with
    `deep_supervision` a list of them, the coarser levels' after the finest.

    `encoder` makes each level on the way down; `gate`, where there is one, what a shortcut passes before it is joined:
    a module that takes (what comes up, shortcut); `decoder` each level on the way
    up (None: plain blocks). Each spatial size must be a multiple of the product of its strides.
    """

    def __init__(
        self, form: UNetForm, encoder: Encoder, gate: Gate | None = None, decoder: Encoder | None = None
    ) -> None:
        super().__init__()
        self.skips = form.skips
        dims, channels = form.dimensions, tuple(form.channels)
        steps = [(1,) * dims, *(tuple(stride) for stride in form.strides)]
        ins = (form.inputs, *channels[:-1])
        self.down = nn.ModuleList(encoder(n, *level) for n, level in enumerate(zip(ins, channels, steps, strict=True)))
        pairs = list(zip(channels[:-1], channels[1:], steps[1:], strict=True))
        self.lift = nn.ModuleList(UP[dims](deep, flat, stride, stride) for flat, deep, stride in pairs)
        joined, ones = 1 + form.skips, (1,) * dims
        self.up = nn.ModuleList(
            decoder(n, joined * flat, flat, ones)
            if decoder
            else block(joined * flat, flat, ones, form.kernel, repeats=form.decoding, norms=form.norms)
            for n, (flat, _, _) in enumerate(pairs)
        )
        self.gates = nn.ModuleList(gate(flat) for flat, _, _ in pairs) if gate else None
        self.head = CONV[dims](channels[0], form.classes, 1)
        coarser = channels[1:-1] if form.deep_supervision else ()
        self.coarse_heads = nn.ModuleList(CONV[dims](width, form.classes, 1) for width in coarser)

    def forward(self, image: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        maps, _ = self._decoded(image)
        finest = self.head(maps[-1])
        if not (self.training and len(self.coarse_heads)):
            return finest
        coarser = zip(self.coarse_heads, reversed(maps[:-1]), strict=True)
        return [finest, *(head(level) for head, level in coarser)]

    def _decoded(self, image: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """The maps of each level on the way up, deepest first, and what the gates let through."""
        seen = []
        for level in self.down:
            image = level(image)
            seen.append(image)
        maps, openings = list[torch.Tensor](), list[torch.Tensor]()
        for number in reversed(range(len(self.up))):
            lifted, skip = self.lift[number](image), seen.pop(-2)
            if self.gates is not None:
                openings.append(self.gates[number](lifted, skip))
                skip = skip * openings[-1]
            image = self.up[number](torch.cat([lifted, skip], dim=1) if self.skips else lifted)
            maps.append(image)
        return maps, openings


def form_of(plan: SegmenterPlan, **differences: object) -> UNetForm:
    """What a plan says of its levels."""
    made = {"deep_supervision": plan.deep_supervision, **differences}
    return UNetForm(plan.channels_read, plan.outputs, plan.channels, plan.strides, **made)  # type: ignore[arg-type]


def unet(plan: SegmenterPlan) -> UNet:
    """The U-Net that a plan asks for.

    Options: `skips` false takes its shortcuts away; `kernel` is the size of every convolution, `factorised` splits it
    by axes, `dilation` spreads those of the deepest level. `norm` is "instance" or "group" (`layers.norm`).
    """
    kernel = Kernel(plan.option("kernel"), plan.option("factorised"))
    deepest = Kernel(kernel.size, kernel.factorised, plan.option("dilation"))
    last, norms = len(plan.channels) - 1, plan.option("norm")

    def encoder(level: int, inputs: int, outputs: int, stride: Sequence[int]) -> nn.Module:
        return block(inputs, outputs, stride, deepest if level == last else kernel, norms=norms)

    return UNet(form_of(plan, skips=plan.option("skips"), kernel=kernel, norms=norms), encoder)
