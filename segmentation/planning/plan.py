"""How a segmentation network reads images and learns: everything that decides its masks, as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from segmentation.augmentation.settings import Augmentation
from segmentation.errors import ImageRefusal
from segmentation.networks import NETWORKS
from segmentation.planning.choices import CLASS_WEIGHTS, LOSSES, OPTIMIZERS, PRECISIONS, SCHEDULES, STOPPING
from segmentation.planning.nested_regions import checked_heads
from segmentation.preparation.steps import checked_steps
from segmentation.refinement.settings import Refinement, refinement_json, refinements_of
from segmentation.types import Shape, check_regions

INTENSITIES = ("hu", "z_score", "z_score_body", "percentile", "histogram", "min_max", "none")
Option = bool | int | float | str | tuple[int, ...]
_LISTS = ("patch", "channels", "inputs", "symmetric_axes")
MAX_CHANNELS, MAX_LEVELS, MAX_PATCH = 1024, 8, 1024
MAX_REGIONS = 254  # classes and background in a byte


@dataclass(frozen=True)
class SegmenterPlan:
    """A network and how it is trained.

    `regions` maps names to labels. `intensity` is "hu" (windowed to soft tissue), "z_score" (mean 0, standard deviation
    1 over the image), or another of `intensities.SCALES`. `voxel` is the spacing in mm that images are resampled to
    along the patient's x, y, z (None: as they are). `patch` counts the voxels that a step sees along x, y, z; a 2-D
    network sees one slice, with `neighbours` slices on either side as channels, and its patch is kept as (x, y, 1).
    `channels` are those of each level. `batch` patches a step, `steps` steps.

    `inputs` names the channels in their order. `options` are the network's own. `loss`, `optimizer` and `schedule` are
    among those of `choices`. `deep_supervision` also judges the coarser levels. `ema` is how much of the averaged
    weights a step keeps (0: none are averaged). `momentum` is of SGD and RMSprop. Gradients are cut at norm `clip`.

    `class_weights` is "equal", "balanced" (by how rare a class is among the cases learned from) or one weight a class,
    background first. `precision` is "auto" (bf16 where the processor multiplies in it), "full" or "bf16". `stopping` is
    what held-out cases are judged by, "dice" or "loss", and after `patience` checks without a gain training ends (0:
    never). `foreground` is the share of patches that are placed on a region, in [0, 1]; the others lie anywhere.
    `channels_last` and `compile` change the speed, and the result by no more than rounding.

    `preparation` names what is done to an image first (`preparation.STEPS`), `augmentation` how patches are varied,
    `refine` what follows the network (`refinement`). `symmetric_axes`, of "x", "y" and "z", are those along which a
    mirrored image is as likely as the image itself: none in most patients. `heads` (none: a score a class) are regions
    that lie inside each other, each learned as a yes or no: {whole: [rim, core], inner: [core]}.

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
    inputs: tuple[str, ...] = ("image",)
    options: Mapping[str, Option] = field(default_factory=dict)
    loss: str = "dice_and_cross_entropy"
    optimizer: str = "adamw"
    schedule: str = "cosine"
    deep_supervision: bool = False
    ema: float = 0.0
    momentum: float = 0.9
    weight_decay: float = 1e-4
    clip: float = 12.0
    class_weights: str | tuple[float, ...] = "equal"
    precision: str = "auto"
    stopping: str = "dice"
    patience: int = 8
    foreground: float = 0.5
    channels_last: bool = False
    compile: bool = False
    preparation: tuple[str, ...] = ()
    augmentation: Augmentation = field(default_factory=Augmentation)
    refine: tuple[Refinement, ...] = ()
    symmetric_axes: tuple[str, ...] = ()
    heads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

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
        object.__setattr__(self, "inputs", tuple(str(name) for name in self.inputs))
        object.__setattr__(self, "symmetric_axes", tuple(str(name) for name in self.symmetric_axes))
        object.__setattr__(self, "options", {name: _plain(value) for name, value in self.options.items()})
        if not isinstance(self.class_weights, str):
            object.__setattr__(self, "class_weights", tuple(float(n) for n in self.class_weights))
        object.__setattr__(self, "preparation", checked_steps(self.preparation))
        object.__setattr__(self, "augmentation", Augmentation.of(self.augmentation))
        object.__setattr__(self, "refine", refinements_of(self.refine, self.regions))
        object.__setattr__(self, "heads", checked_heads(self.heads, self.regions))
        self._check_numbers()
        self._check_training()
        self._check_levels()
        self._check_choices()

    def _check_choices(self) -> None:
        family = NETWORKS[self.network]
        unusable = family.unusable(self.options)
        _require(not unusable, "options", f"of {self.network}: {family.choices() or 'none'}", unusable)
        axes, known = self.symmetric_axes, ("x", "y", "z")[: self.dimensions]
        _require(len(set(axes)) == len(axes) and set(axes) <= set(known), "symmetric_axes", f"some of {known}", axes)
        _require(0 < len(self.inputs) == len(set(self.inputs)), "inputs", "distinct names", self.inputs)
        _require(self.loss in LOSSES, "loss", f"one of {', '.join(LOSSES)}", self.loss)
        _require(self.optimizer in OPTIMIZERS, "optimizer", f"one of {', '.join(OPTIMIZERS)}", self.optimizer)
        _require(self.schedule in SCHEDULES, "schedule", f"one of {', '.join(SCHEDULES)}", self.schedule)
        _require(0 <= self.ema < 1, "ema", "from 0 to below 1", self.ema)
        refused = self.deep_supervision and not family.deep_supervision
        _require(not refused, "deep_supervision", f"false: {self.network} has one output", self.deep_supervision)
        _require(not (self.heads and family.own_loss), "heads", f"none: {self.network} draws whole pieces", self.heads)
        plain = self.loss == LOSSES[0] and self.class_weights == CLASS_WEIGHTS[0]
        words = f"{LOSSES[0]} and {CLASS_WEIGHTS[0]}: heads, and networks of pieces, have a loss of their own"
        _require(plain or not self.own_loss, "loss or class_weights", words, (self.loss, self.class_weights))

    def _check_training(self) -> None:
        _require(0 <= self.momentum < 1, "momentum", "from 0 to below 1", self.momentum)
        _require(0 <= self.weight_decay < 1, "weight_decay", "from 0 to below 1", self.weight_decay)
        _require(0 < self.clip < math.inf, "clip", "a norm above 0", self.clip)
        _require(self.patience >= 0, "patience", "0 or more checks", self.patience)
        _require(0 <= self.foreground <= 1, "foreground", "from 0 to 1", self.foreground)
        _require(self.precision in PRECISIONS, "precision", f"one of {', '.join(PRECISIONS)}", self.precision)
        _require(self.stopping in STOPPING, "stopping", f"one of {', '.join(STOPPING)}", self.stopping)
        weights, words = self.class_weights, f"{' or '.join(CLASS_WEIGHTS)}, or {self.classes} numbers above 0"
        if isinstance(weights, str):
            _require(weights in CLASS_WEIGHTS, "class_weights", words, weights)
        else:
            usable = len(weights) == self.classes and all(0 < n < math.inf for n in weights)
            _require(usable, "class_weights", words, weights)

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
        total = self.multiples
        odd = [n for n, by in zip(spatial, total, strict=True) if n % by]
        _require(not odd, "patch", f"multiples of {list(total)} with {len(sizes)} levels", self.patch)
        left = [n // by for n, by in zip(spatial, total, strict=True)]
        _require(math.prod(left) > 1, "patch", "more than one voxel on the deepest level", self.patch)

    @property
    def dimensions(self) -> int:
        """2 for a network of axial slices, 3 for one of blocks."""
        return NETWORKS[self.network].dimensions

    @property
    def multiples(self) -> tuple[int, ...]:
        """What each side of a patch must be a multiple of."""
        fixed = NETWORKS[self.network].multiple
        if fixed:
            return (fixed,) * self.dimensions
        return tuple(math.prod(stride[axis] for stride in self.strides) for axis in range(self.dimensions))

    @property
    def channels_read(self) -> int:
        """How many channels the network's first layer has: every input, in 2-D with its neighbouring slices."""
        return len(self.inputs) * (1 if self.dimensions == 3 else 1 + 2 * self.neighbours)

    @property
    def classes(self) -> int:
        """Background and regions."""
        return 1 + len(self.regions)

    @property
    def outputs(self) -> int:
        """How many maps the network itself gives: one a head, or one a class."""
        return len(self.heads) or self.classes

    @property
    def own_loss(self) -> bool:
        """Whether `loss` and `class_weights` have no say in the training."""
        return bool(self.heads) or NETWORKS[self.network].own_loss

    def option(self, name: str) -> Any:
        """An option of the network: the plan's, or the family's default."""
        return NETWORKS[self.network].option(self, name)

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
        lists: dict[str, Any] = {name: list(getattr(self, name)) for name in _LISTS}
        if not isinstance(self.class_weights, str):
            lists["class_weights"] = list(self.class_weights)
        options = {name: list(x) if isinstance(x, tuple) else x for name, x in self.options.items()}
        lists["preparation"] = list(self.preparation)
        lists["refine"] = [refinement_json(one) for one in self.refine]
        lists["heads"] = {name: list(regions) for name, regions in self.heads.items()}
        lists["augmentation"] = self.augmentation.to_json()
        return {**asdict(self), **lists, "options": options, "voxel": voxel}

    def to_text(self) -> str:
        """The plan on one line, keys sorted: equal plans have equal text."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SegmenterPlan:
        """Raises ImageRefusal (`bad_plan`) where a key is missing, unknown or of another kind."""
        try:
            voxel = tuple(data["voxel"]) if data["voxel"] else None
            lists = {name: tuple(data[name]) for name in _LISTS if name in data}
            return cls(**{**data, **lists, "voxel": voxel})
        except (KeyError, TypeError, AttributeError) as error:
            found = f"{type(error).__name__}: {error}"
            raise ImageRefusal("bad_plan", "The plan has another form.", expected="a plan", found=found) from error


def _plain(value: Any) -> Option:
    return tuple(int(n) for n in value) if isinstance(value, list | tuple) else value


def _require(holds: bool, name: str, expected: str, found: Any) -> None:
    if not holds:
        step = f"change {name} in the segmenter's settings"
        raise ImageRefusal(
            "bad_plan", f"The plan's {name} cannot be used.", expected=expected, found=str(found), next_step=step
        )
