"""The published KiTS23 record through its own configuration: counts anybody can repeat by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcome.cohort.build import build_cohort
from outcome.cohort.computed_scores import computed_score
from outcome.cohort.endpoints import composite_parts
from outcome.cohort.inputs import case_inputs, input_findings
from outcome.cohort.types import Cohort
from outcome.config import ComputedScore, Study, load_study
from outcome.dictionary import Availability, DataDictionary, Role
from outcome.sources import read_table
from outcome.types import InputSet

pytestmark = pytest.mark.real
CONFIG = Path(__file__).parents[4] / "configs" / "kits23.yaml"


@pytest.fixture(scope="module")
def study(real_data: Path) -> Study:
    return load_study(CONFIG, [f"root={real_data / 'kits23'}"])


@pytest.fixture(scope="module")
def dictionary(study: Study) -> DataDictionary:
    return DataDictionary.load(study.dictionary)


@pytest.fixture(scope="module")
def cohort(study: Study, dictionary: DataDictionary) -> Cohort:
    return build_cohort(study, dictionary, read_table(study.table, study.root))


def test_the_whole_published_record_is_described(study: Study, dictionary: DataDictionary) -> None:
    table = read_table(study.table, study.root)
    assert set(table.columns) == {variable.column for variable in dictionary}


def test_nothing_is_rejected_and_the_adults_stay(cohort: Cohort, study: Study) -> None:
    assert cohort.rejects == ()
    ages = [case["age_at_nephrectomy"] for case in json.loads((study.root / "dataset" / "kits23.json").read_text())]
    assert len(cohort.cases) == sum(age >= 18 for age in ages)
    assert cohort.cases["partition"].value_counts().to_dict() == {"development": 206, "later_batch": 88}


def test_events_match_a_count_over_the_raw_record(cohort: Cohort, study: Study) -> None:
    raw = {case["case_id"]: case for case in json.loads((study.root / "dataset" / "kits23.json").read_text())}
    kept = [raw[case] for case in cohort.cases["case_id"]]
    sums = cohort.endpoints.groupby("endpoint")["value"].sum()
    assert sums["any_complication"] == sum(case["clavien_surgical_complications"] != "0" for case in kept)
    assert sums["major_complication"] == sum(case["clavien_surgical_complications"][0] in "345" for case in kept)
    assert sums["stay_over_3"] == sum(case["hospitalization"] > 3 for case in kept)
    assert sums["stay_5_or_more"] == sum(case["hospitalization"] >= 5 for case in kept)
    assert sums["readmission"] == sum(case["readmission"] for case in kept)
    assert cohort.endpoints["event"].sum() == sum(case["vital_status"] == "dead" for case in kept)


def test_the_textbook_outcome_is_unknown_only_where_nothing_failed_and_follow_up_is_short(
    cohort: Cohort, study: Study, dictionary: DataDictionary
) -> None:
    parts = composite_parts(study.endpoints["textbook_outcome"], dictionary, cohort.variables)  # type: ignore[arg-type]
    rows = cohort.endpoints[cohort.endpoints["endpoint"] == "textbook_outcome"].set_index("case_id")["value"]
    assert list(parts.columns)[-1] == "alive at 90 days"
    assert parts.drop(columns="alive at 90 days").notna().all(axis=None)
    assert (rows[(parts == 0).any(axis=1)] == 0).all()
    assert (rows[(parts == 1).all(axis=1)] == 1).all()
    assert rows.isna().sum() == ((parts["alive at 90 days"].isna()) & ~(parts == 0).any(axis=1)).sum() == 23


def test_no_predictor_was_known_only_after_the_operation_began(dictionary: DataDictionary) -> None:
    planned = {v.name for v in dictionary.with_role(Role.PREDICTOR) if v.availability is Availability.PLANNED}
    assert planned == {"surgery_type", "surgical_approach", "surgical_procedure", "cytoreductive"}
    late = ("patholog", "tumor_", "margin", "aua_", "operative", "blood", "ischemia", "postop", "intraop")
    names = [variable.name for variable in dictionary.predictors(InputSet.WITH_PLAN)]
    assert [name for name in names if name == "malignant" or any(word in name for word in late)] == []


def test_every_case_has_its_mask_and_no_case_a_ct(cohort: Cohort, study: Study) -> None:
    inputs = case_inputs(study, cohort.cases["case_id"])
    findings = input_findings(study, inputs, cohort.table_case_ids)
    assert all(paths.mask is not None for paths in inputs.values())
    assert [finding.code for finding in findings] == ["missing_image"]


CHARLSON = {
    **dict.fromkeys((
        "myocardial_infarction", "congestive_heart_failure", "peripheral_vascular_disease", "cerebrovascular_disease",
        "dementia", "copd", "connective_tissue_disease", "peptic_ulcer_disease",
    ), 1),
    **dict.fromkeys(("chronic_kidney_disease", "hemiplegia_from_stroke", "leukemia", "malignant_lymphoma"), 2),
    "aids": 6,
}  # fmt: skip
PAIRS = (
    ("diabetes_mellitus_with_end_organ_damage", 2, "uncomplicated_diabetes_mellitus", 1),
    ("moderate_to_severe_liver_disease", 3, "mild_liver_disease", 1),
    ("metastatic_solid_tumor", 6, "localized_solid_tumor", 2),
)


def test_the_charlson_index_is_that_of_a_count_over_the_raw_record(
    cohort: Cohort, study: Study, dictionary: DataDictionary
) -> None:
    def points(case: dict[str, Any]) -> int:
        has = case["comorbidities"]
        plain = sum(weight for name, weight in CHARLSON.items() if has[name])
        graver = sum(more if has[grave] else less if has[mild] else 0 for grave, more, mild, less in PAIRS)
        return plain + graver + min(max((case["age_at_nephrectomy"] - 40) // 10, 0), 4)

    raw = {case["case_id"]: case for case in json.loads((study.root / "dataset" / "kits23.json").read_text())}
    (score,) = (score for score in study.scores if isinstance(score, ComputedScore))
    variables = cohort.variables.set_index("case_id")
    found = computed_score(score, variables, dictionary)
    assert found.value.tolist() == [points(raw[case]) for case in variables.index]
    assert found.n_missing == {}
    assert found.without == ()
