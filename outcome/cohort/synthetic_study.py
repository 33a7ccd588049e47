"""The synthetic study's dictionary and study file, as each hospital would write them."""

from __future__ import annotations

from dataclasses import replace

from outcome.cohort.synthetic_coding import NOTE, NOTES, PLAIN_TABLE, TABLES, as_described
from outcome.cohort.synthetic_outcomes import CLINICIANS, Clinician
from outcome.cohort.synthetic_risk import DEATH_HORIZON, GENES, GRADES, RECURRENCE_HORIZON
from outcome.dictionary import Availability, Choice, DataDictionary, Role, Variable, VariableKind
from outcome.dictionary.variable import Range

_GRADE_WORDS = ("none", "grade I", "grade II", "grade IIIa", "grade IIIb", "grade IV", "death")


def _number(
    name: str, label: str, unit: str, hard: tuple[float, float], roles: tuple[Role, ...] = (Role.PREDICTOR,),
    *, plausible: tuple[float, float] | None = None, known: Availability = Availability.PREOPERATIVE,
) -> Variable:  # fmt: skip
    return Variable(
        name, VariableKind.NUMERIC, label, unit, hard_range=Range(*hard), plausible_range=Range(*(plausible or hard)),
        availability=known, roles=frozenset(roles),
    )  # fmt: skip


def _choice(
    name: str, label: str, codes: tuple[tuple[str, str], ...], roles: tuple[Role, ...] = (Role.PREDICTOR,),
    known: Availability = Availability.PREOPERATIVE,
) -> Variable:  # fmt: skip
    choices = tuple(Choice(code, words) for code, words in codes)
    return Variable(name, VariableKind.CATEGORICAL, label, choices=choices, availability=known, roles=frozenset(roles))


def _yes_no(
    name: str, label: str, roles: tuple[Role, ...], known: Availability = Availability.PREOPERATIVE
) -> Variable:
    return Variable(name, VariableKind.BOOLEAN, label, availability=known, roles=frozenset(roles))


def _modifiable(variable: Variable) -> Variable:
    """What somebody might change before surgery."""
    return replace(variable, modifiable=True)


def _gene(name: str) -> Variable:
    label = f"Expression of gene {name.removeprefix('expr_')} in the biopsy"
    return replace(_number(name, label, "z score", (-8, 8)), block="genomics")


def _estimate(who: Clinician) -> Variable:
    label = f"{who.label}'s estimate of any complication"
    return _number(who.name, label, "%", (0, 100), (Role.CLINICIAN_ESTIMATE,))


def _text(name: str, label: str, role: Role) -> Variable:
    return Variable(name, VariableKind.TEXT, label, availability=Availability.PREOPERATIVE, roles=frozenset({role}))


_ACCESS = (("robotic", "robotic"), ("open", "open"))
_PROCEDURE = (("partial", "partial nephrectomy"), ("radical", "radical nephrectomy"))
_FIRST = (("none", "neither by last contact"), ("recurrence", "recurrence"), ("death", "death without recurrence"))
_GRADED = tuple(zip(GRADES, _GRADE_WORDS, strict=True))
_AFTER = Availability.POSTOPERATIVE
_PREDICTS = (Role.PREDICTOR,)
_GROUPS = (Role.PREDICTOR, Role.SUBGROUP)
_OUTCOME = (Role.ENDPOINT,)

VARIABLES = (
    _text("case_id", "Case", Role.IDENTIFIER),
    _text("site", "Hospital", Role.SITE),
    _number("age_years", "Age at surgery", "years", (18, 110), _GROUPS),
    _choice("sex", "Sex", (("male", "male"), ("female", "female")), _GROUPS),
    _modifiable(_number("bmi", "Body mass index", "kg/m²", (10, 90), plausible=(15, 60))),
    _choice("asa_class", "ASA class", tuple((str(i), f"class {i}") for i in range(1, 5))),
    _yes_no("diabetes", "Diabetes mellitus", _GROUPS),
    _modifiable(_choice("smoking", "Smoking", (("never", "never"), ("former", "former"), ("current", "current")))),
    _modifiable(_number("haemoglobin_g_dl", "Haemoglobin", "g/dL", (3, 25), plausible=(6, 20))),
    _number("creatinine_mg_dl", "Serum creatinine", "mg/dL", (0.1, 20), plausible=(0.3, 8)),
    _number("tumor_size_cm", "Tumour diameter in the radiology report", "cm", (0.1, 40), plausible=(0.5, 20)),
    _choice("planned_access", "Planned access", _ACCESS, _PREDICTS, Availability.PLANNED),
    _choice("planned_procedure", "Planned procedure", _PROCEDURE, _PREDICTS, Availability.PLANNED),
    *(_gene(name) for name in GENES),
    *(_estimate(who) for who in CLINICIANS),
    _choice("clavien_grade", "Worst complication (Clavien-Dindo)", _GRADED, _OUTCOME, _AFTER),
    _number("stay_days", "Length of stay", "days", (0, 365), _OUTCOME, known=_AFTER),
    _yes_no("readmission_30d", "Readmission within 30 days", _OUTCOME, _AFTER),
    _number("follow_up_days", "Days from surgery to death or last contact", "days", (0, 20000), _OUTCOME, known=_AFTER),
    _choice("vital_status", "Vital status at last contact", (("alive", "alive"), ("dead", "dead")), _OUTCOME, _AFTER),
    _number("recurrence_days", "Days from surgery to recurrence, death or last contact", "days", (0, 20000), _OUTCOME,
            known=_AFTER),
    _choice("recurrence_status", "What came first", _FIRST, _OUTCOME, _AFTER),
)  # fmt: skip


