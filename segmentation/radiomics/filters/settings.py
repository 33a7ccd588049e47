"""Which filter, with which parameters: one frozen class a filter, and the strict way from a settings file to them.

All take `boundary` (zero, nearest, periodic, mirror, or the intensity outside the image as a number). `dimensions` 3
filters the volume, 2 each slice (I, J) by itself. `pooling` makes a filter invariant to right-angle rotations: none,
max or mean over 24 rotations in 3-D, 4 in 2-D.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from segmentation.errors import ImageRefusal
from segmentation.radiomics.filters.edges import Boundary, check_boundary
from segmentation.radiomics.filters.kernels import POOLINGS
from segmentation.radiomics.filters.laws import LAWS_NAMES, split_names
from segmentation.radiomics.filters.spectral import WAVELETS
from segmentation.radiomics.filters.wavelets import known_wavelet

MAX_LEVEL, MAX_SUPPORT, MAX_RIESZ = 6, 255, 8


@dataclass(frozen=True, kw_only=True)
class Mean:
    """Mean over a square or cube of `support` voxels a side (odd)."""

    support: int
    dimensions: int = 3
    boundary: Boundary = "mirror"

    def __post_init__(self) -> None:
        _whole("support", self.support, 1, MAX_SUPPORT)
        _require(self.support % 2 == 1, "support", "an odd number of voxels", self.support)
        _space(self.dimensions, self.boundary)


@dataclass(frozen=True, kw_only=True)
class LaplacianOfGaussian:
    """Laplacian of Gaussian of `sigma_mm`, cut at `truncate` sigma; `riesz` orders transform the response."""

    sigma_mm: float
    truncate: float = 4.0
    riesz: tuple[int, ...] = ()
    dimensions: int = 3
    boundary: Boundary = "mirror"

    def __post_init__(self) -> None:
        _positive("sigma_mm", self.sigma_mm)
        _positive("truncate", self.truncate)
        _space(self.dimensions, self.boundary)
        object.__setattr__(self, "riesz", _orders(self.riesz, self.dimensions))


@dataclass(frozen=True, kw_only=True)
class Laws:
    """Laws' `kernels`, one an axis ("E5L5S5" in 3-D, "L5S5" by slice); an energy map if `energy_distance` > 0."""

    kernels: str
    pooling: str = "none"
    energy_distance: int = 0
    boundary: Boundary = "mirror"

    def __post_init__(self) -> None:
        names = split_names(self.kernels) if isinstance(self.kernels, str) else []
        _require(len(names) in (2, 3), "kernels", f"two or three of {', '.join(LAWS_NAMES)} in a row", self.kernels)
        _require(self.pooling in POOLINGS, "pooling", f"one of {POOLINGS}", self.pooling)
        _whole("energy_distance", self.energy_distance, 0, MAX_SUPPORT // 2)
        check_boundary(self.boundary)

    @property
    def dimensions(self) -> int:
        return len(split_names(self.kernels))


@dataclass(frozen=True, kw_only=True)
class Gabor:
    """Modulus under a Gabor filter in a plane: envelope `sigma_mm`, `wavelength_mm`, aspect `gamma`, `angle_deg`.

    With `angle_step_deg` the mean over all angles 0, step, ... < 360; with `orthogonal_planes` over three planes.
    """

    sigma_mm: float
    wavelength_mm: float
    gamma: float = 1.0
    angle_deg: float = 0.0
    angle_step_deg: float | None = None
    orthogonal_planes: bool = False
    boundary: Boundary = "mirror"

    def __post_init__(self) -> None:
        for name in ("sigma_mm", "wavelength_mm", "gamma"):
            _positive(name, getattr(self, name))
        _finite("angle_deg", self.angle_deg)
        if self.angle_step_deg is not None:
            _finite("angle_step_deg", self.angle_step_deg)
            turns = 360.0 / self.angle_step_deg if self.angle_step_deg > 0 else 0.5
            fits = abs(turns - round(turns)) < 1e-9 and 1 <= turns <= 360
            _require(fits, "angle_step_deg", "a step that divides 360, from 1 to 360", self.angle_step_deg)
        flag = isinstance(self.orthogonal_planes, bool)
        _require(flag, "orthogonal_planes", "true or false", self.orthogonal_planes)
        check_boundary(self.boundary)

    @property
    def dimensions(self) -> int:
        return 3 if self.orthogonal_planes else 2

    @property
    def angles(self) -> tuple[float, ...]:
        """The angles averaged, radians. Half a turn gives the same modulus, so an even number of steps is halved."""
        if self.angle_step_deg is None:
            return (math.radians(self.angle_deg),)
        turns = round(360.0 / self.angle_step_deg)
        kept = turns // 2 if turns % 2 == 0 else turns
        return tuple(math.radians(self.angle_deg + n * self.angle_step_deg) for n in range(kept))


@dataclass(frozen=True, kw_only=True)
class SeparableWavelet:
    """Undecimated wavelet `family` (haar, db1 ... db10, coif1): the sub-band `bands` ("LHL") at `level`."""

    family: str
    bands: str
    level: int = 1
    pooling: str = "none"
    boundary: Boundary = "mirror"

    def __post_init__(self) -> None:
        known = isinstance(self.family, str) and known_wavelet(self.family)
        _require(known, "family", "haar, db1 to db10 or coif1", self.family)
        fits = isinstance(self.bands, str) and len(self.bands) in (2, 3) and set(self.bands) <= {"L", "H"}
        _require(fits, "bands", "L or H for each of two or three axes, e.g. LHL", self.bands)
        _whole("level", self.level, 1, MAX_LEVEL)
        _require(self.pooling in POOLINGS, "pooling", f"one of {POOLINGS}", self.pooling)
        check_boundary(self.boundary)

    @property
    def dimensions(self) -> int:
        return len(self.bands)


@dataclass(frozen=True, kw_only=True)
class NonSeparableWavelet:
    """Isotropic wavelet `family` (simoncelli, shannon) at `level`; `riesz` orders transform the response."""

    family: str
    level: int = 1
    riesz: tuple[int, ...] = ()
    dimensions: int = 3
    boundary: Boundary = "periodic"

    def __post_init__(self) -> None:
        _require(self.family in WAVELETS, "family", f"one of {WAVELETS}", self.family)
        _whole("level", self.level, 1, MAX_LEVEL)
        _space(self.dimensions, self.boundary)
        object.__setattr__(self, "riesz", _orders(self.riesz, self.dimensions))


FilterSettings = Mean | LaplacianOfGaussian | Laws | Gabor | SeparableWavelet | NonSeparableWavelet

FILTERS: dict[str, type[FilterSettings]] = {
    "mean": Mean,
    "laplacian_of_gaussian": LaplacianOfGaussian,
    "laws": Laws,
    "gabor": Gabor,
    "separable_wavelet": SeparableWavelet,
    "nonseparable_wavelet": NonSeparableWavelet,
}


def filter_settings(entries: Mapping[str, Any]) -> FilterSettings:
    """The filter that a settings file describes: `name` and the parameters of its class.

    Raises ImageRefusal (`bad_filter`) for an unknown name or parameter (naming the nearest) or a value out of range.
    """
    name = entries.get("name")
    _known("filter", name, list(FILTERS))
    chosen = FILTERS[str(name)]
    given = {key: value for key, value in entries.items() if key != "name"}
    allowed = {field.name: field for field in fields(chosen)}
    for key in given:
        _known(f"parameter of the filter {name}", key, list(allowed))
    lacking = [key for key, field in allowed.items() if field.default is MISSING and key not in given]
    _require(not lacking, str(name), f"a value for {', '.join(lacking)}", given)
    return chosen(**given)


def filter_entries(settings: FilterSettings) -> dict[str, Any]:
    """Every parameter with the filter's name, as a settings file holds them: the inverse of `filter_settings`."""
    name = next(name for name, known in FILTERS.items() if known is type(settings))
    entries = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {"name": name, **{key: list(value) if isinstance(value, tuple) else value for key, value in entries.items()}}


def _known(what: str, found: object, names: list[str]) -> None:
    if found not in names:
        near = difflib.get_close_matches(str(found), names, n=1)
        hint = f"did you mean {near[0]}?" if near else ""
        raise ImageRefusal(
            "bad_filter", f"Unknown {what}.", expected=f"one of {', '.join(names)}", found=repr(found), next_step=hint
        )


def _require(condition: bool, name: str, expected: str, found: object) -> None:
    if not condition:
        raise ImageRefusal(
            "bad_filter", f"The filter setting {name!r} cannot be used.", expected=expected, found=repr(found)
        )


def _whole(name: str, value: object, low: int, high: int) -> None:
    fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    _require(fits, name, f"a whole number from {low} to {high}", value)


def _finite(name: str, value: object) -> None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    _require(fits, name, "a finite number", value)


def _positive(name: str, value: Any) -> None:
    _finite(name, value)
    _require(value > 0, name, "a number above 0", value)


def _space(dimensions: object, boundary: Boundary) -> None:
    _whole("dimensions", dimensions, 2, 3)
    check_boundary(boundary)


def _orders(orders: Any, dimensions: int) -> tuple[int, ...]:
    fits = isinstance(orders, list | tuple) and len(orders) in (0, dimensions)
    _require(fits, "riesz", f"no orders, or {dimensions} whole numbers, first axis first", orders)
    for order in orders:
        _whole("riesz", order, 0, MAX_RIESZ)
    return tuple(orders) if any(orders) else ()
