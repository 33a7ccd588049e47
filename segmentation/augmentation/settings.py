"""How much patches of training images are varied: the settings, as a plan holds them. No torch here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from segmentation.errors import ImageRefusal

AXES = ("x", "y", "z")
Range = tuple[float, float]


@dataclass(frozen=True)
class Augmentation:
    """Chances, and how far each change goes at most.

    In space, each patch with chance `space` as a whole: turned by up to `turn_degrees` about every axis (2-D: about z)
    and scaled within `scale`, moved by up to `translation` of its size, bent by a smooth field whose control points
    move with standard deviation `elastic_mm`. Along each axis of `flip` a patch is mirrored with chance 1/2, whatever
    `space` says: off unless asked for, since organs are not alike on both sides.

    In intensity, each with chance `intensity` by itself: multiplied within `gain`, moved with standard deviation
    `shift`, bent within `gamma`, noise of up to `noise`, blurred by up to `blur` voxels (standard deviation), uneven by
    up to `bias` (natural logarithm), sampled up to `low_resolution` times coarser and back.

    Raises ImageRefusal (`bad_augmentation`) for settings that cannot be drawn from.
    """

    space: float = 0.5
    turn_degrees: float = 15.0
    scale: Range = (0.85, 1.2)
    translation: float = 0.0
    elastic_mm: float = 0.0
    flip: tuple[str, ...] = ()
    intensity: float = 0.3
    gain: Range = (0.8, 1.25)
    shift: float = 0.1
    gamma: Range = (0.7, 1.5)
    noise: float = 0.1
    blur: float = 0.0
    bias: float = 0.0
    low_resolution: float = 1.0

    def __post_init__(self) -> None:
        for name in ("scale", "gain", "gamma"):
            object.__setattr__(self, name, _range(name, getattr(self, name)))
        object.__setattr__(self, "flip", tuple(sorted(set(map(str, self.flip)))))
        _require(set(self.flip) <= set(AXES), "flip", f"some of {AXES}", self.flip)
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            usable = isinstance(value, int | float) and low <= value <= high
            _require(usable, name, f"{low:g} to {high:g}", value)
            object.__setattr__(self, name, float(value))

    def to_json(self) -> dict[str, Any]:
        return {name: list(x) if isinstance(x, tuple) else x for name, x in asdict(self).items()}

    @classmethod
    def of(cls, given: Any) -> Augmentation:
        """From settings, a mapping of what differs from the defaults, or the name of one of `AUGMENTATIONS`.

        Raises ImageRefusal (`bad_augmentation`).
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, str):
            _require(given in AUGMENTATIONS, "name", f"one of {', '.join(AUGMENTATIONS)}", given)
            return AUGMENTATIONS[given]
        _require(isinstance(given, Mapping), "form", "settings by name", type(given).__name__)
        unknown = sorted(set(map(str, given)) - set(cls.__dataclass_fields__))
        _require(not unknown, "settings", f"some of {', '.join(cls.__dataclass_fields__)}", unknown)
        return cls(**given)


_BOUNDS = {
    "space": (0, 1), "turn_degrees": (0, 180), "translation": (0, 1), "elastic_mm": (0, 100), "intensity": (0, 1),
    "shift": (0, 10), "noise": (0, 10), "blur": (0, 10), "bias": (0, 3), "low_resolution": (1, 8),
}  # fmt: skip


def _range(name: str, given: Any) -> Range:
    try:
        low, high = (float(n) for n in given)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    _require(0 < low <= high < math.inf, name, "two numbers above 0, the lower one first", given)
    return low, high


def _require(holds: bool, name: str, expected: str, found: Any) -> None:
    if not holds:
        raise ImageRefusal(
            "bad_augmentation",
            f"The augmentation's {name} cannot be used.",
            expected=expected,
            found=str(found),
            next_step="change it under augmentation in the plan",
        )


AUGMENTATIONS: dict[str, Augmentation] = {
    "default": Augmentation(),
    "none": Augmentation(space=0, intensity=0),
    "strong": Augmentation(
        space=0.7, turn_degrees=30, scale=(0.7, 1.4), translation=0.1, elastic_mm=3, blur=1, bias=0.4, low_resolution=2
    ),
}
