"""The made-up patients follow the stated risk, and each site writes them in its own way without changing a value."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcome.cohort.coding import code_column
from outcome.cohort.synthetic import SyntheticRecord, synthetic_record
from outcome.cohort.synthetic_coding import as_described, as_written
from outcome.cohort.synthetic_outcomes import CLINICIANS
from outcome.cohort.synthetic_risk import (
    DEATH_HORIZON,
    FULL,
    GENES,
    NO_IMAGE_SIGNAL,
    SITES,
    SYNTHETIC_VERSION,
    VARIANTS,
)
from outcome.cohort.synthetic_study import VARIABLES, dictionary_text, study_text
from outcome.cohort.synthetic_truth import (
    best_known,
    best_table,
    expected_risk,
    limited_metrics,
    rounded,
    truth_metrics,
)
from outcome.config import load_study
from outcome.dictionary import DataDictionary, Role, VariableKind
from outcome.errors import UsageError
from outcome.evaluation.discrimination.roc import auroc
from outcome.evaluation.times.incidence import aalen_johansen
from outcome.types import InputSet

BEST = best_known()["best"]


@pytest.fixture(scope="module")
def many() -> SyntheticRecord:
    return synthetic_record(np.random.default_rng(1), 20_000, "A")


def complication(record: SyntheticRecord) -> np.ndarray:
    return (record.table["clavien_grade"] != "0").to_numpy(dtype=float)


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_each_site_has_its_prevalence_under_both_variants(site: str, variant: str) -> None:
    record = synthetic_record(np.random.default_rng(2), 8_000, site, variant)
    wanted = {"A": 0.30, "B": 0.38, "C": 0.22}[site]
    assert complication(record).mean() == pytest.approx(wanted, abs=0.02)


def test_what_happens_is_what_the_risk_says(many: SyntheticRecord) -> None:
    """Within each fifth of the true risk as many events as foretold, for every endpoint that has a probability."""
    table, risks = many.table, many.risks
    major = table["clavien_grade"].isin(["3a", "3b", "4", "5"]).to_numpy(dtype=float)
    relapse = (table["recurrence_status"] == "recurrence") + 2.0 * (table["recurrence_status"] == "death")
    death = (table["vital_status"] == "dead").to_numpy(dtype=float)
    for fifth in range(5):
        rows = (pd.qcut(risks["any_complication"], 5, labels=False) == fifth).to_numpy()
        assert complication(many)[rows].mean() == pytest.approx(risks["any_complication"][rows].mean(), abs=0.025)
        assert major[rows].mean() == pytest.approx(risks["major_complication"][rows].mean(), abs=0.025)
        curve = aalen_johansen(table["recurrence_days"].to_numpy()[rows], relapse.to_numpy()[rows])
        assert float(curve.at(730.0)) == pytest.approx(risks["recurrence"][rows].mean(), abs=0.03)
        curve = aalen_johansen(table["follow_up_days"].to_numpy()[rows], death[rows])
        assert float(curve.at(DEATH_HORIZON)) == pytest.approx(risks["overall_survival"][rows].mean(), abs=0.03)
        stay = table["stay_days"].to_numpy()[rows] - risks["length_of_stay"].to_numpy()[rows]
        assert np.median(stay) == pytest.approx(0, abs=0.5), "the median, but for rounding to days"


def test_times_fit_together(many: SyntheticRecord) -> None:
    table = many.table
    assert (table["recurrence_days"] <= table["follow_up_days"]).all()
    dead_first = table["recurrence_status"] == "death"
    assert (table.loc[dead_first, "vital_status"] == "dead").all()
    assert (table.loc[dead_first, "recurrence_days"] == table.loc[dead_first, "follow_up_days"]).all()
    of_it = table["clavien_grade"] == "5"
    assert (table.loc[of_it, "follow_up_days"] <= 30).all()
    assert (table.loc[of_it, "vital_status"] == "dead").all()
    assert (table.loc[of_it, "stay_days"] <= table.loc[of_it, "follow_up_days"]).all()


def test_genes_are_missing_as_a_whole_and_the_laboratory_singly(many: SyntheticRecord) -> None:
    gone = many.table[list(GENES)].isna()
    assert (gone.all(axis=1) == gone.any(axis=1)).all()
    assert gone.all(axis=1).mean() == pytest.approx(0.25, abs=0.02)
    assert 0.02 < many.table["haemoglobin_g_dl"].isna().mean() < 0.10


def test_three_clinicians_of_differing_skill_judge_every_case(many: SyntheticRecord) -> None:
    estimates = many.table[[who.name for who in CLINICIANS]]
    assert estimates.notna().all(axis=None)
    assert estimates.min(axis=None) >= 1
    assert estimates.max(axis=None) <= 99
    good, middling, poor = (auroc(complication(many), estimates[name].to_numpy()) for name in estimates)
    assert good > middling + 0.04
    assert middling > poor + 0.04
    assert poor > 0.53
    best = auroc(complication(many), many.risks["any_complication"].to_numpy())
    assert best > good + 0.05


def test_only_what_is_known_before_surgery_predicts() -> None:
    dictionary = DataDictionary(VARIABLES)
    predictors = {variable.name for variable in dictionary.predictors(InputSet.WITH_PLAN)}
    assert not predictors & {who.name for who in CLINICIANS}
    assert {v.name for v in dictionary.with_role(Role.CLINICIAN_ESTIMATE)} == {who.name for who in CLINICIANS}
    assert {v.name for v in dictionary if v.block == "genomics"} == set(GENES) <= predictors


def test_images_tell_nothing_under_the_variant_without_image_signal() -> None:
    record = synthetic_record(np.random.default_rng(3), 8_000, "A", NO_IMAGE_SIGNAL)
    found = {name: ends["any_complication"]["auroc"] for name, ends in limited_metrics(record).items()}
    assert found["clinical_images"] == pytest.approx(found["clinical_only"], abs=0.003)
    assert found["clinical_genomics"] > found["clinical_only"] + 0.02
    pd.testing.assert_frame_equal(
        record.table.filter(like="expr_"),
        synthetic_record(np.random.default_rng(3), 8_000, "A").table.filter(like="expr_"),
    )


def test_the_stated_table_is_of_this_version_and_holds_on_a_fresh_cohort() -> None:
    assert best_known()["version"] == SYNTHETIC_VERSION, "python -m outcome.cohort.synthetic_truth writes it anew"
    fresh = best_table([("A", FULL)], patients=12_000)[FULL]["A"]
    stated = BEST[FULL]["A"]
    assert fresh.keys() == stated.keys()
    for name, ends in fresh.items():
        for end, metrics in ends.items():
            assert metrics.keys() == stated[name][end].keys()
            for metric, value in metrics.items():
                assert value == pytest.approx(stated[name][end][metric], abs=0.025), (name, end, metric)


def test_the_gap_is_shared_out_as_promised() -> None:
    """Volume and shape give at most half of what lies between the record and the truth."""
    reached = {name: ends["any_complication"]["auroc"] for name, ends in BEST[FULL]["A"].items()}
    low, gap = reached["clinical_only"], reached["best_possible"] - reached["clinical_only"]
    share = {name: (value - low) / gap for name, value in reached.items()}
    assert gap >= 0.12
    assert 0.35 <= share["clinical_shape"] <= 0.5
    assert 0.15 <= share["clinical_shape_texture"] - share["clinical_shape"] <= 0.25
    assert 0.10 <= share["clinical_images"] - share["clinical_shape_texture"] <= 0.20
    assert 0.15 <= share["attainable"] - share["clinical_images"] <= 0.25
    assert share["attainable"] > 0.9


def test_a_few_cases_have_a_truth_too() -> None:
    for n in (1, 2, 3):
        found = rounded({"best_possible": truth_metrics(synthetic_record(np.random.default_rng(4), n, "B"))})
        assert set(found["best_possible"]) == set(BEST[FULL]["B"]["best_possible"])


def test_the_expected_risk_of_two_groups_is_their_mean() -> None:
    group = np.repeat([0.0, 1.0], 4)[:, None]
    risk = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 0.9])
    np.testing.assert_allclose(expected_risk(group, risk), np.repeat([0.25, 0.75], 4), atol=1e-6)


@pytest.mark.parametrize("site", SITES)
def test_a_site_s_own_spelling_changes_no_value(site: str) -> None:
    table = synthetic_record(np.random.default_rng(5), 300, site).table
    comma = site == "C"
    raw = pd.read_csv(
        io.BytesIO(as_written(table, site)), sep=";" if comma else ",", dtype=str, keep_default_na=False, na_values=[""]
    )
    for variable in DataDictionary.read(io.StringIO(dictionary_text(site), newline="")):
        cells = raw[variable.column]
        coded = code_column(variable, cells.where(cells.notna(), None), decimal="," if comma else ".")
        assert not any(problem.any() for problem in coded.problems.values()), variable.name
        wanted = table[variable.name]
        if variable.kind is VariableKind.BOOLEAN:
            wanted = wanted.map({"yes": 1.0, "no": 0.0})
        same = (coded.values == wanted) | (coded.values.isna() & wanted.isna())
        assert same.all(), variable.name


def test_sites_write_differently() -> None:
    names = {site: tuple(v.column for v in as_described(VARIABLES, site)) for site in SITES}
    assert len(set(names.values())) == 3


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("learned", [False, True])
def test_the_study_file_is_one(site: str, learned: bool, tmp_path: Path) -> None:
    (tmp_path / "dictionary.csv").write_text(dictionary_text(site))
    path = tmp_path / "study.yaml"
    path.write_text(study_text(site, development=site == "A", learned=learned))
    study = load_study(path)
    assert (study.segmenter is not None) == learned
    assert study.image_blocks is not None
    assert set(study.endpoints) == set(BEST[FULL][site]["best_possible"])
    assert set(study.images) == {"ct", "mr"}


def test_an_unknown_site_or_variant_is_refused() -> None:
    with pytest.raises(UsageError, match="site"):
        synthetic_record(np.random.default_rng(0), 5, "Z")
    with pytest.raises(UsageError, match="variant"):
        synthetic_record(np.random.default_rng(0), 5, "A", "loud")
