"""How a case becomes numbers: what it hands over, the recipe, what comes back. Frozen; a wrong one cannot be built."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from outcome.types import Finding

CropArray = npt.NDArray[np.float32]  # (1 + regions, X, Y, Z), see `outcome.features.crops`
GIVEN = "given"  # a recipe whose masks are handed over
INTENSITY_SCALES = ("hu", "z_score")  # HU windowed to soft tissue; or mean 0 and standard deviation 1 over the image
_LEARNED = re.compile(r"[a-z0-9_]+:[0-9a-f]{12}")


@dataclass(frozen=True)
class CaseInput:
    """What one case hands over on disk. Paths are absolute; `None` or a missing key means: not available.

    `mask` was drawn on the image that the recipe names; `masks` holds those drawn on other images, by image name.
    """

    case_id: str
    images: Mapping[str, Path] = field(default_factory=dict)
    mask: Path | None = None
    masks: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class CropSpec:
    """The block of tissue around a region that image networks read.

    `sequences` maps an image's name to how its intensities are scaled ("hu" or "z_score"). The block is centred on
    the middle of `region`'s bounding box, `extent` long and cut into `size` voxels along the patient's x (to the
    right), y (anterior) and z (superior) axes. `extent` is in mm, or in voxels of the file where no mm were published.
    """

    sequences: Mapping[str, str]
    region: str
    size: tuple[int, int, int] = (32, 32, 32)
    extent: tuple[float, float, float] = (96.0, 96.0, 96.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sequences", dict(self.sequences))
        object.__setattr__(self, "size", tuple(int(n) for n in self.size))
        object.__setattr__(self, "extent", tuple(float(length) for length in self.extent))
        unknown = sorted(set(self.sequences.values()) - set(INTENSITY_SCALES))
        if unknown or not self.sequences:
            raise ValueError(f"intensities are scaled by one of {INTENSITY_SCALES}, found {unknown or 'no sequence'}")
        if len(self.size) != 3 or len(self.extent) != 3 or min(self.size) < 8 or min(self.extent) <= 0:
            raise ValueError(f"three sizes of at least 8 and three lengths above 0, found {self.size}, {self.extent}")

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "size": list(self.size), "extent": list(self.extent)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CropSpec:
        return cls(**{**data, "size": tuple(data["size"]), "extent": tuple(data["extent"])})


@dataclass(frozen=True)
class ProfileSpec:
    """How one image of a case is measured. `settings`: radiomics settings with every default filled in, as JSON."""

    image: str
    settings: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"image": self.image, "settings": dict(self.settings)}


@dataclass(frozen=True)
class PlacementSpec:
    """Which region is the lesion, which the organ that holds it, and which further regions belong to the organ."""

    lesion: str
    organ: str
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))

    @property
    def regions(self) -> tuple[str, ...]:
        """Every region that is looked at."""
        return (self.lesion, self.organ, *self.parts)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "parts": list(self.parts)}


@dataclass(frozen=True)
class Recipe:
    """How a case becomes numbers; part of the bundle, so that two hospitals compute the same thing.

    `regions` maps a region's name to its label in the mask. `mask_on` names the image the mask was drawn on
    ("" when there is none). `units_mm` is False where no voxel spacing was published: then no feature needs one.
    `segmenter` is "given" where masks are handed over, else "<network>:<id>", the network that draws them (the id is
    that of its weights). `families` are measured as the files are, `profiles` name further ways to measure an image.
    `reads` names the images that a network reads, where that is not `mask_on` alone.
    `crop` says what image networks read; None where there is none. `placement`: whose place in which organ is measured.
    """

    regions: Mapping[str, int]
    mask_on: str = ""
    segmenter: str = "given"
    families: tuple[str, ...] = ("shape", "intensity")
    units_mm: bool = True
    crop: CropSpec | None = None
    profiles: Mapping[str, ProfileSpec] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    placement: PlacementSpec | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "families", tuple(self.families))
        object.__setattr__(self, "profiles", dict(self.profiles))
        object.__setattr__(self, "reads", tuple(self.reads))
        if self.segmenter != GIVEN and not _LEARNED.fullmatch(self.segmenter):
            raise ValueError(f"segmenter must be 'given' or '<network>:<id>', found {self.segmenter!r}")
        if self.crop is not None and self.crop.region not in self.regions:
            raise ValueError(f"the crop is centred on {self.crop.region!r}, which is none of {sorted(self.regions)}")
        unknown = sorted(set(self.placement.regions) - set(self.regions)) if self.placement else []
        if unknown:
            raise ValueError(f"placement names {unknown}, which are none of {sorted(self.regions)}")

    @property
    def drawn_on(self) -> tuple[str, ...]:
        """The images that a network reads to draw a mask, in its order."""
        return self.reads or (self.mask_on,)

    @property
    def draws_masks(self) -> bool:
        """Whether a learned network draws the masks."""
        return self.segmenter != GIVEN

    def drawing(self) -> Recipe:
        """The part of the recipe that decides where the regions lie: neither measurements nor crops."""
        return replace(self, families=(), profiles={}, crop=None, placement=None)

    def measuring(self) -> Recipe:
        """The part of the recipe that decides what is measured: no crop."""
        return replace(self, crop=None)

    def to_json(self) -> dict[str, Any]:
        """As JSON; without `placement` where none is measured, so that older recipes keep their keys."""
        document = asdict(self)
        del document["placement"]
        return {
            **document,
            "regions": dict(self.regions),
            "families": list(self.families),
            "reads": list(self.reads),
            "crop": self.crop.to_json() if self.crop else None,
            "profiles": {name: profile.to_json() for name, profile in self.profiles.items()},
            **({"placement": self.placement.to_json()} if self.placement else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recipe:
        crop = CropSpec.from_json(data["crop"]) if data["crop"] else None
        profiles = {name: ProfileSpec(**profile) for name, profile in data.get("profiles", {}).items()}
        placement = PlacementSpec(**data["placement"]) if data.get("placement") else None
        parts = {"families": tuple(data["families"]), "crop": crop, "profiles": profiles, "placement": placement}
        return cls(**{**data, **parts})


@dataclass(frozen=True)
class CaseResult:
    """What `process_case` gives back for one case.

    `features` maps `<region>.<tag>` to a value in the catalogue's unit; a feature that could not be computed is
    absent there and has its reason in `missing`. `mask` holds shape, spacing_mm, orientation, voxels and
    volume_ml per region. `crops` holds the block of tissue that image networks read, by sequence; one that could not
    be cut is absent there and has its reason in `missing_crops`.
    """

    case_id: str
    mask: Mapping[str, Any]
    features: Mapping[str, float]
    missing: Mapping[str, str]
    findings: tuple[Finding, ...]
    crops: Mapping[str, CropArray] = field(default_factory=dict)
    missing_crops: Mapping[str, str] = field(default_factory=dict)
