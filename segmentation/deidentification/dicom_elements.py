"""What a DICOM header may keep: a closed list of elements, each with the rule for its value. All else is left behind.

The list is the other way round from the standard's (DICOM PS3.15, Annex E: Table E.1-1 names what goes): what nobody
thought of, private elements, overlays, comments and sequences among them, is not on it. Values are never copied as
text: numbers are read and written again, words must be of a closed list, dates are shifted, identifiers are keyed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as Items
from pydicom.sr.codedict import codes
from pydicom.uid import UID
from pydicom.valuerep import format_number_as_ds

from segmentation.images.dicom.slices import MODALITIES

METHOD = (
    "surgical-outcome: closed list of elements",
    "keyed identifiers",
    "dates shifted by patient",
)  # 64 letters each
UTF8 = "ISO_IR 192"
_EMPTY = (  # which the standard wants to be there, and which are empty here
    "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
    "Manufacturer", "PositionReferenceIndicator", "PatientPosition", "AcquisitionNumber", "SeriesNumber",
)  # fmt: skip


@dataclass(frozen=True)
class Replacement:
    """Who a patient is from now on. `uid` gives each identifier its keyed one; `date` shifts YYYYMMDD, or gives ""."""

    patient: str
    uid: Callable[[str], str]
    date: Callable[[str], str]


Rule = Callable[[Any, Replacement], Any]  # a value, or None where it does not stay


def _uid(value: Any, by: Replacement) -> Any:
    return by.uid(str(value)) if str(value) else None


def _date(value: Any, by: Replacement) -> Any:
    return by.date(str(value).replace(".", "").replace("-", "")[:8]) or None


def _standard_class(value: Any, by: Replacement) -> Any:
    """A storage class of the standard: a private one may name an owner."""
    uid = UID(str(value))
    return uid if uid.name != str(uid) else None


def _numbers(value: Any, by: Replacement) -> Any:
    several = list(value) if isinstance(value, (MultiValue, list, tuple)) else [value]
    found = [float(one) for one in several if one not in (None, "")]
    return found or None


def _decimals(value: Any, by: Replacement) -> Any:
    found = _numbers(value, by)
    return None if found is None else [str(format_number_as_ds(number)) for number in found]


def _whole(value: Any, by: Replacement) -> Any:
    found = _numbers(value, by)
    return None if found is None else int(found[0])


def _words(*known: str) -> Rule:
    def rule(value: Any, by: Replacement) -> Any:
        several = list(value) if isinstance(value, (MultiValue, list, tuple)) else [value]
        return [word for word in map(str, several) if word in known] or None

    return rule


def _items(value: Any, by: Replacement) -> Any:
    return Items([kept(item, by) for item in value])


ALLOWED: Mapping[str, Rule] = {
    "SOPClassUID": _standard_class,
    "SOPInstanceUID": _uid,
    "StudyInstanceUID": _uid,
    "SeriesInstanceUID": _uid,
    "FrameOfReferenceUID": _uid,
    "StudyDate": _date,
    "SeriesDate": _date,
    "AcquisitionDate": _date,
    "ContentDate": _date,
    "AcquisitionDateTime": _date,
    "Modality": _words(*MODALITIES),
    "ImageType": _words("ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", "AXIAL", "LOCALIZER", "OTHER"),
    "PhotometricInterpretation": _words("MONOCHROME1", "MONOCHROME2"),
    "RescaleType": _words("HU", "US"),
    "LossyImageCompression": _words("00", "01"),
    "BurnedInAnnotation": _words("YES", "NO"),
    "NumberOfFrames": _whole,
    "NumberOfTemporalPositions": _whole,
    "InstanceNumber": _whole,
    "ImagePositionPatient": _decimals,
    "ImageOrientationPatient": _decimals,
    "PixelSpacing": _decimals,
    "SliceThickness": _decimals,
    "SpacingBetweenSlices": _decimals,
    "RescaleSlope": _decimals,
    "RescaleIntercept": _decimals,
    "SharedFunctionalGroupsSequence": _items,
    "PerFrameFunctionalGroupsSequence": _items,
    "PixelMeasuresSequence": _items,
    "PlaneOrientationSequence": _items,
    "PlanePositionSequence": _items,
    "PixelValueTransformationSequence": _items,
}


def kept(source: Dataset, by: Replacement) -> Dataset:
    """The elements of a data set, or of an item, that are on the list, by their rules. The source is not changed.

    Raises ValueError where a number is none.
    """
    made = Dataset()
    for keyword, rule in ALLOWED.items():
        if keyword in source:
            value = rule(source[keyword].value, by)
            if value is not None:
                setattr(made, keyword, value)
    return made


def deidentified(source: Dataset, by: Replacement) -> Dataset:
    """A header of the listed elements that names the new patient and says how it was made; pixels are not looked at."""
    made = kept(source, by)
    for keyword in _EMPTY:
        if keyword not in made:
            setattr(made, keyword, None)
    made.SpecificCharacterSet = UTF8
    made.PatientID, made.PatientName = by.patient, f"{by.patient}^"  # a caret: a name of one part
    made.SamplesPerPixel = 1
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = list(METHOD)
    made.DeidentificationMethodCodeSequence = Items([_code(one) for one in _METHODS])
    made.LongitudinalTemporalInformationModified = "MODIFIED"
    return made


# CID 7050; pixels are flagged and not cleaned, so that no option of theirs is claimed.
_METHODS = (
    codes.cid7050.BasicApplicationConfidentialityProfile,
    codes.cid7050.RetainLongitudinalTemporalInformationModifiedDatesOption,
)


def _code(code: Any) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item
