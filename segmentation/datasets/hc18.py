"""The layout of HC18, fetal ultrasound: `<subject>_HC.png` with a mask of the head, and a table of pixel sizes.

As published (`training_set/`) the mask is `<name>_Annotation.png` with an ellipse's line, which is filled; `images/`
and `masks/` with filled heads are read too. Frames `<subject>_HC`, `<subject>_2HC` ... are of one subject.

Reference: van den Heuvel TLA et al. PLoS One 2018;13:e0200412. doi:10.1371/journal.pone.0200412
"""

from __future__ import annotations

import re
from pathlib import Path

from segmentation.datasets.dataset import Dataset, pair, visible
from segmentation.datasets.mask_sources import DrawnOn, Outline
from segmentation.learning.training_case import TrainingCase

MARK = "_Annotation"
_FRAME = re.compile(r"(\d{3})_\d*HC")


def holds_hc18(folder: Path) -> bool:
    return bool(_frames(folder, MARK) or (_frames(folder / "images", "") and _frames(folder / "masks", "")))


def read_hc18(folder: Path) -> Dataset:
    """Every frame; those of a subject stay together."""
    outlines = _frames(folder, MARK)
    places = ("", "training_set") if outlines else ("images",)
    images = [path for at in places for path in _frames(folder / at, "")]
    masks = outlines or _frames(folder / "masks", "")
    pairs, refused = pair(images, masks, lambda path: path.stem, lambda path: path.stem.removesuffix(MARK))
    source = Outline if outlines else DrawnOn
    return Dataset(
        "hc18",
        tuple(TrainingCase(name, (image,), source(mask, image), name[:3]) for name, image, mask in pairs),
        regions={"head": 1},
        channels=("ultrasound",),
        modality="US",
        ct=False,
        refused=refused,
        notes=("the line of each annotation is filled",) if outlines else (),
    )


def _frames(folder: Path, mark: str) -> list[Path]:
    """Frames here, and for the published annotations in `training_set` too."""
    found = visible(folder, f"*{mark}.png") + (visible(folder, f"training_set/*{mark}.png") if mark else [])
    return [path for path in found if _FRAME.fullmatch(path.stem.removesuffix(mark) if mark else path.stem)]
