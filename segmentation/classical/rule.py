"""What a classical method is made of: one function that learns and one that outlines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.classical.scene import Classes, Example, Scene
from segmentation.classical.settings import ClassicalSettings

Numbers = dict[str, npt.NDArray[Any]]
Levels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Rule:
    """`learn` turns training examples (which may be gone through many times) into numbers, `outline` a scene and the
    numbers into the class of every voxel."""

    learn: Callable[[Iterable[Example], ClassicalSettings], Numbers]
    outline: Callable[[Scene, Numbers, ClassicalSettings], Classes]
