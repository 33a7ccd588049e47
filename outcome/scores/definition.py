"""What a published score is: its items, points, range, source, and what it does where an item is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import pandas as pd

from outcome.types import FloatArray

CODES = "codes"  # the input that stands for every yes/no item of a score that can be read from lists of ICD-10 codes

Points = Callable[[pd.DataFrame], FloatArray]
Conditions = Mapping[str, tuple[str, ...]]  # an item and the beginnings of the codes that mean it


class ItemKind(StrEnum):
    """How an item is coded: yes/no as 1 and 0, an age in years, an ASA class as 1 to 5; NaN is not known."""

    YES_NO = "yes_no"
    AGE = "age_years"
    ASA_CLASS = "asa_class"


class MissingRule(StrEnum):
    """What becomes of a case of which some yes/no item is not known.

    `no_score`: it has none. `absent`: the item counts as "no". `of_known`: the share of the known items is taken. An
    item that a score cannot do without (an age, a class) leaves a case without a score under every rule.
    """

    NO_SCORE = "no_score"
    ABSENT = "absent"
    OF_KNOWN = "of_known"


MISSING_WORDS: Mapping[MissingRule, str] = {
    MissingRule.NO_SCORE: "a case of which an item is not known has no score",
    MissingRule.ABSENT: "an item that is not known counts as absent",
    MissingRule.OF_KNOWN: "the score is the share of the items that are known",
}


@dataclass(frozen=True)
class Item:
    """One thing that a score asks of a case."""

    name: str
    label: str
    kind: ItemKind = ItemKind.YES_NO

    @property
    def needed(self) -> bool:
        """Whether there is no score without it: only a yes/no item can be taken as absent."""
        return self.kind is not ItemKind.YES_NO


@dataclass(frozen=True)
class ScoreDefinition:
    """One published score; higher is riskier, always.

    `points` reads a frame with a column an item (yes/no filled as the missing rule says) and gives (n,) values from
    `low` to `high`; NaN where a needed item is not known. `risk`: the event rate that the publication found by points,
    the largest key standing for all points above it, and `risk_of` the event it speaks of. `conditions`: the ICD-10
    codes of the yes/no items, where the score can be read from codes.
    """

    name: str
    label: str
    items: tuple[Item, ...]
    points: Points
    low: float
    high: float
    citation: str
    missing: MissingRule = MissingRule.NO_SCORE
    missing_allowed: tuple[MissingRule, ...] = (MissingRule.NO_SCORE, MissingRule.ABSENT)
    conditions: Conditions = field(default_factory=dict)
    code_citation: str = ""
    risk: Mapping[int, float] = field(default_factory=dict)
    risk_of: str = ""

    def __post_init__(self) -> None:
        if self.missing not in self.missing_allowed:
            raise ValueError(f"{self.name}: its own rule {self.missing} is not among those allowed")
        strangers = set(self.conditions) - set(self.yes_no)
        if strangers:
            raise ValueError(f"{self.name}: codes of no item: {', '.join(sorted(strangers))}")

    @property
    def yes_no(self) -> tuple[str, ...]:
        """The names of its yes/no items."""
        return tuple(item.name for item in self.items if item.kind is ItemKind.YES_NO)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all its items."""
        return tuple(item.name for item in self.items)

    @property
    def reads_codes(self) -> bool:
        """Whether its yes/no items can be read from ICD-10 codes."""
        return bool(self.conditions)

    def __getitem__(self, name: str) -> Item:
        return next(item for item in self.items if item.name == name)
