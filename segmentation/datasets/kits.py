"""The layout of KiTS: `case_<n>/imaging.nii.gz` and `segmentation.nii.gz` (1 kidney, 2 tumour, 3 cyst).

Reference: Heller N et al. Med Image Anal 2021;67:101821. doi:10.1016/j.media.2020.101821
"""

from __future__ import annotations

from pathlib import Path

from segmentation.datasets.dataset import Dataset, visible, without
from segmentation.errors import ImageRefusal
from segmentation.learning.training_case import TrainingCase

REGIONS = {"kidney": 1, "tumour": 2, "cyst": 3}


def holds_kits(folder: Path) -> bool:
    return any(_one(case, name) for case in _cases(folder) for name in ("imaging", "segmentation"))


def read_kits(folder: Path) -> Dataset:
    """Every case with image and mask; the published archive holds masks alone until the images are fetched."""
    cases: list[TrainingCase] = []
    refused: dict[str, ImageRefusal] = {}
    for case in _cases(folder):
        image, mask = _one(case, "imaging"), _one(case, "segmentation")
        if image and mask:
            cases.append(TrainingCase(case.name, (image,), mask))
        else:
            refused[case.name] = without(case.name, "mask" if image else "image")
    return Dataset("kits", tuple(cases), REGIONS, ("ct",), "CT", True, refused=refused)


def _cases(folder: Path) -> list[Path]:
    return [path for at in ("", "dataset/", "data/") for path in visible(folder, f"{at}case_*") if path.is_dir()]


def _one(case: Path, name: str) -> Path | None:
    return next(iter(visible(case, f"{name}.nii*")), None)
