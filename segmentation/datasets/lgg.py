"""Lower-grade glioma MR of TCGA: as volumes, a folder a patient, and as published, a folder of TIFF slices a patient.

Volumes: `<case>/{flair,mask}.nii.gz`, some with `post.nii.gz`; a channel is taken where every case has it. Slices:
`<case>/<case>_<n>.tif` with channels pre-contrast, FLAIR, post-contrast, and `<case>_<n>_mask.tif`. No spacing was
published: nothing may be said in mm.

Reference: Buda M, Saha A, Mazurowski MA. Comput Biol Med 2019;109:218-225. doi:10.1016/j.compbiomed.2019.05.002
"""

from __future__ import annotations

import re
from pathlib import Path

from segmentation.datasets.dataset import Dataset, pair, visible, without
from segmentation.datasets.mask_sources import DrawnOn
from segmentation.errors import ImageRefusal
from segmentation.learning.training_case import TrainingCase

NO_SPACING = "no voxel spacing was published: nothing may be said in mm (--without-mm)"
_SLICE = re.compile(r"(TCGA_[A-Z]{2}_[A-Z0-9]{4}).*_\d+")


def holds_lgg(folder: Path) -> bool:
    return bool(visible(folder, "*/flair.nii*"))


def read_lgg(folder: Path) -> Dataset:
    """Every patient's volume: FLAIR, and post-contrast where all have it."""
    cases: list[TrainingCase] = []
    refused: dict[str, ImageRefusal] = {}
    patients = sorted({path.parent for name in ("flair", "mask") for path in visible(folder, f"*/{name}.nii*")})
    contrast = sum(bool(visible(patient, "post.nii*")) for patient in patients)
    channels = ("flair", "post") if contrast == len(patients) else ("flair",)
    for patient in patients:
        mask, images = visible(patient, "mask.nii*"), [visible(patient, f"{name}.nii*") for name in channels]
        if mask and all(images):
            cases.append(TrainingCase(patient.name, tuple(found[0] for found in images), mask[0]))
        else:
            refused[patient.name] = without(patient.name, "image" if mask else "mask")
    notes = (NO_SPACING, f"{contrast} of {len(patients)} have a post-contrast image")
    return Dataset("lgg", tuple(cases), {"tumour": 1}, channels, "MR", False, refused=refused, notes=notes)


def holds_lgg_slices(folder: Path) -> bool:
    return bool(_slices(folder, "_mask"))


def read_lgg_slices(folder: Path) -> Dataset:
    """Every slice as a case; the slices of a patient stay together."""
    masks = _slices(folder, "_mask")
    images = [path for path in _slices(folder, "") if not path.stem.endswith("_mask")]
    pairs, refused = pair(images, masks, lambda path: path.stem, lambda path: path.stem.removesuffix("_mask"))
    return Dataset(
        "lgg_slices",
        tuple(TrainingCase(name, (image,), DrawnOn(mask, image), _patient(name)) for name, image, mask in pairs),
        regions={"tumour": 1},
        channels=("pre", "flair", "post"),
        modality="MR",
        ct=False,
        refused=refused,
        notes=(NO_SPACING, "where a sequence is missing its channel repeats FLAIR, as published"),
    )


def _slices(folder: Path, mark: str) -> list[Path]:
    found = [path for at in ("", "*/") for path in visible(folder, f"{at}TCGA_*{mark}.tif*")]
    return [path for path in found if _SLICE.fullmatch(path.stem.removesuffix("_mask"))]


def _patient(name: str) -> str:
    found = _SLICE.fullmatch(name)
    return found.group(1) if found else name
