"""Which conditions does a case's list of ICD-10 codes mean?

A code is looked up by how it begins, so that the longer codes of national editions (ICD-10-CM's I50.22, E11.42) fall
under the four characters of the WHO's edition. Dots and upper or lower case do not matter; the marks that the WHO's and
the German edition write behind a code (dagger, asterisk, +, *, !) are taken off. Codes of ICD-9 cannot be read and are
refused, but its E and some of its V codes are spelled like codes of ICD-10 and cannot be told apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outcome.errors import DataRefusal

SEPARATORS = ",;| "
_CODE = re.compile(r"[A-Z][0-9][0-9A-Z](?:\.?[0-9A-Z]{1,4})?")
_MARKS = "†‡*+!"
_OPEN_END = ".-"  # "E11.-": the chapter is meant, its fourth character is not known


@dataclass(frozen=True)
class CodeLists:
    """Each case's codes, upper case and without dots; None where the case has no list."""

    codes: tuple[frozenset[str] | None, ...]

    def __len__(self) -> int:
        return len(self.codes)


def read_code_lists(cells: Sequence[object], separators: str = SEPARATORS, *, empty_is_none: bool = False) -> CodeLists:
    """The codes in each cell, separated by any of the characters of `separators`.

    A cell that is missing or blank has no list; with `empty_is_none` it is a list without a code. Raises DataRefusal
    where an entry is no ICD-10 code; it tells how many cells hold one, never which.
    """
    pattern = re.compile("[" + re.escape(separators) + r"\s]+")
    lists = tuple(_codes(cell, pattern, empty_is_none) for cell in cells)
    wrong = sum(1 for codes in lists if codes is not None and not all(map(_CODE.fullmatch, codes)))
    if wrong:
        raise DataRefusal(
            "a list of diagnoses holds entries that are no ICD-10 codes",
            expected="a letter, two characters and up to four more, such as I50.0 or E1142",
            found=f"{wrong} of {len(lists)} cases with another entry",
            next_step="state the characters between the codes, or take out what is no code (ICD-9 cannot be read)",
        )
    return CodeLists(tuple(None if codes is None else frozenset(c.replace(".", "") for c in codes) for codes in lists))


def _codes(cell: object, pattern: re.Pattern[str], empty_is_none: bool) -> frozenset[str] | None:
    text = "" if cell is None or cell != cell else str(cell)
    entries = [entry.strip().upper().rstrip(_MARKS).rstrip(_OPEN_END) for entry in pattern.split(text)]
    codes = frozenset(entry for entry in entries if entry)
    return codes if codes or empty_is_none else None


def conditions_of(lists: CodeLists, conditions: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    """One row a case and one column a condition: 1 where a code begins as the condition's do, 0 where none does, NaN
    where the case has no list.
    """
    columns = {name: [_present(codes, starts) for codes in lists.codes] for name, starts in conditions.items()}
    return pd.DataFrame(columns, index=range(len(lists)), dtype=float)


def _present(codes: frozenset[str] | None, starts: tuple[str, ...]) -> float:
    return np.nan if codes is None else float(any(code.startswith(starts) for code in codes))


def code_range(first: str, last: str) -> tuple[str, ...]:
    """The codes from `first` to `last`, which differ in their last two digits: ("C00", "C03") is C00, C01, C02, C03."""
    letters, width = first.rstrip("0123456789"), len(first)
    low, high = int(first[len(letters) :]), int(last[len(letters) :])
    return tuple(f"{letters}{number:0{width - len(letters)}d}" for number in range(low, high + 1))
