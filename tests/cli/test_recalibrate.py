"""`outcome recalibrate`: a new bundle that names its parent, from patients the parent never saw."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from outcome.bundle import read_bundle
from outcome.cli.main import run
from outcome.pipeline.synth import write_synthetic_study
from outcome.serving import RiskModel
from tests.cli.conftest import PATIENTS, Call

METRICS = {"oe_ratio", "citl", "slope", "ici", "brier", "brier_gain"}


@pytest.fixture
def bundle(made: Path) -> Path:
    return made / "store" / "site_a" / "bundle"


@pytest.fixture(scope="session")
def updated(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Site B with more complications than the models expect, its store `s`, and the bundle `new` updated there."""
    folder = tmp_path_factory.mktemp("updated")
    shutil.copytree(made / "B", folder / "B")
    table = pd.read_csv(folder / "B" / "table.csv", dtype=str, keep_default_na=False)
    unharmed = table.index[table["clavien_grade"] == "0"]
    table.loc[unharmed[::2], "clavien_grade"] = "2"
    table.to_csv(folder / "B" / "table.csv", index=False)
    words = ["recalibrate", made / "store" / "site_a" / "bundle", folder / "B" / "study.yaml", "--out", folder / "new"]
    assert run([str(word) for word in [*words, "--store", folder / "s", "--quiet"]]) == 0
    return folder


@pytest.fixture
def place(updated: Path, tmp_path: Path) -> Path:
    """A copy of it to change."""
    return Path(shutil.copytree(updated, tmp_path / "place"))


def test_the_new_bundle_names_its_parent_and_changes_nothing_else(bundle: Path, updated: Path, call: Call) -> None:
    parent, child = read_bundle(bundle), read_bundle(updated / "new")
    (entry,) = child.json("updates.json")
    assert child.id != parent.id == child.facts["parent"] == entry["parent_id"]
    assert (entry["study"], entry["n"]) == ("site_b", PATIENTS)
    facts = entry["units"]["any_complication.preoperative"]
    assert facts["rung"] == "intercept"
    assert facts["tests"][0]["p"] < 0.05
    assert set(facts["gain"]["before"]) <= METRICS
    assert set(facts["gain"]["after"]) == METRICS
    assert f"bundle `{parent.id}`" in child.files["MODEL_CARD.md"].decode()
    assert b"B000" not in b"".join(child.files.values())
    assert call("bundle", "verify", updated / "new").code == 0
    for name, unit in entry["units"].items():
        same = child.under(f"estimators/{name}") == parent.under(f"estimators/{name}")
        assert same == (unit["rung"] == "none")
    for name in ("recipe.json", "dictionary.csv", "config.json", "columns.json", "reference.json"):
        assert child.files[name] == parent.files[name]


def test_it_validates_elsewhere_and_not_where_it_learned(place: Path, call: Call) -> None:
    new = place / "new"
    here = call("validate", new, place / "B" / "study.yaml", "--out", place / "v1")
    assert here.code == 3
    assert "patients the model was learned from" in here.err
    write_synthetic_study(place / "C", 30, 3, "C")
    there = call("validate", new, place / "C" / "study.yaml", "--out", place / "v2", "--json")
    assert there.code == 0, there.err
    model = json.loads(Path(there.json["metrics"]).read_text(encoding="utf-8"))["partitions"]["site_c"]["endpoints"][
        "any_complication"
    ]
    assert "moved with the risks" in model["models"]["preoperative"]["threshold"]["provenance"]


def test_the_same_work_gives_the_same_bundle(bundle: Path, place: Path, call: Call) -> None:
    words = ("recalibrate", bundle, place / "B" / "study.yaml", "--store", place / "s", "--json")
    answer = call(*words, "--out", place / "again")
    assert answer.code == 0, answer.err
    assert answer.json["bundle_id"] == read_bundle(place / "new").id


