"""What happens to the made-up patients after surgery, and what three clinicians would have said before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.cohort.synthetic_patients import Patients
from outcome.cohort.synthetic_risk import (
    EARLY_DAYS,
    GRADES,
    IMAGE_PART,
    STAY_OWN,
    STAY_SHARED,
    THRESHOLDS,
    clinical_part,
    death_hazard,
    image_scores,
    logistic,
    recurrence_hazard,
    stay_location,
)
from outcome.types import FloatArray

_DEATH = len(THRESHOLDS)  # the rank of grade 5
_FOLLOW_UP = (200.0, 2200.0)  # days, uniform


@dataclass(frozen=True)
class Clinician:
    """How one clinician judges: the share of the record and of the images that is weighed, the believed odds, noise."""

    name: str
    label: str
    of_record: float
    of_images: float
    centre: float  # log odds for a typical patient
    noise: float  # standard deviation on the log odds


CLINICIANS = (
    Clinician("estimate_clinician_1", "Clinician 1", 1.0, 0.75, -1.2, 0.5),  # reads the scans with care
    Clinician("estimate_clinician_2", "Clinician 2", 0.9, 0.35, -0.9, 0.9),
    Clinician("estimate_clinician_3", "Clinician 3", 0.6, 0.15, -0.4, 1.2),  # expects complications in everybody
)


def draw_outcomes(rng: np.random.Generator, patients: Patients, eta: FloatArray) -> pd.DataFrame:
    """The outcome columns of every patient, in order."""
    n, record = len(eta), patients.record
    luck = rng.logistic(size=n)
    grade = (eta[:, None] + luck[:, None] > np.array(THRESHOLDS)).sum(axis=1)
    open_access = (record["planned_access"] == "open").to_numpy()
    log_stay = stay_location(eta, open_access) + STAY_SHARED * luck + rng.normal(0, STAY_OWN, n)
    stay = np.clip(np.round(np.exp(log_stay)), 1, EARLY_DAYS)
    readmitted = (rng.random(n) < logistic(-2.9 + 0.6 * grade)) & (grade < _DEATH)
    times = _times(rng, eta, record["age_years"].to_numpy(dtype=float), grade)
    return pd.DataFrame(
        {
            "clavien_grade": [GRADES[rank] for rank in grade],
            "stay_days": np.where(grade == _DEATH, np.minimum(stay, times["follow_up_days"]), stay),
            "readmission_30d": np.where(readmitted, "yes", "no"),
            **times,
        }
    )


def _times(
    rng: np.random.Generator, eta: FloatArray, age: FloatArray, grade: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.generic]]:
    """Whole days to death or last contact, and to the first of recurrence, death and last contact."""
    n = len(eta)
    relapse = EARLY_DAYS + rng.exponential(1 / recurrence_hazard(eta))
    late = EARLY_DAYS + rng.exponential(1 / death_hazard(eta, age))
    death = np.where(grade == _DEATH, rng.uniform(1, EARLY_DAYS, n), late)
    last = rng.uniform(*_FOLLOW_UP, n)
    first = np.minimum(relapse, np.minimum(death, last))
    status = np.where(first == relapse, "recurrence", np.where(first == death, "death", "none"))
    return {
        "follow_up_days": np.ceil(np.minimum(death, last)),
        "vital_status": np.where(death <= last, "dead", "alive"),
        "recurrence_days": np.ceil(first),
        "recurrence_status": status,
    }


def draw_estimates(rng: np.random.Generator, patients: Patients) -> pd.DataFrame:
    """The chance of any complication that each clinician would state before surgery, whole per cent."""
    record = clinical_part(patients.record)
    scores = image_scores(patients.tumour)
    seen = sum(IMAGE_PART[name] * scores[name].to_numpy() for name in ("volume", "irregularity", "position"))
    return pd.DataFrame({who.name: _percent(rng, who, record, np.asarray(seen)) for who in CLINICIANS})


def _percent(rng: np.random.Generator, who: Clinician, record: FloatArray, images: FloatArray) -> FloatArray:
    belief = who.centre + who.of_record * record + who.of_images * images
    return np.clip(np.round(100 * logistic(belief + rng.normal(0, who.noise, len(record)))), 1, 99)