def dictionary_text(site: str) -> str:
    """A site's dictionary as REDCap's CSV: the same variables, under the names and spellings of its own table."""
    return DataDictionary(as_described(VARIABLES, site)).to_csv()


def study_text(site: str, *, development: bool, learned: bool = False) -> str:
    """A site's study file: the hospital that develops, or one that a finished model is validated on.

    `learned`: the masks are drawn by a network that learns from the given masks; otherwise those are used.
    """
    places = {
        "site": site,
        "lower": site.lower(),
        "relation": "development" if development else "external",
        "table": TABLES.get(site, PLAIN_TABLE),
        "note": NOTES.get(site, NOTE),
        "segmenter": _SEGMENTER if learned else "",
        "recurrence_days": f"{RECURRENCE_HORIZON:g}",
        "death_days": f"{DEATH_HORIZON:g}",
        "readers": "\n".join(_READER.format(name=who.name, label=who.label) for who in CLINICIANS),
    }
    return _STUDY.format(**places)


_SEGMENTER = """
segmenter:
  network: unet_3d
  intensity: hu
  voxel: [5.0, 5.0, 5.0]
  patch: [36, 32, 36]
  channels: [8, 16, 32]
  steps: 200
  batch: 2
  learning_rate: 0.01
  folds: 2
  cases_at_most: 40
"""
_READER = "  - {{variable: {name}, label: {label}, endpoint: any_complication, scale: percent}}"
_STUDY = """# A synthetic study: made-up patients with a known mechanism. It says nothing about real ones.
schema_version: 1
name: site_{lower}
title: Synthetic kidney surgery, site {site}
procedure: nephrectomy (synthetic)
notes:
  - {note}
root: .
dictionary: dictionary.csv
table: {table}
case_id: case_id
site: site

images:
  ct: images/{{case_id}}/ct.nii.gz
  mr: images/{{case_id}}/mr.nii.gz
mask:
  pattern: images/{{case_id}}/mask.nii.gz
  "on": ct
  regions: {{kidney: 1, tumor: 2}}
{segmenter}
radiomics:
  profiles:
    ct:
      image: ct
      settings:
        grid: {{by: volume, spacing_mm: [3, 3, 3]}}
        interpolation: {{round_intensities: true}}
        resegmentation: {{range: [-100, 300]}}
        discretisation: {{method: fixed_bin_size, value: 25}}
        texture: {{directions: [merged]}}
        families: [cm, szm, ngt]

image_blocks:
  sequences: {{ct: hu}}
  region: tumor
  size: [32, 32, 24]
  extent: [96, 96, 96]

inclusion:
  - {{variable: age_years, at_least: 18, reason: adults}}

endpoints:
  any_complication:
    label: Any complication
    kind: binary
    event: {{variable: clavien_grade, at_least: "1"}}
    horizon_days: 30
  major_complication:
    label: Major complication (Clavien 3a or higher)
    kind: binary
    event: {{variable: clavien_grade, at_least: 3a}}
    horizon_days: 30
  clavien:
    label: Worst complication (Clavien-Dindo grade)
    kind: ordinal
    variable: clavien_grade
  length_of_stay:
    label: Length of stay
    kind: duration
    variable: stay_days
  recurrence:
    label: Recurrence
    kind: time_to_event
    time: recurrence_days
    event: {{variable: recurrence_status, equals: recurrence}}
    competing: {{variable: recurrence_status, equals: death}}
    horizons_days: [{recurrence_days}]
  overall_survival:
    label: Death from any cause
    kind: time_to_event
    time: follow_up_days
    event: {{variable: vital_status, equals: dead}}
    horizons_days: [{death_days}]

partitions:
  site_{lower}:
    label: Synthetic site {site}
    relation: {relation}

subgroups:
  - {{variable: age_years, cut: [65]}}
  - {{variable: sex}}
  - {{variable: diabetes}}

crossed:
  - [age_years, sex]

comparator: {{variable: tumor_size_cm, label: Tumour diameter alone}}

readers:
{readers}
readers_are: random

reporting:
  rationale: a study whose truth is known shows what the program finds and what it misses
  intended_use: trying the program; no patient can be judged by it
  intended_users: data scientists and researchers who want to see every step before they use their own data
  must_not_be_used_for: any statement about real patients
  data_source: "`outcome synth` draws the patients from a stated mechanism (docs/synth.md)"
  design: simulation
  setting: three made-up hospitals, A, B and C, that differ in scanners, in how ill patients are, and in coding
  treatments: a planned operation, partial or radical nephrectomy, which the risk depends on
  outcome_assessment: drawn from the stated risk
  blinding: no person judged anything
  missing_data: drawn; some values, one sequence and the genes are missing for a share of the patients
  sample_size: as many patients as were asked for
  ethics: no patient is involved
  funding: none
  conflicts: none
  protocol_access: the mechanism is frozen and tested by its hash; no protocol was registered
  registration: not registered
  data_access: the same command with the same seed writes the same data
  code_access: this program, under the Apache licence 2.0
  patient_involvement: none
  limitations: the mechanism is simple and known, and says nothing about real patients
"""
