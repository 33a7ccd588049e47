"""The study as a whole, and its smaller parts: masks, inclusion, partitions, subgroups, comparator, training."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from outcome.config.comparison import Comparator, PublishedScore, Reader, refuse_uncrossable, refuse_unfit
from outcome.config.conditions import Condition
from outcome.config.endpoints import BinaryEndpoint, Endpoint, TimeToEventEndpoint
from outcome.config.model import Model
from outcome.config.reporting import Reporting
from outcome.config.table import TableSource, refuse_outside

ROW_NUMBER = "@row"
CASE_PLACE = "{case_id}"
_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@/\s]*@")


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

    Cases it learns from get masks by cross-fitting: each from a network that never saw that patient.
    """

    network: Literal["unet_2d", "unet_3d"] = "unet_3d"
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


class ImageBlocks(Model):
    """The block of tissue around a region that image networks read, cut along the patient's x, y and z axes."""

    sequences: dict[Name, Scale] = Field(min_length=1, description="image name: how its intensities are scaled")
    region: Name
    size: _Sizes = (32, 32, 32)
    extent: _Lengths = Field(default=(96.0, 96.0, 96.0), description="mm; voxels where mask.units_mm is false")


class Network(Model):
    """The fusion network: what reads the images, how the blocks are joined, and how long it learns."""

    encoder: str = Field(default="resnet_3d", description="resnet_3d (MONAI), or timm:NAME for slices in three planes")
    fusion: Literal["gated", "concat"] = "gated"
    survival_head: Literal["cox", "discrete_time"] = "cox"
    epochs: int = Field(default=12, ge=1)
    batch: int = Field(default=16, ge=2)
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    block_dropout: float = Field(default=0.2, ge=0, lt=1)
    refits: int = Field(default=5, ge=0, le=200, description="refits on resampled patients behind a risk's interval")
    endpoints: tuple[Name, ...] | None = Field(default=None, description="offer it for these alone; default: for all")


class InclusionCriterion(Condition):
    """A condition that every case of the cohort meets; `reason` stands in the participant flow."""

    reason: str = ""

    @property
    def title(self) -> str:
        return self.reason or self.words


class Partition(Model):
    """A named part of the cases and how it stands to development. Without `where` it holds every case."""

    label: str = ""
    relation: Literal["development", "temporal", "geographic", "external"]
    where: tuple[Condition, ...] = ()


class Subgroup(Model):
    """A variable whose groups are reported apart; numbers are cut at the given points (each belongs to the upper)."""

    variable: str = Field(min_length=1)
    cut: tuple[float, ...] = ()
    label: str = ""

    @model_validator(mode="after")
    def _rising(self) -> Subgroup:
        if list(self.cut) != sorted(set(self.cut)):
            raise ValueError(f"cut points must rise, found {list(self.cut)}")
        return self


