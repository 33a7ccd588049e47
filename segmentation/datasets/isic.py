"""ISIC's naming of dermoscopy: `<id>.jpg` and `<id>_segmentation.png`, in any two folders or in parts of a challenge.

Reference: Codella N et al. Skin lesion analysis toward melanoma detection 2018. arXiv:1902.03368
"""

from __future__ import annotations

from pathlib import Path

from segmentation.datasets.dataset import RGB, Dataset, pair, visible
from segmentation.datasets.mask_sources import DrawnOn
from segmentation.images.reading import is_picture
from segmentation.learning.training_case import TrainingCase

MARK = "_segmentation"
PARTS = {"training": "train", "validation": "validation", "test": "test"}


def holds_isic(folder: Path) -> bool:
    return any(is_picture(path) for path in _below(folder, f"*{MARK}.*"))


def read_isic(folder: Path) -> Dataset:
    """Every picture with its lesion. An image's part of the challenge stands in its folder's name."""
    files = [path for path in _below(folder, "*") if is_picture(path) and not path.stem.endswith("_superpixels")]
    masks = [path for path in files if path.stem.endswith(MARK)]
    images = [path for path in files if not path.stem.endswith(MARK)]
    pairs, refused = pair(images, masks, lambda path: path.stem, lambda path: path.stem.removesuffix(MARK))
    parts = {name: part for name, image, _ in pairs if (part := _part(image.parent.name))}
    return Dataset(
        "isic",
        tuple(TrainingCase(name, (image,), DrawnOn(mask, image)) for name, image, mask in pairs),
        regions={"lesion": 1},
        channels=RGB,
        modality="dermoscopy",
        ct=False,
        split=parts,
        refused=refused,
    )


def _below(folder: Path, pattern: str) -> list[Path]:
    return [*visible(folder, pattern), *visible(folder, f"*/{pattern}")]


def _part(name: str) -> str:
    return next((part for word, part in PARTS.items() if word in name.lower()), "")
