"""Charlson's comorbidity index, plain and with points for age.

References:
Charlson ME, Pompei P, Ales KL, MacKenzie CR. A new method of classifying prognostic comorbidity in longitudinal
studies. J Chronic Dis 1987;40:373-383. doi:10.1016/0021-9681(87)90171-8
Charlson M, Szatrowski TP, Peterson J, Gold J. Validation of a combined comorbidity index. J Clin Epidemiol
1994;47:1245-1251. doi:10.1016/0895-4356(94)90129-5

From ICD-10 codes (`outcome.scores.diagnoses`) solid tumour, leukaemia and lymphoma are one condition of 2 points, as
Quan codes them; from a record that names the three apart each counts, as Charlson weighed them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from outcome.scores import diagnoses
from outcome.scores.definition import Item, ItemKind, MissingRule, ScoreDefinition
from outcome.scores.icd10 import code_range
from outcome.scores.weighing import Graver, weighted
from outcome.types import FloatArray

WEIGHTS: Mapping[str, float] = {
    **dict.fromkeys(
        (
            "myocardial_infarction", "heart_failure", "peripheral_vascular_disease", "cerebrovascular_disease",
            "dementia", "chronic_pulmonary_disease", "connective_tissue_disease", "peptic_ulcer", "mild_liver_disease",
            "diabetes", ),
        1.0,
    ),
    **dict.fromkeys(
        ("diabetes_with_damage", "hemiplegia", "renal_disease", "solid_tumour", "leukaemia", "lymphoma"), 2.0
    ),
    "severe_liver_disease": 3.0,
    "metastatic_tumour": 6.0,
    "aids": 6.0,
}  # fmt: skip
GRAVER: Graver = (
    ("diabetes_with_damage", "diabetes"),
    ("severe_liver_disease", "mild_liver_disease"),
    ("metastatic_tumour", "solid_tumour"),
)
_LABELS = {
    "diabetes": "diabetes without end-organ damage",
    "diabetes_with_damage": "diabetes with end-organ damage",
    "renal_disease": "moderate or severe renal disease",
    "solid_tumour": "solid tumour without metastasis",
    "severe_liver_disease": "moderate or severe liver disease",
    "aids": "AIDS",
}
CODES: Mapping[str, tuple[str, ...]] = {
    "myocardial_infarction": ("I21", "I22", "I252"),
    "heart_failure": diagnoses.HEART_FAILURE,
    "peripheral_vascular_disease": diagnoses.PERIPHERAL_VASCULAR,
    "cerebrovascular_disease": ("G45", "G46", "H340", *code_range("I60", "I69")),
    "dementia": (*code_range("F00", "F03"), "F051", "G30", "G311"),
    "chronic_pulmonary_disease": diagnoses.CHRONIC_PULMONARY,
    "connective_tissue_disease": ("M05", "M06", "M315", "M32", "M33", "M34", "M351", "M353", "M360"),
    "peptic_ulcer": code_range("K25", "K28"),
    "mild_liver_disease": (
        "B18", *code_range("K700", "K703"), "K709", *code_range("K713", "K715"), "K717", "K73", "K74", "K760",
        *code_range("K762", "K764"), "K768", "K769", "Z944",
    ),
    "diabetes": diagnoses.diabetes("01689"),
    "diabetes_with_damage": diagnoses.diabetes("23457"),
    "hemiplegia": diagnoses.PARALYSIS,
    "renal_disease": (*diagnoses.RENAL, *code_range("N032", "N037"), *code_range("N052", "N057")),
    "solid_tumour": (*diagnoses.SOLID_TUMOUR, *code_range("C81", "C85"), "C88", *code_range("C90", "C96")),
    "severe_liver_disease": (
        "I850", "I859", "I864", "I982", "K704", "K711", "K721", "K729", *code_range("K765", "K767"),
    ),
    "metastatic_tumour": diagnoses.METASTASIS,
    "aids": diagnoses.AIDS,
}  # fmt: skip
_YOUNGEST, _OLDEST_DECADE = 40.0, 4.0  # years; points


def charlson_points(items: pd.DataFrame) -> FloatArray:
    """Charlson's weights of the conditions that are present, (n,), 0 to 33: a solid tumour with metastasis counts once,
    and so do the graver forms of diabetes and liver disease.
    """
    return weighted(items, WEIGHTS, GRAVER)


def age_points(age_years: FloatArray) -> FloatArray:
    """One point for every decade above 40, (n,): 50 to 59 years 1, 60 to 69 2, 70 to 79 3, from 80 on 4; NaN where the
    age is not known.

    Charlson writes one point a decade and names no end; four from 80 on is how the index is commonly used.
    """
    decades = np.floor((np.asarray(age_years, dtype=float) - _YOUNGEST) / 10)
    return np.clip(decades, 0.0, _OLDEST_DECADE)


def charlson_age_points(items: pd.DataFrame) -> FloatArray:
    """Charlson's points with those for age, (n,), 0 to 37."""
    return charlson_points(items) + age_points(items["age"].to_numpy(dtype=float))


_CONDITIONS = tuple(Item(name, _LABELS.get(name, name.replace("_", " "))) for name in WEIGHTS)
_HIGHEST = 33.0  # all conditions, of each pair the graver form alone
CHARLSON = ScoreDefinition(
    name="charlson",
    label="Charlson comorbidity index",
    items=_CONDITIONS,
    points=charlson_points,
    low=0.0,
    high=_HIGHEST,
    citation="Charlson et al. 1987, doi:10.1016/0021-9681(87)90171-8",
    missing=MissingRule.NO_SCORE,
    conditions=CODES,
    code_citation=diagnoses.CITATION,
)
CHARLSON_AGE = ScoreDefinition(
    name="charlson_age",
    label="Age-adjusted Charlson comorbidity index",
    items=(Item("age", "age at surgery", ItemKind.AGE), *_CONDITIONS),
    points=charlson_age_points,
    low=0.0,
    high=_HIGHEST + _OLDEST_DECADE,
    citation="Charlson et al. 1994, doi:10.1016/0895-4356(94)90129-5",
    missing=MissingRule.NO_SCORE,
    conditions=CODES,
    code_citation=diagnoses.CITATION,
)
