"""One comparison of one variable, as a study file writes it: `{variable: age, at_least: 18}`."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from outcome.config.model import Model


def _plain(value: Any) -> Any:
    """YAML reads an unquoted 2024-05-01 as a date; everywhere else dates are ISO text."""
    return value.isoformat() if isinstance(value, datetime.date) else value


Value = Annotated[bool | int | float | str, BeforeValidator(_plain)]

_WORDS = {
    "equals": "is {}",
    "not_equals": "is not {}",
    "at_least": "at least {}",
    "at_most": "at most {}",
    "above": "above {}",
    "below": "below {}",
}
COMPARISONS = (*_WORDS, "between", "one_of", "missing")


class Condition(Model):
    """A comparison that is true, false or unknown for a case; exactly one comparison key is given.

    Numbers compare by value, categories by the order of their choices, text and dates as text.
    `between` includes both ends. `missing` alone is never unknown.
    """

    variable: str = Field(min_length=1, description="the variable's name in the data dictionary")
    equals: Value | None = None
    not_equals: Value | None = None
    at_least: Value | None = None
    at_most: Value | None = None
    above: Value | None = None
    below: Value | None = None
    between: tuple[Value, Value] | None = None
    one_of: tuple[Value, ...] | None = Field(default=None, min_length=1)
    missing: bool | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Condition:
        given = [name for name in COMPARISONS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of {', '.join(COMPARISONS)} is needed, found {', '.join(given) or 'none'}")
        return self

    @property
    def comparison(self) -> tuple[str, Any]:
        """The comparison's name and what is compared with."""
        return next((name, getattr(self, name)) for name in COMPARISONS if getattr(self, name) is not None)

    @property
    def words(self) -> str:
        """The condition in plain words, with the variable's name."""
        name, value = self.comparison
        variable = spoken(self.variable)
        if name == "missing":
            return f"{variable} {'not recorded' if value else 'recorded'}"
        if name == "between":
            return f"{variable} from {_say(value[0])} to {_say(value[1])}"
        if name == "one_of":
            return f"{variable} one of {', '.join(map(_say, value))}"
        return f"{variable} {_WORDS[name].format(_say(value))}"


def spoken(variable: str) -> str:
    """A variable's name as it is read aloud."""
    return variable.replace("_", " ")


def _say(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
