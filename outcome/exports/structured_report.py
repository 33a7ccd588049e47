"""A statement as a DICOM structured report by template 1500: a measurement group for each prediction.

References: DICOM PS3.16, TID 1500, 1501 and 300; PS3.3, A.35.3 Comprehensive SR. Published codes where there are any,
else the private scheme `99OUTCOME`, which the object declares.
"""

from __future__ import annotations

from dataclasses import asdict
from importlib import metadata

import highdicom as hd
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import value_types as items
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from outcome.exports import identifiers as ours
from outcome.exports.identifiers import derived_uid, endpoint_code
from outcome.exports.settled import settle
from outcome.exports.statement import Prediction, Statement
from outcome.exports.subject import UTF8, Subject
from outcome.store import digest

SERIES_NUMBER = 1001  # beyond those that scanners give
_PROCEDURES = {"CT": codes.cid100.CTUnspecifiedBodyRegion, "MR": codes.cid100.MRIUnspecifiedBodyRegion}
_DAYS = {"days": codes.UCUM.Day, "weeks": codes.UCUM.Week, "months": codes.UCUM.Month, "years": codes.UCUM.Year}
_PLAIN = str.maketrans({"²": "2", "³": "3", "µ": "u", "μ": "u", " ": "_", "{": None, "}": None})
_SOURCE = Code("260753009", "SCT", "Source")
_CONTAINS = hd.sr.RelationshipTypeValues.CONTAINS


def structured_report(statement: Statement, subject: Subject) -> Dataset:
    """The report of one case. Raises DataRefusal where no date is known, which the standard wants."""
    date = subject.needed_date
    referred = [str(image.SOPInstanceUID) for image in subject.references]
    content = digest({"says": asdict(statement), "refers to": referred, "date": date, "patient": str(subject.head)})
    seed = (statement.bundle_id, statement.case_id, content)
    report = hd.sr.ComprehensiveSR(
        evidence=list(subject.references) or [subject.head],
        content=_content(statement, subject)[0],
        series_instance_uid=derived_uid("report series", *seed),
        series_number=SERIES_NUMBER,
        sop_instance_uid=derived_uid("report", *seed),
        instance_number=1,
        manufacturer=ours.MAKER,
        manufacturer_model_name=ours.short(statement.study or ours.MAKER),
        software_versions=metadata.version(ours.MAKER),
        device_serial_number=statement.bundle_id,
        is_complete=True,
        series_description=ours.RESEARCH.meaning,
        specific_character_set=UTF8,
        coding_schemes=[CodingSchemeIdentificationItem(ours.SCHEME, name=ours.SCHEME_NAME)],
        content_date=date,
        content_time="000000",
    )
    if not subject.references:
        for name in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
            if name in report:
                delattr(report, name)
    settle(report)
    return report


def _content(statement: Statement, subject: Subject) -> hd.sr.MeasurementReport:
    modality = str(subject.images[0].get("Modality", "")) if subject.images else ""
    report = hd.sr.MeasurementReport(
        observation_context=_observer(statement),
        procedure_reported=_PROCEDURES.get(modality, codes.cid100.ImagingProcedure),
        imaging_measurements=[_group(statement, prediction) for prediction in statement.predictions],
        title=codes.cid7021.ImagingMeasurementReport,
    )
    if subject.references:
        report[0].ContentSequence.insert(-1, _library(subject))
    return report


def _observer(statement: Statement) -> hd.sr.ObservationContext:
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=derived_uid("bundle", statement.bundle_id),
        name=ours.MAKER,
        manufacturer_name=ours.MAKER,
        model_name=statement.study or ours.MAKER,
        serial_number=statement.bundle_id,
    )
    context = hd.sr.ObserverContext(observer_type=codes.DCM.Device, observer_identifying_attributes=device)
    return hd.sr.ObservationContext(observer_device_context=context)


def _library(subject: Subject) -> items.ContainerContentItem:
    """TID 1600 without descriptors: what the report rests on, image by image, and the regions outlined on them."""
    library = items.ContainerContentItem(name=codes.DCM.ImageLibrary, relationship_type=_CONTAINS)
    group = items.ContainerContentItem(name=codes.DCM.ImageLibraryGroup, relationship_type=_CONTAINS)
    group.ContentSequence = items.ContentSequence(
        [
            items.ImageContentItem(
                name=_SOURCE,
                referenced_sop_class_uid=image.SOPClassUID,
                referenced_sop_instance_uid=image.SOPInstanceUID,
                relationship_type=_CONTAINS,
            )
            for image in subject.references
        ]
    )
    library.ContentSequence = items.ContentSequence([group])
    return library


def _group(statement: Statement, prediction: Prediction) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=derived_uid("prediction", statement.bundle_id, statement.case_id, prediction.name),
            identifier=prediction.name,
        ),
        finding_type=endpoint_code(prediction.endpoint, prediction.label),
        algorithm_id=hd.sr.AlgorithmIdentification(
            name=statement.title or statement.study,
            version=statement.bundle_id,
            parameters=[f"endpoint={prediction.endpoint}", f"inputs={prediction.inputs}"],
            family=codes.cid7162.ArtificialIntelligence,
        ),
        measurements=_measurements(prediction),
        qualitative_evaluations=[hd.sr.QualitativeEvaluation(ours.INTENDED_USE, ours.RESEARCH)],
    )
    for name, text in _texts(statement, prediction):
        group[0].ContentSequence.append(items.TextContentItem(name=name, value=text, relationship_type=_CONTAINS))
    return group


def _measurements(prediction: Prediction) -> list[hd.sr.Measurement]:
    unit = _unit(prediction)
    numbers = (
        (codes.DCM.Probability if prediction.is_probability else ours.PREDICTED, prediction.value),
        (ours.LOWER, prediction.low),
        (ours.UPPER, prediction.high),
    )
    found = [hd.sr.Measurement(name, prediction.shown(value), unit) for name, value in numbers if value is not None]
    if prediction.horizon_days is not None:
        found.append(hd.sr.Measurement(ours.HORIZON, prediction.horizon_days, codes.UCUM.Day))
    return found


def _unit(prediction: Prediction) -> Code:
    """A UCUM code; a unit of the study's own stands in braces, as UCUM annotates (2.1, § 12)."""
    if prediction.is_probability:
        return codes.UCUM.Percent
    if prediction.unit in _DAYS:
        return _DAYS[prediction.unit]
    plain = prediction.unit.translate(_PLAIN)
    plain = "".join(letter for letter in plain if letter.isascii() and letter.isprintable())
    return Code(f"{{{plain}}}", "UCUM", ours.short(prediction.unit)) if plain else codes.UCUM.NoUnits


def _texts(statement: Statement, prediction: Prediction) -> list[tuple[Code, str]]:
    said = [(ours.WITHHELD, prediction.withheld)] if prediction.withheld else []
    counted = f"Time is counted from {prediction.counted_from}." if prediction.horizon_days is not None else ""
    words = (prediction.title, counted, *prediction.notes, *statement.warnings)
    return [*said, *((codes.DCM.Comment, text) for text in words if text)]
