"""Every number in its variable's unit; what cannot be converted is refused by name, with its count."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from outcome.config.mapping import MappedVariable
from outcome.dictionary import DataDictionary, VariableKind
from outcome.errors import DataRefusal
from outcome.sources.ehr.records import Entry
from outcome.sources.units import UnitProblem, conversion
from outcome.types import Finding, Level


class UnitLedger:
    """Converts numbers and keeps account of those that it cannot convert."""

    def __init__(self, dictionary: DataDictionary) -> None:
        self._dictionary = dictionary
        self._refused: Counter[tuple[str, str, str]] = Counter()
        self._left_out: Counter[tuple[str, str]] = Counter()
        self._no_number: Counter[str] = Counter()

    def converted(self, name: str, variable: MappedVariable, entry: Entry) -> float | None:
        """The entry's number in the variable's unit, to twelve digits; None where there is none or it is left out."""
        number = _number(entry.value)
        if number is None:
            if entry.value is not None:
                self._no_number[name] += 1
            return None
        if entry.unit in variable.leave_out_units:
            self._left_out[name, entry.unit] += 1
            return None
        try:
            unit = variable.units.get(entry.unit, entry.unit) or variable.unit
            change = conversion(unit, self.target(name, variable), variable.substance)
        except UnitProblem as problem:
            self._refused[name, entry.unit, str(problem)] += 1
            return None
        return float(f"{change(number):.12g}")  # 1.2 mg/dL is 1.2 again after a way through umol/L

    def target(self, name: str, variable: MappedVariable) -> str:
        """The unit a variable is wanted in; a plain number where nothing says so."""
        described = self._dictionary[name]
        return variable.target_unit or (described.unit if described.kind is VariableKind.NUMERIC else "")

    def refuse(self) -> None:
        """Raise DataRefusal naming every variable and unit that cannot be used, with the number of values."""
        if self._refused:
            lines = [
                f"{name}: {count} value(s) in {_spelled(unit)}: {why}"
                for (name, unit, why), count in sorted(self._refused.items())
            ]
            raise DataRefusal(
                f"values of {len({name for name, *_ in self._refused})} variable(s) stand in units that cannot be used",
                expected="a UCUM unit of the variable's dimension",
                found="\n    ".join(lines),
                next_step="correct unit, target_unit or substance of the variable in the mapping, say under its units "
                "what the unit means, or name it under its leave_out_units",
            )

    def findings(self) -> list[Finding]:
        """What was left out because the mapping says so, or because it is no number."""
        left = [
            ("unit_left_out", f"{name}: {count} value(s) in {_spelled(unit)} are left out, as the mapping says")
            for (name, unit), count in sorted(self._left_out.items())
        ]
        texts = [
            ("value_no_number", f"{name}: {count} value(s) are no number and are left out")
            for name, count in sorted(self._no_number.items())
        ]
        return [Finding(code, Level.REVIEW, words) for code, words in (*left, *texts)]


def _spelled(unit: str) -> str:
    return repr(unit) if unit else "no unit"


def _number(value: Any) -> float | None:
    """A finite number; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
