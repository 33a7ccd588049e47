"""Two sites on one scale in training, and a third that enters with some of its cases."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from outcome.pipeline.harmonising import NOT_ENTERED
from outcome.serving import RiskModel, as_entered
from outcome.store import StudyStore, read_json, read_parquet
from tests.cli.conftest import FAST, Call, with_settings
from tests.small_studies import keep_endpoints

ENTERING = 10
ASKED = (
    *FAST, "radiomics.profiles={}", "image_blocks=null", "training.harmonise.by=site",
    "training.harmonise.covariates=[age_years]",
)  # fmt: skip
RUNG = "clinical + shape, harmonised"


def two_sites(study: Path) -> Path:
    """Every third case of the study comes from another site."""
    table = pd.read_csv(study.parent / "table.csv", dtype=str, keep_default_na=False)
    table.loc[table.index % 3 == 0, "site"] = "A2"
    table.to_csv(study.parent / "table.csv", index=False)
    return study


def risks(store: Path, rung: str) -> pd.Series:
    table = read_parquet(next(store.glob("site_b/predict/*/predictions.parquet")))
    return of_model(table, rung)


def of_model(table: pd.DataFrame, rung: str) -> pd.Series:
    """One rung's risks of any complication before surgery, by case."""
    mine = table.query("rung == @rung and endpoint == 'any_complication' and inputs == 'preoperative'")
    return mine.set_index("case_id")["risk"].sort_index()


def run(call: Call, study: Path, store: Path, settings: Sequence[str] = ASKED) -> int:
    return call(*with_settings(["run", str(study), "--store", str(store), "--quiet"], settings)).code


def test_a_new_site_enters_with_its_first_cases_and_both_ways_are_shown(studies: Path, call: Call) -> None:
    study, store = keep_endpoints(two_sites(studies / "A" / "study.yaml"), "any_complication"), studies / "st"
    assert run(call, study, store) == 0
    ladder = read_json(store / "site_a" / "train" / "ladder.json")["any_complication.preoperative"]
    told = next(row for row in ladder["harmonised"] if row["rung"] == RUNG)
    assert (told["batches"], told["reason"]) == (["A", "A2"], "")
    assert {RUNG, RUNG.removesuffix(", harmonised")} <= {row["rung"] for row in ladder["rungs"]}
    assert all(row["outer"] is not None for row in ladder["rungs"])

    bundle, other = store / "site_a" / "bundle", studies / "B" / "study.yaml"
    words = ("validate", bundle, other, "--json", "--out")
    assert call(*words, studies / "plain").code == 0
    entered = call(*words, studies / "entered", "--harmonise-with", ENTERING)
    assert entered.code == 0
    with_site, without = risks(studies / "entered", RUNG), risks(studies / "entered", RUNG + NOT_ENTERED)
    pd.testing.assert_series_equal(without, risks(studies / "plain", RUNG))
    assert (with_site != without).all()
    pd.testing.assert_series_equal(risks(studies / "plain", "clinical"), risks(studies / "entered", "clinical"))

    found = json.loads(Path(entered.json["metrics"]).read_text(encoding="utf-8"))
    note = next(finding for finding in found["findings"] if finding["code"] == "batch_entered")
    assert note["case_ids"] == [f"B{i:05d}" for i in range(1, ENTERING + 1)]
    shown = found["partitions"]["site_b"]["endpoints"]["any_complication"]["models"]["preoperative"]["ladder"]
    assert {RUNG, RUNG + NOT_ENTERED} <= {row["rung"] for row in shown}
    plain = json.loads(next((studies / "plain").glob("site_b/evaluate/*/metrics.json")).read_text())
    assert "batch_not_known" in {finding["code"] for finding in plain["findings"]}

    model = as_entered(RiskModel.load(bundle), StudyStore(studies / "entered", "site_b"))
    features = read_parquet(studies / "entered" / "site_b" / "features" / "features.parquet").set_index("case_id")
    again = model.predict_frame(features, every_rung=True)
    pd.testing.assert_series_equal(of_model(again, RUNG), with_site)


def test_what_cannot_be_harmonised_is_refused_by_name(studies: Path, made: Path, call: Call) -> None:
    study = studies / "A" / "study.yaml"
    words = with_settings(["run", str(study), "--store", str(studies / "st")])
    for setting, said in {
        "training.harmonise.by=hospital": "no variable 'hospital'",
        "training.harmonise.by=age_years": "age_years is numeric, not categorical",
        "training.harmonise.by=clavien_grade": "of which an endpoint is made",
        "training.harmonise={by: site, covariates: [stay_days]}": "of which an endpoint is made",
        "training.harmonise={by: site, covariates: [sex]}": "sex is categorical, neither numeric nor yes/no",
        "training.harmonise={by: site, covariates: [site]}": "cannot be a covariate",
    }.items():
        answer = call(*words, "--set", setting)
        assert answer.code == 3, setting
        assert said in answer.err
    bundle = made / "store" / "site_a" / "bundle"
    answer = call("validate", bundle, studies / "B" / "study.yaml", "--out", studies / "v", "--harmonise-with", 5)
    assert answer.code == 3
    assert "no model of this bundle puts sites on one scale" in answer.err


def test_one_site_alone_is_refused(studies: Path, call: Call) -> None:
    words = ["run", str(studies / "A" / "study.yaml"), "--store", str(studies / "st")]
    answer = call(*with_settings(words, ASKED))
    assert answer.code == 3
    assert "there is nothing to harmonise" in answer.err
