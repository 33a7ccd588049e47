"""The layout of the Medical Segmentation Decathlon: `imagesTr` and `labelsTr` with equal file names.

`dataset.json`, where it is there, names the labels and the modality; it is not needed. nnU-Net's form is read too:
channels as files `<case>_0000`, `<case>_0001` ..., and a `dataset.json` that names numbers (`"labels": {"liver": 1}`).

Reference: Antonelli M et al. Nat Commun 2022;13:4128. doi:10.1038/s41467-022-30695-9
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segmentation.datasets.dataset import Dataset, without
from segmentation.datasets.mask_sources import drawn_on
from segmentation.errors import ImageRefusal
from segmentation.images.reading import IMAGE_SUFFIXES
from segmentation.learning.training_case import TrainingCase

_CHANNEL = re.compile(r"_\d{4}$")


def image_files(folder: Path) -> list[Path]:
    """The image files of a folder by name, without hidden ones (macOS leaves `._` files in archives)."""
    names = (
        path
        for path in folder.iterdir()
        if path.name.lower().endswith(IMAGE_SUFFIXES) and not path.name.startswith(".")
    )
    return sorted(names, key=lambda path: path.name)


def case_name(path: Path) -> str:
    """The file's name without the ending that says what it is (.nii.gz, .png ...)."""
    for suffix in IMAGE_SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.name


def decathlon_cases(folder: Path) -> list[TrainingCase]:
    """Every training image that has a mask, by name.

    Raises ImageRefusal (`no_layout`) where `imagesTr` or `labelsTr` is missing or no image has a mask.
    """
    images, labels = folder / "imagesTr", folder / "labelsTr"
    if not (images.is_dir() and labels.is_dir()):
        raise _no_layout(folder, "one of the two folders is missing")
    masks = {case_name(path): path for path in image_files(labels)}
    files = _by_case(image_files(images), set(masks))
    cases = [TrainingCase(n, tuple(f), drawn_on(masks[n], f[0])) for n, f in sorted(files.items()) if n in masks]
    if not cases:
        raise _no_layout(folder, f"{len(masks)} masks, and none has the name of an image")
    return cases


def _by_case(images: list[Path], masks: set[str]) -> dict[str, list[Path]]:
    """The files of each case in the order of their names; a number counts channels where a mask has its rest."""
    found: dict[str, list[Path]] = {}
    for path in images:
        name = case_name(path)
        before = _CHANNEL.sub("", name)
        found.setdefault(before if name not in masks and before in masks else name, []).append(path)
    return found


def holds_decathlon(folder: Path) -> bool:
    return (folder / "imagesTr").is_dir() and (folder / "labelsTr").is_dir()


def read_decathlon(folder: Path) -> Dataset:
    """The training part; raises as `decathlon_cases`. An image without a mask is refused by name."""
    cases, described = decathlon_cases(folder), _description(folder)
    paired = {case.case_id for case in cases}
    names = _by_case(image_files(folder / "imagesTr"), paired)
    channels = described.get("modality") or described.get("channel_names", {})
    inputs = tuple(str(channels[n]).lower() for n in sorted(channels, key=lambda n: (len(n), n)))
    return Dataset(
        "decathlon",
        tuple(cases),
        regions=label_names(folder),
        channels=inputs if len(set(inputs)) == len(inputs) else (),
        modality=", ".join(sorted({str(name) for name in channels.values()})),
        ct=is_ct(folder),
        split={case.case_id: "train" for case in cases},
        refused={name: without(name, "mask") for name in names if name not in paired},
    )


def label_names(folder: Path) -> dict[str, int]:
    """Regions and their labels as `dataset.json` names them, in lower case with underscores; empty without the file.

    Raises ImageRefusal (`bad_dataset_json`) where the file cannot be read.
    """
    labels = _description(folder).get("labels", {})
    pairs = [(name, label) if str(label).isdecimal() else (label, name) for label, name in labels.items()]
    named = {re.sub(r"\W+", "_", str(name).lower()).strip("_"): int(n) for name, n in pairs if str(n).isdecimal()}
    return {name: label for name, label in named.items() if label > 0}


def is_ct(folder: Path) -> bool | None:
    """Whether `dataset.json` says that the images are CT; None where it does not say."""
    described = _description(folder)
    modality = described.get("modality") or described.get("channel_names", {})
    return any(str(name).upper() == "CT" for name in modality.values()) if modality else None


def _description(folder: Path) -> Mapping[str, Any]:
    path = folder / "dataset.json"
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(content.get(key, {}), dict) for key in ("labels", "modality", "channel_names")):
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
