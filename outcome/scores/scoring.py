"""What does a published score say of each case, and what is missing?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outcome.errors import ConfigRefusal, DataRefusal
from outcome.scores.definition import MISSING_WORDS, ItemKind, MissingRule, ScoreDefinition
from outcome.scores.icd10 import CodeLists, conditions_of
from outcome.types import FloatArray


@dataclass(frozen=True, eq=False)
class Scored:
    """A score of n cases, in the order of the frame it was computed from.

    `value`: points, (n,), higher is riskier, NaN where there is no score. `missing`: (n, items) booleans, which items
    are not known of which case. `without`: items that were never recorded and count as absent in everybody (under the
    rule `of_known`: are left out).
    """

    definition: ScoreDefinition
    value: FloatArray
    missing: pd.DataFrame
    without: tuple[str, ...]
    rule: MissingRule

    @property
    def n_scored(self) -> int:
        """How many cases have the score."""
        return int(np.isfinite(self.value).sum())

    @property
    def n_missing(self) -> dict[str, int]:
        """Of how many cases each item is not known; items that are known of everybody are left out."""
        counts = self.missing.sum()
        return {str(name): int(count) for name, count in counts.items() if count}

    @property
    def risk(self) -> FloatArray | None:
        """The event rate that the publication found at these points, (n,) in [0, 1]; None where it gives none."""
        table = self.definition.risk
        if not table:
            return None
        known = np.isfinite(self.value)
        points = np.minimum(np.where(known, self.value, 0.0), max(table)).astype(int)
        return np.where(known, np.array([table[int(point)] for point in points], dtype=float), np.nan)

    @property
    def words(self) -> str:
        """How the score came about, in one sentence or two."""
        never = ", ".join(self.definition[name].label for name in self.without)
        how = "left out" if self.rule is MissingRule.OF_KNOWN else "counted as absent"
        lacking = f" Never recorded and {how}: {never}." if never else ""
        unknown = f" Not known (cases): {self._unknown_words}." if self.n_missing else ""
        return f"Computed from the record; {MISSING_WORDS[self.rule]}.{lacking}{unknown}"

    @property
    def _unknown_words(self) -> str:
        """Which items are not known, of how many cases; one phrase where none is, as without a list of codes."""
        counts, yes_no = self.n_missing, self.definition.yes_no
        alike = {counts.get(name) for name in yes_no if name not in self.without}
        if len(yes_no) > 1 and len(alike) == 1 and None not in alike:
            counts = {name: n for name, n in counts.items() if name not in yes_no}
            named = [f"every condition ({alike.pop()})"]
        else:
            named = []
        return ", ".join([*named, *(f"{self.definition[name].label} ({n})" for name, n in counts.items())])


def compute_score(
    definition: ScoreDefinition,
    items: pd.DataFrame,
    *,
    without: Collection[str] = (),
    missing: MissingRule | None = None,
) -> Scored:
    """The score of each row of `items`: one column an item, 1, 0 or NaN (an age in years, an ASA class); not changed.

    Every item is either a column or stands in `without`. `missing` replaces the score's own rule. Raises ConfigRefusal
    where items are unnamed, unknown or cannot be done without; DataRefusal where a yes/no item is neither 1 nor 0 or an
    age is below 0 or above 130.
    """
    rule = definition.missing if missing is None else MissingRule(missing)
    _refuse_items(definition, tuple(map(str, items.columns)), tuple(without), rule)
    _refuse_values(definition, items)
    recorded = [name for name in definition.names if name in items.columns]
    values = pd.DataFrame({name: items[name].to_numpy(dtype=float) for name in recorded})
    unknown = values.isna()
    points = definition.points(_complete(definition, values, tuple(without), rule))
    if rule is MissingRule.NO_SCORE:
        points = np.where(unknown.any(axis=1).to_numpy(), np.nan, points)
    order = tuple(name for name in definition.names if name in without)
    return Scored(definition, points, unknown.set_axis(items.index), order, rule)


def _complete(
    definition: ScoreDefinition, values: pd.DataFrame, without: tuple[str, ...], rule: MissingRule
) -> pd.DataFrame:
    """Every item as a column; yes/no items that are not known are 0, unless the known ones' share is taken."""
    whole = values.reindex(columns=list(definition.names))
    if rule is MissingRule.OF_KNOWN:
        return whole
    return whole.assign(**{name: whole[name].fillna(0.0) for name in definition.yes_no})


