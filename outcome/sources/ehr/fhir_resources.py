"""What FHIR R4 resources say: whose they are, when, of what code, and their value (https://hl7.org/fhir/R4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Resource = Mapping[str, Any]
UCUM = "http://unitsofmeasure.org"

# statuses that say that it did not happen, is not true or not there
VOID: Mapping[str, frozenset[str]] = {
    "Procedure": frozenset({"preparation", "not-done", "on-hold", "stopped", "entered-in-error"}),
    "Observation": frozenset({"registered", "cancelled", "entered-in-error"}),
    "Encounter": frozenset({"planned", "cancelled", "entered-in-error"}),
    "MedicationRequest": frozenset({"draft", "cancelled", "entered-in-error"}),
    "MedicationAdministration": frozenset({"not-done", "entered-in-error"}),
    "MedicationStatement": frozenset({"not-taken", "intended", "entered-in-error"}),
}
_VOID_VERIFICATION = frozenset({"refuted", "entered-in-error"})
# when it was; a Period, where it is one, stands under the name with "Period"
_TIMES: Mapping[str, tuple[str, ...]] = {
    "Procedure": ("performedDateTime", "performedPeriod"),
    "Condition": ("onsetDateTime", "onsetPeriod"),
    "Observation": ("effectiveDateTime", "effectiveInstant", "effectivePeriod"),
    "Encounter": ("period",),
    "MedicationRequest": ("authoredOn",),
    "MedicationAdministration": ("effectiveDateTime", "effectivePeriod"),
    "MedicationStatement": ("effectiveDateTime", "effectivePeriod"),
    "Patient": ("deceasedDateTime",),
}
# when it came onto the record, where that is told apart
_RECORDED: Mapping[str, str] = {
    "Condition": "recordedDate", "Observation": "issued", "MedicationStatement": "dateAsserted",
}  # fmt: skip


def is_void(resource: Resource) -> bool:
    """Whether its status says that it is not to be counted."""
    kind = resource["resourceType"]
    if kind == "Condition":
        return bool(_VOID_VERIFICATION & {c.get("code") for c in _codings(resource.get("verificationStatus"))})
    return resource.get("status") in VOID.get(kind, ())


def reference_id(reference: Any) -> str | None:
    """The id that a reference names: the last part of `Patient/12`, of a URL without its version, or of a urn."""
    written = reference.get("reference") if isinstance(reference, Mapping) else None
    if not isinstance(written, str) or not written:
        return None
    return written.split("/_history/")[0].rsplit("/", 1)[-1].rsplit(":", 1)[-1].lstrip("#") or None


def patient_of(resource: Resource) -> str | None:
    """The patient's id."""
    return str(resource["id"]) if resource["resourceType"] == "Patient" else reference_id(resource.get("subject"))


def tokens(resource: Resource, medications: Mapping[str, Sequence[str]]) -> list[str]:
    """Its codes as system|code; of a medication by reference those of the medication."""
    types = resource.get("type", []) if resource["resourceType"] == "Encounter" else []
    concepts = [resource.get("code"), resource.get("medicationCodeableConcept"), *types]
    found = [_token(coding) for concept in concepts for coding in _codings(concept)]
    if isinstance(resource.get("class"), Mapping):
        found.append(_token(resource["class"]))
    contained = {str(one.get("id")): one for one in resource.get("contained", []) if isinstance(one, Mapping)}
    named = reference_id(resource.get("medicationReference"))
    if named is not None:
        inside = contained.get(named)
        found += medications.get(named, []) if inside is None else [_token(c) for c in _codings(inside.get("code"))]
    return found


def written_times(resource: Resource) -> tuple[Any, Any, Any]:
    """(start, end, recorded) as it writes them; None where it does not say."""
    kind = resource["resourceType"]
    found = next((resource[name] for name in _TIMES[kind] if resource.get(name) is not None), None)
    start, end = (found.get("start"), found.get("end")) if isinstance(found, Mapping) else (found, None)
    return start, end, resource.get(_RECORDED.get(kind, ""))


def part_with_value(resource: Resource, component: str | None) -> Resource | None:
    """What holds the value: the Observation, or its component of this code; None where it has none such."""
    if component is None:
        return resource
    parts = (part for part in resource.get("component", []) if isinstance(part, Mapping))
    return next((part for part in parts if component in [_token(c) for c in _codings(part.get("code"))]), None)


def number_of(part: Resource) -> tuple[Any, str, bool]:
    """(number, unit, whether it is a limit). UCUM's code where the quantity has one, else its unit as written."""
    quantity = part.get("valueQuantity")
    if not isinstance(quantity, Mapping):
        return part.get("valueInteger"), "", False
    code = quantity.get("code") if quantity.get("system") == UCUM else None
    return (
        quantity.get("value"),
        str(code or quantity.get("unit") or quantity.get("code") or ""),
        "comparator" in quantity,
    )


def code_of(part: Resource, wanted: Mapping[str, str]) -> str | None:
    """The coded value, of all but an Observation the own code: the first that `values` names, else the first."""
    if part.get("resourceType") in (None, "Observation"):  # None: a component
        concepts = [part.get("valueCodeableConcept")]
    else:
        concepts = [part.get("code"), part.get("medicationCodeableConcept"), *part.get("type", [])]
    codings = [coding for concept in concepts for coding in _codings(concept)]
    for coding in codings:
        for written in (_token(coding), coding.get("code")):
            if written in wanted:
                return str(written)
    return str(codings[0]["code"]) if codings and codings[0].get("code") else None


def text_of(part: Resource) -> Any:
    """The value as text: a string, yes or no, a date, or the words of a coded value."""
    for name in ("valueString", "valueBoolean", "valueDateTime", "valueTime"):
        if part.get(name) is not None:
            return part[name]
    concept = part.get("valueCodeableConcept")
    return concept.get("text") if isinstance(concept, Mapping) else None


def _codings(concept: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(concept, Mapping):
        yield from (coding for coding in concept.get("coding", []) if isinstance(coding, Mapping))


def _token(coding: Mapping[str, Any]) -> str:
    return f"{coding.get('system', '')}|{coding.get('code', '')}"
