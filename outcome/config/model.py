"""The base of every part of a study file: frozen, and an unknown key is refused with the nearest known one."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from outcome.dictionary.nearest import nearest


class Model(BaseModel):
    """A part of a study file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, data: Any) -> Any:
        unknown = [str(key) for key in data if key not in cls.model_fields] if isinstance(data, dict) else []
        if unknown:
            hints = "; ".join(f"unknown key {key!r}, {nearest(key, cls.model_fields)}" for key in unknown)
            raise PydanticCustomError("unknown_key", "{hints}", {"hints": hints})
        return data
