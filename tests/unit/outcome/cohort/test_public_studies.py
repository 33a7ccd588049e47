"""The glioma and sarcoma studies: files agree, nothing known after surgery is a predictor, counts as in the tables."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from outcome.cohort.agreement import check_agreement
from outcome.cohort.build import build_cohort
from outcome.cohort.types import Cohort
from outcome.config import Study, load_study
from outcome.dictionary import Availability, DataDictionary, Role
from outcome.errors import ConfigRefusal
from outcome.sources import read_table
from outcome.types import InputSet

ROOT = Path(__file__).parents[4]
FOLDERS = {"lgg": "lgg_mri", "sts": "sts"}
PREDICTORS = {
    "lgg": {"age", "sex", "laterality", "tumor_location", "karnofsky"},
    "sts": {"age", "sex", "site_of_primary"},
}
TISSUE = (
    "histological_type", "grade", "codel_1p19q", "idh_mutated", "idh_codel_subtype", "atrx", "tp53", "cic", "egfr",
    "rnaseq_cluster", "methylation_cluster",
)  # fmt: skip


def _study(name: str, root: Path) -> Study:
    return load_study(ROOT / "configs" / f"{name}.yaml", [f"root={root}"])


def _dictionary(name: str) -> DataDictionary:
    return DataDictionary.load(ROOT / "data_dictionary" / f"{name}.csv")


@pytest.mark.parametrize("name", FOLDERS)
def test_study_file_and_dictionary_agree(name: str, tmp_path: Path) -> None:
    study = _study(name, tmp_path)
    check_agreement(study, _dictionary(name))
    assert study.dictionary == ROOT / "data_dictionary" / f"{name}.csv"
    assert study.image_blocks is not None
    assert study.training.min_events < 10


@pytest.mark.parametrize("name", FOLDERS)
def test_only_what_is_known_before_surgery_is_a_predictor(name: str) -> None:
    dictionary = _dictionary(name)
    assert {v.name for v in dictionary.predictors(InputSet.WITH_PLAN)} == PREDICTORS[name]
    late = [v for v in dictionary if v.availability is Availability.POSTOPERATIVE]
    assert len(late) >= 8
    assert not any(v.roles - {Role.ENDPOINT} for v in late)


@pytest.mark.parametrize("tags", ["@AVAILABILITY='postoperative' @ROLE='predictor'", "@ROLE='predictor'"])
@pytest.mark.parametrize("marker", TISSUE)
def test_what_the_resected_tissue_shows_is_refused_as_a_predictor(marker: str, tags: str, tmp_path: Path) -> None:
    text = (ROOT / "data_dictionary" / "lgg.csv").read_text(encoding="utf-8")
    tempted, n = re.subn(rf"(?m)^({marker},.*)@AVAILABILITY='postoperative'$", rf"\1{tags}", text)
    assert n == 1
    path = tmp_path / "lgg.csv"
    path.write_text(tempted, encoding="utf-8")
    with pytest.raises(ConfigRefusal, match=rf"only what is known before surgery(.|\n)*{marker} \(postoperative\)"):
        DataDictionary.load(path)


@pytest.mark.parametrize("marker", TISSUE)
def test_the_dictionary_says_why(marker: str) -> None:
    assert "resected tissue" in _dictionary("lgg")[marker].note


def test_the_sarcoma_report_will_begin_with_what_ten_cases_prove(tmp_path: Path) -> None:
    assert _study("sts", tmp_path).notes[0].startswith("Ten cases prove nothing.")


def test_times_say_what_they_are_counted_from(tmp_path: Path) -> None:
    glioma, sarcoma = _study("lgg", tmp_path).endpoints, _study("sts", tmp_path).endpoints
    assert glioma["progression_free_survival"].definition.startswith("time from initial pathologic diagnosis to: ")
    assert sarcoma["overall_survival"].definition.startswith("time from diagnosis to: ")


def _cohort(name: str, real_data: Path) -> tuple[Study, Cohort, pd.DataFrame]:
    study = _study(name, real_data / FOLDERS[name])
    cohort = build_cohort(study, _dictionary(name), read_table(study.table, study.root))
    raw = pd.read_csv(study.root / "clinical.csv", keep_default_na=False, na_values=[""]).set_index("case_id")
    return study, cohort, raw


def _known_and_events(cohort: Cohort, partition: str, endpoint: str) -> tuple[int, int]:
    cases = cohort.cases.loc[cohort.cases["partition"] == partition, "case_id"]
    rows = cohort.endpoints[(cohort.endpoints["endpoint"] == endpoint) & cohort.endpoints["case_id"].isin(cases)]
    answer = rows["event"] if rows["time_days"].notna().any() else rows["value"]
    return int(answer.notna().sum()), int((answer == 1).sum())


@pytest.mark.real
@pytest.mark.parametrize("name", FOLDERS)
def test_every_column_of_the_table_is_described(name: str, real_data: Path) -> None:
    study = _study(name, real_data / FOLDERS[name])
    assert set(read_table(study.table, study.root).columns) == {variable.column for variable in _dictionary(name)}


@pytest.mark.real
def test_glioma_counts_are_those_of_the_table(real_data: Path) -> None:
    _, cohort, raw = _cohort("lgg", real_data)
    assert cohort.rejects == ()
    assert dict(cohort.cases["partition"].value_counts()) == {"development": 30, "other_hospitals": 30}
    assert "TCGA-EZ-7264" not in set(cohort.cases["case_id"])
    for partition, sites in (("development", ["DU"]), ("other_hospitals", ["CS", "FG"])):
        rows = raw[raw["site"].isin(sites)]
        followed, resected = rows["progression_free_days"].notna(), rows["extent_of_resection"]
        counted = {
            "progression_free_survival": (followed.sum(), (rows["progression_event"] == 1).sum()),
            "overall_survival": (rows["survival_days"].notna().sum(), (rows["death_event"] == 1).sum()),
            "gross_total_resection": (resected.notna().sum(), (resected == "Gross Total Resection").sum()),
        }
        for endpoint, expected in counted.items():
            assert _known_and_events(cohort, partition, endpoint) == expected


@pytest.mark.real
def test_a_missing_karnofsky_score_stays_missing(real_data: Path) -> None:
    _, cohort, raw = _cohort("lgg", real_data)
    known = cohort.variables.set_index("case_id")["karnofsky"]
    assert int(known.isna().sum()) == 14  # the fifteenth is the case of EZ
    pd.testing.assert_series_equal(known, raw["karnofsky"].loc[known.index].astype(float), check_names=False)


@pytest.mark.real
def test_sarcoma_counts_are_those_of_the_table(real_data: Path) -> None:
    study, cohort, raw = _cohort("sts", real_data)
    assert cohort.rejects == ()
    assert len(cohort.cases) == len(raw) == 10
    assert _known_and_events(cohort, "development", "lung_metastasis") == (10, (raw["lung_metastasis"] == 1).sum())
    assert _known_and_events(cohort, "development", "overall_survival") == (10, (raw["status"] == "D").sum())
    dead = raw["status"] == "D"
    by_then = raw["days_diagnosis_to_last_follow_up"] <= study.endpoints["overall_survival"].horizons_days[0]  # type: ignore[union-attr]
    assert (int((dead & by_then).sum()), int((~dead & by_then).sum())) == (2, 0)
