"""The part of a study file about the search over params: how many trials, and between which values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from outcome.config.model import Model

Fusion = Literal["gated", "concat", "film", "daft", "attention", "low_rank"]
Tuning = Literal["full", "last_stage", "frozen"]
_Positive = Annotated[float, Field(gt=0)]
_Share = Annotated[float, Field(ge=0, lt=1)]
_Count = Annotated[int, Field(ge=1)]
_Leaves = Annotated[int, Field(ge=2)]
_Part = Annotated[float, Field(gt=0, le=1)]


class _Space(Model):
    """Params by name: (from, to) of a number, or the choices of a word; what is not named stays as it is."""

    @model_validator(mode="after")
    def _something_to_try(self) -> _Space:
        named = {name: values for name in type(self).model_fields if (values := getattr(self, name)) is not None}
        if not named:
            raise ValueError(f"nothing to search over, name some of: {', '.join(type(self).model_fields)}")
        for name, values in named.items():
            if len(set(values)) < len(values) or len(values) < 2:
                raise ValueError(f"{name}: at least two values, each once, found {list(values)}")
            if not isinstance(values[0], str) and values[0] > values[1]:
                raise ValueError(f"{name}: from the smaller to the larger value, found {list(values)}")
        return self

    @model_serializer(mode="wrap")
    def _named(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: values for name, values in write(self).items() if values is not None}


class NetworkSpace(_Space):
    """Of the fusion network, with images alone and with all blocks; not of the network in a stack."""

    learning_rate: tuple[_Positive, _Positive] | None = Field(default=None, description="[from, to], drawn by its log")
    weight_decay: tuple[_Positive, _Positive] | None = Field(default=None, description="[from, to], drawn by its log")
    block_dropout: tuple[_Share, _Share] | None = Field(default=None, description="[from, to]")
    epochs: tuple[_Count, _Count] | None = Field(default=None, description="[from, to]")
    fusion: tuple[Fusion, ...] | None = None
    tuning: tuple[Tuning, ...] | None = Field(default=None, description="needs network.weights")


class BoostingSpace(_Space):
    """Of the boosted trees."""

    rounds: tuple[_Count, _Count] | None = Field(default=None, description="[from, to]")
    leaves: tuple[_Leaves, _Leaves] | None = Field(default=None, description="[from, to]")
    min_leaf: tuple[_Count, _Count] | None = Field(default=None, description="[from, to], cases in a leaf")


class ForestSpace(_Space):
    """Of the random forest."""

    trees: tuple[_Count, _Count] | None = Field(default=None, description="[from, to]")
    min_leaf: tuple[_Count, _Count] | None = Field(default=None, description="[from, to], cases in a leaf")
    feature_share: tuple[_Part, _Part] | None = Field(default=None, description="[from, to], of the columns at a split")


class Over(Model):
    """The families that are searched, each with its params."""

    fusion: NetworkSpace | None = None
    boosting: BoostingSpace | None = None
    forest: ForestSpace | None = None

    @model_validator(mode="after")
    def _some_family(self) -> Over:
        if not self.families:
            raise ValueError(f"no family to search, name some of: {', '.join(type(self).model_fields)}")
        return self

    @model_serializer(mode="wrap")
    def _named(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: space for name, space in write(self).items() if space is not None}

    @property
    def families(self) -> tuple[str, ...]:
        """The families that are named."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) is not None)


class Search(Model):
    """Trials of params inside the training cases of each fit; the first ones are the params as they stand."""

    trials: int = Field(ge=2, le=1000, description="for each rung of a family named in `over`; each costs its fits")
    minutes: float | None = Field(
        default=None, gt=0, description="after so long no further trial of a rung begins; the result then depends on "
        "the machine; default: no limit"
    )  # fmt: skip
    over: Over

    @model_serializer(mode="wrap")
    def _stated(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `minutes` where it is not asked for."""
        written: dict[str, Any] = write(self)
        return {name: value for name, value in written.items() if name != "minutes" or value is not None}