class Harmonise(Model):
    """Columns of several sites or scanners on one scale (ComBat), beside doing nothing, inside the training folds."""

    by: str = Field(min_length=1, description="`site`, or a categorical variable known before surgery: the scanner")
    covariates: tuple[str, ...] = Field(default=(), description="numeric or yes/no predictors whose effect is kept")
    blocks: tuple[Name, ...] = Field(default=("radiomics",), min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> Harmonise:
        if self.by in self.covariates:
            raise ValueError(f"{self.by} makes the batches and cannot be a covariate")
        return self

    @property
    def variable(self) -> str | None:
        """The variable that makes the batches; None for the site."""
        return None if self.by == "site" else self.by


class Training(Model):
    """How models are trained. The defaults suit a few hundred cases."""

    seed: int = Field(default=7, ge=0)
    outer_folds: int = Field(default=5, ge=2, le=20)
    inner_folds: int = Field(default=3, ge=2, le=20)
    inner_repeats: int = Field(default=1, ge=1, le=20, description="more make the choice of model steadier, and cost")
    bootstraps: int = Field(default=50, ge=0, le=2000)
    min_events: int = Field(default=10, ge=2)
    few_events: int = Field(default=20, ge=2)
    families: tuple[Literal["ridge", "elastic_net", "forest", "boosting", "fusion"], ...] = Field(
        default=("ridge", "elastic_net", "forest", "boosting", "fusion"),
        min_length=1,
        description="fusion needs image_blocks and is left out without them",
    )
    network: Network = Network()
    harmonise: Harmonise | None = Field(default=None, description="default: nothing is harmonised")

    @model_serializer(mode="wrap")
    def _stated(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `harmonise` where there is none: studies that do not ask for it keep their keys."""
        written: dict[str, Any] = write(self)
        return {name: value for name, value in written.items() if name != "harmonise" or value is not None}


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


class Radiomics(Model):
    """What is measured of each region: families of the files as they are, and profiles with settings of their own."""

    families: tuple[Literal["shape", "intensity"], ...] = ("shape", "intensity")
    profiles: dict[Name, RadiomicsProfile] = Field(default_factory=dict)
    stability: Stability | None = Field(default=None, description="default: nothing is measured again")


class Study(Model):
    """One study: one hospital's, or one public data set's, cases for one purpose."""

    schema_version: Literal[1]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="becomes a folder name")
    title: str = Field(min_length=1)
    procedure: str = ""
    notes: tuple[str, ...] = Field(default=(), description="what a reader must know about these data; leads the report")
    root: Path = Field(default=Path("."), description="the folder of table and images; ${VAR} is expanded")
    dictionary: Path = Field(description="the data dictionary, relative to the study file")
    table: TableSource
    case_id: str = Field(min_length=1, description="the variable that names the case, or '@row' for the row number")
    patient_id: str | None = Field(default=None, description="default: every case is a patient of its own")
    site: str | None = Field(default=None, description="default: one site, called by the study's name")
    index_time: str | None = Field(default=None, description="the date variable of the start of surgery")
    images: dict[Name, Pattern] = Field(default_factory=dict)
    mask: MaskSource | None = None
    segmenter: Segmenter | None = Field(default=None, description="default: the given masks are used")
    image_blocks: ImageBlocks | None = None
    inclusion: tuple[InclusionCriterion, ...] = ()
    endpoints: dict[Name, Endpoint] = Field(min_length=1)
    partitions: dict[Name, Partition] = Field(
        default={"development": Partition(label="All cases", relation="development")}, min_length=1
    )
    subgroups: tuple[Subgroup, ...] = ()
    crossed: tuple[tuple[str, str], ...] = Field(default=(), description="pairs of subgroup variables to combine")
    comparator: Comparator | None = None
    scores: tuple[PublishedScore, ...] = ()
    readers: tuple[Reader, ...] = ()
    readers_are: Literal["random", "fixed"] = Field(
        default="random", description="random: the answer is for clinicians like these; fixed: for exactly these"
    )
    training: Training = Training()
    radiomics: Radiomics = Radiomics()
    reporting: Reporting = Reporting()

    @model_validator(mode="after")
    def _mask_is_on_an_image(self) -> Study:
        if self.mask is not None and self.mask.on is not None and self.mask.on not in self.images:
            raise ValueError(f"mask.on names {self.mask.on!r}, which is not a key of images ({', '.join(self.images)})")
        return self

    @model_validator(mode="after")
    def _image_parts_fit(self) -> Study:
        named = [*(self.image_blocks.sequences if self.image_blocks else ()), *(self.mask.others if self.mask else ())]
        absent = sorted(set(named) - set(self.images))
        if absent:
            raise ValueError(f"{', '.join(absent)} is not a key of images ({', '.join(self.images)})")
        if self.image_blocks and (self.mask is None or self.image_blocks.region not in self.mask.regions):
            raise ValueError(f"image_blocks.region names {self.image_blocks.region!r}, which is no region of mask")
        strangers = sorted(set(self.training.network.endpoints or ()) - set(self.endpoints))
        if strangers:
            raise ValueError(f"training.network.endpoints names {', '.join(strangers)}, which is no endpoint")
        if self.segmenter and (self.mask is None or self.mask.on is None):
            raise ValueError("segmenter needs mask.on, the image that the network reads")
        return self

    @model_validator(mode="after")
    def _profiles_fit(self) -> Study:
        profiles = self.radiomics.profiles
        absent = sorted({profile.image for profile in profiles.values()} - set(self.images))
        if absent:
            raise ValueError(
                f"radiomics.profiles names {', '.join(absent)}, which is no key of images ({', '.join(self.images)})"
            )
        if profiles and self.mask is None:
            raise ValueError("radiomics.profiles needs mask, the regions to measure")
        return self

    @model_validator(mode="after")
    def _no_outcome_is_harmonised_by(self) -> Study:
        made_of = {name for endpoint in self.endpoints.values() for name in endpoint_variables(endpoint)}
        harmonise = self.training.harmonise
        outcomes = [] if harmonise is None else sorted(made_of & {harmonise.by, *harmonise.covariates})
        if outcomes:
            raise ValueError(f"training.harmonise names {', '.join(outcomes)}, of which an endpoint is made")
        return self

    @model_validator(mode="after")
    def _comparisons_fit(self) -> Study:
        refuse_unfit(self.endpoints, self.scores, self.readers)
        refuse_uncrossable(self.crossed, [group.variable for group in self.subgroups])
        return self

    def resolved(self) -> dict[str, Any]:
        """The study with every default filled in, as JSON; without its root, machine paths or passwords."""
        document = self.model_dump(mode="json", exclude={"root", "dictionary"})
        document["dictionary"] = self.dictionary.name
        if self.table.url:
            document["table"]["url"] = _PASSWORD.sub(r"\1:***@", self.table.url)
        return document

    def variables_used(self) -> list[tuple[str, str]]:
        """Every variable the study names with the place where it stands, in file order."""
        return list(_variables_used(self))


def _variables_used(study: Study) -> Iterable[tuple[str, str]]:
    for place in ("case_id", "patient_id", "site", "index_time"):
        name = getattr(study, place)
        if name and name != ROW_NUMBER:
            yield place, name
    for number, criterion in enumerate(study.inclusion):
        yield f"inclusion[{number}]", criterion.variable
    for key, endpoint in study.endpoints.items():
        yield from ((f"endpoints.{key}", name) for name in endpoint_variables(endpoint))
    for key, partition in study.partitions.items():
        yield from ((f"partitions.{key}", condition.variable) for condition in partition.where)
    yield from ((f"subgroups[{number}]", group.variable) for number, group in enumerate(study.subgroups))
    if study.comparator:
        yield "comparator", study.comparator.variable
    yield from ((f"scores[{number}]", score.variable) for number, score in enumerate(study.scores))
    if study.training.harmonise:
        named = (study.training.harmonise.variable, *study.training.harmonise.covariates)
        yield from (("training.harmonise", name) for name in named if name)
    yield from ((f"readers[{number}]", reader.variable) for number, reader in enumerate(study.readers))


def endpoint_variables(endpoint: Any) -> list[str]:
    """The variables an endpoint is made of, each once, in the order they are named."""
    conditions: list[Any] = [endpoint]
    if isinstance(endpoint, BinaryEndpoint):
        conditions = [endpoint.event, *endpoint.parts]
    elif isinstance(endpoint, TimeToEventEndpoint):
        conditions = [endpoint, endpoint.competing]
    names = [name for condition in conditions if condition is not None for name in _names(condition)]
    return list(dict.fromkeys(names))


def _names(part: Any) -> list[str]:
    """The variables of a condition, or of anything with a time and an event."""
    return [part.variable] if hasattr(part, "variable") else [part.time, part.event.variable]
