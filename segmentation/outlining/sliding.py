"""A network over a whole image, window by window, weighted towards each window's middle."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import lru_cache
from itertools import chain, combinations, product
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from segmentation.device import cores, reproducible
from segmentation.planning.plan import SegmenterPlan
from segmentation.types import Shape, Window

Floats = npt.NDArray[np.float32]
Group = list[Window]

OVERLAP = 0.5  # of a window with the next
SLICES = 8  # that a 2-D network reads at once
GPU_WINDOWS = 4  # at once on a GPU
_SIGMA, _LEAST = 1 / 8, 1e-3
_SLOW_ALONE = 20480  # torch's own bound, of channels times the first two sizes


def scores_of(
    network: nn.Module,
    image: Floats,
    plan: SegmenterPlan,
    *,
    device: str = "cpu",
    half: bool = False,
    mirrored: Sequence[int] = (),
) -> Floats:
    """Class scores of every voxel, (classes, X, Y, Z), of a prepared image (channels, X, Y, Z).

    In full precision, or with `half` in bf16. Windows go to the cores one each and are added in their order, so that
    the number of cores changes no bit. `mirrored` are axes (0, 1, 2 for x, y, z): scores are the mean over the window
    and its mirror images along any of them. `network` must be in evaluation mode on `device`.
    """
    padded, inside = _padded(image, plan)
    _, x, y, depth = padded.shape
    windows = list(_windows((x, y, image.shape[3]), plan, depth))
    reader = _Reader(network, torch.from_numpy(padded).to(device), plan, half, tuple(mirrored))
    size = together(plan) if device == "cpu" or plan.dimensions == 2 else GPU_WINDOWS
    groups = [windows[start : start + size] for start in range(0, len(windows), size)]
    shape = (plan.classes, x, y, windows[-1][2].stop)
    total = (_sums if device == "cpu" else _sums_on_gpu)(reader, groups, shape)
    return total[(slice(None), *inside)]


def _sums(reader: _Reader, groups: Sequence[Group], shape: tuple[int, ...]) -> Floats:
    """Weighted means of the windows' scores, by all cores."""
    total, weight = np.zeros(shape, dtype=np.float32), np.zeros(shape[1:], dtype=np.float32)
    with reproducible(), closing(_in_order(reader, groups)) as read:
        for group, done in read:
            for window, scores in zip(group, done, strict=True):
                starts = (window[0].start, window[1].start, window[2].start)
                _add(
                    total,
                    weight,
                    scores.numpy(),
                    (_importance(tuple(scores.shape[1:]), reader.plan.dimensions), *starts),
                )
    total /= weight
    return total


def _sums_on_gpu(reader: _Reader, groups: Iterable[Group], shape: tuple[int, ...]) -> Floats:
    """The same where the network is: only the result travels."""
    at = reader.padded.device
    total, weight = torch.zeros(shape, device=at), torch.zeros(shape[1:], device=at)
    with reproducible():
        for group in groups:
            for window, scores in zip(group, reader.read(group), strict=True):
                importance = torch.tensor(_importance(tuple(scores.shape[1:]), reader.plan.dimensions), device=at)
                total[(slice(None), *window)] += scores * importance
                weight[window] += importance
        total /= weight
    return total.cpu().numpy()


def _in_order(reader: _Reader, groups: Sequence[Group]) -> Generator[tuple[Group, list[torch.Tensor]], None, None]:
    """Groups with their scores. A few ahead of the sums: finished windows that wait for their turn take memory."""
    if len(groups) == 1:  # a frame: a thread of its own would cost more than it brings
        yield groups[0], reader.read(groups[0])
        return
    waiting: deque[tuple[Group, Future[list[torch.Tensor]]]] = deque()
    with ThreadPoolExecutor(cores()) as pool:
        for group in groups:
            waiting.append((group, pool.submit(reader.read, group)))
            if len(waiting) > 2 * cores() - 1:
                first, done = waiting.popleft()
                yield first, done.result()
        for first, done in waiting:
            yield first, done.result()


