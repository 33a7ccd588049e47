"""The layout of 3D-IRCADb: `3Dircadb1.<n>/PATIENT_DICOM` and `MASKS_DICOM/<structure>`, a DICOM series each.

Learned are liver (1) and liver tumours (2, every folder named `livertumor*`); the other structures are left alone.

Reference: Soler L et al. 3D image reconstruction for comparison of algorithm database. IRCAD, Strasbourg, 2010.
"""

from __future__ import annotations

from pathlib import Path

from segmentation.datasets.dataset import Dataset, visible, without
from segmentation.datasets.mask_sources import Structures
from segmentation.errors import ImageRefusal
from segmentation.learning.training_case import TrainingCase

IMAGE, MASKS = "PATIENT_DICOM", "MASKS_DICOM"
LIVER, TUMOUR = 1, 2


def holds_ircad(folder: Path) -> bool:
    return bool(_patients(folder))


def read_ircad(folder: Path) -> Dataset:
    """Every patient with a liver mask."""
    cases: list[TrainingCase] = []
    refused: dict[str, ImageRefusal] = {}
    for patient in _patients(folder):
        labels = _labels(patient / MASKS)
        if (patient / IMAGE).is_dir() and labels:
            cases.append(TrainingCase(patient.name, (patient / IMAGE,), Structures(patient / IMAGE, labels)))
        else:
            refused[patient.name] = without(patient.name, "mask" if not labels else "image")
    return Dataset("ircad", tuple(cases), {"liver": LIVER, "tumour": TUMOUR}, ("ct",), "CT", True, refused=refused)


def _patients(folder: Path) -> list[Path]:
    return sorted({path.parent for name in (IMAGE, MASKS) for path in visible(folder, f"*/{name}")})


def _labels(masks: Path) -> tuple[tuple[Path, int], ...]:
    """The liver first: tumours lie inside and on top."""
    liver = [(path, LIVER) for path in visible(masks, "liver") if path.is_dir()]
    tumours = [(path, TUMOUR) for path in visible(masks, "livertumo*") if path.is_dir()]
    return (*liver, *tumours) if liver else ()
