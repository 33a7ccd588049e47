"""The layout of the Data Science Bowl 2018: `stage1_train/<id>/images/<id>.png`, and one PNG a nucleus in `masks/`.

The mask of an image is all its nuclei together; `Pieces.instances` of the same mask numbers them.

Reference: Caicedo JC et al. Nat Methods 2019;16:1247-1253. doi:10.1038/s41592-019-0612-7
"""

from __future__ import annotations

from pathlib import Path

from segmentation.datasets.dataset import RGB, Dataset, visible, without
from segmentation.datasets.mask_sources import Pieces
from segmentation.errors import ImageRefusal
from segmentation.images.reading import is_picture
from segmentation.learning.training_case import TrainingCase

STAGE = "stage1_train"


def holds_dsb2018(folder: Path) -> bool:
    return any((path / "images").is_dir() and (path / "masks").is_dir() for path in _ids(folder))


def read_dsb2018(folder: Path) -> Dataset:
    """Every image with a folder of nuclei."""
    cases: list[TrainingCase] = []
    refused: dict[str, ImageRefusal] = {}
    for path in _ids(folder):
        images = [file for file in visible(path / "images") if is_picture(file)]
        masks = visible(path / "masks")
        if len(images) == 1 and masks:
            cases.append(TrainingCase(path.name, (images[0],), Pieces(path / "masks", images[0])))
        else:
            refused[path.name] = without(path.name, "mask" if images else "image")
    return Dataset(
        "dsb2018",
        tuple(cases),
        regions={"nucleus": 1},
        channels=RGB,
        modality="microscopy",
        ct=False,
        split={case.case_id: "train" for case in cases},
        refused=refused,
    )


def _ids(folder: Path) -> list[Path]:
    parent = folder / STAGE if (folder / STAGE).is_dir() else folder
    return [path for path in visible(parent) if path.is_dir()]
