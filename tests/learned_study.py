"""A tiny study whose masks a network learns: phantoms and a network of a few thousand voxels and weights."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outcome.config import Study, load_study
from outcome.dictionary import Availability, Choice, DataDictionary, Role, Variable, VariableKind
from outcome.dictionary.variable import Range
from outcome.executor import Workers
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.stage import StageResult
from outcome.pipeline.validate import apply_bundle
from outcome.store import StudyStore, write_bytes, write_text
from segmentation.images.reading import read_mask
from segmentation.images.writing import write_image, write_mask
from segmentation.phantoms import PhantomSpec, phantom
from segmentation.types import Mask

DEVELOPMENT = 22  # cases of the learning hospital that are for development; the others come later
PATIENTS = 28
SHAPE = (20, 20, 16)
ORIENTATIONS = ("RAS", "LPS")
NETWORK = """segmenter:
  network: unet_3d
  intensity: hu
  patch: [16, 16, 8]
  channels: [4, 8]
  steps: 12
  batch: 2
  learning_rate: 0.01
  folds: 2
"""
LEARNING = ("cohort", "segment")
MEASURING = ("cohort", "segment", "radiomics", "features")
TRAINING = (*MEASURING, "train")
PREDICTING = (*MEASURING, "predict")
VALIDATING = (*PREDICTING, "evaluate", "report")


def _variable(name: str, kind: VariableKind, role: Role, **facts: Any) -> Variable:
    known = Availability.POSTOPERATIVE if role is Role.ENDPOINT else Availability.PREOPERATIVE
    return Variable(name, kind, name, availability=known, roles=frozenset({role}), **facts)


_VARIABLES = (
    _variable("case_id", VariableKind.TEXT, Role.IDENTIFIER),
    _variable("patient", VariableKind.TEXT, Role.IDENTIFIER),
    _variable("age", VariableKind.NUMERIC, Role.PREDICTOR, unit="years", hard_range=Range(18, 110)),
    _variable("sex", VariableKind.CATEGORICAL, Role.PREDICTOR, choices=(Choice("f", "female"), Choice("m", "male"))),
    _variable("complication", VariableKind.BOOLEAN, Role.ENDPOINT),
)

_STUDY = """schema_version: 1
name: {name}
title: Phantoms, hospital {site}
root: .
dictionary: dictionary.csv
table: {{format: csv, path: table.csv}}
case_id: case_id
patient_id: patient
images: {{ct: "{{case_id}}/ct.nii.gz"}}
mask: {{pattern: "{{case_id}}/mask.nii.gz", "on": ct, regions: {{kidney: 1, tumor: 2}}}}
{network}endpoints:
  complication:
    kind: binary
    event: {{variable: complication, equals: 1}}
    horizon_days: 30
partitions:
{partitions}
training: {{outer_folds: 2, inner_folds: 2, bootstraps: 2, min_events: 5, families: [ridge]}}
"""
_LEARNS = f"""  early: {{relation: development, where: [{{variable: case_id, at_most: A{DEVELOPMENT - 1:03d}}}]}}
  late: {{relation: temporal, where: [{{variable: case_id, above: A{DEVELOPMENT - 1:03d}}}]}}"""
_VALIDATES = "  all: {relation: external}"


def write_study(folder: Path, site: str = "A", *, patients: int = PATIENTS, network: str = NETWORK) -> Path:
    """Write a hospital's study into `folder`; site A learns, any other validates. Returns its study file."""
    rng = np.random.default_rng([ord(site), patients])
    cases = [f"{site}{number:03d}" for number in range(patients)]
    complicated = rng.permutation(np.arange(patients) % 2)
    for number, case_id in enumerate(cases):
        organ_hu = 215.0 if complicated[number] else 135.0  # only the image tells: a model has to read it
        write_case(folder / case_id, rng, orientation=ORIENTATIONS[number % 2], organ_hu=organ_hu)
    table = pd.DataFrame(
        {
            "case_id": cases,
            "patient": [f"P-{case_id}" for case_id in cases],
            "age": rng.integers(30, 80, patients),
            "sex": rng.choice(["f", "m"], patients),
            "complication": complicated,
        }
    )
    write_bytes(folder / "table.csv", table.to_csv(index=False).encode())
    write_text(folder / "dictionary.csv", DataDictionary(_VARIABLES).to_csv())
    learns = site == "A"
    text = _STUDY.format(
        name=f"hospital_{site.lower()}", site=site, network=network if learns else "",
        partitions=_LEARNS if learns else _VALIDATES,
    )  # fmt: skip
    write_text(folder / "study.yaml", text)
    return folder / "study.yaml"


def write_case(folder: Path, rng: np.random.Generator, *, orientation: str = "RAS", organ_hu: float = 150.0) -> None:
    """One patient's image and mask."""
    spec = PhantomSpec(
        shape=SHAPE,
        orientation=orientation,
        tumour_ml=float(rng.uniform(40, 90)),
        side=str(rng.choice(["left", "right"])),
        organ_hu=organ_hu,
    )
    image, mask, _ = phantom(rng, spec)
    folder.mkdir(parents=True, exist_ok=True)
    write_image(image, folder / "ct.nii.gz")
    write_mask(mask, folder / "mask.nii.gz")


def relabelled(folder: Path, kidney: int, tumor: int) -> None:
    """Give the masks of a study other label numbers, in the files and in the study file."""

    for path in sorted(folder.glob("*/mask.nii.gz")):
        old = read_mask(path, {"kidney": 1, "tumor": 2})
        source = old.source or old.grid
        labels = np.zeros(source.shape, dtype=np.uint8, order="F")
        window = tuple(slice(o, o + n) for o, n in zip(old.offset, old.grid.shape, strict=True))
        labels[window] = np.array([0, kidney, tumor], dtype=np.uint8)[old.labels]
        write_mask(Mask(labels, source.affine, {"kidney": kidney, "tumor": tumor}), path)
    study = folder / "study.yaml"
    text = study.read_text().replace("{kidney: 1, tumor: 2}", f"{{kidney: {kidney}, tumor: {tumor}}}")
    study.write_text(text)


@dataclass(frozen=True)
class Hospitals:
    """Studies by site in `folder`, and one store."""

    folder: Path

    def study(self, site: str = "A", *settings: str) -> Study:
        return load_study(self.folder / site / "study.yaml", settings)

    def store(self, site: str = "A") -> StudyStore:
        return StudyStore(self.folder / "store", f"hospital_{site.lower()}")

    def run(
        self, study: Study, stages: tuple[str, ...], *, bundle: Path | None = None, workers: int = 1
    ) -> list[StageResult]:
        with open_run(study, self.folder / "store", command="test", workers=Workers(workers), device="cpu") as run:
            return run_stages(run, [STAGE_RUNNERS[stage] for stage in stages], bundle)

    def validate(self, site: str, stages: tuple[str, ...] = VALIDATING) -> list[StageResult]:
        """A's bundle on another hospital."""
        bundle = self.store().bundle
        study = apply_bundle(bundle, self.study(site), self.folder / "store")
        return self.run(study, stages, bundle=bundle)

    def copied(self, folder: Path) -> Hospitals:
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder)
