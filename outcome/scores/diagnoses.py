"""Which ICD-10 codes mean which comorbidity? The coding of Quan and colleagues, where scores share it.

References: Quan H, Sundararajan V, Halfon P, et al. Coding algorithms for defining comorbidities in ICD-9-CM and ICD-10
administrative data. Med Care 2005;43:1130-1139. doi:10.1097/01.mlr.0000182534.19832.83
"""

from __future__ import annotations

from outcome.scores.icd10 import code_range

CITATION = "Quan et al. 2005, doi:10.1097/01.mlr.0000182534.19832.83"
_DIABETES = code_range("E10", "E14")


def diabetes(fourth: str) -> tuple[str, ...]:
    """E10 to E14 with any of these fourth characters."""
    return tuple(f"{code}{character}" for code in _DIABETES for character in fourth)


HEART_FAILURE = ("I099", "I110", "I130", "I132", "I255", "I420", *code_range("I425", "I429"), "I43", "I50", "P290")
PERIPHERAL_VASCULAR = (
    "I70", "I71", "I731", "I738", "I739", "I771", "I790", "I792", "K551", "K558", "K559", "Z958", "Z959",
)  # fmt: skip
CHRONIC_PULMONARY = ("I278", "I279", *code_range("J40", "J47"), *code_range("J60", "J67"), "J684", "J701", "J703")
PARALYSIS = ("G041", "G114", "G801", "G802", "G81", "G82", *code_range("G830", "G834"), "G839")
RENAL = ("I120", "I131", "N18", "N19", "N250", "Z490", "Z491", "Z492", "Z940", "Z992")
METASTASIS = code_range("C77", "C80")
AIDS = ("B20", "B21", "B22", "B24")
SOLID_TUMOUR = (
    *code_range("C00", "C26"), *code_range("C30", "C34"), *code_range("C37", "C41"), "C43",
    *code_range("C45", "C58"), *code_range("C60", "C76"), "C97",
)  # fmt: skip
