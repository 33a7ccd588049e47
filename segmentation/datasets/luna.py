"""The layout of LUNA16: `subset0..9/<uid>.mhd` (with .raw), `seg-lungs-LUNA16/<uid>.mhd`, `annotations.csv`.

Where the lung masks are there, they are learned from; else the nodules of `annotations.csv`, which names a place and a
diameter: balls of that size, not outlines.

Reference: Setio AAA et al. Med Image Anal 2017;42:1-13. doi:10.1016/j.media.2017.06.015
"""

from __future__ import annotations

import csv
from pathlib import Path

from segmentation.datasets.dataset import Dataset, pair, visible
from segmentation.datasets.mask_sources import Spheres
from segmentation.errors import ImageRefusal
from segmentation.learning.training_case import TrainingCase

LUNGS, FINDINGS = "seg-lungs-LUNA16", "annotations.csv"
LUNG_REGIONS = {"lung_3": 3, "lung_4": 4, "trachea": 5}  # named after their labels: the files do not say which is left
Ball = tuple[float, float, float, float]


def holds_luna(folder: Path) -> bool:
    return bool(_images(folder)) and ((folder / LUNGS).is_dir() or (folder / FINDINGS).is_file())


def read_luna(folder: Path) -> Dataset:
    """Lungs where their masks are there, else nodules as balls; the subset is the fold."""
    images = _images(folder)
    if (folder / LUNGS).is_dir():
        found = pair(images, visible(folder / LUNGS, "*.mhd"), lambda path: path.stem, lambda path: path.stem)
        cases, refused = [TrainingCase(name, (image,), mask) for name, image, mask in found[0]], found[1]
        regions, note = LUNG_REGIONS, ""
    else:
        balls, refused = _findings(folder / FINDINGS), {}
        cases = [TrainingCase(path.stem, (path,), Spheres(path, tuple(balls.get(path.stem, [])))) for path in images]
        regions, note = {"nodule": 1}, "no masks: nodules are balls of the listed place and diameter"
    return Dataset(
        "luna16",
        tuple(cases),
        regions=regions,
        channels=("ct",),
        modality="CT",
        ct=True,
        split={case.case_id: case.images[0].parent.name for case in cases},
        refused=refused,
        notes=(note,) if note else (),
    )


def _images(folder: Path) -> list[Path]:
    return visible(folder, "subset*/*.mhd")


def _findings(path: Path) -> dict[str, list[Ball]]:
    """Balls by series. Raises ImageRefusal (`bad_annotations`)."""
    found: dict[str, list[Ball]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            for row in csv.DictReader(lines):
                x, y, z, diameter = (float(row[name]) for name in ("coordX", "coordY", "coordZ", "diameter_mm"))
                found.setdefault(row["seriesuid"], []).append((x, y, z, diameter))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImageRefusal(
            "bad_annotations",
            f"{path.name} cannot be read.",
            expected="columns seriesuid, coordX, coordY, coordZ, diameter_mm",
            found=f"{type(error).__name__}: {error}",
            next_step="copy the published file again",
        ) from error
    return found
