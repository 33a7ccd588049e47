"""A case of which a bundle says a bit of everything, with and without a series."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from outcome.exports.statement import Prediction, Statement
from outcome.exports.subject import Subject, subject_of_case, subject_of_series
from segmentation.exports.source_series import read_source
from tests.dicom_series import planes, write_series

PREDICTIONS = (
    Prediction(
        "major_complication", "Größere Komplikation", "binary", "preoperative", 90.0,
        value=0.123456789, low=0.05, high=0.3, notes=("80 % of what this model reads is known of this patient.",),
    ),
    Prediction("death", "Death <any cause>", "time_to_event", "with_plan", 730.0, "diagnosis", value=0.5),
    Prediction("stay", "Length of stay", "duration", "preoperative", unit="days", value=4.5, low=2.0, high=9.25),
    Prediction("egfr", "Kidney function kept", "continuous", "preoperative", unit="mL/min/1.73 m²", value=61.0),
    Prediction("readmission", "Readmission", "binary", "preoperative", 30.0, withheld="No number: 12 % is known."),
    Prediction("grade", "Worst grade", "ordinal", "preoperative", unit="rank", withheld="The bundle has no model."),
)  # fmt: skip


@pytest.fixture
def statement() -> Statement:
    return Statement("case_1", "0123456789ab", "site_a", "Kidney surgery", "surgical-outcome 0.1.0", PREDICTIONS)


@pytest.fixture
def alone(statement: Statement) -> Subject:
    """No series: the case's id is all that is known of the patient."""
    return subject_of_case(statement.case_id, statement.bundle_id, "20240203")


@pytest.fixture
def scanned(tmp_path: Path) -> Subject:
    """A series of a patient with a name in Latin letters with an accent, and with things that concern nobody."""

    def telling(number: int, data: Dataset) -> None:
        data.SpecificCharacterSet, data.PatientName, data.AccessionNumber = "ISO_IR 100", "Müller^Jörg", "A-7"
        data.PatientAddress, data.OperatorsName, data.InstitutionName = "1 Street", "Someone^Else", "Hospital"

    return subject_of_series(read_source(write_series(tmp_path / "scan", planes(), telling)).images)
