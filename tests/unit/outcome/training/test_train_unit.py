"""A unit of training from frame to files: form, determinism, reading back, too little data."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcome.errors import BundleRefusal, DataRefusal
from outcome.features.columns import FeatureColumn
from outcome.training.files import npz_bytes, read_npz
from outcome.training.settings import TrainingSettings
from outcome.training.unit import TrainedUnit, train_unit
from outcome.training.unit_tables import UNIT_COLUMNS
from outcome.types import EndpointKind, InputSet, Target

QUICK = TrainingSettings(outer_folds=3, inner_folds=2, bootstraps=4, families=("ridge", "elastic_net"))
COLUMNS = (
    FeatureColumn("clinical:age", "clinical", "numeric", "preoperative"),
    FeatureColumn("clinical:stage", "clinical", "categorical", "preoperative", ("I", "II")),
    FeatureColumn("plan:open", "plan", "boolean", "planned"),
    FeatureColumn("radiomics:t.v", "radiomics", "numeric", "preoperative"),
)
N = 90


def table(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    columns = {
        "clinical:age": np.where(rng.random(N) < 0.1, np.nan, rng.normal(60, 9, N)),
        "clinical:stage": rng.choice(np.array(["I", "II", None], dtype=object), N),
        "plan:open": (rng.random(N) < 0.5).astype(float),
        "radiomics:t.v": rng.lognormal(size=N),
    }
    return pd.DataFrame(columns, index=pd.Index([f"c{i:03d}" for i in range(N)], name="case_id"))


def target_of(kind: EndpointKind, frame: pd.DataFrame) -> Target:
    rng = np.random.default_rng(5)
    drive = np.log(frame["radiomics:t.v"].to_numpy()) + frame["plan:open"].to_numpy()
    if kind is EndpointKind.TIME_TO_EVENT:
        return Target.survival("e", np.ceil(rng.exponential(300 * np.exp(-drive))), rng.choice([0, 1, 1, 2], N))
    if kind is EndpointKind.BINARY:
        value = (drive + rng.logistic(size=N) > 0.4).astype(float)
    else:
        value = np.round(np.exp(0.5 * drive + 1))
    value[:3] = np.nan
    nothing = np.full(N, np.nan)
    return Target("e", kind, value, nothing, nothing.copy())


def train(kind: EndpointKind = EndpointKind.BINARY, settings: TrainingSettings = QUICK, **more: object) -> TrainedUnit:
    frame = table()
    horizons = (100.0, 300.0) if kind is EndpointKind.TIME_TO_EVENT else ()
    arguments = {"inputs": InputSet.PREOPERATIVE, "seed": 1, "horizons": horizons, "one_number": "radiomics:t.v"}
    patients = [f"p{i // 2}" for i in range(N)]
    return train_unit(frame, COLUMNS, target_of(kind, frame), patients, settings, **{**arguments, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", list(EndpointKind))
def test_out_of_fold_predictions_have_the_agreed_form(kind: EndpointKind) -> None:
    unit = train(kind)
    rows = unit.out_of_fold
    assert tuple(rows.columns) == UNIT_COLUMNS
    rungs = ["chosen", *(row["rung"] for row in unit.ladder["rungs"])]
    assert list(dict.fromkeys(rows["rung"])) == rungs
    wide = 2 if kind is EndpointKind.TIME_TO_EVENT else 1
    assert len(rows) == len(rungs) * N * wide
    assert rows[["risk", "score"]].notna().all(axis=None)
    assert rows["low"].isna().all()
    if kind is EndpointKind.TIME_TO_EVENT:
        assert rows["horizon_days"].iloc[:2].tolist() == [100.0, 300.0]
        early, late = (rows.loc[rows["horizon_days"] == day, "risk"].to_numpy() for day in (100.0, 300.0))
        assert np.all(late >= early)
    else:
        assert rows["horizon_days"].isna().all()
    json.dumps(unit.ladder, allow_nan=False)
    assert (unit.procedure is not None and unit.procedure.threshold is not None) == (kind is EndpointKind.BINARY)


@pytest.mark.parametrize("family", ["elastic_net", "forest", "boosting"])
@pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT])
def test_a_unit_read_back_predicts_the_same_bits(kind: EndpointKind, family: str, tmp_path: Path) -> None:
    unit = train(
        kind, TrainingSettings(outer_folds=2, inner_folds=2, bootstraps=2, families=(family,)), one_number=None
    )
    unit.save(tmp_path / "unit")
    again = TrainedUnit.load(tmp_path / "unit")
    new = table(seed=9)
    pd.testing.assert_frame_equal(again.predict(new), unit.predict(new), check_exact=True)
    assert again.files() == unit.files()
    assert ("procedure.txt" in unit.files()) == (family == "boosting")


def test_the_same_seed_gives_the_same_bytes_in_any_row_order() -> None:
    frame = table()
    target = target_of(EndpointKind.BINARY, frame)
    patients = np.array([f"p{i // 2}" for i in range(N)])
    order = np.random.default_rng(0).permutation(N)
    made = [
        train_unit(
            frame.iloc[r], COLUMNS, target.take(r), patients[r].tolist(), QUICK, inputs=InputSet.WITH_PLAN, seed=3
        )
        for r in (np.arange(N), order)
    ]
    assert made[0].files() == made[1].files()


def test_another_seed_gives_other_folds() -> None:
    assert train(seed=1).files() != train(seed=2).files()


def test_given_outer_folds_are_used() -> None:
    folds = np.arange(N) // 30
    unit = train(outer_folds=folds)
    assert sum(unit.ladder["chosen_in_outer_folds"].values()) == 3


def test_the_plan_is_read_only_with_the_plan() -> None:
    blind, seeing = train(), train(inputs=InputSet.WITH_PLAN)
    assert "plan:open" not in json.dumps([state.numbers for state in blind.procedure.to_states().values()])  # type: ignore[union-attr]
    assert any("plan" in row["rung"] for row in seeing.ladder["rungs"])


def test_low_and_high_stand_around_the_risk() -> None:
    rows = train().predict(table(seed=9))
    assert np.all((rows["low"] <= rows["risk"]) & (rows["risk"] <= rows["high"]))
    assert (rows["high"] > rows["low"]).any()


@pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT])
def test_too_few_events_are_told_not_raised(kind: EndpointKind, tmp_path: Path) -> None:
    unit = train(kind, TrainingSettings(min_events=80))
    assert unit.skipped is not None
    assert "at least 80" in unit.skipped
    assert unit.procedure is None
    assert len(unit.out_of_fold) == 0
    assert tuple(unit.out_of_fold.columns) == UNIT_COLUMNS
    unit.save(tmp_path)
    assert TrainedUnit.load(tmp_path).skipped == unit.skipped
    with pytest.raises(DataRefusal, match="no model"):
        unit.predict(table())


@pytest.mark.parametrize(
    ("value", "word"),
    [(np.zeros(N), "one class"), (np.ones(N), "one class"), (np.full(N, np.nan), "no case")],
)
def test_one_class_or_nothing_known_is_told(value: np.ndarray, word: str) -> None:
    frame = table()
    patients = list(frame.index)
    unit = train_unit(frame, COLUMNS, Target.binary("e", value), patients, QUICK, inputs=InputSet.PREOPERATIVE, seed=1)
    assert word in (unit.skipped or "")


def test_few_patients_late_horizons_and_no_columns_are_told() -> None:
    frame = table()
    binary, timed = (target_of(kind, frame) for kind in (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT))
    same = {"inputs": InputSet.PREOPERATIVE, "seed": 1}
    two = train_unit(frame, COLUMNS, binary, ["a", "b"] * (N // 2), QUICK, **same)  # type: ignore[arg-type]
    assert "2 patients" in (two.skipped or "")
    ids = list(frame.index)
    late = train_unit(frame, COLUMNS, timed, ids, QUICK, horizons=(1e6,), **same)  # type: ignore[arg-type]
    assert "after the last follow-up" in (late.skipped or "")
    assert "no column" in (train_unit(frame, (), binary, ids, QUICK, **same).skipped or "")  # type: ignore[arg-type]


def test_a_repeated_case_is_refused() -> None:
    frame = table()
    twice = frame.set_axis([*frame.index[:-1], frame.index[0]])
    with pytest.raises(DataRefusal, match="twice"):
        train_unit(
            twice,
            COLUMNS,
            target_of(EndpointKind.BINARY, frame),
            list(frame.index),
            QUICK,
            inputs=InputSet.PREOPERATIVE,
            seed=1,
        )


def test_inputs_are_not_changed() -> None:
    frame = table()
    target = target_of(EndpointKind.BINARY, frame)
    before, value = frame.copy(deep=True), target.value.copy()
    train_unit(frame, COLUMNS, target, list(frame.index), QUICK, inputs=InputSet.WITH_PLAN, seed=1)
    pd.testing.assert_frame_equal(frame, before)
    np.testing.assert_array_equal(target.value, value)


def test_damaged_files_are_refused() -> None:
    files = train().files()
    with pytest.raises(BundleRefusal, match="procedure"):
        TrainedUnit.from_files({**files, "procedure.npz": files["procedure.npz"][:40]})
    with pytest.raises(BundleRefusal, match="no trained unit"):
        TrainedUnit.from_files({"unit.json": files["unit.json"]})


def test_npz_members_carry_a_fixed_date_and_no_objects() -> None:
    content = npz_bytes({"b": np.arange(3), "a": np.ones((2, 2))})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert [info.filename for info in archive.infolist()] == ["a.npy", "b.npy"]
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert read_npz(content)["a"].shape == (2, 2)
    with pytest.raises(ValueError, match="bject"):
        npz_bytes({"a": np.array([{}], dtype=object)})
