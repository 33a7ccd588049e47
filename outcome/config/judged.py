"""What every score says of itself, whether it stands in the record or is computed: its label and where it is judged."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from outcome.config.model import Model

EndpointName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Judged(Model):
    """A score that is compared on one endpoint or on several."""

    label: str = ""
    endpoint: EndpointName | None = None
    endpoints: tuple[EndpointName, ...] = ()

    @model_validator(mode="after")
    def _one_place(self) -> Judged:
        if (self.endpoint is None) == (not self.endpoints):
            raise ValueError("exactly one of endpoint and endpoints is needed")
        return self

    @property
    def judged_on(self) -> tuple[str, ...]:
        """The endpoints that it is compared on."""
        return self.endpoints if self.endpoint is None else (self.endpoint,)
