"""A network over a whole image, window by window, weighted towards each window's middle."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, product

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from segmentation.device import cores, reproducible
from segmentation.plan import SegmenterPlan
from segmentation.types import Shape, Window

Floats = npt.NDArray[np.float32]

OVERLAP = 0.5  # of a window with the next
SLICES = 8  # that a 2-D network reads at once
_SIGMA, _LEAST = 1 / 8, 1e-3
_SLOW_ALONE = 20480  # torch's own bound, of channels times the first two sizes


def scores_of(
    network: nn.Module, image: Floats, plan: SegmenterPlan, *, device: str = "cpu", half: bool = False
) -> Floats:
    """Class scores of every voxel, (classes, X, Y, Z), of a prepared image (X, Y, Z).

    In full precision, or with `half` in bf16 (to judge a training, not to outline). Windows go to the cores one each
    and are added in their order, so that the number of cores changes no bit. `network` must be in evaluation mode on
    `device`.
    """
    padded, inside = _padded(image, plan)
    windows = list(_windows((padded.shape[0], padded.shape[1], image.shape[2]), plan, padded.shape[2]))
    total = np.zeros((1 + len(plan.regions), *(padded.shape[:2]), windows[-1][2].stop), dtype=np.float32)
    weight = np.zeros(total.shape[1:], dtype=np.float32)
    with reproducible(), ThreadPoolExecutor(cores() if device == "cpu" else 1) as pool:

        def run(group: list[Window]) -> list[Floats]:
            with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=half, cache_enabled=False):
                if plan.dimensions == 2:
                    return [_on_slices(network, padded, window, plan, device) for window in group]
                return _on_blocks(network, padded, group, plan, device)

        size = together(plan)
        waiting = iter([windows[start : start + size] for start in range(0, len(windows), size)])
        # A few at a time: finished windows that wait for their turn take memory.
        while batch := list(islice(waiting, 2 * cores())):
            for group, done in zip(batch, pool.map(run, batch), strict=True):
                for window, scores in zip(group, done, strict=True):
                    importance = _importance(scores.shape[1:], plan)
                    total[(slice(None), *window)] += scores * importance
                    weight[window] += importance
    total /= weight
    return total[(slice(None), *inside)]


def together(plan: SegmenterPlan) -> int:
    """How many windows a network reads at once: two where a lone one is slow, else one.

    torch convolves a single small volume in full precision without its fast library; two, it does not.
    """
    small = plan.channels[0] * plan.patch[0] * plan.patch[1] <= _SLOW_ALONE
    return 2 if plan.dimensions == 3 and small else 1


def window_starts(length: int, size: int) -> list[int]:
    """First indices of windows that cover `length` voxels evenly, at least `OVERLAP` of a window in common."""
    if length <= size:
        return [0]
    steps = int(np.ceil((length - size) / (size * (1 - OVERLAP))))
    return [round(n * (length - size) / steps) for n in range(steps + 1)]


def _padded(image: Floats, plan: SegmenterPlan) -> tuple[Floats, Window]:
    """The image with room for one window (2-D: for the neighbours of the outer slices), and where it lies in it."""
    least = np.array(plan.patch[: plan.dimensions])
    missing = np.maximum(0, least - image.shape[: plan.dimensions])
    before, after = list(missing // 2), list(missing - missing // 2)
    if plan.dimensions == 2:
        before, after = [*before, plan.neighbours], [*after, plan.neighbours]
    padded = np.pad(image, list(zip(before, after, strict=True)), constant_values=plan.fill)
    if plan.dimensions == 2:
        before[2] = 0
    x, y, z = (slice(int(a), int(a) + n) for a, n in zip(before, image.shape, strict=True))
    return padded, (x, y, z)


def _windows(shape: Shape, plan: SegmenterPlan, depth: int) -> Iterator[Window]:
    """Windows in the order of their sums; for 2-D networks z counts slices of the image, without its padding."""
    x, y = (
        [slice(a, a + size) for a in window_starts(n, size)] for n, size in zip(shape, plan.patch[:2], strict=False)
    )
    if plan.dimensions == 3:
        z = [slice(a, a + plan.patch[2]) for a in window_starts(depth, plan.patch[2])]
    else:
        z = [slice(a, min(a + SLICES, shape[2])) for a in range(0, shape[2], SLICES)]
    for k, i, j in product(z, x, y):
        yield i, j, k


def _on_blocks(
    network: nn.Module, padded: Floats, group: list[Window], plan: SegmenterPlan, device: str
) -> list[Floats]:
    """Scores of each window of a group; a group that is not full is filled up with its last window."""
    blocks = [torch.from_numpy(np.ascontiguousarray(padded[window])) for window in group]
    blocks += blocks[-1:] * (together(plan) - len(blocks))
    scores = network(torch.stack(blocks)[:, None].to(device)).float().cpu().numpy()
    return list(scores[: len(group)])


def _on_slices(network: nn.Module, padded: Floats, window: Window, plan: SegmenterPlan, device: str) -> Floats:
    i, j, k = window
    slab = torch.from_numpy(np.ascontiguousarray(padded[i, j, k.start : k.stop + 2 * plan.neighbours]))
    # One row a slice, its neighbours as channels: (slices, channels, x, y).
    stack = slab.unfold(2, 1 + 2 * plan.neighbours, 1).permute(2, 3, 0, 1).contiguous()
    return network(stack.to(device)).float().cpu().permute(1, 2, 3, 0).numpy()


def _importance(shape: tuple[int, ...], plan: SegmenterPlan) -> Floats:
    """A Gaussian over the window, along the axes that windows overlap on; 1 in the middle."""
    out = np.ones((1, 1, 1), dtype=np.float32)
    for axis in range(plan.dimensions):
        place = np.arange(shape[axis]) - (shape[axis] - 1) / 2
        line = np.exp(-0.5 * (place / (_SIGMA * shape[axis])) ** 2).astype(np.float32)
        out = out * line.reshape([-1 if other == axis else 1 for other in range(3)])
    return np.broadcast_to(np.maximum(out, np.float32(_LEAST)), shape)
