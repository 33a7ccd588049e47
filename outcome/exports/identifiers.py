"""Identifiers and private codes of what leaves the program: they follow from the content, never from a clock."""

from __future__ import annotations

from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from outcome.store import digest

SCHEME = "99OUTCOME"  # a private coding scheme (DICOM PS3.16, 8.2), declared in every object that uses it
SCHEME_NAME = "Codes of the program surgical-outcome"
MAKER = "surgical-outcome"
FHIR_SYSTEM = "https://surgical-outcome.invalid/fhir"  # .invalid (RFC 2606): a name, behind which there is no server
_MEANING = 64  # characters that DICOM allows (LO)

PREDICTED = Code("PREDICTED", SCHEME, "Predicted value")
LOWER = Code("LOWER95", SCHEME, "Lower bound of the 95 % interval")
UPPER = Code("UPPER95", SCHEME, "Upper bound of the 95 % interval")
HORIZON = Code("HORIZON", SCHEME, "Time over which the prediction applies")
WITHHELD = Code("WITHHELD", SCHEME, "Why the number is not given")
INTENDED_USE = Code("USE", SCHEME, "Intended use")
RESEARCH = Code("RESEARCH", SCHEME, "Research use only; not for clinical decisions")


def derived_uid(*parts: object) -> str:
    """A DICOM UID (PS3.5, 9) that follows from what it names: equal parts, equal UID."""
    return str(generate_uid(entropy_srcs=[digest([str(part) for part in parts])]))


def endpoint_code(name: str, label: str) -> Code:
    """An endpoint of a study as a private code."""
    return Code(name, SCHEME, short(label))


def short(text: str) -> str:
    """A text within what a code's meaning may hold."""
    return text if len(text) <= _MEANING else f"{text[: _MEANING - 1]}…"