class _Reader:
    """A network that scores windows of a padded image."""

    def __init__(
        self, network: nn.Module, padded: torch.Tensor, plan: SegmenterPlan, half: bool, mirrored: tuple[int, ...]
    ) -> None:
        self.network, self.padded, self.plan, self.half = network, padded, plan, half
        self.mirrors = list(chain.from_iterable(combinations(mirrored, n) for n in range(1 + len(mirrored))))

    def read(self, group: Group) -> list[torch.Tensor]:
        """Scores (classes, x, y, z) of each window."""
        kind = self.padded.device.type
        with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=self.half, cache_enabled=False):
            if self.plan.dimensions == 2:
                return [self._mean(self._slices(window)).permute(1, 2, 3, 0) for window in group]
            blocks = [self.padded[(slice(None), *window)] for window in group]
            # A group that is not full is filled up with its last window: sizes decide how torch convolves.
            blocks += blocks[-1:] * (together(self.plan) - len(blocks))
            return list(self._mean(torch.stack(blocks))[: len(group)])

    def _slices(self, window: Window) -> torch.Tensor:
        """One row a slice, each channel's neighbours side by side: (slices, channels x neighbours, x, y)."""
        i, j, k = window
        slab = self.padded[:, i, j, k.start : k.stop + 2 * self.plan.neighbours]
        return slab.unfold(3, 1 + 2 * self.plan.neighbours, 1).permute(3, 0, 4, 1, 2).flatten(1, 2).contiguous()

    def _mean(self, images: torch.Tensor) -> torch.Tensor:
        total = self.network(images).float()
        for axes in self.mirrors[1:]:
            where = self._places(axes)
            total = total + self.network(images.flip(where)).float().flip(where)
        return total / len(self.mirrors) if len(self.mirrors) > 1 else total

    def _places(self, axes: Sequence[int]) -> list[int]:
        return [2 + axis for axis in axes]


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
    missing = np.maximum(0, least - image.shape[1 : 1 + plan.dimensions])
    before, after = list(missing // 2), list(missing - missing // 2)
    if plan.dimensions == 2:
        before, after = [*before, plan.neighbours], [*after, plan.neighbours]
    around = [(0, 0), *zip(before, after, strict=True)]
    padded = np.pad(image, around, constant_values=plan.fill)
    if plan.dimensions == 2:
        before[2] = 0
    x, y, z = (slice(int(a), int(a) + n) for a, n in zip(before, image.shape[1:], strict=True))
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


@numba.njit(cache=True, nogil=True)
def _add(total: Any, weight: Any, scores: Any, where: Any) -> None:  # pragma: no cover - compiled
    """Add a window's scores, each times its importance, and the importance."""
    importance, x, y, z = where
    classes, width, height, depth = scores.shape
    for c in range(classes):
        for i in range(width):
            for j in range(height):
                for k in range(depth):
                    total[c, x + i, y + j, z + k] += scores[c, i, j, k] * importance[i, j, k]
    for i in range(width):
        for j in range(height):
            for k in range(depth):
                weight[x + i, y + j, z + k] += importance[i, j, k]


@lru_cache(maxsize=8)
def _importance(shape: tuple[int, ...], dimensions: int) -> Floats:
    """A Gaussian over the window, along the axes that windows overlap on; 1 in the middle."""
    out = np.ones((1, 1, 1), dtype=np.float32)
    for axis in range(dimensions):
        place = np.arange(shape[axis]) - (shape[axis] - 1) / 2
        line = np.exp(-0.5 * (place / (_SIGMA * shape[axis])) ** 2).astype(np.float32)
        out = out * line.reshape([-1 if other == axis else 1 for other in range(3)])
    whole = np.ascontiguousarray(np.broadcast_to(np.maximum(out, np.float32(_LEAST)), shape))
    whole.flags.writeable = False
    return whole
