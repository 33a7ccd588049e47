"""`outcome monitor`: new cases of a frozen bundle, alarms with a stated rate, thresholds from the bundle alone."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from outcome.bundle import MANIFEST, read_bundle, write_bundle
from outcome.recipe import CaseInput
from outcome.serving import RiskModel
from outcome.store import canonical_json, read_parquet
from tests.cli.conftest import PATIENTS, Call

KEPT = ("cases", "checks", "n_checks", "log10_threshold", "rate", "guarantee", "alarms", "order", "periods")


@pytest.fixture
def bundle(made: Path) -> Path:
    return made / "store" / "site_a" / "bundle"


def rewritten(bundle: Path, to: Path, *, monitoring: bool) -> Path:
    """The same bundle, with or without what an earlier version did not tell."""
    read = read_bundle(bundle)
    told = {name: part for name, part in read.json("reference.json").items() if monitoring or name != "monitoring"}
    write_bundle(to, {**read.files, "reference.json": canonical_json(told)}, read.facts)
    return to


def test_another_hospital_is_watched_and_what_differs_alarms(bundle: Path, studies: Path, call: Call) -> None:
    study, out = studies / "B" / "study.yaml", studies / "watch"
    answer = call("monitor", bundle, study, "--out", out, "--json")
    assert answer.code == 0, answer.err
    document: dict[str, Any] = answer.json
    assert set(KEPT) <= set(document)
    assert document["cases"] == PATIENTS
    folder = Path(document["report"]).parent
    page = (folder / "monitor.html").read_text(encoding="utf-8")
    assert "Research use only" in page
    assert json.loads((folder / "monitor.json").read_text(encoding="utf-8"))["alarms"] == document["alarms"]
    checks = read_parquet(folder / "checks.parquet")
    assert checks["status"].value_counts().to_dict() == {k: v for k, v in document["checks"].items() if v}
    # site B's CT is made otherwise: images alarm, and say to look at images
    images = [alarm for alarm in document["alarms"] if alarm["name"].startswith("scan:")]
    assert images
    assert all("open images" in alarm["next_step"] for alarm in images)
    again = call("monitor", bundle, study, "--out", out, "--json", "--fail-on-alarm")
    assert again.code == 5
    assert again.json["status"] == "alarm"
    _one_case_alone_has_the_cohort_s_warnings(bundle, studies, folder)
    _fewer_cases_have_the_same_threshold(bundle, studies, document, call)


def _one_case_alone_has_the_cohort_s_warnings(bundle: Path, studies: Path, folder: Path) -> None:
    together = read_parquet(folder / "warnings.parquet")
    variables = read_parquet(folder.parents[1] / "cohort" / "variables.parquet").set_index("case_id")
    images = studies / "B" / "images" / "B00007"
    named = {path.name[:2]: path for path in images.glob("[cm][tr].nii.gz")}
    record = {name: value for name, value in variables.loc["B00007"].items() if pd.notna(value)}
    alone = RiskModel.load(bundle).warnings(CaseInput("B00007", named, images / "mask.nii.gz"), record)
    mine = together[(together["case_id"] == "B00007") & together["column"].notna()]
    assert sorted(alone["message"]) == sorted(mine["message"])


def _fewer_cases_have_the_same_threshold(bundle: Path, studies: Path, before: dict[str, Any], call: Call) -> None:
    """Nothing of the new cases moves a threshold, and few cases are not called quiet."""
    table = pd.read_csv(studies / "B" / "table.csv", dtype=str, keep_default_na=False)
    table.iloc[:6].to_csv(studies / "B" / "table.csv", index=False)
    answer = call("monitor", bundle, studies / "B" / "study.yaml", "--out", studies / "few", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["log10_threshold"] == before["log10_threshold"]
    assert answer.json["n_checks"] == before["n_checks"]
    assert answer.json["checks"]["quiet"] == 0
    assert answer.json["checks"]["not judged"] > 0


def test_a_period_without_a_date_is_refused_before_anything_is_written(bundle: Path, studies: Path, call: Call) -> None:
    answer = call("monitor", bundle, studies / "B" / "study.yaml", "--out", studies / "w", "--by", "3")
    assert answer.code == 3
    assert "date variables: none" in answer.err
    assert not (studies / "w").exists()


def test_a_bundle_that_tells_too_little_is_refused(bundle: Path, studies: Path, call: Call) -> None:
    older = rewritten(bundle, studies / "older", monitoring=False)
    answer = call("monitor", older, studies / "B" / "study.yaml", "--out", studies / "w")
    assert answer.code == 3
    assert "earlier version" in answer.err
    assert not (studies / "w").exists()
    shutil.rmtree(older)
    write_bundle(older, {n: d for n, d in read_bundle(bundle).files.items() if n != "reference.json"}, {})
    assert "no reference.json" in call("monitor", older, studies / "B" / "study.yaml", "--out", studies / "w").err
    assert (older / MANIFEST).exists()


@pytest.mark.parametrize("rate", ["0", "1", "-0.1"])
def test_an_impossible_rate_is_a_matter_of_usage(rate: str, bundle: Path, studies: Path, call: Call) -> None:
    answer = call("monitor", bundle, studies / "B" / "study.yaml", "--out", studies / "w", "--rate", rate)
    assert answer.code == 2
    assert "chance of a false alarm" in answer.err


def test_the_reference_s_monitoring_names_no_case_and_no_small_part(bundle: Path) -> None:
    told = read_bundle(bundle).json("reference.json")["monitoring"]
    assert "A000" not in json.dumps(told)
    cuts = [entry["cuts"] for part in ("columns", "missing", "relations") for entry in told[part] if "cuts" in entry]
    assert cuts
    for one in cuts:
        edges = [0, *one["ranks"], one["n"]]
        assert min(b - a for a, b in pairwise(edges)) >= 5
    assert {entry["name"] for entry in told["missing"]} >= {"clinical:age_years", "genomics", "scan:mr"}
