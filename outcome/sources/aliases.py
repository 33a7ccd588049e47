"""Columns of a registry under this program's names: a shipped table says which is which and when it becomes known."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import pandas as pd

from outcome.dictionary import Availability, DataDictionary
from outcome.errors import ConfigRefusal, DataRefusal

_EARLY = (Availability.PREOPERATIVE, Availability.PLANNED)


@dataclass(frozen=True)
class Alias:
    """A column of the registry: what it is called here, when it becomes known, and cells that are read otherwise."""

    column: str
    name: str
    availability: Availability
    meaning: str
    rewrite: Mapping[str, str]


@dataclass(frozen=True)
class Registry:
    """The columns of a registry by their name in capitals, and what its cells hold where nothing is known."""

    aliases: Mapping[str, Alias]
    missing: re.Pattern[str]


@functools.cache
def registry(which: str) -> Registry:
    """The shipped table of a registry."""
    text = files("outcome.sources").joinpath(f"{which}.csv").read_text(encoding="utf-8")
    rows = [_alias(row) for row in csv.DictReader(text.splitlines())]
    return Registry({alias.column.upper(): alias for alias in rows}, MISSING[which])


def _alias(row: Mapping[str, str]) -> Alias:
    pairs = [pair.split("=") for pair in row["rewrite"].split(";") if pair]
    return Alias(row["column"], row["name"], Availability(row["availability"]), row["meaning"], dict(pairs))


def renamed(table: pd.DataFrame, which: str) -> pd.DataFrame:
    """The table with the registry's columns under this program's names, in any spelling of capitals.

    Cells that the registry fills in where nothing is known become None. Columns that it does not know stay as they
    are. Raises DataRefusal for a table without any of its columns, and where two columns would get one name.
    """
    known = registry(which)
    names = {
        column: known.aliases[str(column).upper()] for column in table.columns if str(column).upper() in known.aliases
    }
    if not names:
        raise DataRefusal(
            f"the table has no column of {which}",
            expected=", ".join(list(known.aliases)[:8]) + ", …",
            found=", ".join(map(str, table.columns[:8])),
            next_step="leave table.aliases out, or name the right table",
        )
    new = [names[column].name if column in names else str(column) for column in table.columns]
    twice = sorted({name for name in new if new.count(name) > 1})
    if twice:
        raise DataRefusal(
            f"two columns would be called alike under the names of {which}",
            found=", ".join(twice),
            next_step="take the table's own column of that name out",
        )
    cells = {
        name: [_cell(cell, known, names.get(column)) for cell in table[column]]
        for column, name in zip(table.columns, new, strict=True)
    }
    return pd.DataFrame(cells, index=table.index, dtype=object)


def _cell(cell: str | None, known: Registry, alias: Alias | None) -> str | None:
    if cell is None or alias is None:
        return cell
    return None if known.missing.fullmatch(cell) else alias.rewrite.get(cell, cell)


def refuse_early(which: str, dictionary: DataDictionary) -> None:
    """Raise ConfigRefusal where the dictionary calls a column known before surgery and the registry's table later."""
    late = {alias.name: alias for alias in registry(which).aliases.values() if alias.availability not in _EARLY}
    wrong = [v for v in dictionary if v.column in late and v.availability in _EARLY]
    if wrong:
        raise ConfigRefusal(
            f"the dictionary calls {len(wrong)} column(s) of {which} known before surgery that are not",
            expected=", ".join(f"{late[v.column].column} {late[v.column].availability}" for v in wrong),
            found=", ".join(f"{v.name} {v.availability}" for v in wrong),
            next_step=f"take their rows from data_dictionary/{which}.csv",
        )


MISSING: Mapping[str, re.Pattern[str]] = {"nsqip": re.compile(r"-99(\.0*)?")}
