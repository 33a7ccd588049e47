"""The layout of LiTS: `volume-<n>.nii` and `segmentation-<n>.nii` (1 liver, 2 tumour), in one folder or its parts.

Reference: Bilic P et al. Med Image Anal 2023;84:102680. doi:10.1016/j.media.2022.102680
"""

from __future__ import annotations

from pathlib import Path

from segmentation.datasets.dataset import Dataset, pair, visible
from segmentation.datasets.decathlon import case_name
from segmentation.learning.training_case import TrainingCase


def holds_lits(folder: Path) -> bool:
    return bool(_files(folder, "segmentation-"))


def read_lits(folder: Path) -> Dataset:
    """Every volume with its mask, in the order of their numbers' text."""
    pairs, refused = pair(_files(folder, "volume-"), _files(folder, "segmentation-"), _number, _number)
    return Dataset(
        "lits",
        tuple(TrainingCase(f"volume-{number}", (image,), mask) for number, image, mask in pairs),
        regions={"liver": 1, "tumour": 2},
        channels=("ct",),
        modality="CT",
        ct=True,
        refused={f"volume-{number}": error for number, error in refused.items()},
    )


def _files(folder: Path, start: str) -> list[Path]:
    return [path for at in ("", "*/") for path in visible(folder, f"{at}{start}*.nii*")]


def _number(path: Path) -> str:
    return case_name(path).rpartition("-")[2]
