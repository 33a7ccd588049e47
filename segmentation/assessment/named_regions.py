"""Which labels are compared, and under which names: single labels, and unions of labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_mask
from segmentation.learning.training_case import MaskSource
from segmentation.types import MAX_LABEL, Mask

Regions = Mapping[str, tuple[int, ...]]


def parse_regions(text: str) -> dict[str, tuple[int, ...]]:
    """Regions as a user writes them: "kidney=1,tumour=2,both=1+2"; a bare "2" is named after itself.

    Raises ImageRefusal (`bad_label`) for anything else, and for a name given twice.
    """
    found: dict[str, tuple[int, ...]] = {}
    for part in text.split(","):
        name, _, numbers = part.strip().rpartition("=")
        labels = tuple(_label(number, text) for number in numbers.split("+"))
        name = name.strip() or numbers.strip()
        if name in found or len(set(labels)) != len(labels) or set(name) & set("=;"):
            raise _refuse(text)
        found[name] = labels
    return found


def single_labels(regions: Regions) -> dict[str, int]:
    """Every label that a region is made of, as reading a mask wants them."""
    return {str(label): label for label in sorted({label for labels in regions.values() for label in labels})}


def labels_held(paths: Iterable[Path | MaskSource]) -> dict[str, tuple[int, ...]]:
    """Every label that any of these masks holds, named after itself; masks that cannot be read are passed over."""
    found: set[int] = set()
    for path in paths:
        try:
            found |= labels_of(read_mask(path, {"1": 1}))
        except ImageRefusal:
            continue  # named when its case is compared
    return {str(label): (label,) for label in sorted(found)}


def labels_of(mask: Mask) -> set[int]:
    """The labels with a voxel, those that no region names too."""
    return set(mask.unnamed) | {label for label in mask.regions.values() if (mask.labels == label).any()}


def _label(number: str, text: str) -> int:
    if not number.strip().isdecimal() or not 1 <= int(number) <= MAX_LABEL:
        raise _refuse(text)
    return int(number)


def _refuse(text: str) -> ImageRefusal:
    return ImageRefusal(
        "bad_label",
        "The regions cannot be read.",
        expected=f"name=label pairs with labels from 1 to {MAX_LABEL}, unions with +: kidney=1,tumour=2,both=1+2",
        found=text,
        next_step="write each name once",
    )
