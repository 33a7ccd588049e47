"""Do mapping and dictionary speak of the same variables, and does nothing late feed what must be known before?"""

from __future__ import annotations

from collections.abc import Iterator

from outcome.config.mapping import CASE_COLUMNS, MappedVariable, RecordMapping
from outcome.dictionary import Availability, DataDictionary, Variable, VariableKind, nearest
from outcome.errors import ConfigRefusal
from outcome.sources.units import UnitProblem, conversion, is_unit

LATE = (Availability.INTRAOPERATIVE, Availability.POSTOPERATIVE)


def refuse_disagreement(mapping: RecordMapping, dictionary: DataDictionary) -> None:
    """Raise ConfigRefusal naming every variable of the mapping that the dictionary lacks or contradicts."""
    problems = [
        f"{name}: {problem}"
        for name, mapped in mapping.variables.items()
        for problem in _problems(name, mapped, dictionary)
    ]
    if problems:
        raise ConfigRefusal(
            f"the mapping and the dictionary disagree in {len(problems)} place(s)",
            found="\n    ".join(problems),
            next_step="correct the mapping, or the variable's row in the dictionary",
        )


def _problems(name: str, mapped: MappedVariable, dictionary: DataDictionary) -> Iterator[str]:
    if name not in dictionary:
        yield f"no such variable, {nearest(name, dictionary.names)}"
        return
    described = dictionary[name]
    if described.column in CASE_COLUMNS:
        yield f"the column {described.column} is made from the index procedure itself: leave it out of the mapping"
    yield from late_feeds(mapped, described)
    yield from _units(mapped, described)


def late_feeds(mapped: MappedVariable, described: Variable) -> Iterator[str]:
    """What of the index time or later may feed only variables that become known during surgery or afterwards."""
    if mapped.is_late and described.availability not in LATE:
        yield (
            f"its window reaches the index time (end: {mapped.window.end}), and the dictionary calls it "
            f"{described.availability}; only intraoperative and postoperative variables may read so far"
        )


def _units(mapped: MappedVariable, described: Variable) -> Iterator[str]:
    wanted, said = mapped.target_unit, described.unit
    if wanted and said and is_unit(said) and not _same_unit(wanted, said):  # words that are no UCUM pass
        yield f"target_unit is {mapped.target_unit}, the dictionary says {described.unit}"
    if mapped.reads == "number" and described.kind is VariableKind.DATE:
        yield "the dictionary calls it a date: read value: time"


def _same_unit(one: str, other: str) -> bool:
    try:
        change = conversion(one, other)
    except UnitProblem:
        return False
    return (change(0.0), change(1.0)) == (0.0, 1.0)
