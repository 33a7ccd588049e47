"""Made-up patients before surgery: their record, the tumour that the images show, and their genes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from outcome.cohort.synthetic_risk import GENES, VOLUME_SPREAD, Site, logistic
from outcome.types import FloatArray

_PER_FACTOR, _SHARED = 5, 0.45  # genes in groups of five, correlated 0.45² within a group
_DIAMETER_SPREAD = 0.30  # of the reported diameter, on the logarithm: a report measures one plane, by eye
POLES, SIDES = ("upper", "middle", "lower"), ("left", "right")


@dataclass(frozen=True, eq=False)
class Patients:
    """n patients before surgery, without gaps, all frames in the same order."""

    record: pd.DataFrame  # the clinical columns, the reported diameter and the plan
    tumour: pd.DataFrame  # what only the images show: tumor_volume_ml, irregularity, coarseness, depth, pole, side
    genes: pd.DataFrame  # 30 columns, each about standard normal


def draw_patients(rng: np.random.Generator, n: int, site: Site) -> Patients:
    """`n` patients of a site. The same generator state gives the same patients."""
    record = _before_surgery(rng, n, site)
    tumour = _tumour(rng, n, site)
    diameter = _diameter_cm(tumour["tumor_volume_ml"].to_numpy()) * np.exp(rng.normal(0, _DIAMETER_SPREAD, n))
    size = pd.DataFrame({"tumor_size_cm": np.round(np.clip(diameter, 0.8, 20), 1)})
    plan = _plan(rng, size["tumor_size_cm"].to_numpy(dtype=float))
    return Patients(pd.concat([record, size, plan], axis=1), tumour, _genes(rng, n))


def _before_surgery(rng: np.random.Generator, n: int, site: Site) -> pd.DataFrame:
    age = np.clip(np.round(rng.normal(site.age_mean, 11.0, n)), 22, 90)
    asa = 1 + rng.binomial(3, np.clip(0.25 + (age - 60) / 150, 0.05, 0.7))
    diabetes = rng.random(n) < 0.12 + 0.05 * (asa - 1)
    return pd.DataFrame(
        {
            "age_years": age,
            "sex": np.where(rng.random(n) < 0.6, "male", "female"),
            "bmi": np.round(np.clip(rng.normal(28.5, 5.0, n), 17, 55), 1),
            "asa_class": asa.astype(str),
            "diabetes": np.where(diabetes, "yes", "no"),
            "smoking": rng.choice(["never", "former", "current"], n, p=[0.45, 0.38, 0.17]),
            "haemoglobin_g_dl": np.round(np.clip(rng.normal(13.8 - 0.3 * (asa - 2), 1.6, n), 7, 18), 1),
            "creatinine_mg_dl": np.round(np.exp(rng.normal(-0.02 + 0.08 * (asa - 2), 0.28, n)), 2),
        }
    )


def _tumour(rng: np.random.Generator, n: int, site: Site) -> pd.DataFrame:
    volume = np.clip(np.exp(rng.normal(np.log(site.typical_ml), VOLUME_SPREAD, n)), 4.0, 110.0)
    return pd.DataFrame(
        {
            "tumor_volume_ml": np.round(volume, 3),
            "irregularity": np.round(rng.random(n), 4),
            "coarseness": np.round(rng.random(n), 4),
            "depth": np.round(rng.random(n), 4),
            "pole": rng.choice(POLES, n),
            "side": rng.choice(SIDES, n),
        }
    )


def _plan(rng: np.random.Generator, reported_cm: FloatArray) -> pd.DataFrame:
    """The surgeon plans on the reported diameter, so that the plan tells nothing more about the volume."""
    large = 3 * np.log(reported_cm / 3.8)
    open_access = rng.random(len(large)) < logistic(-1.2 + 0.5 * large)
    radical = rng.random(len(large)) < logistic(-0.6 + 0.8 * large)
    return pd.DataFrame(
        {
            "planned_access": np.where(open_access, "open", "robotic"),
            "planned_procedure": np.where(radical, "radical", "partial"),
        }
    )


def _genes(rng: np.random.Generator, n: int) -> pd.DataFrame:
    factors = np.repeat(rng.standard_normal((n, len(GENES) // _PER_FACTOR)), _PER_FACTOR, axis=1)
    # adding 0.0 turns -0.0 into 0.0
    values = _SHARED * factors + np.sqrt(1 - _SHARED**2) * rng.standard_normal((n, len(GENES)))
    return pd.DataFrame(np.round(values, 2) + 0.0, columns=list(GENES))


def _diameter_cm(volume_ml: FloatArray) -> FloatArray:
    """Diameter of the sphere of a given volume."""
    return np.cbrt(6.0 * volume_ml / np.pi)
