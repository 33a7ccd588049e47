"""`outcome synth`: a synthetic study as a hospital would hand it over: study file, dictionary, table, images, masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from outcome.cohort.synthetic import SyntheticRecord, synthetic_record
from outcome.cohort.synthetic_study import dictionary_text, study_text
from outcome.errors import UsageError
from outcome.pipeline.stage import Progress, no_progress
from outcome.store import write_bytes, write_json, write_text
from segmentation.phantoms import POLES, SIDES, PhantomSpec, phantom
from segmentation.writing import write_image, write_mask

DEVELOPS = "A"  # the site whose study file develops a model; the others validate one

_ORIENTATIONS = {"A": ("RAS", "LPS"), "B": ("LPS", "LAS", "SPL")}
_SHAPES = {"A": ((64, 64, 40), (72, 72, 36)), "B": ((60, 60, 48), (80, 80, 30))}
_NOISE_HU = {"A": (8.0, 16.0), "B": (14.0, 26.0)}


def write_synthetic_study(out: Path, patients: int, seed: int, site: str, progress: Progress = no_progress) -> Path:
    """Write a site's study into `out` and return its study file. The same arguments give the same bytes.

    Raises UsageError where `out` already holds a study, or for an unknown site.
    """
    study = out / "study.yaml"
    if study.exists():
        raise UsageError(f"{study} exists", next_step="choose another --out, or remove it")
    record = synthetic_record(np.random.default_rng([seed, ord(site[0]), 0]), patients, site)
    write_bytes(out / "table.csv", record.table.to_csv(index=False).encode())
    write_text(out / "dictionary.csv", dictionary_text())
    for number, case_id in enumerate(record.table["case_id"]):
        rng = np.random.default_rng([seed, ord(site[0]), 1, number])
        _write_case(out / "images" / str(case_id), _spec(rng, site, float(record.tumor_volume_ml[number])), rng)
        progress(f"synth {site}", number + 1, patients)
    write_json(out / "truth.json", _truth(record))
    # The study file comes last: a folder without one is a study that was not finished.
    write_text(study, study_text(site, development=site == DEVELOPS))
    return study


def _write_case(folder: Path, spec: PhantomSpec, rng: np.random.Generator) -> None:
    image, mask, _ = phantom(rng, spec)
    folder.mkdir(parents=True, exist_ok=True)
    write_image(image, folder / "ct.nii.gz")
    write_mask(mask, folder / "mask.nii.gz")


def _spec(rng: np.random.Generator, site: str, volume_ml: float) -> PhantomSpec:
    """A case's scan: its site's scanners differ in grid, orientation and noise."""
    orientation = str(rng.choice(_ORIENTATIONS[site]))
    shape = _SHAPES[site][rng.integers(len(_SHAPES[site]))]
    by_patient_axis = dict(zip(("RL", "AP", "SI"), shape, strict=True))
    along = tuple(next(n for pair, n in by_patient_axis.items() if letter in pair) for letter in orientation)
    return PhantomSpec(
        shape=(along[0], along[1], along[2]),
        orientation=orientation,
        tumour_ml=volume_ml,
        side=str(rng.choice(SIDES)),
        pole=str(rng.choice(list(POLES))),
        exophytic=float(rng.uniform(0.3, 1.0)),
        organ_hu=float(rng.normal(150, 12)),
        tumour_hu=float(rng.normal(80, 10)),
        texture_hu=float(rng.uniform(0, 20)),
        noise_hu=float(rng.uniform(*_NOISE_HU[site])),
    )


def _truth(record: SyntheticRecord) -> dict[str, dict[str, float]]:
    """What only the maker knows, for whoever wants to check a model against it; no stage reads it."""
    rows = zip(record.table["case_id"], record.tumor_volume_ml, record.risk, strict=True)
    return {str(case): {"tumor_volume_ml": float(ml), "complication_risk": float(p)} for case, ml, p in rows}
