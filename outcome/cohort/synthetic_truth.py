"""The best that any model can reach on the synthetic study, and what predictors that see less can reach.

`python -m outcome.cohort.synthetic_truth` simulates 200,000 patients a site and variant and writes what stands in
`synthetic_best.json`; a study is written with the numbers of that file. A predictor that sees less than the whole
truth is the conditional expectation of the true risk given what it sees, approximated by a logistic regression of
the true risk on the columns it sees: of the record, the gaps included, and of the latent image properties.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from outcome.cohort.synthetic import SyntheticRecord, synthetic_record
from outcome.cohort.synthetic_risk import (
    DEATH_HORIZON,
    GENES,
    GRADES,
    MAJOR,
    RECURRENCE_HORIZON,
    SITES,
    SYNTHETIC_VERSION,
    VARIANTS,
    image_scores,
)
from outcome.evaluation.discrimination.concordance import concordance, harrell_c
from outcome.evaluation.discrimination.roc import auroc, average_precision
from outcome.evaluation.overall.binary import brier
from outcome.evaluation.overall.regression import mae
from outcome.evaluation.overall.survival import auc_t, brier_t
from outcome.types import FloatArray

PATIENTS, SEED = 200_000, 20
_RECORD, _SHAPE = ("record",), ("record", "volume", "irregularity")
SEEN: Mapping[str, tuple[str, ...]] = {
    "clinical_only": _RECORD,
    "clinical_volume": ("record", "volume"),
    "clinical_shape": _SHAPE,
    "clinical_shape_texture": (*_SHAPE, "texture"),
    "clinical_images": (*_SHAPE, "texture", "position"),
    "clinical_genomics": ("record", "genomics"),
    "attainable": (*_SHAPE, "texture", "position", "genomics"),
}
Metrics = dict[str, dict[str, float]]


def truth_metrics(record: SyntheticRecord) -> Metrics:
    """Every endpoint's metrics of the true risk on these very cases: {endpoint: {metric: value}}.

    The true risk knows everything, also the genes of patients without a biopsy and laboratory values that the
    record lacks. A metric that cannot be computed on few cases is NaN.
    """
    table, risks = record.table, record.risks
    rank = np.asarray(table["clavien_grade"].map({grade: i for i, grade in enumerate(GRADES)}), dtype=float)
    relapse = _events(table["recurrence_status"], "recurrence", "death")
    death = _events(table["vital_status"], "dead", "")
    stay, days = table["stay_days"].to_numpy(dtype=float), table["recurrence_days"].to_numpy(dtype=float)
    risk = {name: risks[name].to_numpy(dtype=float) for name in risks}
    return {
        "any_complication": _binary((rank >= 1).astype(float), risk["any_complication"]),
        "major_complication": _binary((rank > MAJOR).astype(float), risk["major_complication"]),
        "clavien": _number(rank, risk["clavien"]),
        "length_of_stay": _number(stay, risk["length_of_stay"]),
        "recurrence": _timed(days, relapse, risk["recurrence"], RECURRENCE_HORIZON),
        "overall_survival": _timed(
            table["follow_up_days"].to_numpy(dtype=float), death, risk["overall_survival"], DEATH_HORIZON
        ),
    }


def limited_metrics(record: SyntheticRecord) -> dict[str, Metrics]:
    """The binary endpoints' metrics of every predictor of `SEEN`, fitted and measured on these cases."""
    columns = seen_columns(record)
    grade = record.table["clavien_grade"].map({grade: i for i, grade in enumerate(GRADES)}).to_numpy()
    outcomes = {"any_complication": grade >= 1, "major_complication": grade > MAJOR}
    found: dict[str, Metrics] = {}
    for name, seen in SEEN.items():
        matrix = np.column_stack([columns[part] for part in seen])
        fits = {end: expected_risk(matrix, record.risks[end].to_numpy()) for end in outcomes}
        found[name] = {end: _binary(outcomes[end].astype(float), fits[end]) for end in outcomes}
    return found


