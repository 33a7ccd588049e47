"""A statement as a FHIR R4 RiskAssessment in JSON (https://hl7.org/fhir/R4/riskassessment.html), one a case.

`probabilityDecimal` is in percent, as R4 says of it. `probability[x]` is a choice of one, so that the interval
stands in an extension. A number that is withheld has the standard extension data-absent-reason in its place, and its
reason under `rationale`. Our own extensions are listed in docs/export.md; configs/fhir_risk_assessment.schema.json
holds the form.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from markupsafe import Markup

from outcome.exports.identifiers import FHIR_SYSTEM, MAKER, RESEARCH
from outcome.exports.statement import Prediction, Statement
from outcome.exports.subject import Subject
from outcome.store import digest

UCUM = "http://unitsofmeasure.org"
DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
ABSENT = {"url": DATA_ABSENT, "valueCode": "unknown"}
INTERVAL = f"{FHIR_SYSTEM}/StructureDefinition/prediction-interval"
PREDICTED_VALUE = f"{FHIR_SYSTEM}/StructureDefinition/predicted-value"
INPUT_SET = f"{FHIR_SYSTEM}/StructureDefinition/input-set"
COUNTED_FROM = f"{FHIR_SYSTEM}/StructureDefinition/counted-from"
_TIMES = {"days": ("days", "d"), "weeks": ("weeks", "wk"), "months": ("months", "mo"), "years": ("years", "a")}

Json = dict[str, Any]


def risk_assessment(statement: Statement, subject: Subject) -> Json:
    """The resource of one case. Its `id` is a hash of what it says."""
    said = {
        "status": "preliminary",
        "method": _method(statement),
        "subject": {"type": "Patient", "identifier": {"value": str(subject.head.PatientID or statement.case_id)}},
        **_when(subject.date),
        "performer": {"type": "Device", "display": statement.program or MAKER},
        **_basis(subject),
        "prediction": [_prediction(one) for one in statement.predictions],
        "note": [{"text": text} for text in statement.warnings],
    }
    identity = digest({"statement": asdict(statement), "resource": said})
    return {
        "resourceType": "RiskAssessment",
        "id": identity,
        "meta": {"tag": [_coding("intended-use", RESEARCH.value, RESEARCH.meaning)]},
        "text": {"status": "generated", "div": _narrative(statement)},
        "identifier": [{"system": f"{FHIR_SYSTEM}/risk-assessment", "value": identity}],
        **said,
    }


def _method(statement: Statement) -> Json:
    title = statement.title or statement.study
    return {
        "coding": [_coding("bundle", statement.bundle_id, title)],
        "text": f"{title} (bundle {statement.bundle_id})",
    }


def _when(date: str) -> Json:
    return {"occurrenceDateTime": f"{date[:4]}-{date[4:6]}-{date[6:]}"} if date else {}


def _basis(subject: Subject) -> Json:
    """The imaging study, named as DICOM's identifiers are in FHIR."""
    if not subject.images:
        return {}
    named = {"system": "urn:dicom:uid", "value": f"urn:oid:{subject.head.StudyInstanceUID}"}
    return {"basis": [{"type": "ImagingStudy", "identifier": named}]}


def _prediction(prediction: Prediction) -> Json:
    said: Json = {
        "extension": _extensions(prediction),
        "outcome": {
            "coding": [_coding("endpoint", prediction.endpoint, prediction.label)],
            "text": prediction.title,
        },
    }
    if prediction.is_probability:
        said |= _probability(prediction)
    if prediction.horizon_days is not None:
        said["whenRange"] = {"low": _days(0), "high": _days(prediction.horizon_days)}
    rationale = " ".join(part for part in (prediction.withheld, *prediction.notes) if part)
    return {**said, "rationale": rationale} if rationale else said


def _probability(prediction: Prediction) -> Json:
    if prediction.value is None:
        return {"_probabilityDecimal": {"extension": [ABSENT]}}
    return {"probabilityDecimal": prediction.shown(prediction.value)}


def _extensions(prediction: Prediction) -> list[Json]:
    found: list[Json] = [{"url": INPUT_SET, "valueCode": prediction.inputs}]
    if prediction.horizon_days is not None:
        found.append({"url": COUNTED_FROM, "valueString": prediction.counted_from})
    if not prediction.is_probability:
        value = {"extension": [ABSENT]} if prediction.value is None else _quantity(prediction, prediction.value)
        found.append({"url": PREDICTED_VALUE, "valueQuantity": value})
    if prediction.low is not None and prediction.high is not None:
        ends = {"low": _quantity(prediction, prediction.low), "high": _quantity(prediction, prediction.high)}
        found.append({"url": INTERVAL, "valueRange": ends})
    return found


def _quantity(prediction: Prediction, number: float) -> Json:
    value = prediction.shown(number)
    if prediction.is_probability:
        return {"value": value, "unit": "%", "system": UCUM, "code": "%"}
    if prediction.unit in _TIMES:
        unit, code = _TIMES[prediction.unit]
        return {"value": value, "unit": unit, "system": UCUM, "code": code}
    return {"value": value, "unit": prediction.unit} if prediction.unit else {"value": value}


def _days(number: float) -> Json:
    return {"value": number, "unit": "days", "system": UCUM, "code": "d"}


def _coding(system: str, code: str, display: str) -> Json:
    return {"system": f"{FHIR_SYSTEM}/CodeSystem/{system}", "code": code, "display": display or code}


def _narrative(statement: Statement) -> str:
    """The same for people, as XHTML."""
    rows = Markup("").join(Markup("<li>{}: {}</li>").format(one.title, one.words) for one in statement.predictions)
    warnings = " ".join(f"{text}." for text in statement.warnings)
    body = Markup("<p>{}</p><ul>{}</ul>").format(warnings, rows)
    return str(Markup('<div xmlns="http://www.w3.org/1999/xhtml">{}</div>').format(body))
