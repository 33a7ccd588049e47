"""A published score that the program computes: which variables of the record are its inputs, and what counts as yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from outcome.config.conditions import Condition
from outcome.config.judged import Judged
from outcome.config.model import Model
from outcome.dictionary.nearest import nearest
from outcome.scores import SCORES, SEPARATORS, MissingRule, ScoreDefinition, item_problem, rule_problem


def _input_kind(data: Any) -> str:
    return "variable" if isinstance(data, str) else "condition"


ScoreInput = Annotated[
    Annotated[str, Field(min_length=1), Tag("variable")] | Annotated[Condition, Tag("condition")],
    Discriminator(_input_kind),
]


class CodeList(Model):
    """The variable that lists a case's ICD-10 codes in one text."""

    variable: str = Field(min_length=1)
    separators: str = Field(default=SEPARATORS, min_length=1, description="every character of it separates two codes")
    empty: Literal["not_known", "no_codes"] = Field(
        default="not_known", description="what an empty list means; no_codes: the case has none of the conditions"
    )


class ComputedScore(Judged):
    """A published score by name, with the variable or condition of each input (docs/scores.md lists them)."""

    score: str = Field(description=f"one of {', '.join(SCORES)}")
    inputs: Mapping[str, ScoreInput] = Field(
        default_factory=dict, description="input to a variable, or to a condition that means yes"
    )
    codes: CodeList | None = Field(default=None, description="ICD-10 codes instead of the yes/no inputs")
    without: tuple[str, ...] = Field(default=(), description="inputs that the record lacks: absent in every case")
    missing: MissingRule | None = Field(default=None, description="default: the score's own rule (docs/scores.md)")
    scale: Literal["risk", "points"] = Field(default="points", description="risk: the published event rate")

    @model_validator(mode="after")
    def _fits_the_score(self) -> ComputedScore:
        if self.score not in SCORES:
            raise ValueError(f"no score is called {self.score!r}, {nearest(self.score, SCORES)}")
        problem = self._input_problem() or self._kind_problem()
        if problem:
            raise ValueError(f"{self.score}: {problem}")
        return self

    @property
    def definition(self) -> ScoreDefinition:
        """The score's items, points and publication."""
        return SCORES[self.score]

    @property
    def rule(self) -> MissingRule:
        """What becomes of a case of which an input is not known."""
        return self.definition.missing if self.missing is None else self.missing

    @property
    def source(self) -> str:
        """The publication of the points, and that of the codes where those are read."""
        cited = self.definition.citation
        return f"{cited}; codes: {self.definition.code_citation}" if self.codes else cited

    @property
    def variables(self) -> tuple[tuple[str, str], ...]:
        """(place, variable) of everything that it reads."""
        read = tuple((f"inputs.{name}", named(source)) for name, source in self.inputs.items())
        return (*read, ("codes", self.codes.variable)) if self.codes else read

    def _input_problem(self) -> str:
        score, given = self.definition, tuple(self.inputs)
        if self.codes is None:
            return item_problem(score, given, self.without) or rule_problem(score, self.rule)
        if not score.reads_codes:
            return "it cannot be read from ICD-10 codes; name its inputs"
        twice = [name for name in (*given, *self.without) if name in score.yes_no]
        if twice:
            return f"codes tells {', '.join(twice)} already; take it out of inputs and without, or codes away"
        return item_problem(score, (*given, *score.yes_no), self.without) or rule_problem(score, self.rule)

    def _kind_problem(self) -> str:
        for name, source in self.inputs.items():
            if not isinstance(source, str) and self.definition[name].needed:
                return f"{name} needs a variable, not a condition"
        if self.scale == "risk" and not self.definition.risk:
            return "no event rates were published for its points: write scale: points"
        return ""


def named(source: str | Condition) -> str:
    """The variable that an input reads."""
    return source if isinstance(source, str) else source.variable
