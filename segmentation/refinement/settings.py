"""What follows a network: settings of a conditional random field and of rules for connected pieces, as a plan holds
them under `refine`. No torch here; `crf` and `postprocess` do the work."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from segmentation.errors import ImageRefusal


@dataclass(frozen=True)
class CrfSettings:
    """A dense conditional random field over the network's voxels; see `crf`.

    `smoothness` and `appearance` weigh the two kernels: how strongly a voxel is pulled (in units of log odds) where all
    its neighbours agree. `smoothness_mm` and `appearance_mm` are their standard deviations in space, mm; 0: one and
    two edges of the finest voxel. `contrast` is the standard deviation of intensity, in the units that the network
    reads (a z-score's: deviations of the image). `reach` cuts both kernels at so many standard deviations of the wider
    one. `steps` of mean field.
    """

    smoothness: float = 1.0
    smoothness_mm: float = 0.0
    appearance: float = 2.0
    appearance_mm: float = 0.0
    contrast: float = 0.5
    reach: float = 1.5
    steps: int = 5

    def __post_init__(self) -> None:
        bounds = {"smoothness": (0, 100), "smoothness_mm": (0, 100), "appearance": (0, 100), "appearance_mm": (0, 100)}
        for name, (low, high) in {**bounds, "contrast": (1e-3, 1e4), "reach": (0.5, 5), "steps": (1, 100)}.items():
            value = getattr(self, name)
            usable = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
            _require(usable, f"crf's {name}", f"{low:g} to {high:g}", value)
        _require(int(self.steps) == self.steps, "crf's steps", "a whole number", self.steps)


@dataclass(frozen=True)
class ComponentRule:
    """Which connected pieces of a region stay ("": of every region); see `postprocess`.

    In this order: pieces below `least_voxels` or `least_ml` go; those that touch no voxel of the region `touching` go;
    the `most_pieces` largest stay (0: all); background that a region encloses becomes the region with `fill_holes`.
    Voxels are joined over faces (`joined` 1), edges too (2) or corners too (3). With `touching` no voxel of that name
    in the mask at all: nothing stays.
    """

    region: str = ""
    least_ml: float = 0.0
    least_voxels: int = 0
    touching: str = ""
    most_pieces: int = 0
    fill_holes: bool = False
    joined: int = 1

    def __post_init__(self) -> None:
        for name in ("least_ml", "least_voxels", "most_pieces"):
            value = getattr(self, name)
            usable = isinstance(value, int | float) and 0 <= value < math.inf
            _require(usable, f"rule's {name}", "0 or more", value)
        _require(self.joined in (1, 2, 3), "rule's joined", "1 (faces), 2 (edges) or 3 (corners)", self.joined)
        _require(isinstance(self.fill_holes, bool), "rule's fill_holes", "true or false", self.fill_holes)
        _require(not self.touching or self.touching != self.region, "rule's touching", "another region", self.touching)


Refinement = CrfSettings | ComponentRule
KINDS: dict[str, type[CrfSettings] | type[ComponentRule]] = {"crf": CrfSettings, "components": ComponentRule}


def refinements_of(given: Any, regions: Iterable[str]) -> tuple[Refinement, ...]:
    """Refinements from settings or mappings {name: crf | components, setting: value}, in their order.

    Raises ImageRefusal (`bad_refinement`) for unknown names and values, for a region that is not among `regions`, and
    for a random field after rules: it works on scores, which rules have left behind.
    """
    _require(isinstance(given, Sequence) and not isinstance(given, str), "list", "a list of steps", given)
    found = tuple(one if isinstance(one, CrfSettings | ComponentRule) else _refinement(one) for one in given)
    names = set(regions)
    for one in found:
        if isinstance(one, ComponentRule):
            unknown = {one.region, one.touching} - names - {""}
            _require(not unknown, "rule's region", f"one of {sorted(names)}", sorted(unknown))
    order = [isinstance(one, ComponentRule) for one in found]
    _require(order == sorted(order), "order", "crf before components", [name_of(one) for one in found])
    _require(order.count(False) <= 1, "number of random fields", "one at most", order.count(False))
    return found


def refinement_json(one: Refinement) -> dict[str, Any]:
    """The inverse of reading one entry of the list."""
    return {"name": name_of(one), **asdict(one)}


def name_of(one: Refinement) -> str:
    """crf or components."""
    return next(name for name, kind in KINDS.items() if isinstance(one, kind))


def _refinement(given: Any) -> Refinement:
    entry = {"name": given} if isinstance(given, str) else given
    _require(isinstance(entry, Mapping) and "name" in entry, "step", "a name with settings", given)
    name = str(entry["name"])
    settings: dict[str, Any] = {str(key): value for key, value in entry.items() if key != "name"}
    _require(name in KINDS, "step", f"one of {', '.join(KINDS)}", name)
    known = KINDS[name].__dataclass_fields__
    unknown = sorted(set(settings) - set(known))
    _require(not unknown, f"settings of {name}", f"some of {', '.join(known)}", unknown)
    return KINDS[name](**settings)


def _require(holds: bool, name: str, expected: str, found: Any) -> None:
    if not holds:
        step = "change it under refine"
        raise ImageRefusal(
            "bad_refinement", f"The {name} cannot be used.", expected=expected, found=str(found), next_step=step
        )
