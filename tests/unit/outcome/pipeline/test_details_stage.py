"""details.parquet stands beside the predictions of train and predict and agrees with them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outcome.store import StudyStore, read_json, read_parquet
from outcome.types import DETAIL_COLUMNS
from tests.unit.outcome.pipeline.conftest import THROUGH_TRAINING, Place

KEYS = ["case_id", "partition", "endpoint", "inputs", "source"]


def at_horizons(predictions: pd.DataFrame, details: pd.DataFrame) -> pd.DataFrame:
    """Risks of the chosen rung beside the incidence by the same day."""
    risks = predictions[(predictions["rung"] == "chosen") & predictions["endpoint"].isin(set(details["endpoint"]))]
    incidence = details[details["what"] == "incidence"]
    return risks.merge(incidence, left_on=[*KEYS, "horizon_days"], right_on=[*KEYS, "at"], how="left")


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
