"""A made-up surgical record with a known mechanism: for demos and tests, never a stand-in for patients.

Two sites share the mechanism and differ in prevalence, age and missingness. Complications follow a logistic model of
age, ASA class, diabetes, haemoglobin, planned access and tumour volume; stay follows the complication; death after
discharge follows age and tumour volume. The tumour volume is latent: the record only holds a noisy diameter, the
images hold the volume itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.errors import UsageError
from outcome.types import FloatArray

GRADES = ("0", "1", "2", "3a", "3b", "4", "5")
_GRADE_WEIGHTS = (0.42, 0.28, 0.1, 0.11, 0.06, 0.03)  # among patients with a complication


@dataclass(frozen=True)
class Site:
    """How one hospital differs: `age_mean` in years, `intercept` of the complication log-odds, missing rates."""

    name: str
    age_mean: float
    intercept: float
    haemoglobin_missing: float
    creatinine_missing: float


SITES = {
    "A": Site("A", 61.0, -2.0, 0.06, 0.08),
    "B": Site("B", 65.0, -1.6, 0.12, 0.20),
}


@dataclass(frozen=True, eq=False)
class SyntheticRecord:
    """The table as a hospital would hand it over, and what only the maker knows."""

    table: pd.DataFrame  # one row a case, raw column names
    tumor_volume_ml: FloatArray  # (n,) latent
    risk: FloatArray  # (n,) the true probability of any complication


def synthetic_record(rng: np.random.Generator, n: int, site: str) -> SyntheticRecord:
    """The record of `n` made-up patients of a site, in case order. The same generator state gives the same record."""
    if site not in SITES:
        raise UsageError(f"no synthetic site {site!r}", expected=f"one of {', '.join(SITES)}")
    facts = SITES[site]
    before = _before_surgery(rng, n, facts)
    volume = np.clip(np.exp(rng.normal(np.log(25.0), 0.9, n)), 1.5, 250.0)
    plan = _plan(rng, volume)
    risk = _complication_risk(before, plan, volume, facts)
    after = _after_surgery(rng, before, plan, volume, risk)
    identity = pd.DataFrame({"case_id": [f"{site}{i:05d}" for i in range(1, n + 1)], "site": site})
    size = {"tumor_size_cm": np.round(_diameter_cm(volume) * rng.normal(1.0, 0.12, n), 1)}
    table = pd.concat([identity, before, pd.DataFrame(size), plan, after], axis=1)
    return SyntheticRecord(_with_gaps(rng, table, facts), volume, risk)


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


def _plan(rng: np.random.Generator, volume: FloatArray) -> pd.DataFrame:
    large = np.log(volume / 25.0)
    open_access = rng.random(len(volume)) < _logistic(-1.2 + 0.7 * large)
    radical = rng.random(len(volume)) < _logistic(-0.6 + 1.1 * large)
    return pd.DataFrame(
        {
            "planned_access": np.where(open_access, "open", "robotic"),
            "planned_procedure": np.where(radical, "radical", "partial"),
        }
    )


def _complication_risk(before: pd.DataFrame, plan: pd.DataFrame, volume: FloatArray, site: Site) -> FloatArray:
    logit = (
        site.intercept
        + 0.03 * (before["age_years"] - 62)
        + 0.45 * (before["asa_class"].astype(int) - 2)
        + 0.5 * (before["diabetes"] == "yes")
        - 0.3 * (before["haemoglobin_g_dl"] - 13.5)
        + 0.5 * (plan["planned_access"] == "open")
        + 0.8 * np.log(volume / 25.0)
    )
    return _logistic(logit.to_numpy(dtype=float))


def _after_surgery(
    rng: np.random.Generator, before: pd.DataFrame, plan: pd.DataFrame, volume: FloatArray, risk: FloatArray
) -> pd.DataFrame:
    n = len(risk)
    complicated = rng.random(n) < risk
    grade = np.where(complicated, rng.choice(len(_GRADE_WEIGHTS), n, p=_GRADE_WEIGHTS) + 1, 0)
    open_access = (plan["planned_access"] == "open").to_numpy()
    stay = np.maximum(1, np.round(np.exp(rng.normal(0.75 + 0.35 * open_access + 0.28 * grade, 0.35))))
    readmitted = rng.random(n) < _logistic(-2.9 + 0.6 * grade)
    age = before["age_years"].to_numpy(dtype=float)
    rate_per_day = 0.00012 * np.exp(0.05 * (age - 62) + 0.45 * np.log(volume / 25.0))
    death = np.where(grade == 6, rng.uniform(1, 30, n), stay + rng.exponential(1 / rate_per_day))
    follow_up = np.maximum(stay + 14, rng.uniform(120, 2200, n))
    return pd.DataFrame(
        {
            "clavien_grade": [GRADES[g] for g in grade],
            "stay_days": np.where(grade == 6, np.minimum(stay, np.ceil(death)), stay),
            "readmission_30d": np.where(readmitted & (grade < 6), "yes", "no"),
            "follow_up_days": np.round(np.minimum(np.maximum(death, 1), follow_up)),
            "vital_status": np.where(death <= follow_up, "dead", "alive"),
        }
    )


def _with_gaps(rng: np.random.Generator, table: pd.DataFrame, site: Site) -> pd.DataFrame:
    healthy = (table["asa_class"] == "1").to_numpy()
    n = len(table)
    gaps = {
        "haemoglobin_g_dl": rng.random(n) < site.haemoglobin_missing,
        "creatinine_mg_dl": rng.random(n) < site.creatinine_missing * np.where(healthy, 2.0, 0.7),  # not at random
        "bmi": rng.random(n) < 0.03,
        "smoking": rng.random(n) < 0.05,
    }
    return table.assign(**{name: table[name].mask(gone) for name, gone in gaps.items()})


def _diameter_cm(volume_ml: FloatArray) -> FloatArray:
    """Diameter of the sphere of a given volume."""
    return np.cbrt(6.0 * volume_ml / np.pi)


def _logistic(x: npt.ArrayLike) -> FloatArray:
    return 1.0 / (1.0 + np.exp(-np.asarray(x, dtype=float)))
