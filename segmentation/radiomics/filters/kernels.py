"""Filters that are a product of one kernel an axis: convolution, right-angle rotations, pooling.

A rotation of the filter by right angles permutes its kernels over the axes and flips some. Half of all 2^n n! ways are
rotations (the others mirror): 4 in 2-D, 24 in 3-D. Reference: IBSI filters, arXiv:2006.05470.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segmentation.radiomics.filters.edges import Boundary, outside, scipy_mode

Response = npt.NDArray[np.float32]
POOLINGS = ("none", "max", "mean")


@dataclass(frozen=True)
class Kernel:
    """Weights along one axis; a voxel's response is the sum of weights[n] times its neighbour at first + n.

    `first` lies between 1 - len(weights) and 0: the voxel itself is always under the kernel.
    """

    weights: tuple[float, ...]
    first: int

    @property
    def gain(self) -> float:
        """The response to an image of ones."""
        return float(np.sum(self.weights))

    @property
    def reach(self) -> int:
        """How many voxels away the farthest neighbour under the kernel lies, on whichever side."""
        return max(-self.first, self.first + len(self.weights) - 1)

    def flipped(self) -> Kernel:
        """The kernel seen in a mirror at its voxel."""
        return Kernel(self.weights[::-1], 1 - self.first - len(self.weights))

    def then(self, other: Kernel) -> Kernel:
        """One kernel that does what this and `other` do one after the other on an endless line."""
        weights = np.convolve(self.weights, other.weights)
        return Kernel(tuple(weights.tolist()), self.first + other.first)

    def signed(self) -> tuple[Kernel, int]:
        """The kernel with its first weight that is not 0 made positive, and the sign (1, -1) taken out."""
        leading = next((weight for weight in self.weights if weight != 0), 1.0)
        return (self, 1) if leading > 0 else (Kernel(tuple(-weight for weight in self.weights), self.first), -1)


def centred(weights: Sequence[float]) -> Kernel:
    """The kernel of an odd number of weights whose middle lies on the voxel, as IBSI convolves: order reversed."""
    return Kernel(tuple(float(weight) for weight in weights[::-1]), -(len(weights) // 2))


def convolve(image: npt.NDArray[Any], kernels: Sequence[Kernel], boundary: Boundary) -> Response:
    """The image filtered with kernels[n] along axis n; axes beyond the last kernel are left alone. Same shape."""
    level = outside(boundary)
    response = np.asarray(image, dtype=np.float32) - np.float32(level) if level else np.asarray(image, np.float32)
    for axis, kernel in enumerate(kernels):
        response = ndimage.correlate1d(
            response,
            kernel.weights,
            axis=axis,
            output=np.float32,
            mode=scipy_mode(boundary),
            origin=-(len(kernel.weights) // 2) - kernel.first,
        )
    return response + np.float32(level * gain(kernels)) if level else response


def gain(kernels: Sequence[Kernel]) -> float:
    """The response of the product to an image of ones."""
    return float(np.prod([kernel.gain for kernel in kernels]))


def pooled(image: npt.NDArray[Any], kernels: Sequence[Kernel], boundary: Boundary, pooling: str) -> Response:
    """The response as it is ("none"), or its largest or mean value over all right-angle rotations of the filter.

    Each different filter is run once: every one occurs equally often among the rotations, so the mean is the same.
    """
    if pooling == "none":
        return convolve(image, kernels, boundary)
    signs_of = _distinct(kernels)
    parts = (_over_signs(convolve(image, turned, boundary), signs, pooling) for turned, signs in signs_of.items())
    total = next(parts)
    for part in parts:
        (np.maximum if pooling == "max" else np.add)(total, part, out=total)
    return total if pooling == "max" else total / np.float32(len(signs_of))


def _over_signs(response: Response, signs: frozenset[int], pooling: str) -> Response:
    if len(signs) == 1:
        return response * np.float32(next(iter(signs)))
    return np.abs(response) if pooling == "max" else np.zeros_like(response)


def _distinct(kernels: Sequence[Kernel]) -> dict[tuple[Kernel, ...], frozenset[int]]:
    """The different rotated filters, each without its sign, and the signs with which it occurs."""
    found: dict[tuple[Kernel, ...], frozenset[int]] = {}
    for order, flips in right_angle_rotations(len(kernels)):
        turned = [kernels[n].flipped() if flip else kernels[n] for n, flip in zip(order, flips, strict=True)]
        parts = [kernel.signed() for kernel in turned]
        key = tuple(kernel for kernel, _ in parts)
        sign = int(np.prod([part for _, part in parts]))
        found[key] = found.get(key, frozenset()) | {sign}
    return found


def right_angle_rotations(dimensions: int) -> Iterator[tuple[tuple[int, ...], tuple[bool, ...]]]:
    """Each rotation by right angles as the source axis of every axis and whether it is flipped: 4 in 2-D, 24 in 3-D."""
    for order in permutations(range(dimensions)):
        swaps = sum(order[n] > order[m] for n in range(dimensions) for m in range(n + 1, dimensions))
        for flips in product((False, True), repeat=dimensions):
            if (swaps + sum(flips)) % 2 == 0:
                yield order, flips
