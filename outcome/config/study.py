"""The study as a whole, and its smaller parts: inclusion, partitions, subgroups."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from outcome.config.comparison import Comparator, MeasuredScore, Reader, Score, refuse_uncrossable, refuse_unfit
from outcome.config.computed_score import ComputedScore
from outcome.config.conditions import Condition
from outcome.config.endpoints import BinaryEndpoint, Endpoint, TimeToEventEndpoint
from outcome.config.imaging import ImageBlocks, MaskSource, Name, Pattern, Radiomics, Segmenter
from outcome.config.model import Model
from outcome.config.reporting import Reporting
from outcome.config.table import TableSource
from outcome.config.training import Training, refuse_unfit_joint

ROW_NUMBER = "@row"
_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@/\s]*@")


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
    scores: tuple[Score, ...] = ()
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
        refuse_unfit_joint(self.training.network, {name: endpoint.kind for name, endpoint in self.endpoints.items()})
        if self.segmenter and not self.segmenter.only_keeps and (self.mask is None or self.mask.on is None):
            raise ValueError("segmenter needs mask.on, the image that the network reads")
        unread = sorted(set(self.segmenter.images if self.segmenter else ()) - set(self.images))
        if unread:
            raise ValueError(f"segmenter.images names {', '.join(unread)}, which is no key of images")
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
    def _placement_fits(self) -> Study:
        asked, regions = self.radiomics.placement, self.mask.regions if self.mask else {}
        absent = [name for name in (asked.lesion, asked.organ, *asked.parts) if name not in regions] if asked else []
        if absent:
            named = ", ".join(regions) or "there is no mask"
            raise ValueError(f"radiomics.placement names {', '.join(absent)}, which is no region of mask ({named})")
        return self

    @model_validator(mode="after")
    def _sites_are_told_apart(self) -> Study:
        if self.training.internal_external and self.site is None:
            raise ValueError("training.internal_external needs site, the variable that names each case's hospital")
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
        if self.segmenter is not None:
            document["segmenter"] = self.segmenter.stated()
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
    for number, score in enumerate(study.scores):
        yield from _variables_of_score(f"scores[{number}]", score)
    if study.training.harmonise:
        named = (study.training.harmonise.variable, *study.training.harmonise.covariates)
        yield from (("training.harmonise", name) for name in named if name)
    yield from ((f"readers[{number}]", reader.variable) for number, reader in enumerate(study.readers))


def _variables_of_score(place: str, score: Score) -> Iterable[tuple[str, str]]:
    if isinstance(score, ComputedScore):
        return ((f"{place}.{part}", name) for part, name in score.variables)
    return () if isinstance(score, MeasuredScore) else ((place, score.variable),)


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
