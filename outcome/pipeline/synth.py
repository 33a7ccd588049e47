"""`outcome synth`: a synthetic study as a hospital would hand it over: study file, dictionary, table, images, masks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outcome.cohort.synthetic import SyntheticRecord, synthetic_record
from outcome.cohort.synthetic_coding import as_written
from outcome.cohort.synthetic_risk import FULL, SITES, SYNTHETIC_VERSION
from outcome.cohort.synthetic_study import dictionary_text, study_text
from outcome.cohort.synthetic_truth import best_known, rounded, truth_metrics
from outcome.errors import UsageError
from outcome.executor import Workers, map_cases
from outcome.pipeline.scanners import SCANNERS, ct_spec, mr_spec
from outcome.pipeline.stage import Progress, no_progress
from outcome.store import write_bytes, write_json, write_text
from segmentation.images.writing import write_image, write_mask
from segmentation.phantoms import phantom

DEVELOPS = "A"  # the site whose study file develops a model; the others validate one


def write_synthetic_study(
    out: Path,
    patients: int,
    seed: int,
    site: str,
    progress: Progress = no_progress,
    *,
    variant: str = FULL,
    learned: bool = False,
    workers: Workers | None = None,
) -> Path:
    """Write a site's study into `out` and return its study file. The same arguments give the same bytes.

    `learned`: the study file asks for masks drawn by a network; otherwise it uses the given ones.
    Raises UsageError where `out` already holds a study, or for an unknown site or variant.
    """
    study = out / "study.yaml"
    if study.exists():
        raise UsageError(f"{study} exists", next_step="choose another --out, or remove it")
    record = synthetic_record(np.random.default_rng([seed, ord(site[:1] or "?"), 0]), patients, site, variant)
    write_bytes(out / "table.csv", as_written(record.table, site))
    write_text(out / "dictionary.csv", dictionary_text(site))
    cases = [(number, record.latents.iloc[number]) for number in range(len(record.latents))]
    for number, done in enumerate(map_cases(workers or Workers(), partial(_write_numbered, out, site, seed), cases)):
        if done.error is not None:
            raise done.error
        progress(f"synth {site}", number + 1, patients)
    write_json(out / "truth.json", truth(record, site, seed, variant))
    # The study file comes last: a folder without one is a study that was not finished.
    write_text(study, study_text(site, development=site == DEVELOPS, learned=learned and site == DEVELOPS))
    return study


def _write_numbered(out: Path, site: str, seed: int, case: tuple[int, pd.Series]) -> None:
    """A case's images, from a generator of its own: neither order nor number of workers changes a byte."""
    number, latents = case
    rng = np.random.default_rng([seed, ord(site[0]), 1, number])
    _write_case(out / "images" / str(latents.name), latents, site, rng)


def _write_case(folder: Path, latents: pd.Series, site: str, rng: np.random.Generator) -> None:
    """The CT with its mask and, for some patients, an MR of the same body in another grid."""
    scanner = SCANNERS[site]
    spec = ct_spec(rng, scanner, latents)
    image, mask, _ = phantom(rng, spec)
    folder.mkdir(parents=True, exist_ok=True)
    write_image(image, folder / "ct.nii.gz")
    write_mask(mask, folder / "mask.nii.gz")
    if rng.random() < SITES[site].mr_share:
        write_image(phantom(rng, mr_spec(rng, scanner, spec))[0], folder / "mr.nii.gz")


def truth(record: SyntheticRecord, site: str, seed: int, variant: str) -> dict[str, Any]:
    """What only the maker knows, for whoever wants to check a model against it; no stage reads it (docs/synth.md)."""
    latents, risks = record.latents.round({"eta": 6}), record.risks.round(6)
    cases = {str(case): {**latents.loc[case].to_dict(), "risk": risks.loc[case].to_dict()} for case in latents.index}
    return {
        "version": SYNTHETIC_VERSION,
        "site": site,
        "variant": variant,
        "seed": seed,
        "cases": cases,
        **best_known()["best"][variant][site],
        "on_these_cases": rounded({"best_possible": truth_metrics(record)}),
    }
