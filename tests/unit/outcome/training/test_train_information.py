"""Intervals of cases that lack a block are wider, those of all others stay to the bit; the weights survive files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from outcome.training.information import blanked
from outcome.training.unit import TrainedUnit, train_unit
from outcome.types import EndpointKind, InputSet
from tests.image_cases import CT, SETTINGS, VOLUME, image_cases

SHORT = replace(SETTINGS, bootstraps=6, families=("fusion",))
RECORD = replace(SETTINGS, bootstraps=6, families=("elastic_net",))


def trained(settings: object, kind: EndpointKind = EndpointKind.BINARY) -> TrainedUnit:
    data = image_cases(kind)
    return train_unit(
        data.frame, data.columns, data.target, data.patients, settings, inputs=InputSet.PREOPERATIVE, seed=1,
        crops=data.crops, horizons=(200.0,) if kind is EndpointKind.TIME_TO_EVENT else (),
    )  # fmt: skip


def without_information(unit: TrainedUnit) -> TrainedUnit:
    """The unit as an earlier version wrote it."""
    assert unit.procedure is not None
    return replace(unit, procedure=replace(unit.procedure, information=None))


def ends(table: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    return table.loc[rows, ["low", "high"]].to_numpy()


def assert_wider(unit: TrainedUnit, column: str) -> None:
    data = image_cases(unit.kind)
    assert unit.procedure is not None
    block = next(c.block for c in data.columns if c.name == column)
    taken = np.arange(len(data)) % 2 == 0
    frame = data.frame.copy()
    empty = blanked(unit.procedure.chosen.preprocessor, frame, block)
    frame.loc[taken] = empty.loc[taken]
    now, before = unit.predict(frame, data.crops), without_information(unit).predict(frame, data.crops)
    lacking = frame[column].isna().to_numpy()
    assert lacking.any()
    assert not lacking.all()
    np.testing.assert_array_equal(ends(now, ~lacking), ends(before, ~lacking))
    assert np.all(now.loc[lacking, "low"] < before.loc[lacking, "low"])
    room = lacking & ((before["high"] < 0.999) | (unit.kind is EndpointKind.CONTINUOUS)).to_numpy()  # below certainty
    assert room.any()
    assert np.all(now.loc[room, "high"] > before.loc[room, "high"])
    assert np.all(now.loc[lacking, "high"] >= before.loc[lacking, "high"])
    pd.testing.assert_frame_equal(now.drop(columns=["low", "high"]), before.drop(columns=["low", "high"]))


@pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT, EndpointKind.CONTINUOUS])
def test_cases_without_measurements_have_wider_intervals(kind: EndpointKind) -> None:
    assert_wider(trained(RECORD, kind), VOLUME.name)


def test_a_network_s_cases_without_an_image_have_wider_intervals_and_the_weights_survive_files() -> None:
    unit, data = trained(SHORT), image_cases()
    assert unit.procedure is not None
    assert unit.procedure.information is not None
    assert set(unit.procedure.information.moved) == {"clinical", "radiomics", "image:ct"}
    assert unit.procedure.information.moved["image:ct"] > 0
    assert_wider(unit, CT.name)
    again = TrainedUnit.from_files(unit.files())
    pd.testing.assert_frame_equal(again.information(data.frame), unit.information(data.frame))
    lacking = data.frame[CT.name].isna().to_numpy()
    assert (unit.information(data.frame)["known_share"].to_numpy() == 1.0).tolist() == (~lacking).tolist()
    assert sorted(unit.out_of_fold_information["case_id"]) == sorted(data.frame.index)


def test_a_unit_of_an_earlier_version_tells_no_share() -> None:
    unit = without_information(trained(RECORD))
    again = TrainedUnit.from_files(unit.files())
    assert again.information(image_cases().frame).empty
    assert again.files() == unit.files()
