"""What is to be predicted, as a study file writes it, and each endpoint's definition in plain words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from outcome.config.conditions import Condition, spoken
from outcome.config.model import Model

Days = Annotated[float, Field(gt=0, le=36525)]
TimeUnit = Literal["days", "weeks", "months", "years"]
DAYS_PER_UNIT: dict[str, float] = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}


class Part(Condition):
    """One condition of a composite endpoint, reported by its label."""

    label: str = ""

    @property
    def title(self) -> str:
        return self.label or self.words


class AlivePart(Model):
    """Alive at a day after surgery; a case whose follow-up ended before that day is unknown, not alive."""

    alive_at_days: Days
    time: str = Field(min_length=1, description="days from surgery to death or last contact")
    event: Condition = Field(description="true where the time is that of the death")
    label: str = ""

    @property
    def words(self) -> str:
        return f"alive {self.alive_at_days:g} days after surgery"

    @property
    def title(self) -> str:
        return self.label or self.words


def _part_kind(data: Any) -> str:
    alive = "alive_at_days" in data if isinstance(data, dict) else isinstance(data, AlivePart)
    return "alive" if alive else "condition"


AnyPart = Annotated[
    Annotated[Part, Tag("condition")] | Annotated[AlivePart, Tag("alive")], Discriminator(_part_kind)
]  # fmt: skip


class _Endpoint(Model):
    label: str = ""
    favourable: bool = Field(default=False, description="true where the event, or a larger value, is the good outcome")
    note: str = Field(default="", description="the rule for special cases; becomes part of the definition")

    def _with_note(self, words: str) -> str:
        return f"{words}. {self.note.strip()}" if self.note.strip() else words


class BinaryEndpoint(_Endpoint):
    """Yes or no: one event, or a composite in which all or any of the parts must hold."""

    kind: Literal["binary"]
    event: Condition | None = None
    all_of: tuple[AnyPart, ...] | None = Field(default=None, min_length=2)
    any_of: tuple[AnyPart, ...] | None = Field(default=None, min_length=2)
    horizon_days: Days | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> BinaryEndpoint:
        given = [name for name in ("event", "all_of", "any_of") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of event, all_of, any_of is needed, found {', '.join(given) or 'none'}")
        return self

    @property
    def parts(self) -> tuple[Part | AlivePart, ...]:
        """The parts of a composite; empty for a single event."""
        return self.all_of or self.any_of or ()

    @property
    def definition(self) -> str:
        if self.event is not None:
            words = self.event.words
        else:
            words = f"{'all' if self.all_of else 'any'} of: " + "; ".join(part.title for part in self.parts)
        within = f", within {self.horizon_days:g} days after surgery" if self.horizon_days else ""
        return self._with_note(words + within)


class TimeToEventEndpoint(_Endpoint):
    """Time from surgery, or from what `time_from` says, to an event, with censoring and a competing event if given."""

    kind: Literal["time_to_event"]
    time: str = Field(min_length=1, description="time from surgery to the event or to last contact")
    time_from: str = Field(default="surgery", min_length=1, description="what the time is counted from, in words")
    time_unit: TimeUnit = "days"
    event: Condition
    competing: Condition | None = None
    horizons_days: tuple[Days, ...] = Field(min_length=1)

    @property
    def definition(self) -> str:
        words = f"time from {self.time_from} to: {self.event.words}; censored at last contact ({spoken(self.time)})"
        rival = f"; competing event: {self.competing.words}" if self.competing else ""
        days = ", ".join(f"{day:g}" for day in self.horizons_days)
        return self._with_note(f"{words}{rival}; risk stated at {days} days")


class DurationEndpoint(_Endpoint):
    """A length of time that ended for every case, such as length of stay."""

    kind: Literal["duration"]
    variable: str = Field(min_length=1)
    unit: TimeUnit = "days"

    @property
    def definition(self) -> str:
        return self._with_note(f"{spoken(self.variable)}, in {self.unit}")


class OrdinalEndpoint(_Endpoint):
    """A graded outcome; the grade's rank is the order of the choices in the dictionary, from 0."""

    kind: Literal["ordinal"]
    variable: str = Field(min_length=1)

    @property
    def definition(self) -> str:
        return self._with_note(f"{spoken(self.variable)}, graded by the order of its choices (lowest 0)")


class ContinuousEndpoint(_Endpoint):
    """A measured outcome, in the variable's unit."""

    kind: Literal["continuous"]
    variable: str = Field(min_length=1)

    @property
    def definition(self) -> str:
        return self._with_note(f"{spoken(self.variable)}, in the unit of the dictionary")


Endpoint = Annotated[
    BinaryEndpoint | TimeToEventEndpoint | DurationEndpoint | OrdinalEndpoint | ContinuousEndpoint,
    Field(discriminator="kind"),
]
