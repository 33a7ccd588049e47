"""Sites held out in turn: beside the folds, site by site, and without a part in anything else."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
import yaml

import outcome
from outcome.bundle import read_bundle
from outcome.config.training import Training
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.store import file_digest, read_json, read_parquet
from outcome.types import PREDICTION_COLUMNS
from tests.unit.outcome.pipeline.conftest import THROUGH_TRAINING, Place

SCHEMA = Path(outcome.__file__).parent.parent / "configs" / "metrics.schema.json"
ASKED = "training.internal_external=true"
FILES = ("internal_external.parquet", "internal_external.json")
UNIT = "any_complication.preoperative"


def with_sites(place: Place, names: tuple[str, ...]) -> None:
    """Hospital A as several, and two of its endpoints alone, for time."""
    study = place.folder / "A" / "study.yaml"
    told = yaml.safe_load(study.read_text())
    told["endpoints"] = {name: told["endpoints"][name] for name in ("any_complication", "recurrence")}
    study.write_text(yaml.safe_dump(told, sort_keys=False))
    path = place.folder / "A" / "table.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["site"] = [names[i % len(names)] for i in range(len(table))]
    table.to_csv(path, index=False)


def digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_study_that_does_not_ask_keeps_its_keys() -> None:
    assert "internal_external" not in Training().model_dump()
    assert Training(internal_external=True).model_dump()["internal_external"] is True


def test_each_site_is_predicted_by_the_others_and_nothing_else_changes(place: Place) -> None:
    with_sites(place, ("east", "north", "south"))
    place.run(place.study(), *THROUGH_TRAINING)
    folder = place.site_a.stage("train")
    units, bundle = digests(folder / "units"), read_bundle(place.site_a.bundle)
    assert not any((folder / name).exists() for name in FILES)

    place.run(place.study("A", ASKED), *THROUGH_TRAINING)
    assert digests(folder / "units") == units
    again = read_bundle(place.site_a.bundle)
    assert {name: data for name, data in again.files.items() if name != "config.json"} == {
        name: data for name, data in bundle.files.items() if name != "config.json"
    }
    cases = read_parquet(place.site_a.stage("cohort") / "cases.parquet").set_index("case_id")
    table, facts = read_parquet(folder / FILES[0]), read_json(folder / FILES[1])
    assert tuple(table.columns) == PREDICTION_COLUMNS
    assert set(table["source"]) == {"internal_external"}
    assert set(table["rung"]) == {"chosen"}
    for unit, by_site in facts.items():
        endpoint, _, inputs = unit.rpartition(".")
        assert set(by_site) == {"east", "north", "south"}
        rows = table[(table["endpoint"] == endpoint) & (table["inputs"] == inputs)]
        told = {site for site, fact in by_site.items() if fact["skipped"] is None}
        assert set(rows["case_id"]) == set(cases.index[cases["site"].isin(told)])
    assert any(fact["skipped"] is None for fact in facts[UNIT].values())

    victim = sorted((folder / "sites").glob("*.json"))[0]
    stamps = {path: path.stat().st_mtime_ns for path in (folder / "sites").glob("*.json") if path != victim}
    before = digests(folder / "sites")
    victim.unlink()
    place.run(place.study("A", ASKED), "train")
    assert digests(folder / "sites") == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps

    place.run(place.study("A", ASKED), "predict", "evaluate")
    document = read_json(place.site_a.stage("evaluate", again.id) / "metrics.json")
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    models = [m for e in document["partitions"].values() for d in e["endpoints"].values() for m in d["models"].values()]
    told = [model["internal_external"] for model in models if "internal_external" in model]
    assert told
    for part in told:
        assert part["words"].startswith("Each site held out once")
        assert [row["site"] for row in part["rows"]] == ["east", "north", "south"]

    place.run(place.study(), *THROUGH_TRAINING)
    assert digests(folder / "units") == units
    assert not any((folder / name).exists() for name in FILES)
    assert not list((folder / "sites").glob("*"))


def test_two_sites_are_refused(place: Place) -> None:
    with_sites(place, ("east", "north"))
    with pytest.raises(DataRefusal, match="too few sites"):
        place.run(place.study("A", ASKED), *THROUGH_TRAINING)


def test_a_study_without_sites_is_refused(place: Place) -> None:
    path = place.folder / "A" / "study.yaml"
    path.write_text(path.read_text().replace("site: site\n", "", 1))
    with pytest.raises(ConfigRefusal, match="needs site"):
        place.study("A", ASKED)
