"""The one risk behind the synthetic study: its coefficients, and what it says about each endpoint.

    linear predictor  eta = intercept(site, variant) + clinical part + image part + genomics part
    any complication  P = logistic(eta); grade k or worse: P = logistic(eta - THRESHOLDS[k])   (proportional odds)
    stay              log days = STAY + open access + 0.28 (eta - ETA_REFERENCE) + noise shared with the complication
    recurrence        from day 30 on, hazard per day RECURRENCE exp(0.7 (eta - ETA_REFERENCE))
    death             within 30 days: grade 5; later: per day DEATH exp(0.3 (eta - ETA_REFERENCE) + 0.05 (age - 62))

Made up, and frozen: `SYNTHETIC_VERSION` counts every change of the mechanism, the images or the files. Under the
variant `no_image_signal` the image part is zero and the intercept keeps the prevalence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.errors import UsageError
from outcome.types import FloatArray

SYNTHETIC_VERSION = 2
FULL, NO_IMAGE_SIGNAL = "full", "no_image_signal"
VARIANTS = (FULL, NO_IMAGE_SIGNAL)
GRADES = ("0", "1", "2", "3a", "3b", "4", "5")
THRESHOLDS = (0.0, 0.7, 1.45, 2.2, 2.9, 4.2)  # on the logit, of grade 1, 2, 3a, 3b, 4 and 5 or worse
MAJOR = 2  # the threshold's place of grade 3a
ETA_REFERENCE = math.log(0.3 / 0.7)
EARLY_DAYS = 30.0  # recurrence and later death are counted from here; grade 5 dies before
RECURRENCE_PER_DAY, RECURRENCE_SLOPE = 2.5e-4, 0.7
DEATH_PER_DAY, DEATH_SLOPE, DEATH_AGE = 1.0e-4, 0.3, 0.05
RECURRENCE_HORIZON, DEATH_HORIZON = 730.0, 1095.0
STAY, STAY_OPEN, STAY_SLOPE, STAY_SHARED, STAY_OWN = 1.15, 0.30, 0.28, 0.22, 0.30

IMAGE_PART = {"volume": 0.68, "irregularity": 0.61, "texture": 0.60, "position": 0.52}  # per standard deviation
GENOMICS_PART = 0.74  # per standard deviation of the score
GENE_WEIGHTS = {"expr_03": 0.55, "expr_08": -0.50, "expr_14": 0.45, "expr_21": 0.35, "expr_27": -0.35}
GENES = tuple(f"expr_{number:02d}" for number in range(1, 31))

TYPICAL_ML, VOLUME_SPREAD = 28.0, 0.75  # median, and standard deviation of the logarithm


@dataclass(frozen=True)
class Site:
    """How one hospital differs: age in years, the intercept of each variant, shares of missing values."""

    name: str
    age_mean: float
    typical_ml: float
    intercepts: Mapping[str, float]
    haemoglobin_missing: float
    creatinine_missing: float
    genomics_missing: float = 0.25
    mr_share: float = 0.6


SITES = {
    "A": Site("A", 61.0, 28.0, {FULL: -1.18, NO_IMAGE_SIGNAL: -0.99}, 0.06, 0.08),
    "B": Site("B", 65.0, 32.0, {FULL: -0.96, NO_IMAGE_SIGNAL: -0.73}, 0.12, 0.20),
    "C": Site("C", 58.0, 24.0, {FULL: -1.49, NO_IMAGE_SIGNAL: -1.36}, 0.03, 0.15),
}


def site_named(name: str) -> Site:
    """The facts of a site. Raises UsageError for a site that is not there."""
    if name not in SITES:
        raise UsageError(f"no synthetic site {name!r}", expected=f"one of {', '.join(SITES)}")
    return SITES[name]


def require_variant(variant: str) -> None:
    """Raises UsageError for a variant that is not there."""
    if variant not in VARIANTS:
        raise UsageError(f"no variant {variant!r} of the synthetic study", expected=f"one of {', '.join(VARIANTS)}")


def clinical_part(record: pd.DataFrame) -> FloatArray:
    """What the record says, true values: log odds against a typical patient, shape (n,)."""
    part = (
        0.032 * (record["age_years"] - 62)
        + 0.42 * (record["asa_class"].astype(int) - 2)
        + 0.45 * (record["diabetes"] == "yes")
        + 0.35 * (record["smoking"] == "current")
        - 0.18 * (record["haemoglobin_g_dl"] - 13.5)
        + 0.60 * np.log(record["creatinine_mg_dl"])
        + 0.20 * (record["planned_access"] == "open")
    )
    return part.to_numpy(dtype=float)


def image_scores(tumour: pd.DataFrame) -> pd.DataFrame:
    """Each image property in standard deviations (about 0, spread about 1), higher is riskier; `IMAGE_PART`'s columns.

    `tumour`: tumor_volume_ml; irregularity, coarseness and depth (towards the hilum) in [0, 1]; pole.
    """
    middle = (tumour["pole"] == "middle").to_numpy(dtype=float)
    return pd.DataFrame(
        {
            "volume": np.log(tumour["tumor_volume_ml"] / TYPICAL_ML) / VOLUME_SPREAD,
            "irregularity": _uniform_score(tumour["irregularity"]),
            "texture": _uniform_score(tumour["coarseness"]),
            "position": 0.85 * _uniform_score(tumour["depth"]) + 0.53 * (middle - 1 / 3) / math.sqrt(2 / 9),
        },
        index=tumour.index,
    )


def genomics_score(genes: pd.DataFrame) -> FloatArray:
    """The five genes that matter, as one number of spread 1, shape (n,); higher is riskier."""
    names, weights = list(GENE_WEIGHTS), np.array(list(GENE_WEIGHTS.values()))
    return np.asarray(genes[names].to_numpy(dtype=float) @ (weights / np.sqrt((weights**2).sum())))


def linear_predictor(
    record: pd.DataFrame, tumour: pd.DataFrame, genes: pd.DataFrame, site: Site, variant: str
) -> FloatArray:
    """eta of every patient, shape (n,): the log odds of any complication."""
    eta = site.intercepts[variant] + clinical_part(record) + GENOMICS_PART * genomics_score(genes)
    if variant == FULL:
        scores = image_scores(tumour)
        eta = eta + sum(weight * scores[name].to_numpy() for name, weight in IMAGE_PART.items())
    return np.asarray(eta, dtype=float)


def grade_risks(eta: FloatArray) -> FloatArray:
    """The probability of each grade from 1 to 5 or worse, shape (n, 6)."""
    return logistic(eta[:, None] - np.array(THRESHOLDS))


def stay_location(eta: FloatArray, open_access: npt.NDArray[np.bool_]) -> FloatArray:
    """The middle of the log stay in log days, shape (n,)."""
    return STAY + STAY_OPEN * open_access + STAY_SLOPE * (eta - ETA_REFERENCE)


def recurrence_hazard(eta: FloatArray) -> FloatArray:
    """Recurrences per day after day 30, shape (n,)."""
    return RECURRENCE_PER_DAY * np.exp(RECURRENCE_SLOPE * (eta - ETA_REFERENCE))


def death_hazard(eta: FloatArray, age_years: FloatArray) -> FloatArray:
    """Deaths per day after day 30, shape (n,)."""
    return DEATH_PER_DAY * np.exp(DEATH_SLOPE * (eta - ETA_REFERENCE) + DEATH_AGE * (age_years - 62))


def true_risks(eta: FloatArray, record: pd.DataFrame) -> pd.DataFrame:
    """What is truly to be expected of every patient, one column an endpoint.

    Probabilities for the binary endpoints, recurrence by 730 days (death before it competes) and death by 1095 days;
    the expected rank of the grade; the median stay in days before it is rounded.
    """
    grades, age = grade_risks(eta), record["age_years"].to_numpy(dtype=float)
    open_access = (record["planned_access"] == "open").to_numpy()
    relapse, death, alive = recurrence_hazard(eta), death_hazard(eta, age), 1 - grades[:, -1]
    both = relapse + death
    return pd.DataFrame(
        {
            "any_complication": grades[:, 0],
            "major_complication": grades[:, MAJOR],
            "clavien": grades.sum(axis=1),
            "length_of_stay": np.exp(stay_location(eta, open_access)),
            "recurrence": alive * relapse / both * (1 - np.exp(-both * (RECURRENCE_HORIZON - EARLY_DAYS))),
            "overall_survival": 1 - alive * np.exp(-death * (DEATH_HORIZON - EARLY_DAYS)),
        },
        index=record.index,
    )


def logistic(x: npt.ArrayLike) -> FloatArray:
    """1 / (1 + exp(-x))."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.asarray(x, dtype=float))))


def _uniform_score(values: pd.Series) -> FloatArray:
    return np.asarray((values.to_numpy(dtype=float) - 0.5) * math.sqrt(12))
