"""What a region is called in SNOMED CT, by the words of its name; what no word names keeps its own name as label.

Codes are those of DICOM PS3.16 as pydicom lists them: categories of CID 7150, organs of CID 7192, findings of CID 7159.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

ORGANS: dict[str, Code] = {
    "adrenal": codes.SCT.AdrenalGland,
    "aorta": codes.SCT.Aorta,
    "bladder": codes.SCT.Bladder,
    "bone": codes.SCT.Bone,
    "brain": codes.SCT.Brain,
    "breast": codes.SCT.Breast,
    "colon": codes.SCT.Colon,
    "gallbladder": codes.SCT.Gallbladder,
    "head": codes.SCT.Head,
    "heart": codes.SCT.Heart,
    "hippocampus": codes.SCT.Hippocampus,
    "kidney": codes.SCT.Kidney,
    "liver": codes.SCT.Liver,
    "lung": codes.SCT.Lung,
    "lungs": codes.SCT.Lung,
    "muscle": codes.SCT.Muscle,
    "oesophagus": codes.SCT.Esophagus,
    "pancreas": codes.SCT.Pancreas,
    "prostate": codes.SCT.Prostate,
    "rectum": codes.SCT.Rectum,
    "skin": codes.SCT.Skin,
    "spleen": codes.SCT.Spleen,
    "stomach": codes.SCT.Stomach,
    "trachea": codes.SCT.Trachea,
    "ureter": codes.SCT.Ureter,
    "uterus": codes.SCT.Uterus,
}
FINDINGS: dict[str, Code] = {
    "cyst": codes.SCT.Cyst,
    "edema": codes.SCT.Edema,
    "lesion": codes.SCT.Lesion,
    "mass": codes.SCT.Mass,
    "necrosis": codes.SCT.Necrosis,
    "nodule": codes.SCT.Nodule,
    "oedema": codes.SCT.Edema,
    "tumor": codes.SCT.Neoplasm,
    "tumour": codes.SCT.Neoplasm,
}
# Words that say "not normal" without saying what: the whole structure is called abnormal, and nothing more.
ABNORMAL = ("abnormal", "abnormality", "disease", "metastasis", "necrotic", "pathology")


@dataclass(frozen=True)
class RegionCode:
    """Category and type of a segmented region, and the organ that its name says it lies in."""

    category: Code
    kind: Code
    organ: Code | None = None


def region_code(name: str) -> RegionCode:
    """The code of a region by the words of its name ("kidney", "kidney_tumor"): what is found there comes first."""
    words = name.lower().split("_")
    organ = next((ORGANS[word] for word in words if word in ORGANS), None)
    finding = next((FINDINGS[word] for word in reversed(words) if word in FINDINGS), None)
    abnormal = codes.SCT.MorphologicallyAbnormalStructure
    if finding is not None:
        return RegionCode(abnormal, finding, organ)
    if any(word in ABNORMAL for word in words):
        return RegionCode(abnormal, abnormal, organ)
    if organ is not None:
        return RegionCode(codes.SCT.AnatomicalStructure, organ)
    return RegionCode(codes.SCT.Tissue, codes.SCT.Tissue)
