"""details.parquet stands beside the predictions of train and predict and agrees with them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest

import outcome
from outcome.store import StudyStore, read_json, read_parquet
from outcome.types import DETAIL_COLUMNS
from tests.unit.outcome.pipeline.conftest import THROUGH_TRAINING, Place

SCHEMA = Path(outcome.__file__).parent.parent / "configs" / "metrics.schema.json"
KEYS = ["case_id", "partition", "endpoint", "inputs", "source"]


def at_horizons(predictions: pd.DataFrame, details: pd.DataFrame) -> pd.DataFrame:
    """Risks of the chosen rung beside the incidence by the same day."""
    risks = predictions[(predictions["rung"] == "chosen") & predictions["endpoint"].isin(set(details["endpoint"]))]
    incidence = details[details["what"] == "incidence"]
    return risks.merge(incidence, left_on=[*KEYS, "horizon_days"], right_on=[*KEYS, "at"], how="left")


def known_cases(store: StudyStore, endpoint: str) -> set[str]:
    rows = read_parquet(store.stage("cohort") / "endpoints.parquet")
    rows = rows[(rows["endpoint"] == endpoint) & rows["time_days"].notna() & rows["event"].notna()]
    return set(rows["case_id"])


def assert_agrees(store: StudyStore, stage: str, part: str, name: str) -> None:
    folder = store.stage(stage, part)
    details, predictions = (read_parquet(folder / file) for file in ("details.parquet", name))
    assert tuple(details.columns) == DETAIL_COLUMNS
    both = at_horizons(predictions, details)
    assert len(both) > 20
    np.testing.assert_allclose(both["value"], both["risk"], rtol=0, atol=1e-9)
    assert "details.parquet" in read_json(folder / "manifest.json")["outputs"]


def test_train_and_predict_say_what_stands_behind_each_risk(place: Place) -> None:
    bundle = place.validate()
    assert_agrees(place.site_a, "train", "", "out_of_fold.parquet")
    assert_agrees(place.site_b, "predict", bundle, "predictions.parquet")


def test_a_lost_table_is_made_again_to_the_same_bytes(place: Place) -> None:
    folder = place.site_a.stage("train")
    before = (folder / "details.parquet").read_bytes()
    part = next(path for path in sorted((folder / "units").glob("*.details.parquet")) if len(read_parquet(path)))
    part.write_bytes(b"damaged")
    (folder / "details.parquet").unlink()
    place.run(place.study(), *THROUGH_TRAINING)
    assert (folder / "details.parquet").read_bytes() == before


def assert_measured(store: StudyStore, bundle: str, table: str, endpoint: str, causes: set[str]) -> None:
    """At a horizon the mean predicted incidence is the mean risk of the cases whose outcome is known."""
    document = read_json(store.stage("evaluate", bundle) / "metrics.json")
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    (part,) = document["partitions"].values()
    found = part["endpoints"][endpoint]["models"]["preoperative"]["details"]
    assert {row["cause"] for row in found["incidence"]} == causes
    risks = read_parquet(store.folder / table)
    risks = risks[(risks[["endpoint", "inputs", "rung"]] == [endpoint, "preoperative", "chosen"]).all(axis=1)]
    risks = risks[risks["case_id"].isin(known_cases(store, endpoint))]
    (row,) = [r for r in found["incidence"] if (r["cause"], r["days"]) == ("event", risks["horizon_days"].iloc[0])]
    assert row["predicted"] == pytest.approx(risks["risk"].mean(), abs=1e-9)
    assert found["n"] == len(risks)
    assert part["endpoints"]["clavien"]["models"]["preoperative"]["details"] == {}


def test_metrics_lay_incidences_beside_what_was_observed(place: Place) -> None:
    bundle = place.validate()
    place.run(place.study(), *THROUGH_TRAINING, "predict", "evaluate")
    for store, table in (
        (place.site_a, "train/out_of_fold.parquet"),
        (place.site_b, f"predict/{bundle}/predictions.parquet"),
    ):
        assert_measured(store, bundle, table, "recurrence", {"event", "competing"})
        assert_measured(store, bundle, table, "overall_survival", {"event"})
