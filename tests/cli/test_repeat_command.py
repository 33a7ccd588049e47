"""`outcome repeat`: a manifest and the data give the same bytes again; anything else is named."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from outcome.pipeline.repeat import differences, read_recorded
from outcome.store import StudyStore
from tests.cli.conftest import Call
from tests.cli.test_run import artefacts


def manifest_of(made: Path) -> Path:
    return next((made / "store" / "site_a" / "report").glob("*/manifest.json"))


@pytest.fixture
def alone(made: Path, tmp_path: Path) -> Path:
    """The manifest by itself, and the data without their study file."""
    shutil.copy(manifest_of(made), tmp_path / "told.json")
    shutil.copytree(made / "A", tmp_path / "data", ignore=shutil.ignore_patterns("study.yaml"))
    return tmp_path


@pytest.mark.slow
def test_a_manifest_the_data_elsewhere_and_two_workers_give_the_same_bytes(made: Path, alone: Path, call: Call) -> None:
    answer = call("repeat", alone / "told.json", "--folder", alone / "data", "--out", alone / "again",
                  "--workers", 2, "--json")  # fmt: skip
    assert answer.json["differences"] == []
    assert answer.code == 0
    assert artefacts(alone / "again") == artefacts(made / "store")


def test_every_difference_is_named(made: Path, alone: Path) -> None:
    recorded = read_recorded(alone / "told.json", alone / "data", alone / "data")
    store = StudyStore(made / "store", "site_a")
    assert differences(recorded, store) == ()
    told = recorded.manifest
    other = {
        **told,
        "inputs": {**told["inputs"], "stage:cohort": "0"},
        "outputs": {**told["outputs"], "report.html": "0"},
        "libraries": {**told["libraries"], "numpy": "1.0"},
    }
    found = differences(replace(recorded, manifest=other, bundle_id="abc"), store)
    assert found[0].endswith("not abc")
    assert found[1:3] == ("what led to it: stage:cohort", "file: report.html")
    assert found[3].startswith("numpy ")
    assert len(found) == 4


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda told: told | {"command": "outcome train"}, "does not tell a whole run"),
        (lambda told: told | {"code": {"version": "0.0.9", "sha256": "0"}}, "version 0.0.9"),
        (lambda told: told | {"libraries": told["libraries"] | {"numpy": "1.0"}}, "numpy"),
    ],
)
def test_what_cannot_be_repeated_is_refused_before_any_work(spoil, words: str, alone: Path, call: Call) -> None:
    told = json.loads((alone / "told.json").read_text())
    (alone / "told.json").write_text(json.dumps(spoil(told)))
    answer = call("repeat", alone / "told.json", "--folder", alone / "data", "--out", alone / "again")
    assert answer.code == 3
    assert words in answer.err
    assert not (alone / "again").exists()


def test_a_finished_store_is_no_place_to_repeat_in(made: Path, alone: Path, call: Call) -> None:
    answer = call("repeat", alone / "told.json", "--folder", alone / "data", "--out", made / "store")
    assert answer.code == 2
