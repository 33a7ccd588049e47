"""The plain layout: `images/` and `masks/` with equal names; a mask may add `_mask`, `_segmentation`, `_seg` or
`_label`."""

from __future__ import annotations

import re
from pathlib import Path

from segmentation.datasets.dataset import Dataset, pair
from segmentation.datasets.decathlon import case_name, image_files
from segmentation.datasets.mask_sources import drawn_on
from segmentation.learning.training_case import TrainingCase

_MARK = re.compile(r"_(mask|segmentation|seg|label)$", re.IGNORECASE)


def holds_folders(folder: Path) -> bool:
    return all((folder / name).is_dir() and image_files(folder / name) for name in ("images", "masks"))


def read_folders(folder: Path) -> Dataset:
    """Every image with the mask of its name; labels and channels are what the files hold."""
    images, masks = (image_files(folder / name) for name in ("images", "masks"))
    pairs, refused = pair(images, masks, case_name, lambda path: _MARK.sub("", case_name(path)))
    cases = [TrainingCase(name, (image,), drawn_on(mask, image)) for name, image, mask in pairs]
    return Dataset("folders", tuple(cases), refused=refused)
