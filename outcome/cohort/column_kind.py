"""What kind of values does an undescribed column hold, and in which order do its codes rank?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from outcome.cohort.coding import BOOLEAN_SPELLINGS
from outcome.dictionary import VariableKind

MOST_CODES = 20  # more different texts than this are free text
MOST_NUMBER_CODES = 6  # as many or fewer different whole numbers look like codes
MOSTLY = 0.8  # this share of numbers makes a number column with a few cells to mend

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_COMMA_NUMBER = re.compile(r"[+-]?[0-9]+(,[0-9]+)?")
_WHOLE = re.compile(r"-?[0-9]+(\.0+)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2})?)?")
_OTHER_DATE = re.compile(
    r"(\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2})|\d{4}[./]\d{1,2}[./]\d{1,2})([ T]\d{1,2}:\d{2}(:\d{2})?)?"
)
_LADDERS = (
    ("none", "minimal", "mild", "moderate", "severe"),
    ("low", "intermediate", "medium", "moderate", "high"),
    ("small", "medium", "large"),
    ("never", "former", "current"),
    ("pre", "peri", "post"),
    ("good", "fair", "moderate", "poor"),
)

CODES = "Drafted: the codes' order and meaning are to be checked."
FOREIGN_DATES = (
    "Drafted as text: only dates such as 2024-05-01 are read. Rewrite the column, then put date_ymd under "
    "Text Validation Type."
)
STRAYS = "Drafted as a number: {n} of {total} cells are none. Mend them, or name their spelling in @MISSING."


@dataclass(frozen=True)
class ColumnKind:
    """The likely kind. `remark`: what a person has to look at, for the Field Note; `open_point`: the same in brief."""

    kind: VariableKind
    codes: tuple[str, ...] = ()
    decimal_comma: bool = False
    remark: str = ""
    open_point: str = ""


def column_kind(known: list[str]) -> ColumnKind:
    """The likely kind of a column from its cells that are not missing.

    A column of numbers with up to one cell in five of something else is still one of numbers: as text it would
    silently be lost as a predictor, as a number `outcome check` names the cells to mend.
    """
    comma = _is_decimal_comma(known)
    cells = [cell.replace(",", ".") for cell in known] if comma else known
    different = set(cells)
    if not different:
        return ColumnKind(VariableKind.TEXT)
    if len(different) <= 2 and all(cell.lower() in BOOLEAN_SPELLINGS for cell in different):
        return ColumnKind(VariableKind.BOOLEAN)
    if all(map(_DATE.fullmatch, different)):
        return ColumnKind(VariableKind.DATE)
    if all(map(_OTHER_DATE.fullmatch, different)):
        return ColumnKind(VariableKind.TEXT, remark=FOREIGN_DATES, open_point="how dates are written in")
    return _numbers(cells, comma) or _texts(cells)


def _numbers(cells: list[str], comma: bool) -> ColumnKind | None:
    """A column that is all, or nearly all, numbers; few different whole ones are codes."""
    numbers = [cell for cell in cells if _NUMBER.fullmatch(cell)]
    strays, few = len(cells) - len(numbers), len(set(numbers)) <= MOST_NUMBER_CODES
    if not strays and few and len(cells) > MOST_NUMBER_CODES and all(map(_WHOLE.fullmatch, numbers)):
        codes = sorted({str(int(float(number))) for number in numbers}, key=int)
        return ColumnKind(VariableKind.CATEGORICAL, tuple(codes), remark=CODES)
    if not strays:
        return ColumnKind(VariableKind.NUMERIC, decimal_comma=comma)
    if few or len(numbers) < MOSTLY * len(cells):
        return None
    remark = STRAYS.format(n=strays, total=len(cells))
    return ColumnKind(VariableKind.NUMERIC, (), comma, remark, f"{strays} cell(s) that are no number in")


def _texts(cells: list[str]) -> ColumnKind:
    different = set(cells)
    writable = not any("|" in cell or "," in cell for cell in different)
    if writable and len(different) <= min(MOST_CODES, max(2, len(cells) // 2)):
        return ColumnKind(VariableKind.CATEGORICAL, ranked(different), remark=CODES)
    return ColumnKind(VariableKind.TEXT)


def ranked(codes: Iterable[str]) -> tuple[str, ...]:
    """Codes from low to high as far as their words tell: known ladders, numbers in them, else the alphabet."""
    texts = sorted(codes)
    lower = {text.casefold() for text in texts}
    for ladder in _LADDERS:
        if lower <= set(ladder):
            return tuple(sorted(texts, key=lambda text: ladder.index(text.casefold())))
    if all(re.search(r"\d", text) for text in texts):
        return tuple(sorted(texts, key=_size))
    return tuple(texts)


def _size(code: str) -> tuple[float, int, str]:
    """Sorts <=20 before 20-50 before >50, T2 before T10, and 3a before 3b."""
    found = re.search(r"\d+(\.\d+)?", code)
    side = -1 if "<" in code else int(">" in code)
    return (float(found.group()) if found else 0.0, side, code)


def _is_decimal_comma(known: list[str]) -> bool:
    numbers = [cell for cell in known if _COMMA_NUMBER.fullmatch(cell)]
    return (
        any("," in cell for cell in numbers)
        and len(numbers) >= MOSTLY * len(known)
        and not any(_NUMBER.fullmatch(cell) and "." in cell for cell in known)
    )
