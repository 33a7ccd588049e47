"""What a segmentation network learns from, named; nothing is read here, and torch is not imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainingCase:
    """An image with the mask drawn on it. Cases of one `patient_id` (default: each case is its own) stay together."""

    case_id: str
    image: Path
    mask: Path
    patient_id: str = ""

    @property
    def patient(self) -> str:
        return self.patient_id or self.case_id
