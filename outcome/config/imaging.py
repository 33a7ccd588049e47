"""The part of a study file about images: masks, who draws them, what is measured of them, what networks read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from outcome.config.model import Model
from outcome.config.table import refuse_outside

CASE_PLACE = "{case_id}"


def _case_pattern(pattern: str) -> str:
    if CASE_PLACE not in pattern:
        raise ValueError(f"the pattern must contain {CASE_PLACE}, found {pattern!r}")
    refuse_outside(pattern)
    return pattern


Pattern = Annotated[str, AfterValidator(_case_pattern)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class MaskSource(Model):
    """Where the given masks stand and what their labels mean."""

    pattern: Pattern
    on: str | None = Field(default=None, description="the image the mask was drawn on, a key of images")
    regions: dict[Name, Annotated[int, Field(ge=1, le=65535)]] = Field(min_length=1)
    units_mm: bool = Field(default=True, description="false where no voxel spacing was published")
    others: dict[Name, Pattern] = Field(
        default_factory=dict, description="masks of the same regions drawn on other images, by image name"
    )

    @model_validator(mode="after")
    def _distinct_labels(self) -> MaskSource:
        if len(set(self.regions.values())) != len(self.regions):
            raise ValueError("two regions share a label")
        return self


Scale = Literal["hu", "z_score"]
_Sizes = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
_Lengths = tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]


class Segmenter(Model):
    """The network that draws the masks, learned from the given masks of the development cases.

    Cases it learns from get masks by cross-fitting: each from a network that never saw that patient. With `model` a
    finished one draws every mask instead (`segmentation train`): it must not have learned from any case of the study.
    """

    model: Path | None = Field(default=None, description="a finished model's file, relative to the study file")
    images: tuple[Name, ...] = Field(default=(), description="what it reads, in its order; default: mask.on alone")
    network: str = Field(default="unet_3d", description="`segmentation networks` lists them")
    intensity: Scale = "hu"
    voxel: _Lengths | None = Field(default=None, description="x, y, z to resample to (mm); default: as the files are")
    patch: _Sizes = Field(default=(64, 64, 64), description="voxels that a training step sees, along x, y, z")
    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(16, 32, 64, 128), min_length=2)
    neighbours: int = Field(default=1, ge=0, le=5, description="unet_2d: slices seen on either side")
    steps: int = Field(default=1000, ge=1)
    batch: int = Field(default=4, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    folds: int = Field(default=3, ge=2, le=20)
    cases_at_most: int | None = Field(default=None, ge=4, description="learn from so many cases only")
    plan: dict[str, Any] = Field(
        default_factory=dict, description="further fields of a plan (docs/training.md): loss, augmentation, refine, ..."
    )
    masks: int = Field(default=0, ge=0, le=100, description="keep so many masks of each case for `--outlines`; 0: none")

    @model_validator(mode="after")
    def _finished_or_learned(self) -> Segmenter:
        beside = sorted(self.model_fields_set - {"model", "images", "masks"})
        if self.model is not None and beside:
            raise ValueError(f"a finished model takes no settings of training, found {', '.join(beside)}")
        return self

    @property
    def only_keeps(self) -> bool:
        """Whether the study file says no more than how many masks to keep: of a bundle's network."""
        return self.model_fields_set == {"masks"}

    def keeping(self, masks: int) -> Segmenter:
        """The same network, with so many masks of each case kept."""
        return self.model_copy(update={"masks": masks})

    def stated(self) -> dict[str, Any]:
        """It as JSON with every default that it uses, so that it can be read again: `masks` only where some are kept,
        and of a finished model nothing that would train it."""
        document = self.model_dump(mode="json")
        unused = set() if self.masks else {"masks"}
        if self.model is not None:
            document["model"] = self.model.name
            unused |= set(document) - {"model", "images", "masks"}
        return {name: value for name, value in document.items() if name not in unused}


class ImageBlocks(Model):
    """The block of tissue around a region that image networks read, cut along the patient's x, y and z axes."""

    sequences: dict[Name, Scale] = Field(min_length=1, description="image name: how its intensities are scaled")
    region: Name
    size: _Sizes = (32, 32, 32)
    extent: _Lengths = Field(default=(96.0, 96.0, 96.0), description="mm; voxels where mask.units_mm is false")


class RadiomicsProfile(Model):
    """One way to measure an image: its features are called `<region>.<profile>.<tag>`."""

    image: Name = Field(description="a key of images; one with masks of its own is measured there")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="as in the files of `segmentation radiomics --settings` (docs/radiomics.md)"
    )


class Stability(Model):
    """Some development cases are measured again, and training leaves out what agrees too little with itself."""

    perturbations: int = Field(default=10, ge=2, le=100, description="how often each of these cases is measured again")
    cases: int = Field(default=20, ge=2, description="so many development cases at most, whole patients by lot")
    least: float = Field(default=0.75, ge=0, le=1, description="of the intraclass correlation's lower 95 % limit")


class Placement(Model):
    """Where a lesion lies in its organ: depth, contact, height, R.E.N.A.L. points (docs/radiomics.md)."""

    lesion: Name
    organ: Name
    parts: tuple[Name, ...] = Field(default=(), description="further regions that belong to the organ, such as cysts")

    @model_validator(mode="after")
    def _different_regions(self) -> Placement:
        named = [self.lesion, self.organ, *self.parts]
        if len(set(named)) < len(named):
            raise ValueError(f"lesion, organ and parts are different regions, found {', '.join(named)}")
        return self


class Radiomics(Model):
    """What is measured of each region: families of the files as they are, and profiles with settings of their own."""

    families: tuple[Literal["shape", "intensity"], ...] = ("shape", "intensity")
    profiles: dict[Name, RadiomicsProfile] = Field(default_factory=dict)
    stability: Stability | None = Field(default=None, description="default: nothing is measured again")
    placement: Placement | None = Field(default=None, description="default: no lesion's place is measured")

    @model_serializer(mode="wrap")
    def _stated(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `placement` where none is asked for: studies that do not name it keep their keys."""
        written: dict[str, Any] = write(self)
        return {name: value for name, value in written.items() if name != "placement" or value is not None}
