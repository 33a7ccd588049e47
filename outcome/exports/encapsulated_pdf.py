"""A PDF inside a DICOM object, filed with the patient's images.

Reference: DICOM PS3.3, A.45.1 Encapsulated PDF, C.24.2 Encapsulated Document Module.
"""

from __future__ import annotations

import hashlib
from importlib import metadata

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from outcome.errors import DataRefusal
from outcome.exports.identifiers import MAKER, RESEARCH, derived_uid
from outcome.exports.statement import Statement
from outcome.exports.subject import Subject

SERIES_NUMBER = 1002


def encapsulated_pdf(pdf: bytes, statement: Statement, subject: Subject, title: str) -> Dataset:
    """The object of a PDF. Raises DataRefusal where the bytes are no PDF."""
    if not pdf.startswith(b"%PDF-"):
        raise DataRefusal("the file is not a PDF", expected="a file that begins with %PDF-", found="another beginning",
                          next_step="name a PDF with --pdf, or leave the option out")  # fmt: skip
    seed = (statement.bundle_id, statement.case_id, hashlib.sha256(pdf).hexdigest(), str(subject.head), subject.date)
    data = Dataset()
    data.update(subject.head)
    data.SOPClassUID, data.SOPInstanceUID = EncapsulatedPDFStorage, derived_uid("pdf", *seed)
    data.SeriesInstanceUID = derived_uid("pdf series", *seed)
    data.Modality, data.SeriesNumber, data.InstanceNumber = "DOC", SERIES_NUMBER, 1
    data.SeriesDescription = RESEARCH.meaning
    data.Manufacturer, data.SoftwareVersions = MAKER, metadata.version(MAKER)
    data.DeviceSerialNumber = statement.bundle_id
    data.ConversionType, data.BurnedInAnnotation = "WSD", "YES"
    data.ContentDate = data.AcquisitionDateTime = subject.date or None
    data.ContentTime = "000000" if subject.date else None
    data.DocumentTitle, data.ConceptNameCodeSequence = title, []
    data.MIMETypeOfEncapsulatedDocument = "application/pdf"
    data.EncapsulatedDocument = pdf + bytes(len(pdf) % 2)
    data.EncapsulatedDocumentLength = len(pdf)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    return data