def from_codes(definition: ScoreDefinition, lists: CodeLists, items: pd.DataFrame) -> pd.DataFrame:
    """The items that ICD-10 codes tell, (n, items) with 1, 0 and NaN, beside those already in `items` (as the age).

    A condition that the score asks for and that the coding keeps together with another (Charlson's leukaemia and
    lymphoma, which Quan counts with the tumours) is 0. Raises ConfigRefusal where the score cannot be read from codes.
    """
    if not definition.reads_codes:
        raise ConfigRefusal(
            f"{definition.name} cannot be read from ICD-10 codes", next_step="name a variable for each of its inputs"
        )
    found = conditions_of(lists, definition.conditions).set_axis(items.index)
    known = found.notna().all(axis=1)
    others = {name: known.map({True: 0.0, False: np.nan}) for name in definition.yes_no if name not in found}
    return pd.concat([items, found, pd.DataFrame(others, index=items.index)], axis=1)


def _refuse_items(
    definition: ScoreDefinition, named: tuple[str, ...], without: tuple[str, ...], rule: MissingRule
) -> None:
    problem = item_problem(definition, named, without) or rule_problem(definition, rule)
    if problem:
        raise ConfigRefusal(f"{definition.name}: {problem}", next_step="docs/scores.md lists the inputs of every score")


def item_problem(definition: ScoreDefinition, named: Collection[str], without: Collection[str]) -> str:
    """What is wrong with the items that are named and those that the record is said to lack; empty where nothing is."""
    strangers = [name for name in (*named, *without) if name not in definition.names]
    if strangers:
        return f"no input is called {', '.join(strangers)}; its inputs are {', '.join(definition.names)}"
    twice = [name for name in without if name in named]
    if twice:
        return f"{', '.join(twice)} cannot be both an input and in without"
    silent = [name for name in definition.names if name not in named and name not in without]
    if silent:
        return f"nothing is said of {', '.join(silent)}; name a variable under inputs, or write it under without"
    needed = [name for name in without if definition[name].needed]
    if needed:
        return f"there is no score without {', '.join(needed)}"
    if len(set(without)) >= len(definition.names):
        return "at least one input is needed"
    return ""


def rule_problem(definition: ScoreDefinition, rule: MissingRule) -> str:
    """Whether a rule for missing items makes no sense for a score; empty where it does."""
    allowed = definition.missing_allowed
    return "" if rule in allowed else f"missing: {rule} is not offered; {', '.join(allowed)} are"


def _refuse_values(definition: ScoreDefinition, items: pd.DataFrame) -> None:
    for item in definition.items:
        if item.name not in items.columns:
            continue
        values = items[item.name].to_numpy(dtype=float)
        wrong = int(np.sum(~_possible(item.kind, values[np.isfinite(values)])))
        if wrong:
            raise DataRefusal(
                f"{definition.name}: {item.name} cannot be right",
                expected=_EXPECTED[item.kind],
                found=f"{wrong} of {len(values)} cases with another value",
                next_step="correct the variable or the condition named for it",
            )


def _possible(kind: ItemKind, known: FloatArray) -> np.ndarray:
    if kind is ItemKind.YES_NO:
        return np.isin(known, (0.0, 1.0))
    low, high = (0.0, 130.0) if kind is ItemKind.AGE else (1.0, 5.0)
    return (known >= low) & (known <= high)


_EXPECTED = {
    ItemKind.YES_NO: "1 for yes, 0 for no",
    ItemKind.AGE: "an age in years",
    ItemKind.ASA_CLASS: "a class from 1 to 5",
}
