"""How well do learned masks agree with given ones, patient by patient?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from outcome.evaluation.intervals import DRAWS, IntArray, bootstrap, measured, percentile_interval
from outcome.types import Estimate, FloatArray

SEED = 20
LEAST_PATIENTS = 5  # resamples of fewer patients say nothing about others
NOTHING = "neither mask holds this region in any compared case"


def mask_agreement(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Each region's Dice and volume bias by its name.

    `table` has one row a case and region: patient_id, region, dice (in [0, 1], higher agrees; NaN where neither mask
    holds the region), voxels_given, voxels_learned, volume_given_ml, volume_learned_ml (NaN without mm).

    `dice` is the mean over patients (a patient's cases are averaged first), `median_dice` and `worst` are over
    patients too; `volume_bias` is the mean over patients of learned minus given (above 0: drawn too large) in
    `volume_unit`, which is "ml", or "voxels" where no spacing was published. Intervals: bootstrap of patients.
    """
    return {str(region): _region(rows) for region, rows in table.groupby("region", sort=True)}


def _region(rows: pd.DataFrame) -> dict[str, Any]:
    held = rows[rows["dice"].notna()]
    dice = _by_patient(held, held["dice"])
    in_ml = bool(held["volume_given_ml"].notna().all())
    learned, given = ("volume_learned_ml", "volume_given_ml") if in_ml else ("voxels_learned", "voxels_given")
    bias = _by_patient(held, held[learned] - held[given])
    return {
        "dice": _mean(dice).to_json(),
        "median_dice": float(np.median(dice)) if dice.size else None,
        "worst": float(dice.min()) if dice.size else None,
        "missed": int(((held["voxels_learned"] == 0) & (held["voxels_given"] > 0)).sum()),
        "volume_bias": _mean(bias).to_json(),
        "volume_unit": "ml" if in_ml else "voxels",
        "cases": len(held),
    }


def _by_patient(rows: pd.DataFrame, values: pd.Series) -> FloatArray:
    """One mean a patient, shape (patients,), in the order of their identifiers."""
    means = values.astype(float).groupby(rows["patient_id"], sort=True).mean()
    return np.asarray(means, dtype=np.float64)


def _mean(values: FloatArray) -> Estimate:
    """The mean over patients with a percentile interval of the bootstrap."""
    n = len(values)
    if n == 0:
        return Estimate.withhold(NOTHING, n=0)
    if n < LEAST_PATIENTS:
        return measured(float(values.mean()), None, method="mean over patients", n=n)
    interval = percentile_interval(bootstrap(_mean_of(values), n, seed=SEED))
    return measured(float(values.mean()), interval, method=f"mean over patients, bootstrap ({DRAWS} draws)", n=n)


def _mean_of(values: FloatArray) -> Callable[[IntArray], float]:
    return lambda rows: float(values[rows].mean())
