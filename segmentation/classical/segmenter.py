"""A classical method with what it learned: outlines regions like a network does, and is saved like one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from threadpoolctl import threadpool_limits

from segmentation.assessment.expected_volumes import VolumeRange
from segmentation.classical import METHODS
from segmentation.classical.rule import Numbers
from segmentation.classical.saving import fingerprint, pack, unpack
from segmentation.classical.scene import Examples, inner_shape, mask_of, scene_of
from segmentation.classical.settings import ClassicalSettings, check_options
from segmentation.device import check_memory
from segmentation.errors import ImageRefusal
from segmentation.learning.training_case import TrainingCase
from segmentation.types import Grid, Mask, Volume

_ARRAYS = 60  # of 4 bytes a voxel, at most: features of a pixel classifier; others take a few
_FEW = 12


def fit_method(name: str, cases: Sequence[TrainingCase], settings: ClassicalSettings) -> ClassicalSegmenter:
    """A method that learned its numbers from these cases alone; their order does not matter.

    Raises ImageRefusal: `bad_settings`, `no_cases`, `duplicate_case`, `nothing_to_learn` where no mask holds a region,
    and what reading a file raises, with the case's name.
    """
    check_options(name, settings)
    names = [case.case_id for case in cases]
    if not names:
        raise ImageRefusal("no_cases", "There is nothing to learn from.", expected="at least one case", found="none")
    if len(set(names)) != len(names):
        raise ImageRefusal("duplicate_case", "A case is named twice.", expected="distinct ids", found=str(len(names)))
    with threadpool_limits(1):  # sums have one order, whatever the number of cores
        numbers = METHODS[name].rule.learn(Examples(cases, settings), settings)
    return ClassicalSegmenter(name, settings, numbers)


class ClassicalSegmenter:
    """A method, its settings and its learned numbers. Immutable in use: `segment` changes nothing.

    The same image gives the same mask on any number of cores.
    """

    def __init__(self, method: str, settings: ClassicalSettings, numbers: Numbers) -> None:
        check_options(method, settings)
        self.method, self.settings, self.numbers = method, settings, numbers

    def segment(self, image: Volume | Sequence[Volume], *, limit_bytes: int | None = None) -> Mask:
        """The regions on the whole grid of an image (labels of `settings.regions`, 0 background).

        `image` is a volume, or one for each of the settings' inputs in their order. Raises ImageRefusal: `too_large`
        before anything runs, `wrong_channels`, `non_finite`, `constant_image`.
        """
        scan = (image,) if isinstance(image, Volume) else tuple(image)
        grid = scan[0].grid
        check_memory(
            self.predicted_bytes(grid),
            limit_bytes,
            what=f"Outlining an image of {grid.shape} voxels",
            remedy="train with a coarser voxel, or use a machine with more memory",
        )
        scene = scene_of(scan, self.settings)
        with threadpool_limits(1):
            classes = METHODS[self.method].rule.outline(scene, self.numbers, self.settings)
        return mask_of(classes, grid, self.settings)

    def predicted_bytes(self, grid: Grid) -> int:
        """Memory that `segment` takes for an image on this grid, bytes; an estimate from above."""
        inner, channels = math.prod(inner_shape(grid, self.settings)), len(self.settings.inputs)
        arrays = _ARRAYS * channels if "features" in self.numbers else _FEW + channels
        return math.prod(grid.shape) * (8 + 4 * channels) + inner * 4 * (arrays + 3 * len(self.settings.regions))

    @property
    def regions(self) -> dict[str, int]:
        """Names and labels of what it draws."""
        return dict(self.settings.regions)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the channels that it reads, in their order."""
        return self.settings.inputs

    @property
    def volumes(self) -> dict[str, VolumeRange]:
        """Empty: a method's file does not say how large its training cases' regions were."""
        return {}

    def to_bytes(self) -> bytes:
        """Settings and numbers as safetensors; the same segmenter gives the same bytes."""
        return pack(self.method, self.settings, self.numbers)

    @classmethod
    def from_bytes(cls, data: bytes) -> ClassicalSegmenter:
        """The inverse of `to_bytes`. Raises ImageRefusal (`weights_damaged`, `bad_settings`)."""
        return cls(*unpack(data))

    @property
    def id(self) -> str:
        """Twelve hex digits that name these numbers and settings."""
        return fingerprint(self.to_bytes())

    @property
    def name(self) -> str:
        """`<method>:<id>`."""
        return f"{self.method}:{self.id}"
