"""What a model is compared with: the one number to beat, published scores, clinicians' own estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from outcome.config.computed_score import ComputedScore
from outcome.config.judged import EndpointName, Judged
from outcome.config.model import Model

StatedScale = Literal["risk", "percent", "points"]
_RISKS = ("risk", "percent")
_WITH_RISK = ("binary", "time_to_event")


class Comparator(Model):
    """The one number that any model has to beat, such as tumour size."""

    variable: str = Field(min_length=1)
    label: str = ""


class PublishedScore(Judged):
    """A score that others published, as it stands in the record. A risk is that of the endpoint's event, of a
    time-to-event endpoint by its first horizon.
    """

    variable: str = Field(min_length=1)
    source: str = Field(min_length=1, description="the publication")
    scale: StatedScale = Field(description="risk: 0 to 1; percent: 0 to 100; points: it only ranks")
    higher_is: Literal["riskier", "safer"] = Field(default="riskier", description="points only")

    @model_validator(mode="after")
    def _risk_rises(self) -> PublishedScore:
        if self.scale in _RISKS and self.higher_is == "safer":
            raise ValueError("a risk is higher where the event is likelier: higher_is: safer belongs to scale: points")
        return self


class MeasuredScore(Judged):
    """One measure of a region that stands by itself, as a rival: it ranks cases, and nothing is fitted."""

    feature: str = Field(
        pattern=r"^radiomics:[^.]+\..+$",
        description="radiomics:<region>.<tag>, as in the features stage (docs/features.md)",
    )
    source: str = Field(min_length=1, description="the publication that ranks by it")
    higher_is: Literal["riskier", "safer"] = "riskier"

    @property
    def scale(self) -> StatedScale:
        """A measure is no risk."""
        return "points"


def _score_kind(data: Any) -> str:
    if isinstance(data, dict):
        return "computed" if "score" in data else "measured" if "feature" in data else "recorded"
    if isinstance(data, ComputedScore):
        return "computed"
    return "measured" if isinstance(data, MeasuredScore) else "recorded"


Score = Annotated[
    Annotated[PublishedScore, Tag("recorded")]
    | Annotated[ComputedScore, Tag("computed")]
    | Annotated[MeasuredScore, Tag("measured")],
    Discriminator(_score_kind),
]


class Reader(Model):
    """A clinician's estimate of one endpoint, stated before surgery; higher means that the event is likelier."""

    variable: str = Field(min_length=1)
    label: str = ""
    endpoint: EndpointName
    scale: StatedScale = Field(description="risk: 0 to 1; percent: 0 to 100; points: it only ranks")


def refuse_unfit(endpoints: Mapping[str, Any], scores: Sequence[Score], readers: Sequence[Reader]) -> None:
    """Raise ValueError where scores or readers speak of an endpoint that the study does not have, or of its risk where
    it has none.
    """
    places = [(f"scores[{k}]", name, score.scale) for k, score in enumerate(scores) for name in score.judged_on]
    places += [(f"readers[{k}]", reader.endpoint, reader.scale) for k, reader in enumerate(readers)]
    for place, name, scale in places:
        if name not in endpoints:
            raise ValueError(f"{place} names {name!r}, which is no endpoint ({', '.join(endpoints)})")
        if scale in _RISKS and endpoints[name].kind not in _WITH_RISK:
            raise ValueError(f"{place} states a risk, and {name} is {endpoints[name].kind}: write scale: points")
    for k, score in enumerate(scores):
        successes = [name for name in score.judged_on if endpoints[name].favourable]
        if isinstance(score, ComputedScore) and score.scale in _RISKS and successes:
            raise ValueError(
                f"scores[{k}] states the risk of a harm, and {successes[0]} is a success: write scale: points"
            )


def refuse_uncrossable(crossed: Sequence[tuple[str, str]], variables: Sequence[str]) -> None:
    """Raise ValueError for a pair that is not of two different variables, each of them one subgroup."""
    for pair in crossed:
        if pair[0] == pair[1] or any(variables.count(name) != 1 for name in pair):
            raise ValueError(f"crossed names {' and '.join(pair)}; expected two variables that stand once in subgroups")
