"""One hospital handed over in three forms gives one cohort, and no damaged record passes unnoticed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from outcome.config import Study
from outcome.pipeline.cohort import run_cohort
from outcome.pipeline.session import open_run
from outcome.sources.compact import as_text
from outcome.store import StudyStore
from tests.health_records import COLUMNS, hospital
from tests.health_studies import csv_study, fhir_study, omop_study, read

SAME = ("cases.parquet", "variables.parquet", "endpoints.parquet", "dictionary.csv")


def sorted_table(study: Study) -> pd.DataFrame:
    return as_text(read(study).table)[list(COLUMNS)].sort_values("case_id").reset_index(drop=True)


def test_three_forms_of_one_record_give_one_frame(tmp_path: Path) -> None:
    made = hospital()
    planned = sorted_table(csv_study(made, tmp_path / "csv"))
    assert planned["patient_id"].value_counts().max() == 2  # a second operation is a second case
    pd.testing.assert_frame_equal(sorted_table(omop_study(made, tmp_path / "omop")), planned)
    pd.testing.assert_frame_equal(sorted_table(fhir_study(made, tmp_path / "fhir")), planned)


def cohort_of(study: Study, store: Path) -> dict[str, bytes]:
    with open_run(study, store, command="test") as opened:
        run_cohort(opened)
    folder = StudyStore(store, study.name).stage("cohort")
    return {name: (folder / name).read_bytes() for name in SAME}


def test_three_forms_of_one_record_give_one_cohort_to_the_byte(tmp_path: Path) -> None:
    made = hospital(patients=12)
    csv = cohort_of(csv_study(made, tmp_path / "csv"), tmp_path / "store_csv")
    assert cohort_of(omop_study(made, tmp_path / "omop"), tmp_path / "store_omop") == csv
    assert cohort_of(fhir_study(made, tmp_path / "fhir"), tmp_path / "store_fhir") == csv
