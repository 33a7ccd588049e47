"""A folder of FHIR R4 files as a health record: read line by line; only what the cohort's patients need is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from outcome.config.mapping import FhirMapping, FhirVariable
from outcome.dictionary import DataDictionary
from outcome.errors import DataRefusal
from outcome.sources.ehr import fhir_resources as said
from outcome.sources.ehr.fhir_lines import Folder, Line
from outcome.sources.ehr.moments import Moment, moment
from outcome.sources.ehr.records import Entry, Operation, Patient, Told
from outcome.sources.ehr.table import record_table
from outcome.sources.reading import Reading

T = TypeVar("T")
UNREADABLE = "unreadable_date: record(s) without a date that can be read are left out, of variable"
UNKNOWN = "unknown_patient: resource(s) refer to a patient whom no Patient file holds and are left out"
TWICE = "resource_twice: resource(s) stand in the files more than once and count once"


def read_fhir(path: Path, mapping: FhirMapping, dictionary: DataDictionary) -> Reading:
    """One row a case from a folder of bulk-export files. Raises ConfigRefusal and DataRefusal, as every reader does."""
    return record_table(FhirRecord(Folder(path), mapping), dictionary, f"the folder {path.name}")


@dataclass
class Latest(Generic[T]):
    """What is kept of each resource, by id: of several versions the one that was updated last."""

    kept: dict[str, tuple[str, bytes, T]] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)

    def put(self, line: Line, value: T) -> None:
        """Keep it, unless a later version is kept. Raises DataRefusal where nobody can tell which one holds."""
        resource = line.resource
        meta = resource.get("meta")
        stamp = str(meta.get("lastUpdated", "")) if isinstance(meta, dict) else ""
        print_ = hashlib.sha256(json.dumps(resource, sort_keys=True).encode()).digest()
        before = self.kept.get(str(resource["id"]))
        if before is not None:
            self.twice.add(f"{resource['resourceType']}/{resource['id']}")
            if before[1] == print_:
                return
            if not stamp or not before[0] or _instant(stamp, line) == _instant(before[0], line):
                raise DataRefusal(
                    f"{line.where} says otherwise than an earlier line of the same id",
                    expected="one version of a resource, or a later meta.lastUpdated",
                    found=f"{resource['resourceType']}/{resource['id']} twice",
                    next_step="export the files again",
                )
            if _instant(stamp, line) < _instant(before[0], line):
                return
        self.kept[str(resource["id"])] = (stamp, print_, value)

    def values(self) -> Iterator[T]:
        """What is kept, in order of first appearance."""
        return (value for _, _, value in self.kept.values())


def _instant(stamp: str, line: Line) -> Any:
    try:
        found = moment(stamp, ZoneInfo("UTC"))
    except ValueError:
        found = None
    if found is None:
        raise DataRefusal(f"{line.where}: meta.lastUpdated is no time")
    return found.low


class FhirRecord:
    """The record behind a folder; a file is read once for the operations, once for all variables of its type."""

    def __init__(self, folder: Folder, mapping: FhirMapping) -> None:
        self.mapping, self.told = mapping, Told()
        self._folder, self._zone = folder, ZoneInfo(mapping.time_zone)
        self._all_patients: set[str] = set()
        self._twice: set[str] = set()

    def operations(self) -> list[Operation]:
        """Every procedure of the index that was done, with the site of its encounter where the mapping asks for it."""
        lines = self._folder.resources("Procedure")
        some_version = {str(line.resource["id"]) for line in lines if self._is_index(line.resource)}
        found: Latest[tuple[Operation, str | None] | None] = Latest()
        for line in self._folder.resources("Procedure"):
            if str(line.resource["id"]) in some_version:
                counts = self._is_index(line.resource) and not said.is_void(line.resource)
                found.put(line, self._operation(line.resource) if counts else None)
        self._tell_twice(found)
        operations = [pair for pair in found.values() if pair is not None]
        sites = self._sites({encounter for _, encounter in operations if encounter})
        return [_at_site(operation, sites.get(encounter or "")) for operation, encounter in operations]

    def _is_index(self, resource: said.Resource) -> bool:
        return not set(self.mapping.index.codes).isdisjoint(said.tokens(resource, {}))

    def _tell_twice(self, found: Latest[Any]) -> None:
        for name in sorted(found.twice - self._twice):
            self.told.note(TWICE, name)
        self._twice |= found.twice

    def _operation(self, resource: said.Resource) -> tuple[Operation, str | None]:
        start, end, _ = said.written_times(resource)
        written = start or end
        when = self._readable(written)
        text = when.text if when else (str(written) if written else None)
        patient = said.patient_of(resource) or f"nobody-{resource['id']}"
        encounter = said.reference_id(resource.get("encounter"))
        return Operation(str(resource["id"]), patient, when, text), encounter

    def _sites(self, encounters: set[str]) -> dict[str, str | None]:
        if self.mapping.site != "encounter":
            return {}
        lines = self._folder.resources("Encounter")
        named = ((str(line.resource["id"]), line.resource.get("serviceProvider")) for line in lines)
        return {own: said.reference_id(provider) for own, provider in named if own in encounters}

    def patients(self, wanted: Sequence[str]) -> dict[str, Patient]:
        """Birth, gender and site of those patients whom the files hold."""
        cohort = set(wanted)
        found: Latest[tuple[str, Patient]] = Latest()
        for line in self._folder.resources("Patient"):
            own = str(line.resource["id"])
            self._all_patients.add(own)
            if own in cohort:
                found.put(line, (own, self._patient(line.resource)))
        self._tell_twice(found)
        return dict(found.values())

    def _patient(self, resource: said.Resource) -> Patient:
        site = said.reference_id(resource.get("managingOrganization")) if self.mapping.site == "patient" else None
        return Patient(self._readable(resource.get("birthDate")), resource.get("gender"), site)

    def entries(self, wanted: Sequence[str]) -> dict[str, list[Entry]]:
        """The resources behind each variable of the mapping."""
        mapped = {name: v for name, v in self.mapping.variables.items() if not v.is_demographic}
        found: dict[str, list[Entry]] = {name: [] for name in mapped}
        cohort = set(wanted)
        medications = self._medications(v.resource for v in mapped.values())
        for kind in dict.fromkeys(variable.resource for variable in mapped.values()):
            asked = {name: variable for name, variable in mapped.items() if variable.resource == kind}
            for name, entry in self._of_kind(kind, asked, cohort, medications):
                found[name].append(entry)
        return found

    def _medications(self, kinds: Iterable[str]) -> dict[str, list[str]]:
        """The codes of medications that stand in files of their own."""
        if not any(kind.startswith("Medication") for kind in kinds):
            return {}
        lines = self._folder.resources("Medication", needed=False)
        return {str(line.resource["id"]): said.tokens(line.resource, {}) for line in lines}

    def _of_kind(
        self, kind: str, asked: Mapping[str, FhirVariable], cohort: set[str], medications: Mapping[str, list[str]]
    ) -> Iterator[tuple[str, Entry]]:
        """Every entry of one type of resource with the variable that it feeds."""
        latest: Latest[list[tuple[str, said.Resource]]] = Latest()
        for line in self._folder.resources(kind):
            patient = said.patient_of(line.resource)
            if patient not in self._all_patients:
                self.told.note(UNKNOWN, f"{kind}/{line.resource['id']}")
            elif patient in cohort:
                latest.put(line, self._feeds(line.resource, asked, medications))
        self._tell_twice(latest)
        for feeds in latest.values():
            for name, resource in feeds:
                entry = self._entry(name, asked[name], resource)
                if entry is not None:
                    yield name, entry

    def _feeds(
        self, resource: said.Resource, asked: Mapping[str, FhirVariable], medications: Mapping[str, list[str]]
    ) -> list[tuple[str, said.Resource]]:
        """The variables that it feeds, each with the part that holds the value."""
        if said.is_void(resource):
            return []
        own = set(said.tokens(resource, medications))
        return [
            (name, resource)
            for name, variable in asked.items()
            if (not variable.codes or own & set(variable.codes))
            and (said.part_with_value(resource, variable.component) is not None)
        ]

    def _entry(self, name: str, variable: FhirVariable, resource: said.Resource) -> Entry | None:
        own, patient = str(resource["id"]), said.patient_of(resource)
        times = self._times(resource, variable.reads == "end_days")
        if times is None:
            if _says_when(resource, variable.reads):
                self.told.note(f"{UNREADABLE} {name}", own)
            return None
        part = said.part_with_value(resource, variable.component) or {}
        value, unit, bound = VALUES.get(variable.reads, _nothing)(part, variable)
        return Entry(own, patient or "", *times, value, unit, bound)

    def _times(self, resource: said.Resource, at_end: bool) -> tuple[Moment, Moment] | None:
        """(when, known): a result is known when it was issued, a diagnosis when it was recorded, whichever is later.

        None where a time that it writes cannot be read: nobody could say that it was known before surgery.
        """
        written = said.written_times(resource)
        start, end, recorded = read = tuple(self._readable(text) for text in written)
        when = end if at_end else start or recorded
        if when is None or any(text and not found for text, found in zip(written, read, strict=True)):
            return None
        later = [m for m in (recorded, end if resource["resourceType"] in _KNOWN_AT_END else None) if m is not None]
        return when, max([when, *later], key=lambda m: m.high)

    def _readable(self, written: Any) -> Moment | None:
        try:
            return moment(written, self._zone)
        except ValueError:
            return None


_KNOWN_AT_END = ("Procedure", "Observation")  # what is measured or done over a time is known when that is over


def _says_when(resource: said.Resource, reads: str) -> bool:
    """Whether the lack of a time is a fault: a living patient has no death, an open encounter no end."""
    if resource["resourceType"] == "Patient":
        return bool(resource.get("deceasedBoolean")) or "deceasedDateTime" in resource
    return reads != "end_days" or any(said.written_times(resource)[1:])


def _at_site(operation: Operation, site: str | None) -> Operation:
    return Operation(operation.id, operation.patient, operation.start, operation.start_text, site)


def _nothing(part: said.Resource, variable: FhirVariable) -> tuple[Any, str, bool]:
    return None, "", False


VALUES: Mapping[str, Callable[[said.Resource, FhirVariable], tuple[Any, str, bool]]] = {
    "number": lambda part, variable: said.number_of(part),
    "code": lambda part, variable: (said.code_of(part, variable.values), "", False),
    "text": lambda part, variable: (said.text_of(part), "", False),
}
