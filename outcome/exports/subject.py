"""Whom and what an object speaks of: patient and study of the case's image series, or the case id alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from outcome.errors import DataRefusal
from outcome.exports.identifiers import derived_uid

UTF8 = "ISO_IR 192"
_DATES = ("ContentDate", "AcquisitionDate", "SeriesDate", "StudyDate")
_TAKEN = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientIdentityRemoved",
    "DeidentificationMethod", "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
    "ReferringPhysicianName", "StudyDescription",
)  # fmt: skip
_EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Subject:
    """`head`: patient and study elements. `images`: headers of the series, and `objects` of what was made on it."""

    head: Dataset
    date: str  # YYYYMMDD, or empty where none is known
    images: tuple[Dataset, ...] = ()
    objects: tuple[Dataset, ...] = ()

    @property
    def needed_date(self) -> str:
        """The date. Raises DataRefusal where none is known: the day of writing would be no property of the work."""
        if not self.date:
            raise DataRefusal(
                "a structured report bears a date and none is known", expected="a date in the image series, or --date",
                found="neither", next_step="state the date of the work with --date",
            )  # fmt: skip
        return self.date

    @property
    def references(self) -> tuple[Dataset, ...]:
        """All that a report of this case may point to."""
        return (*self.images, *self.objects)


def subject_of_series(images: Sequence[Dataset], objects: Sequence[Dataset] = (), date: str = "") -> Subject:
    """The patient and study that a series names; `date` in place of the series' own."""
    head = _empty_head()
    for name in _TAKEN:
        if name in images[0]:
            setattr(head, name, images[0][name].value)
    return Subject(head, date or _date(images[0]), tuple(images), tuple(objects))


def subject_of_case(case_id: str, bundle_id: str, date: str = "") -> Subject:
    """A case without a series: the patient's identifier is the case's, and the study is one of its own."""
    head = _empty_head()
    head.PatientID = case_id
    head.StudyInstanceUID = derived_uid("study", bundle_id, case_id)
    return Subject(head, date)


def _empty_head() -> Dataset:
    head = Dataset()
    head.SpecificCharacterSet = UTF8
    for name in _EMPTY:
        setattr(head, name, None)
    head.SOPClassUID = CTImageStorage  # whose modules of patient and study are those of every object
    head.SOPInstanceUID = head.SeriesInstanceUID = derived_uid("head")
    return head


def _date(image: Dataset) -> str:
    found = (str(image.get(name) or "") for name in _DATES)
    return next((date for date in found if len(date) == 8 and date.isdigit()), "")
