"""The layout of BraTS, 2018 to 2023: a folder a case with four MR sequences and a mask, named after the folder.

Until 2021 `<id>_flair, _t1, _t1ce, _t2, _seg` with labels 1 (necrotic core), 2 (oedema), 4 (enhancing); from 2023
`<id>-t2f, -t1n, -t1c, -t2w, -seg` with 3 for enhancing. Scored are WT (all), TC (without oedema) and ET (enhancing).

Reference: Menze BH et al. IEEE Trans Med Imaging 2015;34:1993-2024. doi:10.1109/TMI.2014.2377694
"""

from __future__ import annotations

import re
from pathlib import Path

from segmentation.datasets.dataset import Dataset, visible, without
from segmentation.errors import ImageRefusal
from segmentation.learning.training_case import TrainingCase

CHANNELS = ("flair", "t1", "t1ce", "t2")
OLD, NEW = ("_flair", "_t1", "_t1ce", "_t2", "_seg"), ("-t2f", "-t1n", "-t1c", "-t2w", "-seg")


def holds_brats(folder: Path) -> bool:
    return bool(_folders(folder))


def read_brats(folder: Path) -> Dataset:
    """Every case with its sequences in the order FLAIR, T1, T1 post-contrast, T2."""
    cases, refused, enhancing = [], {}, set()
    for case, endings in _folders(folder):
        files = [_file(case, ending) for ending in endings]
        missing = [ending.strip("_-") for ending, file in zip(endings, files, strict=True) if file is None]
        found = [file for file in files if file is not None]
        if missing == ["seg"]:
            refused[case.name] = without(case.name, "mask")
        elif missing:
            refused[case.name] = _missing(case.name, missing)
        else:
            cases.append(TrainingCase(case.name, tuple(found[:4]), found[4], _patient(case.name)))
            enhancing.add(4 if endings == OLD else 3)
    notes = ("cases of two label conventions: give each its own folder",) if len(enhancing) > 1 else ()
    et = max(enhancing, default=3)
    return Dataset(
        "brats",
        tuple(cases),
        regions={"necrotic_core": 1, "oedema": 2, "enhancing": et},
        channels=CHANNELS,
        modality="MR",
        ct=False,
        unions={"WT": (1, 2, et), "TC": (1, et), "ET": (et,)},
        refused=refused,
        notes=notes,
    )


def _folders(folder: Path) -> list[tuple[Path, tuple[str, ...]]]:
    """Case folders (also inside HGG, LGG or a part's folder) with the endings that they use."""
    found: list[tuple[Path, tuple[str, ...]]] = []
    for case in sorted(path for path in (*folder.glob("*"), *folder.glob("*/*")) if path.is_dir()):
        for endings in (OLD, NEW):
            if any(_file(case, ending) for ending in endings[:4]):
                found.append((case, endings))
                break
    return found


def _file(case: Path, ending: str) -> Path | None:
    return next(iter(visible(case, f"{case.name}{ending}.nii*")), None)


def _patient(name: str) -> str:
    """`BraTS-GLI-00005-001` is the second examination of BraTS-GLI-00005; older names are one a patient."""
    found = re.fullmatch(r"(BraTS-[A-Za-z]+-\d+)-\d+", name)
    return found.group(1) if found else name


def _missing(name: str, sequences: list[str]) -> ImageRefusal:
    return ImageRefusal(
        "missing_image",
        f"{name} lacks a sequence.",
        expected=f"{', '.join(CHANNELS)} and a mask",
        found=f"without {', '.join(sequences)}",
        next_step="add the files, or take the case out",
    )
