"""How a classical method reads images: everything that decides its masks beside what it learned, as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from segmentation.classical import METHODS
from segmentation.errors import ImageRefusal
from segmentation.planning.plan import INTENSITIES
from segmentation.types import check_regions

MAX_REGIONS = 254  # classes and background in a byte
Option = bool | int | float | str | tuple[float, ...]


@dataclass(frozen=True)
class ClassicalSettings:
    """A method's regions (name: label), inputs and options.

    `intensity` and `voxel` (spacing in mm along the patient's x, y, z; None: as filed) as in a network's plan.
    `inputs` names the channels in their order; `channel` is the one that a method of one channel reads. `dimensions`
    is 3 where a method sees the whole block, 2 where it sees each axial slice alone. `options` are the method's own.

    Raises ImageRefusal (`bad_settings`) for anything that no method can use.
    """

    regions: Mapping[str, int]
    intensity: str = "z_score"
    voxel: tuple[float, float, float] | None = None
    inputs: tuple[str, ...] = ("image",)
    channel: str = ""
    dimensions: int = 3
    seed: int = 0
    options: Mapping[str, Option] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_regions(self.regions)
        object.__setattr__(self, "regions", {str(name): int(label) for name, label in self.regions.items()})
        object.__setattr__(self, "inputs", tuple(str(name) for name in self.inputs))
        _require(0 < len(self.inputs) == len(set(self.inputs)), "inputs", "distinct names", self.inputs)
        object.__setattr__(self, "channel", self.channel or self.inputs[0])
        object.__setattr__(self, "options", {name: _plain(value) for name, value in self.options.items()})
        if self.voxel is not None:
            object.__setattr__(self, "voxel", tuple(float(length) for length in self.voxel))
        lengths = self.voxel or (1.0, 1.0, 1.0)
        usable = len(lengths) == 3 and all(math.isfinite(length) and length > 0 for length in lengths)
        _require(usable, "voxel", "three lengths above 0 mm", self.voxel)
        _require(len(self.regions) <= MAX_REGIONS, "regions", f"at most {MAX_REGIONS}", len(self.regions))
        _require(self.intensity in INTENSITIES, "intensity", f"one of {INTENSITIES}", self.intensity)
        _require(self.channel in self.inputs, "channel", f"one of {self.inputs}", self.channel)
        _require(self.dimensions in (2, 3), "dimensions", "2 or 3", self.dimensions)
        _require(0 <= self.seed < 2**32, "seed", "0 to 4294967295", self.seed)

    @property
    def class_labels(self) -> tuple[int, ...]:
        """The label of each class; the first is background, the regions follow by label."""
        return (0, *sorted(self.regions.values()))

    @property
    def channel_number(self) -> int:
        """The place of the one channel among the inputs."""
        return self.inputs.index(self.channel)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ClassicalSettings:
        """Raises ImageRefusal (`bad_settings`) where a key is missing, unknown or of another kind."""
        try:
            lists = {name: tuple(data[name]) for name in ("inputs", "voxel") if data.get(name) is not None}
            return cls(**{**data, **lists})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, ImageRefusal):
                raise
            found = f"{type(error).__name__}: {error}"
            raise ImageRefusal(
                "bad_settings", "The settings have another form.", expected="settings of a method", found=found
            ) from error


def option(name: str, settings: ClassicalSettings, key: str) -> Any:
    """What the settings say of a method's option, or the method's default."""
    return settings.options.get(key, dict(METHODS[name].options)[key])


def check_options(name: str, settings: ClassicalSettings) -> None:
    """Refuse a method that is not there (`bad_settings`), and options that it does not know or of another kind."""
    _require(name in METHODS, "method", f"one of {', '.join(METHODS)}", name)
    known = dict(METHODS[name].options)
    unknown = sorted(set(settings.options) - set(known))
    _require(not unknown, "options", f"of {name}: {', '.join(known) or 'none'}", unknown)
    for key, value in settings.options.items():
        allowed = METHODS[name].choices.get(key)
        if allowed:
            _require(value in allowed, key, f"one of {', '.join(map(str, allowed))}", value)
        else:
            _require(_alike(value, known[key]), key, f"a value such as {known[key]!r}", value)


def _alike(value: Any, default: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, tuple):
        return isinstance(value, tuple) and len(value) > 0 and all(_number(one) and one > 0 for one in value)
    if isinstance(default, int):
        return isinstance(value, int) and value >= min(default, 1)
    return _number(value)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _plain(value: Any) -> Option:
    return tuple(value) if isinstance(value, list | tuple) else value


def _require(holds: bool, name: str, expected: str, found: Any) -> None:
    if not holds:
        raise ImageRefusal(
            "bad_settings",
            f"The method's {name} cannot be used.",
            expected=expected,
            found=str(found),
            next_step=f"change {name} in the method's settings",
        )