def test_nobody_teaches_a_bundle_twice(place: Path, call: Call) -> None:
    again = call("recalibrate", place / "new", place / "B" / "study.yaml", "--out", place / "third")
    assert again.code == 3
    assert "patients the model was learned from" in again.err


def test_held_out_patients_are_not_among_those_learned_from(bundle: Path, place: Path, call: Call) -> None:
    new = place / "held"
    words = ("recalibrate", bundle, place / "B" / "study.yaml", "--store", place / "s", "--hold-out", "0.4", "--json")
    answer = call(*words, "--out", new)
    assert answer.code == 0, answer.err
    assert answer.json["n_held_out"] == round(0.4 * PATIENTS)
    tested = [unit for unit in answer.json["units"].values() if unit["gain"]]
    assert tested
    assert all("held" in unit["gain"]["how"] for unit in tested)
    learned, known = (len(read_bundle(b).json("development_cases.json")["sha256"]) for b in (new, bundle))
    assert learned == known + PATIENTS - round(0.4 * PATIENTS)


@pytest.mark.parametrize(("grade", "reason"), [("0", "no events"), ("", "no case has a known outcome")])
def test_without_outcomes_nothing_is_written_and_each_model_s_reason_is_told(
    grade: str, reason: str, bundle: Path, place: Path, call: Call
) -> None:
    table = pd.read_csv(place / "B" / "table.csv", dtype=str, keep_default_na=False)
    table.assign(clavien_grade=grade).to_csv(place / "B" / "table.csv", index=False)
    answer = call("recalibrate", bundle, place / "B" / "study.yaml", "--out", place / "none", "--store", place / "s")
    assert answer.code == 3
    assert f"any_complication.preoperative: {reason}" in answer.err
    assert not (place / "none").exists()


def test_an_endpoint_s_variable_that_the_table_lacks_is_named(bundle: Path, place: Path, call: Call) -> None:
    table = pd.read_csv(place / "B" / "table.csv", dtype=str, keep_default_na=False)
    table.drop(columns="clavien_grade").to_csv(place / "B" / "table.csv", index=False)
    answer = call("recalibrate", bundle, place / "B" / "study.yaml", "--out", place / "none", "--store", place / "s")
    assert answer.code == 3
    assert "clavien" in answer.err


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("procedure: nephrectomy (synthetic)", "procedure: hip replacement"), "hip replacement"),
        (("relation: external", "relation: development"), "relation"),
    ],
)
def test_a_study_that_validate_refuses_is_refused(
    change: tuple[str, str], found: str, bundle: Path, studies: Path, call: Call
) -> None:
    study = studies / "B" / "study.yaml"
    study.write_text(study.read_text().replace(*change))
    answer = call("recalibrate", bundle, study, "--out", studies / "new")
    assert answer.code == 3
    assert found in answer.err


def test_development_patients_are_refused(bundle: Path, studies: Path, call: Call) -> None:
    study = studies / "A" / "study.yaml"
    study.write_text(study.read_text().replace("relation: development", "relation: external"))
    answer = call("recalibrate", bundle, study, "--out", studies / "new")
    assert answer.code == 3
    assert "patients the model was learned from" in answer.err
    assert not (studies / "new").exists()


def test_impossible_requests_are_refused_before_any_work(bundle: Path, studies: Path, call: Call) -> None:
    study = studies / "B" / "study.yaml"
    copy = studies / "parent"
    shutil.copytree(bundle, copy)
    assert call("recalibrate", copy, study, "--out", copy).code == 3
    assert RiskModel.load(copy).id == read_bundle(bundle).id
    occupied = call("recalibrate", bundle, study, "--out", studies / "B")
    assert occupied.code == 3
    assert "something else than a bundle" in occupied.err
    assert study.exists()
    for option, value in (("--alpha", "1.5"), ("--hold-out", "1")):
        assert call("recalibrate", bundle, study, "--out", studies / "new", option, value).code == 2
