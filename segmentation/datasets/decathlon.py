"""The layout of the Medical Segmentation Decathlon: `imagesTr` and `labelsTr` with equal file names.

`dataset.json`, where it is there, names the labels and the modality; it is not needed.

Reference: Antonelli M et al. Nat Commun 2022;13:4128. doi:10.1038/s41467-022-30695-9
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segmentation.errors import ImageRefusal
from segmentation.training_case import TrainingCase

SUFFIXES = (".nii.gz", ".nii")


def image_files(folder: Path) -> list[Path]:
    """The NIfTI files of a folder by name, without hidden ones (macOS leaves `._` files in archives)."""
    names = (path for path in folder.iterdir() if path.name.endswith(SUFFIXES) and not path.name.startswith("."))
    return sorted(names, key=lambda path: path.name)


def case_name(path: Path) -> str:
    """The file's name without .nii or .nii.gz."""
    return path.name.removesuffix(".gz").removesuffix(".nii")


def decathlon_cases(folder: Path) -> list[TrainingCase]:
    """Every training image that has a mask, by name.

    Raises ImageRefusal (`no_layout`) where `imagesTr` or `labelsTr` is missing or no image has a mask.
    """
    images, labels = folder / "imagesTr", folder / "labelsTr"
    if not (images.is_dir() and labels.is_dir()):
        raise _no_layout(folder, "one of the two folders is missing")
    masks = {case_name(path): path for path in image_files(labels)}
    cases = [
        TrainingCase(case_name(path), (path,), masks[case_name(path)])
        for path in image_files(images)
        if case_name(path) in masks
    ]
    if not cases:
        raise _no_layout(folder, f"{len(masks)} masks, and none has the name of an image")
    return cases


def label_names(folder: Path) -> dict[str, int]:
    """Regions and their labels as `dataset.json` names them, in lower case with underscores; empty without the file.

    Raises ImageRefusal (`bad_dataset_json`) where the file cannot be read.
    """
    labels = _description(folder).get("labels", {})
    named = {re.sub(r"\W+", "_", str(name).lower()).strip("_"): int(label) for label, name in labels.items()}
    return {name: label for name, label in named.items() if label > 0}


def is_ct(folder: Path) -> bool | None:
    """Whether `dataset.json` says that the images are CT; None where it does not say."""
    modality = _description(folder).get("modality", {})
    return any(str(name).upper() == "CT" for name in modality.values()) if modality else None


def _description(folder: Path) -> Mapping[str, Any]:
    path = folder / "dataset.json"
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(content.get(key, {}), dict) for key in ("labels", "modality")):
            raise ValueError("labels or modality is not an object")
    except (ValueError, AttributeError) as error:
        raise ImageRefusal(
            "bad_dataset_json",
            "dataset.json cannot be read.",
            expected="an object with labels {number: name} and modality {number: name}",
            found=str(error),
            next_step="mend the file or take it away",
        ) from error
    return dict(content)


def _no_layout(folder: Path, found: str) -> ImageRefusal:
    return ImageRefusal(
        "no_layout",
        f"{folder.name} is not laid out as the Decathlon's data are.",
        expected="imagesTr and labelsTr with equal file names",
        found=found,
        next_step="put images and masks into those two folders",
    )
