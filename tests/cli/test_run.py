"""`outcome run` from table and masks to the report; what is finished is not done again; what is missing is named."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcome.store import RUN_LOG, file_digest
from tests.cli.conftest import PATIENTS, Call, with_settings

HOST = ("journal", "evaluations")


def artefacts(store: Path) -> dict[str, str]:
    skip = {RUN_LOG, ".lock"}
    files = (p for p in store.rglob("*") if p.is_file() and p.name not in skip and not p.name.startswith(HOST))
    return {str(p.relative_to(store)): file_digest(p) for p in files}


def test_a_run_ends_with_a_bundle_metrics_and_a_report(made: Path) -> None:
    study = made / "store" / "site_a"
    metrics = json.loads(next(study.glob("evaluate/*/metrics.json")).read_text())
    endpoint = metrics["partitions"]["site_a"]["endpoints"]["any_complication"]
    assert endpoint["n"] == PATIENTS
    assert endpoint["models"]["preoperative"]["metrics"]["auroc"]["value"] is not None
    provenance = endpoint["models"]["preoperative"]["threshold"]["provenance"]
    assert "these development cases took part in choosing it" in provenance
    withheld = metrics["partitions"]["site_a"]["endpoints"]["major_complication"]
    assert withheld["n_events"] < 10
    assert "10" in next(iter(withheld["not_modelled"].values()))
    page = next(study.glob("report/*/report.html")).read_text()
    assert "research use only" in page.lower()
    assert len(page) < 5_000_000


def test_a_repeat_does_nothing_and_says_so(made: Path, tmp_path: Path, call: Call) -> None:
    shutil.copytree(made / "store", tmp_path / "store")
    before = artefacts(tmp_path / "store")
    answer = call(*with_settings(["run", made / "A" / "study.yaml", "--store", tmp_path / "store", "--json"]))
    assert answer.code == 0
    assert {stage["status"] for stage in answer.json["stages"]} == {"current"}
    assert artefacts(tmp_path / "store") == before


def test_a_changed_mask_makes_what_follows_stale_and_only_that_case_is_done_again(
    made: Path, studies: Path, call: Call
) -> None:
    store = studies / "store"
    shutil.copytree(made / "store", store)
    study = studies / "A" / "study.yaml"
    mask = studies / "A" / "images" / "A00001" / "mask.nii.gz"
    shutil.copy(studies / "A" / "images" / "A00002" / "mask.nii.gz", mask)
    kept = {p.name: p.stat().st_mtime_ns for p in (store / "site_a" / "segment" / "cases").glob("*.json")}
    assert call(*with_settings(["segment", study, "--store", store, "--quiet"])).code in (0, 4)
    now = {p.name: p.stat().st_mtime_ns for p in (store / "site_a" / "segment" / "cases").glob("*.json")}
    assert sum(now.get(name) == time for name, time in kept.items()) == PATIENTS - 1
    stale = call(*with_settings(["evaluate", study, "--store", store]))
    assert stale.code == 3
    assert "outcome radiomics" in stale.err or "stale" in stale.err
    status = call("status", store, "--json").json
    assert any(stage["state"] == "stale" for stage in status["studies"][0]["stages"])


def test_one_bad_mask_is_recorded_and_the_rest_goes_on(studies: Path, call: Call) -> None:
    cases = studies / "A" / "images"
    (cases / "A00003" / "mask.nii.gz").write_bytes(b"not an image")
    (cases / "A00004" / "mask.nii.gz").unlink()
    blank_mask(cases / "A00005" / "mask.nii.gz")
    study, store = studies / "A" / "study.yaml", studies / "store"
    for stage, code in (("cohort", 0), ("segment", 4), ("radiomics", 0)):
        assert call(*with_settings([stage, study, "--store", store, "--quiet"])).code == code
    failed = json.loads((store / "site_a" / "segment" / "manifest.json").read_text())["failed"]
    assert sorted(failed) == ["A00003", "A00005"]
    assert str(studies) not in json.dumps(failed)
    assert len(pd.read_parquet(store / "site_a" / "radiomics" / "radiomics.parquet")) == PATIENTS - 3
    shown = call("status", store)
    assert "A00003" in shown.out
    kept = {p.name: p.stat().st_mtime_ns for p in (store / "site_a" / "segment" / "cases").glob("*.json")}
    again = call(*with_settings(["segment", study, "--store", store, "--json"]))
    assert (again.code, again.json["stages"][0]["status"]) == (4, "done")
    assert {p.name: p.stat().st_mtime_ns for p in (store / "site_a" / "segment" / "cases").glob("*.json")} == kept


def blank_mask(path: Path) -> None:
    data = bytearray(gzip.decompress(path.read_bytes()))
    data[352:] = bytes(len(data) - 352)
    path.write_bytes(gzip.compress(bytes(data)))


def test_a_stage_without_its_predecessor_names_the_command(studies: Path, call: Call) -> None:
    answer = call("train", studies / "A" / "study.yaml", "--store", studies / "store")
    assert answer.code == 3
    assert "outcome cohort STUDY.yaml" in answer.err


def test_the_published_partition_sizes_stand_in_the_flow(made: Path) -> None:
    flow = json.loads((made / "store" / "site_a" / "cohort" / "flow.json").read_text())
    assert flow[-1]["n_left"] == PATIENTS


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_store_that_cannot_be_written_is_refused(studies: Path, call: Call) -> None:
    blocked = studies / "blocked"
    blocked.write_text("a file where the store should be")
    answer = call("cohort", studies / "A" / "study.yaml", "--store", blocked)
    assert answer.code == 3
    assert "blocked" in answer.err


def test_numbers_do_not_depend_on_the_order_of_the_table(made: Path, studies: Path, call: Call) -> None:
    table = pd.read_csv(studies / "A" / "table.csv", dtype=str, keep_default_na=False)
    rng = np.random.default_rng(0)
    table.iloc[rng.permutation(len(table))].to_csv(studies / "A" / "table.csv", index=False)
    assert call(*with_settings(["run", studies / "A" / "study.yaml", "--store", studies / "s", "--quiet"])).code == 0
    ours, theirs = (
        next(p.glob("evaluate/*/metrics.json")) for p in (studies / "s" / "site_a", made / "store" / "site_a")
    )
    left, right = json.loads(ours.read_text()), json.loads(theirs.read_text())
    assert left["partitions"] == right["partitions"]
