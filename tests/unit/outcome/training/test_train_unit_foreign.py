"""A model in the form of another version is refused with a way out, not a traceback."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from outcome.errors import BundleRefusal
from outcome.features.columns import FeatureColumn
from outcome.training.settings import TrainingSettings
from outcome.training.unit import TrainedUnit, train_unit
from outcome.types import InputSet, Target

SETTINGS = TrainingSettings(outer_folds=2, inner_folds=2, bootstraps=2, families=("ridge",))


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"clinical:x": rng.normal(size=60)}, index=[f"c{i:02d}" for i in range(60)])
    columns = (FeatureColumn("clinical:x", "clinical", "numeric", "preoperative"),)
    target = Target.binary("e", (np.arange(60) % 3 == 0).astype(float))
    return train_unit(frame, columns, target, list(frame.index), SETTINGS, inputs=InputSet.PREOPERATIVE, seed=1).files()


@pytest.mark.parametrize(
    ("name", "key"), [("unit.json", "horizons_days"), ("procedure.json", "chosen"), ("ensemble.json", "outputs")]
)
def test_a_key_that_another_version_does_not_write(files: dict[str, bytes], name: str, key: str) -> None:
    content = json.loads(files[name])
    del content[key]
    with pytest.raises(BundleRefusal, match="another form") as refusal:
        TrainedUnit.from_files({**files, name: json.dumps(content).encode()})
    assert key in str(refusal.value)
    assert "train again" in str(refusal.value)


def test_a_value_that_another_version_writes_otherwise(files: dict[str, bytes]) -> None:
    content = {**json.loads(files["unit.json"]), "kind": "count"}
    with pytest.raises(BundleRefusal, match="another form"):
        TrainedUnit.from_files({**files, "unit.json": json.dumps(content).encode()})
