"""What a segmentation network learns from, named; nothing is read here, and torch is not imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from segmentation.types import Mask


class MaskSource(Protocol):
    """A mask that is not one file as it stands: `reading.read_mask` takes it as it takes a path."""

    @property
    def file(self) -> Path:
        """One of the files that it is read from; its name and folder say where the mask comes from."""

    def read(self, regions: Mapping[str, int]) -> Mask:
        """The mask, as `reading.read_mask` gives it."""


@dataclass(frozen=True)
class TrainingCase:
    """An image, a file or one a channel, with the mask drawn on it. Cases of one `patient_id` stay together (default:
    each case is its own)."""

    case_id: str
    images: tuple[Path, ...]
    mask: Path | MaskSource
    patient_id: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", tuple(self.images))

    @property
    def patient(self) -> str:
        return self.patient_id or self.case_id
