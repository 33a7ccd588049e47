"""How an image becomes features: grid, interpolation, re-segmentation, bins and families, read from YAML.

The words are those of the IBSI reference manual, arXiv:1612.07003, chapter 2.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SerializerFunctionWrapHandler,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_serializer,
    model_validator,
)

from segmentation.errors import ImageRefusal
from segmentation.radiomics.filters import FilterSettings, filter_entries, filter_settings
from segmentation.radiomics.filters.settings import FILTERS

Dimensions = Literal["2D", "2.5D", "3D"]
Directions = Literal["averaged", "merged"]
TextureFamily = Literal["cm", "rlm", "szm", "dzm", "ngt", "ngl"]
Family = Literal[
    "shape", "enclosing", "intensity", "local_intensity", "histogram", "volume_histogram",
    "cm", "rlm", "szm", "dzm", "ngt", "ngl",
]  # fmt: skip
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

TEXTURES: tuple[TextureFamily, ...] = ("cm", "rlm", "szm", "dzm", "ngt", "ngl")
ALL_FAMILIES: tuple[Family, ...] = (
    "shape",
    "enclosing",
    "intensity",
    "local_intensity",
    "histogram",
    "volume_histogram",
    *TEXTURES,
)


def _as_filter(entries: Any) -> FilterSettings:
    if isinstance(entries, FilterSettings):
        return entries
    if not isinstance(entries, dict):
        raise ValueError(f"a filter is a mapping with name and parameters, found {entries!r}")
    return filter_settings(entries)


Filter = Annotated[
    FilterSettings,
    PlainValidator(_as_filter),
    PlainSerializer(filter_entries),
    WithJsonSchema({"type": "object", "properties": {"name": {"enum": list(FILTERS)}}, "required": ["name"]}),
]


# What profile pyradiomics measures; histogram stands in PyRadiomics' first-order class, which is intensity here.
REPLAYED_FAMILIES: tuple[Family, ...] = ("shape", "intensity", "cm", "rlm", "szm", "ngt", "ngl")
_OF_A_REPLAY = ("families", "profile")


def _check_value(method: str, value: float | None, *, without: str) -> None:
    if method == without and value is not None:
        raise ValueError(f"method {method} takes no value, found {value:g}")
    if method != without and value is None:
        raise ValueError(f"method {method} needs a value")
    if method == "fixed_bin_number" and value is not None and (value != int(value) or value < 2):
        raise ValueError(f"a number of bins is a whole number of at least 2, found {value:g}")


class _Part(BaseModel):
    """A group of keys; others are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GridSettings(_Part):
    """Voxels to resample to. `by: slice` leaves the distance of slices (across the patient's z axis) as it is.

    `spacing_mm` is x, y (by slice) or x, y, z (by volume) along the patient's axes; none keeps the image's voxels.
    """

    by: Literal["slice", "volume"] = "volume"
    spacing_mm: tuple[Positive, ...] | None = None

    @model_validator(mode="after")
    def _as_many_as_axes(self) -> GridSettings:
        wanted = 2 if self.by == "slice" else 3
        if self.spacing_mm is not None and len(self.spacing_mm) != wanted:
            raise ValueError(f"spacing_mm needs {wanted} numbers by {self.by}, found {len(self.spacing_mm)}")
        return self


class InterpolationSettings(_Part):
    """How values between voxels are found; `round_intensities` to whole numbers afterwards (Hounsfield units)."""

    image: Literal["nearest", "linear", "cubic"] = "linear"
    mask: Literal["nearest", "linear"] = "linear"
    round_intensities: bool = False


class ResegmentationSettings(_Part):
    """Which voxels of the region count for intensities: those in `range` (ends included) and within some sigma."""

    range: tuple[float | None, float | None] | None = None
    outliers_sigma: Positive | None = None

    @field_validator("range")
    @classmethod
    def _ordered(cls, ends: tuple[float | None, float | None] | None) -> tuple[float | None, float | None] | None:
        if ends is not None and ends[0] is not None and ends[1] is not None and not ends[0] < ends[1]:
            raise ValueError(f"range must go from low to high, found {list(ends)}")
        return ends


class BinSettings(_Part):
    """Grey levels of histogram and texture: bins of a size, a number of bins, or whole numbers as they are."""

    method: Literal["fixed_bin_size", "fixed_bin_number", "none"] = "fixed_bin_size"
    value: Positive | None = None

    @model_validator(mode="after")
    def _complete(self) -> BinSettings:
        _check_value(self.method, self.value, without="none")
        return self


