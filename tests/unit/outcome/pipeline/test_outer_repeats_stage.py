"""Further partitions into outer folds: beside the first one, kept by key, and without a part in anything else."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

import outcome
from outcome.bundle import read_bundle
from outcome.config.training import Training
from outcome.report.entries import model_entries
from outcome.report.within_folds import within_folds_pieces
from outcome.store import file_digest, read_json, read_parquet
from outcome.types import FOLD_COLUMNS, REPEAT_COLUMNS
from tests.unit.outcome.pipeline.conftest import THROUGH_TRAINING, Place

SCHEMA = Path(outcome.__file__).parent.parent / "configs" / "metrics.schema.json"
ASKED = "training.outer_repeats=2"
FILES = ("repeats.parquet", "repeats.json")
UNIT = "any_complication.preoperative"


def with_two_endpoints(place: Place) -> None:
    study = place.folder / "A" / "study.yaml"
    told = yaml.safe_load(study.read_text())
    told["endpoints"] = {name: told["endpoints"][name] for name in ("any_complication", "recurrence")}
    study.write_text(yaml.safe_dump(told, sort_keys=False))


def digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_study_that_does_not_ask_keeps_its_keys() -> None:
    assert "outer_repeats" not in Training().model_dump()
    assert Training(outer_repeats=3).model_dump()["outer_repeats"] == 3
    for wrong in (0, 21):
        with pytest.raises(ValidationError, match="outer_repeats"):
            Training(outer_repeats=wrong)


def test_the_folds_of_every_unit_are_told(trained_place: Place) -> None:
    """Each case of each unit has one fold; refits of a fold's procedure are not in the store, so counts must do."""
    folder = trained_place.site_a.stage("train")
    folds, table = read_parquet(folder / "folds.parquet"), read_parquet(folder / "out_of_fold.parquet")
    assert tuple(folds.columns) == FOLD_COLUMNS
    keys = ["case_id", "endpoint", "inputs"]
    assert not folds.duplicated(keys).any()
    pd.testing.assert_frame_equal(
        folds[keys].sort_values(keys, ignore_index=True),
        table[keys].drop_duplicates().sort_values(keys, ignore_index=True),
    )
    assert set(folds["repeat"]) == {1}
    assert set(folds["fold"]) == {1, 2}
    assert "folds.parquet" in read_json(folder / "manifest.json")["outputs"]


def test_a_second_partition_stands_beside_the_first_and_nothing_else_changes(place: Place) -> None:
    with_two_endpoints(place)
    place.run(place.study(), *THROUGH_TRAINING)
    folder = place.site_a.stage("train")
    units, bundle, first = digests(folder / "units"), read_bundle(place.site_a.bundle), digests(folder)
    assert not any((folder / name).exists() for name in FILES)

    place.run(place.study("A", ASKED), *THROUGH_TRAINING)
    assert digests(folder / "units") == units
    assert digests(folder)["out_of_fold.parquet"] == first["out_of_fold.parquet"]
    again = read_bundle(place.site_a.bundle)
    assert {name: data for name, data in again.files.items() if name != "config.json"} == {
        name: data for name, data in bundle.files.items() if name != "config.json"
    }
    table, folds, facts = (read_parquet(folder / FILES[0]), read_parquet(folder / "folds.parquet"),
                           read_json(folder / FILES[1]))  # fmt: skip
    assert tuple(table.columns) == REPEAT_COLUMNS
    assert (set(table["source"]), set(table["rung"]), set(table["repeat"])) == ({"outer_repeats"}, {"chosen"}, {2})
    assert np.isfinite(table["risk"]).all()
    units_told = {f"{endpoint}.{inputs}" for endpoint, inputs in zip(table["endpoint"], table["inputs"], strict=True)}
    assert units_told == {unit for unit, by_repeat in facts.items() if by_repeat["2"]["skipped"] is None}
    assert sum(facts[UNIT]["2"]["chosen_in_outer_folds"].values()) == 2
    by_repeat = {repeat: part.drop(columns="repeat") for repeat, part in folds.groupby("repeat")}
    assert {repeat: len(part) for repeat, part in by_repeat.items()} == {1: len(by_repeat[1]), 2: len(by_repeat[1])}
    merged = by_repeat[1].merge(by_repeat[2], on=["case_id", "endpoint", "inputs"])
    agree = (merged["fold_x"] == merged["fold_y"]).mean()
    assert 0.1 < agree < 0.9  # neither the same partition nor its mirror image

    victim = sorted((folder / "repeats").glob("*.json"))[0]
    stamps = {path: path.stat().st_mtime_ns for path in (folder / "repeats").glob("*.json") if path != victim}
    before, whole = digests(folder / "repeats"), digests(folder)["repeats.parquet"]
    victim.unlink()
    place.run(place.study("A", ASKED), "train")
    assert digests(folder / "repeats") == before
    assert digests(folder)["repeats.parquet"] == whole
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps

    place.run(place.study("A", ASKED), "predict", "evaluate")
    document = read_json(place.site_a.stage("evaluate", again.id) / "metrics.json")
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    development = document["partitions"]["site_a"]["endpoints"]["any_complication"]["models"]["preoperative"]
    told = development["outer_repeats"]
    assert [row["repeat"] for row in told["rows"]] == [1, 2]
    assert told["rows"][0]["pooled"] == development["metrics"]["auroc"]
    assert told["rows"][0]["within_folds"] == development["within_folds"]["rows"][0]["estimate"]
    assert sum(told["chosen_in_outer_folds"].values()) == 4
    table_of, why, line, _ = within_folds_pieces(next(iter(model_entries(document))))
    assert [row[0] for row in table_of.rows][:2] == ["the chosen model of each fold", "one number"]
    assert "different models" in why.text
    assert line.text.startswith("Over 2 partitions into outer folds")

    place.run(place.study(), *THROUGH_TRAINING)
    assert digests(folder / "units") == units
    assert not any((folder / name).exists() for name in FILES)
    assert not list((folder / "repeats").glob("*"))
    assert digests(folder)["folds.parquet"] == first["folds.parquet"]
