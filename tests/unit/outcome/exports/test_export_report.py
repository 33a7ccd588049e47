"""A statement as structured report and PDF: DCMTK and highdicom read every number back, and nobody else is named."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import highdicom as hd
import pydicom
import pytest
from pydicom.dataset import Dataset
from pypdf import PdfReader

from outcome.errors import DataRefusal
from outcome.exports.encapsulated_pdf import encapsulated_pdf
from outcome.exports.risk_sheet import risk_sheet, sheet_html
from outcome.exports.settled import object_bytes
from outcome.exports.statement import RESEARCH_ONLY, Statement
from outcome.exports.structured_report import structured_report
from outcome.exports.subject import Subject, subject_of_case
from tests.dicom_readers import conforms, dcmtk, report_text


@pytest.fixture(params=["alone", "scanned"])
def subject(request: pytest.FixtureRequest) -> Subject:
    return request.getfixturevalue(request.param)


def numbers(group: Dataset) -> dict[str, tuple[float, str]]:
    """Value and unit of every number of a measurement group, by its code."""
    found = {}
    for item in group.ContentSequence:
        if item.ValueType == "NUM":
            measured = item.MeasuredValueSequence[0]
            unit = measured.MeasurementUnitsCodeSequence[0]
            found[item.ConceptNameCodeSequence[0].CodeValue] = (
                float(measured.NumericValue),
                str(unit.get("CodeValue") or unit.LongCodeValue),
            )
    return found


def groups(report: Dataset) -> dict[str, Dataset]:
    """Measurement groups by their tracking identifier."""
    (measured,) = (i for i in report.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "126010")
    return {g.ContentSequence[0].TextValue: g for g in measured.ContentSequence}


def test_every_number_stands_with_interval_horizon_and_unit(statement: Statement, subject: Subject) -> None:
    report = pydicom.dcmread(io.BytesIO(object_bytes(structured_report(statement, subject))))
    found = {name: numbers(group) for name, group in groups(report).items()}
    assert found == {
        "major_complication.preoperative.90d": {
            "122157": (12.3457, "%"), "LOWER95": (5.0, "%"), "UPPER95": (30.0, "%"), "HORIZON": (90.0, "d"),
        },
        "death.with_plan.730d": {"122157": (50.0, "%"), "HORIZON": (730.0, "d")},
        "stay.preoperative": {"PREDICTED": (4.5, "d"), "LOWER95": (2.0, "d"), "UPPER95": (9.25, "d")},
        "egfr.preoperative": {"PREDICTED": (61.0, "{mL/min/1.73_m2}")},
        "readmission.preoperative.30d": {"HORIZON": (30.0, "d")},
        "grade.preoperative": {},
    }  # fmt: skip


def test_a_number_that_is_withheld_has_its_reason_and_every_group_its_warning_and_model(
    statement: Statement, subject: Subject
) -> None:
    report = pydicom.dcmread(io.BytesIO(object_bytes(structured_report(statement, subject))))
    for prediction in statement.predictions:
        group = groups(report)[prediction.name]
        said = {
            (i.ConceptNameCodeSequence[0].CodeValue, i.TextValue) for i in group.ContentSequence if "TextValue" in i
        }
        assert (("WITHHELD", prediction.withheld) in said) == bool(prediction.withheld)
        assert ("121106", RESEARCH_ONLY) in said
        assert ("111003", statement.bundle_id) in said
        use = [i for i in group.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "USE"]
        assert use[0].ConceptCodeSequence[0].CodeMeaning == RESEARCH_ONLY
    assert report.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99OUTCOME"


def test_independent_readers_accept_the_report(statement: Statement, subject: Subject, tmp_path: Path) -> None:
    path = tmp_path / "report.dcm"
    path.write_bytes(object_bytes(structured_report(statement, subject)))
    conforms(path)
    text = report_text(path)
    assert '(122157,DCM,"Probability")="12.3457" (%,UCUM,"Percent")' in text
    document = ElementTree.fromstring(dcmtk("dsr2xml", "--quiet", path).partition("\nW:")[0])
    assert len(document.findall(".//num")) == 11
    content = hd.sr.srread(path).content
    assert len(content.get_image_measurement_groups()) == len(statement.predictions)


def test_images_and_masks_that_a_report_rests_on_are_referred_to(statement: Statement, scanned: Subject) -> None:
    (mask,) = scanned.images[:1]
    report = structured_report(statement, replace(scanned, objects=(mask,)))
    (library,) = (i for i in report.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "111028")
    named = [i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for i in library.ContentSequence[0].ContentSequence]
    assert named == [*(image.SOPInstanceUID for image in scanned.images), mask.SOPInstanceUID]
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert {e.ReferencedSOPInstanceUID for e in evidence} == set(named)


def test_without_a_series_nothing_is_referred_to_and_the_case_is_the_patient(
    statement: Statement, alone: Subject
) -> None:
    report = structured_report(statement, alone)
    assert "CurrentRequestedProcedureEvidenceSequence" not in report
    assert (report.PatientID, report.PatientName, report.PatientBirthDate) == ("case_1", None, None)


def test_nothing_of_the_patient_goes_in_but_what_names_patient_and_study(
    statement: Statement, scanned: Subject
) -> None:
    report = object_bytes(structured_report(statement, scanned))
    sheet = object_bytes(encapsulated_pdf(b"%PDF-1.7 made up", statement, scanned, "Sheet"))
    for data in (report, sheet):
        read = pydicom.dcmread(io.BytesIO(data))
        assert str(read.PatientName) == "Müller^Jörg"
        assert (read.PatientID, read.AccessionNumber, read.StudyInstanceUID) == ("P1", "A-7", "1.2.3")
        for word in (b"1 Street", b"Someone", b"Hospital"):
            assert word not in data


def test_the_same_statement_gives_the_same_bytes_and_another_one_another_identifier(
    statement: Statement, subject: Subject
) -> None:
    first, again = (structured_report(statement, subject) for _ in range(2))
    assert object_bytes(first) == object_bytes(again)
    others = [replace(statement, bundle_id="ba9876543210"), replace(statement, predictions=statement.predictions[1:])]
    uids = {structured_report(other, subject).SOPInstanceUID for other in others} | {first.SOPInstanceUID}
    assert len(uids) == 3


def test_a_report_needs_a_date_and_never_takes_todays(statement: Statement, scanned: Subject) -> None:
    assert str(structured_report(statement, scanned).ContentDate) == "20240110"
    with pytest.raises(DataRefusal, match="--date"):
        structured_report(statement, subject_of_case("case_1", statement.bundle_id))


def test_the_sheet_says_every_number_and_comes_back_out_of_its_object(
    statement: Statement, subject: Subject, tmp_path: Path
) -> None:
    pdf, path = risk_sheet(statement), tmp_path / "sheet.dcm"
    assert pdf == risk_sheet(statement)
    path.write_bytes(object_bytes(encapsulated_pdf(pdf, statement, subject, "Sheet")))
    conforms(path)
    dcmtk("dcm2pdf", path, tmp_path / "back.pdf")
    assert (tmp_path / "back.pdf").read_bytes() == pdf
    text = " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())
    for words in ("12 of 100 (5–30)", "50 of 100 (no interval)", "4.5 days (2.0–9.2)", "No number: 12 % is known."):
        assert words in text
    assert "Death &lt;any cause&gt;" in sheet_html(statement)


def test_what_is_no_pdf_is_refused(statement: Statement, alone: Subject) -> None:
    with pytest.raises(DataRefusal, match="not a PDF"):
        encapsulated_pdf(b"<html>", statement, alone, "Sheet")