class VolumeHistogramSettings(_Part):
    """Levels of the intensity-volume histogram: whole intensities as they are, bins of a size, or a number of bins."""

    method: Literal["as_is", "fixed_bin_size", "fixed_bin_number"] = "as_is"
    value: Positive | None = None

    @model_validator(mode="after")
    def _complete(self) -> VolumeHistogramSettings:
        _check_value(self.method, self.value, without="as_is")
        return self


class TextureSettings(_Part):
    """In which neighbourhoods texture is measured; `distance` in voxels (Chebyshev).

    `directions`: matrices with a direction averaged over directions (tags `_avg`), merged (`_comb`), or both.
    """

    dimensions: tuple[Dimensions, ...] = ("3D",)
    directions: Annotated[tuple[Directions, ...], Field(min_length=1)] = ("averaged", "merged")
    ngldm_coarseness: Annotated[int, Field(ge=0)] = 0
    distance: Annotated[int, Field(ge=1)] = 1


class RadiomicsSettings(_Part):
    """Everything that decides the features of a region, apart from image and mask. Defaults: CT, bins of 25 units."""

    grid: GridSettings = GridSettings()
    interpolation: InterpolationSettings = InterpolationSettings()
    resegmentation: ResegmentationSettings = ResegmentationSettings()
    discretisation: BinSettings = BinSettings(value=25.0)
    volume_histogram: VolumeHistogramSettings = VolumeHistogramSettings()
    texture: TextureSettings = TextureSettings()
    families: tuple[Family, ...] = ALL_FAMILIES
    spatial_autocorrelation: bool = True
    filter: Filter | None = None
    profile: Literal["ibsi", "pyradiomics"] = "ibsi"

    @model_validator(mode="after")
    def _replayed_as_it_was(self) -> RadiomicsSettings:
        if self.profile == "pyradiomics":
            others = sorted(self.model_fields_set - set(_OF_A_REPLAY))
            if others:
                raise ValueError(f"profile pyradiomics replays fixed settings: leave out {', '.join(others)}")
            lacking = [name for name in self.families if name not in REPLAYED_FAMILIES]
            if lacking and self.families != ALL_FAMILIES:
                raise ValueError(f"PyRadiomics has {', '.join(REPLAYED_FAMILIES)}, not {', '.join(lacking)}")
        return self

    @model_serializer(mode="wrap")
    def _without_what_has_no_meaning(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        entries: dict[str, Any] = plain(self)
        if self.profile == "ibsi":
            return entries
        return {key: value for key, value in entries.items() if key in _OF_A_REPLAY}


def read_settings(path: Path) -> RadiomicsSettings:
    """Settings from a YAML file; what it does not name keeps its default.

    Raises ImageRefusal (`bad_settings`) naming the key that is unknown or wrong, and for a file that is no YAML.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _refusal(path.name, "a readable YAML file", type(error).__name__) from None
    return parse_settings(content if content is not None else {})


def parse_settings(content: Any) -> RadiomicsSettings:
    """Settings from nested mappings, as YAML holds them. Raises ImageRefusal (`bad_settings`)."""
    if not isinstance(content, dict):
        raise _refusal("the file", "a mapping of settings", type(content).__name__)
    try:
        return RadiomicsSettings.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, ImageRefusal):
            raise cause from None
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        raise _refusal(key, _expected(first["type"], first["msg"], first["loc"]), repr(first["input"])) from None


def _expected(kind: str, message: str, place: tuple[int | str, ...]) -> str:
    if kind != "extra_forbidden":
        return message.removeprefix("Value error, ")
    known = _keys(place[:-1])
    near = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"{near[0]} (the nearest key)" if near else f"one of {', '.join(known)}"


def _keys(place: tuple[int | str, ...]) -> list[str]:
    """The keys allowed at a place of the settings."""
    part: Any = RadiomicsSettings()
    for name in place:
        part = getattr(part, str(name))
    return list(type(part).model_fields)


def _refusal(key: str, expected: str, found: str) -> ImageRefusal:
    return ImageRefusal(
        "bad_settings",
        f"The settings cannot be used: {key}.",
        expected=expected,
        found=found[:120],
        next_step="compare with the files in configs/ibsi and docs/radiomics.md",
    )
