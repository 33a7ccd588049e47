"""How a segmentation network reads images and learns: everything that decides its masks, as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from segmentation.errors import ImageRefusal
from segmentation.networks import NETWORKS
from segmentation.types import Shape, check_regions

INTENSITIES = ("hu", "z_score")
MAX_CHANNELS, MAX_LEVELS, MAX_PATCH = 1024, 8, 1024
MAX_REGIONS = 254  # classes and background in a byte


@dataclass(frozen=True)
class SegmenterPlan:
    """A network and how it is trained.

    `regions` maps names to labels. `intensity` is "hu" (windowed to soft tissue) or "z_score" (mean 0, standard
    deviation 1 over the image). `voxel` is the spacing in mm that images are resampled to along the patient's x, y, z
    (None: as they are). `patch` counts the voxels that a step sees along x, y, z; a 2-D network sees one slice, with
    `neighbours` slices on either side as channels, and its patch is kept as (x, y, 1). `channels` are those of each
    level. `batch` patches a step, `steps` steps.

    Raises ImageRefusal (`bad_plan`) for anything that cannot be built or trained.
    """

    network: str
    regions: Mapping[str, int]
    intensity: str
    voxel: tuple[float, float, float] | None
    patch: Shape
    channels: tuple[int, ...]
    neighbours: int
    steps: int
    batch: int
    learning_rate: float
    seed: int

    def __post_init__(self) -> None:
        _require(self.network in NETWORKS, "network", f"one of {', '.join(NETWORKS)}", self.network)
        _require(self.intensity in INTENSITIES, "intensity", f"one of {INTENSITIES}", self.intensity)
        check_regions(self.regions)
        _require(len(self.regions) <= MAX_REGIONS, "regions", f"at most {MAX_REGIONS}", len(self.regions))
        _require(len(tuple(self.patch)) == 3, "patch", "three sizes, along x, y, z", self.patch)
        object.__setattr__(self, "regions", {str(k): int(v) for k, v in self.regions.items()})
        if self.voxel is not None:
            object.__setattr__(self, "voxel", tuple(float(length) for length in self.voxel))
        x, y, z = (int(n) for n in self.patch)
        object.__setattr__(self, "patch", (x, y, 1 if NETWORKS[self.network].dimensions == 2 else z))
        object.__setattr__(self, "channels", tuple(int(n) for n in self.channels))
        self._check_numbers()
        self._check_levels()

    def _check_numbers(self) -> None:
        lengths = self.voxel or (1.0, 1.0, 1.0)
        usable = len(lengths) == 3 and all(math.isfinite(n) and n > 0 for n in lengths)
        _require(usable, "voxel", "three lengths above 0 mm", self.voxel)
        _require(self.steps >= 1 and self.batch >= 1, "steps and batch", "at least 1", (self.steps, self.batch))
        _require(0 < self.learning_rate < 1, "learning_rate", "above 0 and below 1", self.learning_rate)
        _require(0 <= self.neighbours <= 5, "neighbours", "0 to 5", self.neighbours)
        _require(0 <= self.seed < 2**63, "seed", "0 or more", self.seed)

    def _check_levels(self) -> None:
        sizes = self.channels
        _require(2 <= len(sizes) <= MAX_LEVELS, "channels", f"2 to {MAX_LEVELS} levels", sizes)
        _require(min(sizes) >= 1 and max(sizes) <= MAX_CHANNELS, "channels", f"1 to {MAX_CHANNELS} a level", sizes)
        spatial = self.patch[: self.dimensions]
        _require(min(spatial) >= 8 and max(spatial) <= MAX_PATCH, "patch", f"8 to {MAX_PATCH} voxels", self.patch)
        total = [math.prod(stride[axis] for stride in self.strides) for axis in range(self.dimensions)]
        odd = [n for n, by in zip(spatial, total, strict=True) if n % by]
        _require(not odd, "patch", f"multiples of {total} with {len(sizes)} levels", self.patch)
        left = [n // by for n, by in zip(spatial, total, strict=True)]
        _require(math.prod(left) > 1, "patch", "more than one voxel on the deepest level", self.patch)

    @property
    def dimensions(self) -> int:
        """2 for a network of axial slices, 3 for one of blocks."""
        return NETWORKS[self.network].dimensions

    @property
    def strides(self) -> tuple[tuple[int, ...], ...]:
        """Steps between levels, one number an axis: an axis less than or half as long as the longest waits."""
        sizes = list(self.patch[: self.dimensions])
        found = []
        for _ in self.channels[1:]:
            longest = max(sizes)
            stride = tuple(2 if 2 * n > longest else 1 for n in sizes)
            sizes = [math.ceil(n / by) for n, by in zip(sizes, stride, strict=True)]
            found.append(stride)
        return tuple(found)

    @property
    def fill(self) -> float:
        """What lies outside an image once its intensities are scaled: air for CT, the mean otherwise."""
        return -1.0 if self.intensity == "hu" else 0.0

    @property
    def class_labels(self) -> tuple[int, ...]:
        """The label of each class in the order of the network's outputs; the first is background."""
        return (0, *sorted(self.regions.values()))

    def to_json(self) -> dict[str, Any]:
        voxel = list(self.voxel) if self.voxel else None
        return {**asdict(self), "patch": list(self.patch), "channels": list(self.channels), "voxel": voxel}

    def to_text(self) -> str:
        """The plan on one line, keys sorted: equal plans have equal text."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SegmenterPlan:
        """Raises ImageRefusal (`bad_plan`) where a key is missing, unknown or of another kind."""
        try:
            voxel = tuple(data["voxel"]) if data["voxel"] else None
            return cls(**{**data, "voxel": voxel, "patch": tuple(data["patch"]), "channels": tuple(data["channels"])})
        except (KeyError, TypeError, AttributeError) as error:
            found = f"{type(error).__name__}: {error}"
            raise ImageRefusal("bad_plan", "The plan has another form.", expected="a plan", found=found) from error


def _require(holds: bool, name: str, expected: str, found: Any) -> None:
    if not holds:
        step = f"change {name} in the segmenter's settings"
        raise ImageRefusal(
            "bad_plan", f"The plan's {name} cannot be used.", expected=expected, found=str(found), next_step=step
        )
