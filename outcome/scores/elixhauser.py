"""Elixhauser's comorbidities: how many there are, and van Walraven's points for them.

References:
Elixhauser A, Steiner C, Harris DR, Coffey RM. Comorbidity measures for use with administrative data. Med Care
1998;36:8-27. doi:10.1097/00005650-199801000-00004
van Walraven C, Austin PC, Jennings A, Quan H, Forster AJ. A modification of the Elixhauser comorbidity measures into a
point system for hospital death using administrative data. Med Care 2009;47:626-633. doi:10.1097/MLR.0b013e31819432e5

Codes: Quan 2005 (`outcome.scores.diagnoses`), who counts hypertension with and without complications apart, as here.
The exclusion of conditions by the stay's diagnosis-related group, which Elixhauser applied to one country's bills, is
left out, as by Quan.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from outcome.scores import diagnoses
from outcome.scores.definition import Item, MissingRule, ScoreDefinition
from outcome.scores.icd10 import code_range
from outcome.scores.weighing import Graver, counted, weighted

CODES: Mapping[str, tuple[str, ...]] = {
    "heart_failure": diagnoses.HEART_FAILURE,
    "arrhythmia": (
        *code_range("I441", "I443"), "I456", "I459", *code_range("I47", "I49"), "R000", "R001", "R008", "T821", "Z450",
        "Z950",
    ),
    "valvular_disease": (
        "A520", *code_range("I05", "I08"), "I091", "I098", *code_range("I34", "I39"), *code_range("Q230", "Q233"),
        *code_range("Z952", "Z954"),
    ),
    "pulmonary_circulation": ("I26", "I27", "I280", "I288", "I289"),
    "peripheral_vascular_disease": diagnoses.PERIPHERAL_VASCULAR,
    "hypertension": ("I10",),
    "hypertension_with_complications": ("I11", "I12", "I13", "I15"),
    "paralysis": diagnoses.PARALYSIS,
    "other_neurological": (
        *code_range("G10", "G13"), *code_range("G20", "G22"), "G254", "G255", "G312", "G318", "G319", "G32",
        *code_range("G35", "G37"), "G40", "G41", "G931", "G934", "R470", "R56",
    ),
    "chronic_pulmonary_disease": diagnoses.CHRONIC_PULMONARY,
    "diabetes": diagnoses.diabetes("019"),
    "diabetes_with_complications": diagnoses.diabetes("2345678"),
    "hypothyroidism": (*code_range("E00", "E03"), "E890"),
    "renal_failure": diagnoses.RENAL,
    "liver_disease": (
        "B18", "I85", "I864", "I982", "K70", "K711", *code_range("K713", "K715"), "K717", *code_range("K72", "K74"),
        "K760", *code_range("K762", "K769"), "Z944",
    ),
    "peptic_ulcer": tuple(f"{code}{form}" for code in code_range("K25", "K28") for form in "79"),
    "aids": diagnoses.AIDS,
    "lymphoma": (*code_range("C81", "C85"), "C88", "C96", "C900", "C902"),
    "metastatic_cancer": diagnoses.METASTASIS,
    "solid_tumour": diagnoses.SOLID_TUMOUR,
    "rheumatoid_disease": (
        "L940", "L941", "L943", "M05", "M06", "M08", "M120", "M123", "M30", *code_range("M310", "M313"),
        *code_range("M32", "M35"), "M45", "M461", "M468", "M469",
    ),
    "coagulopathy": (*code_range("D65", "D68"), "D691", *code_range("D693", "D696")),
    "obesity": ("E66",),
    "weight_loss": (*code_range("E40", "E46"), "R634", "R64"),
    "fluid_or_electrolytes": ("E222", "E86", "E87"),
    "blood_loss_anaemia": ("D500",),
    "deficiency_anaemia": ("D508", "D509", *code_range("D51", "D53")),
    "alcohol_abuse": ("F10", "E52", "G621", "I426", "K292", "K700", "K703", "K709", "T51", "Z502", "Z714", "Z721"),
    "drug_abuse": (*code_range("F11", "F16"), "F18", "F19", "Z715", "Z722"),
    "psychosis": ("F20", *code_range("F22", "F25"), "F28", "F29", "F302", "F312", "F315"),
    "depression": ("F204", *code_range("F313", "F315"), "F32", "F33", "F341", "F412", "F432"),
}  # fmt: skip
GRAVER: Graver = (
    ("hypertension_with_complications", "hypertension"),
    ("diabetes_with_complications", "diabetes"),
    ("metastatic_cancer", "solid_tumour"),
)
VAN_WALRAVEN: Mapping[str, float] = {
    **dict.fromkeys(CODES, 0.0),
    "heart_failure": 7.0,
    "arrhythmia": 5.0,
    "valvular_disease": -1.0,
    "pulmonary_circulation": 4.0,
    "peripheral_vascular_disease": 2.0,
    "paralysis": 7.0,
    "other_neurological": 6.0,
    "chronic_pulmonary_disease": 3.0,
    "renal_failure": 5.0,
    "liver_disease": 11.0,
    "lymphoma": 9.0,
    "metastatic_cancer": 12.0,
    "solid_tumour": 4.0,
    "coagulopathy": 3.0,
    "obesity": -4.0,
    "weight_loss": 6.0,
    "fluid_or_electrolytes": 5.0,
    "blood_loss_anaemia": -2.0,
    "deficiency_anaemia": -2.0,
    "drug_abuse": -7.0,
    "depression": -3.0,
}
_ITEMS = tuple(Item(name, name.replace("_", " ").replace("aids", "AIDS")) for name in CODES)

ELIXHAUSER = ScoreDefinition(
    name="elixhauser",
    label="Elixhauser comorbidities",
    items=_ITEMS,
    points=partial(counted, names=tuple(CODES), graver=GRAVER),
    low=0.0,
    high=float(len(CODES) - len(GRAVER)),
    citation="Elixhauser et al. 1998, doi:10.1097/00005650-199801000-00004",
    missing=MissingRule.NO_SCORE,
    conditions=CODES,
    code_citation=diagnoses.CITATION,
)
ELIXHAUSER_VAN_WALRAVEN = ScoreDefinition(
    name="elixhauser_van_walraven",
    label="Elixhauser comorbidities, van Walraven's points",
    items=_ITEMS,
    points=partial(weighted, weights=VAN_WALRAVEN, graver=GRAVER),
    low=sum(weight for weight in VAN_WALRAVEN.values() if weight < 0),
    high=sum(weight for name, weight in VAN_WALRAVEN.items() if weight > 0 and name != "solid_tumour"),
    citation="van Walraven et al. 2009, doi:10.1097/MLR.0b013e31819432e5",
    missing=MissingRule.NO_SCORE,
    conditions=CODES,
    code_citation=diagnoses.CITATION,
)