def seen_columns(record: SyntheticRecord) -> dict[str, FloatArray]:
    """What can be seen of the patients, (n, p) a part: the record with its gaps, the genes, each image property."""
    table = record.table
    plain = table[["age_years", "bmi", "haemoglobin_g_dl"]].assign(
        creatinine=np.log(table["creatinine_mg_dl"].astype(float)),
        size=np.log(table["tumor_size_cm"]),
        diabetes=(table["diabetes"] == "yes").astype(float),
        **{f"asa_{grade}": (table["asa_class"] == grade).astype(float) for grade in "234"},
        **{f"smoking_{word}": (table["smoking"] == word).astype(float) for word in ("former", "current")},
        access=(table["planned_access"] == "open").astype(float),
        procedure=(table["planned_procedure"] == "radical").astype(float),
    )
    scores = image_scores(record.latents)
    images = {str(name): scores[[name]].to_numpy(dtype=float) for name in scores}
    return {"record": _filled(plain), "genomics": _filled(table[list(GENES)]), **images}


def expected_risk(columns: FloatArray, risk: FloatArray, steps: int = 6) -> FloatArray:
    """The expectation of `risk` (n,) given `columns` (n, p), by a logistic regression of it (Newton steps)."""
    design = np.column_stack([np.ones(len(columns)), columns])
    beta = np.zeros(design.shape[1])
    for _ in range(steps):
        fitted = 1 / (1 + np.exp(-design @ beta))
        weighted = design * (fitted * (1 - fitted))[:, None]
        beta = beta + np.linalg.lstsq(weighted.T @ design, design.T @ (risk - fitted), rcond=None)[0]
    return np.asarray(1 / (1 + np.exp(-design @ beta)))


def simulated(site: str, variant: str, patients: int = PATIENTS, seed: int = SEED) -> SyntheticRecord:
    """A large cohort of a site, for numbers that hold for the population."""
    return synthetic_record(np.random.default_rng([seed, ord(site)]), patients, site, variant)


def best_known() -> dict[str, Any]:
    """What `synthetic_best.json` holds: version, patients, and best[variant][site][predictor][endpoint][metric]."""
    text = resources.files("outcome.cohort").joinpath("synthetic_best.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def best_table(
    cohorts: Iterable[tuple[str, str]], patients: int = PATIENTS
) -> dict[str, dict[str, dict[str, Metrics]]]:
    """{variant: {site: {predictor: metrics}}}, rounded to four digits."""
    found: dict[str, dict[str, dict[str, Metrics]]] = {}
    for site, variant in cohorts:
        record = simulated(site, variant, patients)
        metrics = {"best_possible": truth_metrics(record), **limited_metrics(record)}
        found.setdefault(variant, {})[site] = rounded(metrics)
    return found


def rounded(metrics: Mapping[str, Metrics]) -> dict[str, Metrics]:
    """Metrics to four digits; those that could not be computed are left out."""
    return {
        name: {
            end: {metric: round(value, 4) for metric, value in values.items() if np.isfinite(value)}
            for end, values in ends.items()
        }
        for name, ends in metrics.items()
    }


def _binary(y: FloatArray, risk: FloatArray) -> dict[str, float]:
    found = {"auroc": auroc(y, risk), "brier": brier(y, risk)}
    return {**found, "average_precision": average_precision(y, risk), "prevalence": float(np.mean(y))}


def _number(observed: FloatArray, expected: FloatArray) -> dict[str, float]:
    return {"concordance": concordance(observed, expected), "mae": mae(observed, expected)}


def _timed(days: FloatArray, event: FloatArray, risk: FloatArray, horizon: float) -> dict[str, float]:
    return {
        "harrell_c": harrell_c(days, event, risk),
        "auc_t": auc_t(days, event, risk, horizon),
        "brier_t": brier_t(days, event, risk, horizon),
    }


def _events(status: pd.Series, event: str, competing: str) -> FloatArray:
    return (status == event).to_numpy(dtype=float) + 2.0 * (status == competing).to_numpy(dtype=float)


def _filled(frame: pd.DataFrame) -> FloatArray:
    """Numbers about their mean with 0 for gaps, and a column for each different pattern of gaps."""
    numbers = frame.astype(float)
    gone = numbers.isna()
    marks = gone.loc[:, gone.any()].T.drop_duplicates().T.astype(float)
    return np.column_stack([(numbers - numbers.mean()).fillna(0.0).to_numpy(), marks.to_numpy()])


if __name__ == "__main__":
    reached = best_table([(site, variant) for variant in VARIANTS for site in SITES])
    document = {"version": SYNTHETIC_VERSION, "patients": PATIENTS, "best": reached}
    sys.stdout.write(json.dumps(document, indent=1, sort_keys=True) + "\n")
