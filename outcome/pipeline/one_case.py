"""A study of one case, written for a frozen bundle: a folder of images, and a row of a record where there is one.

The folder holds each image the bundle reads under its name: `ct/` (DICOM) or `ct.nii.gz`; a bundle of one image also
takes the folder itself for it. Masks, where the bundle does not draw them: `mask.nii.gz`, on another image
`mr_mask.nii.gz`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from outcome.bundle import Bundle, read_bundle
from outcome.config.imaging import CASE_PLACE
from outcome.dictionary import Availability, DataDictionary, Role, Variable, VariableKind
from outcome.errors import DataRefusal
from outcome.store import write_text
from segmentation.images.dicom.folder import holds_dicom

CASE = "case"
SUFFIXES = ("", ".nii.gz", ".nii")
_LEFT_OUT = ("patient_id", "site", "partitions", "subgroups", "crossed", "scores", "readers", "reporting")


@dataclass(frozen=True)
class OneCase:
    """The case's name, its study, the images and masks that were found, and what of the record was not read."""

    name: str
    study: Path
    found: Mapping[str, str]
    not_read: tuple[str, ...]


def write_case_study(
    bundle_folder: Path, folder: Path, out: Path, record: Path | None = None, own: Path | None = None
) -> OneCase:
    """Write study file, dictionary and table of the case in `folder` to `out`, which must be new.

    The case is called as its folder. The record is read by the hospital's `own` dictionary, else by the bundle's.
    Raises DataRefusal where no image of the bundle lies there, or the record has another number of rows than one.
    """
    bundle, folder = read_bundle(bundle_folder), folder.resolve()
    config = bundle.json("config.json")
    images, masks = _images(config, folder), _masks(config, folder)
    dictionary, variable = _dictionary(bundle, config, own)
    row = _row(record)
    document = {
        **{name: value for name, value in config.items() if name not in _LEFT_OUT},
        "name": "one_case", "dictionary": "dictionary.csv", "case_id": variable.name,
        "table": {"format": "csv", "path": "table.csv"},
        "images": {name: f"{CASE_PLACE}{place}" for name, place in images.items()},
        "mask": _mask(config, masks),
    }  # fmt: skip
    out.mkdir(parents=True)
    os.symlink(folder, out / folder.name)
    known = {v.column: row.get(v.column, "") for v in dictionary} | {variable.column: folder.name}
    pd.DataFrame([known]).to_csv(out / "table.csv", index=False)
    write_text(out / "dictionary.csv", dictionary.to_csv())
    write_text(out / "study.yaml", yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    return OneCase(folder.name, out / "study.yaml", {**images, **masks}, tuple(sorted(set(row) - set(known))))


def _images(config: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Each image that lies in the folder, as its place below it."""
    names = list(config["images"])
    found = {name: place for name in names if (place := _place(folder, name)) is not None}
    if not found and len(names) == 1 and holds_dicom(folder):
        return {names[0]: ""}
    if names and not found:
        raise DataRefusal(
            f"{folder.name} holds no image that the bundle reads",
            expected=" or ".join(f"{name}/ (DICOM), {name}.nii.gz" for name in names),
            found=", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "an empty folder",
            next_step="call each image as the bundle does",
        )
    return found


def _masks(config: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """The masks that lie in the folder, by the image they were drawn on."""
    told = config["mask"]
    if not told:
        return {}
    names = {str(told["on"] or ""): "mask", **{name: f"{name}_mask" for name in told["others"]}}
    places = {f"mask:{image}": _place(folder, name, SUFFIXES[1:]) for image, name in names.items()}
    return {name: place for name, place in places.items() if place is not None}


def _place(folder: Path, name: str, suffixes: tuple[str, ...] = SUFFIXES) -> str | None:
    return next((f"/{name}{suffix}" for suffix in suffixes if (folder / f"{name}{suffix}").exists()), None)


def _mask(config: Mapping[str, Any], masks: Mapping[str, str]) -> dict[str, Any] | None:
    """Where the masks stand; the pattern of one that is not there leads nowhere: the case is one without mask."""
    told = config["mask"]
    if not told:
        return None
    main = masks.get(f"mask:{told['on'] or ''}", "/mask.nii.gz")
    others = {name: masks.get(f"mask:{name}", f"/{name}_mask.nii.gz") for name in told["others"]}
    return {
        **told,
        "pattern": f"{CASE_PLACE}{main}",
        "others": {name: f"{CASE_PLACE}{place}" for name, place in others.items()},
    }


def _dictionary(bundle: Bundle, config: Mapping[str, Any], own: Path | None) -> tuple[DataDictionary, Variable]:
    """The dictionary of the record, and the variable that names the case: its own, or one beside it."""
    text = io.StringIO(bundle.files["dictionary.csv"].decode())
    dictionary = DataDictionary.load(own) if own else DataDictionary.read(text, "the bundle's dictionary.csv")
    if config["case_id"] in dictionary:
        return dictionary, dictionary[config["case_id"]]
    known, role = Availability.PREOPERATIVE, frozenset({Role.IDENTIFIER})
    variable = Variable(CASE, VariableKind.TEXT, "Case", availability=known, roles=role)
    return replace(dictionary, variables=(variable, *dictionary)), variable


def _row(record: Path | None) -> dict[str, str]:
    """What the record knows of the case, by raw column name; nothing without one."""
    if record is None:
        return {}
    try:
        table = pd.read_csv(record, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataRefusal(f"{record.name} cannot be read as CSV: {error}", next_step="check --record") from error
    if len(table) != 1:
        raise DataRefusal(
            f"{record.name} is no record of one case",
            expected="one row below the names of columns", found=f"{len(table)} rows",
        )  # fmt: skip
    return {str(name): value for name, value in table.iloc[0].items()}
