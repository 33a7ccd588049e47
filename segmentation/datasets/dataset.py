"""A published data set as the program takes it: its cases, what labels and channels mean, and what is wrong in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segmentation.errors import ImageRefusal
from segmentation.learning.training_case import TrainingCase

RGB = ("red", "green", "blue")
Refused = Mapping[str, ImageRefusal]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Cases with their patients, and what the layout says of them.

    `regions` and `channels` are empty where the layout does not name them. `unions` names regions made of several
    labels. `ct` is None where nobody says. `split` holds the part ("train", "test", a fold) of the cases where the
    layout has parts. `refused` names cases that cannot be used, with the reason; `notes` is what a user must know.
    """

    layout: str
    cases: tuple[TrainingCase, ...]
    regions: Mapping[str, int] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    modality: str = ""
    ct: bool | None = None
    unions: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    split: Mapping[str, str] = field(default_factory=dict)
    refused: Refused = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def patients(self) -> int:
        return len({case.patient for case in self.cases})


@dataclass(frozen=True)
class Layout:
    """How one publisher files images and masks. `general`: taken only where no other layout fits."""

    words: str
    holds: Callable[[Path], bool]
    read: Callable[[Path], Dataset]
    general: bool = False


def pair(
    images: Iterable[Path], masks: Iterable[Path], key: Callable[[Path], str], mask_key: Callable[[Path], str]
) -> tuple[list[tuple[str, Path, Path]], dict[str, ImageRefusal]]:
    """Images and masks of one name, by name, and those that do not come to one pair with the reason.

    The reasons: `duplicate_image`, `missing_mask`, `two_masks`, `missing_image`.
    """
    ours, theirs = _by(images, key), _by(masks, mask_key)
    pairs: list[tuple[str, Path, Path]] = []
    refused: dict[str, ImageRefusal] = {}
    for name in sorted({*ours, *theirs}):
        image, mask = ours.get(name, []), theirs.get(name, [])
        if len(image) == len(mask) == 1:
            pairs.append((name, image[0], mask[0]))
        else:
            refused[name] = _unpaired(name, image, mask)
    return pairs, refused


def without(name: str, what: str) -> ImageRefusal:
    """The refusal of a case without its image or mask (`what`): `missing_image` or `missing_mask`."""
    step = f"add the {what}, or take the case out"
    return ImageRefusal(
        f"missing_{what}", f"{name} has no {what}.", expected=f"one {what}", found="none", next_step=step
    )


def visible(folder: Path, pattern: str = "*") -> list[Path]:
    """What stands in a folder by name, without hidden files; nothing where there is no folder."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def no_layout(folder: Path, expected: str, found: str) -> ImageRefusal:
    """The refusal of a folder that is not laid out as its reader needs."""
    step = "`segmentation datasets` lists the layouts; images/ and masks/ with equal names always do"
    return ImageRefusal(
        "no_layout", f"{folder.name} is not laid out so.", expected=expected, found=found, next_step=step
    )


def _by(paths: Iterable[Path], key: Callable[[Path], str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in paths:
        found.setdefault(key(path), []).append(path)
    return found


def _unpaired(name: str, images: Sequence[Path], masks: Sequence[Path]) -> ImageRefusal:
    if not images or not masks:
        return without(name, "image" if not images else "mask")
    code, what, many = ("two_masks", "masks", masks) if len(masks) > 1 else ("duplicate_image", "images", images)
    found = ", ".join(path.name for path in many)
    step = "keep the right one; put the masks of several readers in folders of their own"
    return ImageRefusal(code, f"{name} has several {what}.", expected="one", found=found, next_step=step)
