"""The study that is killed: forty made-up patients, one endpoint, and a small image with its mask for some of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from outcome.dictionary import Availability, DataDictionary, Role, Variable, VariableKind
from segmentation.images.writing import write_image, write_mask
from segmentation.types import Mask, Volume

PATIENTS, IMAGED = 40, 4
SETTINGS = (
    "training.outer_folds=2", "training.inner_folds=2", "training.bootstraps=2", "training.min_events=5",
    "training.families=[ridge]",
)  # fmt: skip
_PRE, _POST = Availability.PREOPERATIVE, Availability.POSTOPERATIVE
_DICTIONARY = DataDictionary((
    Variable("case_id", VariableKind.TEXT, "Case", availability=_PRE, roles=frozenset({Role.IDENTIFIER})),
    Variable("age", VariableKind.NUMERIC, "Age", "years", availability=_PRE, roles=frozenset({Role.PREDICTOR})),
    Variable("died", VariableKind.BOOLEAN, "Died", availability=_POST, roles=frozenset({Role.ENDPOINT})),
))  # fmt: skip
_STUDY = """schema_version: 1
name: crash
title: A study that is killed
root: .
dictionary: dictionary.csv
table: {format: csv, path: table.csv}
case_id: case_id
images: {ct: "images/{case_id}.nii.gz"}
mask: {pattern: "masks/{case_id}.nii.gz", "on": ct, regions: {tumor: 1}}
radiomics: {families: [shape]}
endpoints:
  death: {kind: binary, event: {variable: died, equals: true}, horizon_days: 30}
partitions:
  ours: {relation: development, where: [{variable: age, below: 75}]}
  later: {relation: temporal, where: [{variable: age, at_least: 75}]}
"""


def write_crash_study(folder: Path, patients: int = PATIENTS, imaged: int = IMAGED) -> Path:
    """Write the study and return its study file; the first `imaged` patients have an image and a mask."""
    rng = np.random.default_rng(11)
    age = rng.uniform(40, 90, patients).round(1)
    died = rng.random(patients) < 1 / (1 + np.exp(-(age - 65) / 8))
    table = pd.DataFrame({"case_id": [f"p{number:05d}" for number in range(patients)], "age": age, "died": died})
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    table.astype({"died": int}).to_csv(folder / "table.csv", index=False)
    _DICTIONARY.save(folder / "dictionary.csv")
    for case in table["case_id"][:imaged]:
        _write_image(folder, case, rng)
    (folder / "study.yaml").write_text(_STUDY, encoding="utf-8")
    return folder / "study.yaml"


def _write_image(folder: Path, case: str, rng: np.random.Generator) -> None:
    """A ball of eight voxels across in noise, 3 mm a voxel."""
    middle = np.linalg.norm(np.indices((12, 12, 12)) - 5.5, axis=0)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    noise = rng.normal(30, 10, middle.shape).astype(np.int16)
    write_image(Volume(np.asfortranarray(noise), affine, "ct"), folder / "images" / f"{case}.nii.gz")
    labels = np.asfortranarray((middle < 4).astype(np.uint8))
    write_mask(Mask(labels, affine, {"tumor": 1}), folder / "masks" / f"{case}.nii.gz")
