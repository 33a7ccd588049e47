"""LIDC nodules as crops: `images/<patient>_nodule-<n>_<slice>.png`, and in `votes/` how many of four readers outlined a
pixel. A pixel that at least two outlined belongs to the nodule.

Reference: Armato SG et al. Med Phys 2011;38:915-931. doi:10.1118/1.3528204
"""

from __future__ import annotations

import re
from pathlib import Path

from segmentation.datasets.dataset import Dataset, pair, visible
from segmentation.datasets.mask_sources import Votes
from segmentation.images.reading import is_picture
from segmentation.learning.training_case import TrainingCase

AT_LEAST = 2
_PATIENT = re.compile(r"LIDC-IDRI-\d+")


def holds_lidc(folder: Path) -> bool:
    return (folder / "images").is_dir() and (folder / "votes").is_dir()


def read_lidc(folder: Path) -> Dataset:
    """Every crop; those of a patient stay together."""
    found = [[path for path in visible(folder / name) if is_picture(path)] for name in ("images", "votes")]
    pairs, refused = pair(found[0], found[1], lambda path: path.stem, lambda path: path.stem)
    return Dataset(
        "lidc",
        tuple(TrainingCase(name, (image,), Votes(mask, image, AT_LEAST), _of(name)) for name, image, mask in pairs),
        regions={"nodule": 1},
        channels=("ct",),
        modality="CT",
        ct=False,  # grey levels of pictures, not HU
        refused=refused,
        notes=(f"a pixel belongs to the nodule where at least {AT_LEAST} readers outlined it",),
    )


def _of(name: str) -> str:
    found = _PATIENT.match(name)
    return found.group() if found else name
