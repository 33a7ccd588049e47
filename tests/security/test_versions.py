"""Bundles and stores of other versions: read where that is possible, else refused naming what was found and is read."""

from __future__ import annotations

import hashlib
import sqlite3
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from outcome.bundle import FORMAT, ID_LENGTH, MANIFEST, copy_bundle, read_bundle
from outcome.bundle.libraries import FACT, RECORDED, recorded_libraries
from outcome.errors import BundleRefusal, StoreRefusal
from outcome.formats import METRICS, STAGE_MANIFEST, require_version
from outcome.ledger import Evaluations, Ledger, Reviews
from outcome.pipeline.stage import upstream
from outcome.pipeline.status import store_status
from outcome.serving.sound import admit
from outcome.store import StudyStore, canonical_json, write_json
from tests.bundle_attacks.sealing import listed, manifest_of, put
from tests.tiny_bundle import tiny_files


def of_version(version: int, files: dict[str, bytes]) -> bytes:
    """The manifest as programs before version 3 wrote it: no checksum, no libraries among the facts."""
    return canonical_json({"format": FORMAT, "version": version, "facts": {"study": "tiny"}, "files": listed(files)})


def test_version_2_is_read_keeps_its_id_and_is_copied_to_the_byte(tmp_path: Path) -> None:
    files = tiny_files()
    manifest = of_version(2, files)
    read = admit(put(tmp_path / "old", files, manifest))
    assert (read.version, read.id) == (2, hashlib.sha256(manifest).hexdigest()[:ID_LENGTH])
    copy_bundle(read, tmp_path / "copy")
    assert (tmp_path / "copy" / MANIFEST).read_bytes() == manifest


@pytest.mark.parametrize(("version", "step"), [(1, "train it again"), (4, "newer version of the program")])
def test_other_versions_are_refused_naming_both(tmp_path: Path, version: int, step: str) -> None:
    folder = put(tmp_path / "b", {"ladder.json": b"{}"}, of_version(version, {"ladder.json": b"{}"}))
    with pytest.raises(BundleRefusal, match=rf"(?s)version 2 or 3.*version {version}.*{step}"):
        read_bundle(folder)


def test_a_checksum_taken_out_of_version_3_is_missed(tmp_path: Path) -> None:
    """And version 3 does not pass for version 2 with a key too many."""
    told = {"format": FORMAT, "version": 3, "facts": {}, "files": {}}
    for manifest in (canonical_json(told), canonical_json({**told, "version": 2, "checksum": "0" * 64})):
        with pytest.raises(BundleRefusal, match=r"as it was written|after it was written"):
            read_bundle(put(tmp_path / "b", {}, manifest))


def test_libraries_are_recorded_and_a_newer_major_one_is_refused_where_it_is_needed(tmp_path: Path) -> None:
    assert recorded_libraries() == {name: metadata.version(name) for name in RECORDED}
    trees = {"a.json": b'{"scorer":{"type":"boosting"}}'}
    linear = {"a.json": b'{"scorer":{"type":"linear"}}'}
    newer: dict[str, Any] = {FACT: {**recorded_libraries(), "lightgbm": "99.1"}}
    older: dict[str, Any] = {FACT: {**recorded_libraries(), "lightgbm": "3.0"}}
    assert read_bundle(put(tmp_path / "linear", linear, manifest_of(linear, facts=newer))).facts == newer
    assert read_bundle(put(tmp_path / "older", trees, manifest_of(trees, facts=older))).facts == older
    with pytest.raises(BundleRefusal, match=r"(?s)newer library.*lightgbm below.*lightgbm 99\.1"):
        read_bundle(put(tmp_path / "newer", trees, manifest_of(trees, facts=newer)))


@pytest.mark.parametrize("kind", [Ledger, Evaluations, Reviews])
def test_databases_without_a_number_are_adopted_and_newer_ones_refused(tmp_path: Path, kind: Any) -> None:
    """Those written before the number was have the same tables; what stands in them stays."""
    place = tmp_path / "journal.sqlite" if kind is Ledger else tmp_path
    with kind.open(place):
        pass
    (path,) = tmp_path.glob("*.sqlite")
    for number, refused in ((0, False), (1, False), (2, True)):
        with sqlite3.connect(path) as connection:
            connection.execute(f"PRAGMA user_version={number}")
        connection.close()
        if refused:
            with pytest.raises(StoreRefusal, match=r"(?s)expected: version 1.*found: version 2"), kind.open(place):
                pass
        else:
            with kind.open(place):
                pass


def test_a_stage_of_another_version_is_stale_with_a_next_step_and_not_read(tmp_path: Path) -> None:
    store = StudyStore(tmp_path, "ours")
    with Ledger.open(store.journal):
        pass
    whole = {"schema_version": STAGE_MANIFEST, "inputs": {}, "counts": {}, "failed": {}}
    for version, step in ((STAGE_MANIFEST + 1, "newer version"), (0, "outcome run"), (None, "outcome run")):
        write_json(store.stage("cohort") / MANIFEST, {**whole, "schema_version": version})
        with pytest.raises(StoreRefusal, match=step):
            upstream(store, "cohort")
        entry = store_status(tmp_path)["studies"][0]["stages"][0]
        assert (entry["stage"], entry["state"]) == ("cohort", "stale")
        assert step in entry["next_step"]
    write_json(store.stage("cohort") / MANIFEST, whole)
    assert store_status(tmp_path)["studies"][0]["stages"][0]["state"] == "done"


def test_metrics_of_another_version_name_the_stage_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(StoreRefusal, match=r"(?s)expected: version 2.*found: version 1.*outcome evaluate"):
        require_version({"schema_version": METRICS - 1}, METRICS, "metrics.json", "outcome evaluate STUDY.yaml")
