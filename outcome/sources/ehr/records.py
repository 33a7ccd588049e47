"""What a reader of any health record hands on: index operations, and for each variable the records that may feed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from outcome.config.mapping import RecordMapping
from outcome.sources.ehr.moments import Moment
from outcome.types import Finding, Level


@dataclass(frozen=True)
class Operation:
    """One procedure that makes a case. `start` is None where its date cannot be read: `start_text` is what it says."""

    id: str
    patient: str
    start: Moment | None
    start_text: str | None
    site: str | None = None


@dataclass(frozen=True)
class Patient:
    """Who it is: what the age is counted from, the sex as recorded, and a site of their own."""

    birth: Moment | None = None
    sex: str | None = None
    site: str | None = None


@dataclass(frozen=True)
class Entry:
    """One record of a patient that may feed a variable.

    `when`: the moment of what it says. `known`: when that was on record, the later of the times it carries. `bound`:
    the number is a limit such as "below 0.2".
    """

    id: str
    patient: str
    when: Moment
    known: Moment
    value: Any
    unit: str = ""
    bound: bool = False


@dataclass
class Told:
    """What a reader noticed on its way: kinds of trouble, each with its count and the first few named."""

    counts: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)

    def note(self, what: str, name: str) -> None:
        """Count one more of a kind; the first few are named."""
        self.counts[what] += 1
        names = self.named.setdefault(what, [])
        if len(names) < 5 and name not in names:
            names.append(name)

    def findings(self) -> list[Finding]:
        """One finding a kind, in the order of the alphabet."""
        return [self._finding(what) for what in sorted(self.counts)]

    def _finding(self, what: str) -> Finding:
        code, _, words = what.partition(": ")
        names = self.named[what]
        more = ", …" if self.counts[what] > len(names) else ""
        return Finding(code, Level.REVIEW, f"{self.counts[what]} {words}: {', '.join(names)}{more}")


class Record(Protocol):
    """A health record that can be asked for its operations, its patients and the entries behind a variable."""

    told: Told

    @property
    def mapping(self) -> RecordMapping:
        """How it becomes one row a case."""

    def operations(self) -> list[Operation]:
        """Every procedure that the mapping's index names."""

    def patients(self, wanted: Sequence[str]) -> Mapping[str, Patient]:
        """Those of these patients whom the record knows."""

    def entries(self, wanted: Sequence[str]) -> Mapping[str, list[Entry]]:
        """By variable, the entries of these patients, of any time."""
