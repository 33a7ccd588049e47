"""The few typed objects that cross layers. Frozen; a wrong one cannot be built.

Frames that cross layers, all indexed or keyed by `case_id` (string):

    variables      one row a case, one column a dictionary variable; numbers float64, categories str, missing NaN/None
    features       one row a case, one column a feature named `<block>:<name>`, e.g. `clinical:age`,
                   `radiomics:tumor.morph_volume`; row-wise only: nothing in it was learned from other rows
    endpoints      long: case_id, endpoint, value, time_days, event   (see `Target`)
    predictions    long: see `PREDICTION_COLUMNS`
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
CropArray = npt.NDArray[np.float32]  # (1 + regions, X, Y, Z), see `outcome.features.crops`

GIVEN = "given"  # a recipe whose masks are handed over
INTENSITY_SCALES = ("hu", "z_score")  # HU windowed to soft tissue; or mean 0 and standard deviation 1 over the image
_LEARNED = re.compile(r"[a-z0-9_]+:[0-9a-f]{12}")

PREDICTION_COLUMNS = (
    "case_id",
    "partition",
    "endpoint",
    "inputs",  # an InputSet value
    "rung",  # the rung of the ladder that made it, or "chosen"
    "source",  # "out_of_fold" | "bundle"
    "horizon_days",  # NaN where the endpoint has none
    "risk",  # probability in [0, 1] for binary and time-to-event; the predicted value otherwise
    "low",
    "high",  # interval of `risk` (NaN where none)
    "score",  # the ranking score (linear predictor, logit or predicted value); higher is riskier or larger
)


class EndpointKind(StrEnum):
    """How an endpoint is measured."""

    BINARY = "binary"
    TIME_TO_EVENT = "time_to_event"
    DURATION = "duration"
    ORDINAL = "ordinal"
    CONTINUOUS = "continuous"


class InputSet(StrEnum):
    """Which availabilities a model may read."""

    PREOPERATIVE = "preoperative"
    WITH_PLAN = "with_plan"


class Level(StrEnum):
    """How serious a finding is: `note` is for information, `review` asks a person, `reject` takes the case out."""

    NOTE = "note"
    REVIEW = "review"
    REJECT = "reject"


@dataclass(frozen=True)
class Finding:
    """A named check's result.

    `code` is a stable snake_case name; `message` says expected, found and next step; `case_ids` names the cases.
    """

    code: str
    level: Level
    message: str
    case_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "level", Level(self.level))
        object.__setattr__(self, "case_ids", tuple(self.case_ids))

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "level": self.level.value, "message": self.message, "case_ids": list(self.case_ids)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        return cls(data["code"], Level(data["level"]), data["message"], tuple(data["case_ids"]))


@dataclass(frozen=True)
class Estimate:
    """A number for a reader: the value with its interval, how it was made, and from how many.

    `value` is None where the number is withheld; then `withheld` says why. `low` and `high` may be None where
    no interval exists (then `method` says so). `level` is the interval's coverage, e.g. 0.95.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    method: str = ""
    n: int = 0
    n_events: int | None = None
    withheld: str | None = None

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None:
                object.__setattr__(self, name, None if math.isnan(number) else float(number))
        if self.value is None and not self.withheld:
            raise ValueError("an Estimate without a value must say why it is withheld")
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie in (0, 1), found {self.level}")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low} exceeds high {self.high}")

    @classmethod
    def withhold(cls, reason: str, *, n: int, n_events: int | None = None) -> Estimate:
        """An estimate that is not given, with the reason."""
        return cls(None, n=n, n_events=n_events, withheld=reason)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Estimate:
        return cls(**data)


@dataclass(frozen=True, eq=False)
class Target:
    """One endpoint for n cases, in order.

    binary: `value` 0/1. duration, continuous, ordinal (rank from 0): `value`. time_to_event: `time_days` >= 0 and
    `event` (0 censored, 1 event, 2 competing event). Unknown cases hold NaN in `value` (or in `time_days`).
    """

    endpoint: str
    kind: EndpointKind
    value: FloatArray  # (n,)
    time_days: FloatArray  # (n,), NaN unless time_to_event
    event: FloatArray  # (n,), NaN unless time_to_event

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", EndpointKind(self.kind))
        lengths = {len(self.value), len(self.time_days), len(self.event)}
        if len(lengths) != 1:
            raise ValueError(f"value, time_days and event differ in length: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.value)

    @property
    def known(self) -> BoolArray:
        """Which cases have a usable outcome, shape (n,)."""
        if self.kind is EndpointKind.TIME_TO_EVENT:
            return np.isfinite(self.time_days) & np.isfinite(self.event)
        return np.isfinite(self.value)

    @property
    def n_events(self) -> int | None:
        """Events of the kind of interest among known cases; None for durations, ordinals and continuous values."""
        if self.kind is EndpointKind.BINARY:
            return int(np.nansum(self.value))
        if self.kind is EndpointKind.TIME_TO_EVENT:
            return int(np.sum(self.event[self.known] == 1))
        return None

    def take(self, rows: npt.NDArray[Any]) -> Target:
        """The same endpoint for some rows (indices or a boolean mask)."""
        return Target(self.endpoint, self.kind, self.value[rows], self.time_days[rows], self.event[rows])

    @classmethod
    def binary(cls, endpoint: str, value: Sequence[float] | FloatArray) -> Target:
        y = np.asarray(value, dtype=float)
        empty = np.full(len(y), np.nan)
        return cls(endpoint, EndpointKind.BINARY, y, empty, empty.copy())

    @classmethod
    def survival(
        cls, endpoint: str, time_days: Sequence[float] | FloatArray, event: Sequence[float] | FloatArray
    ) -> Target:
        t, e = np.asarray(time_days, dtype=float), np.asarray(event, dtype=float)
        return cls(endpoint, EndpointKind.TIME_TO_EVENT, np.full(len(t), np.nan), t, e)


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
