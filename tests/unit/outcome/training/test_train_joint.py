"""A unit whose network learns an endpoint beside its own: told in the ladder, and no part of its files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from outcome.training.rungs import FUSION
from outcome.training.unit import TrainedUnit, train_unit
from outcome.types import EndpointKind, InputSet, Target
from tests.image_cases import SETTINGS, TINY, image_cases

ALONE = replace(SETTINGS, families=("ridge", "fusion"), network=replace(TINY, epochs=1, refits=1))


def train(joint: tuple[Target, ...]) -> TrainedUnit:
    data = image_cases()
    return train_unit(
        data.frame, data.columns, data.target, data.patients.tolist(), ALONE,
        inputs=InputSet.PREOPERATIVE, seed=1, crops=data.crops, joint=joint,
    )  # fmt: skip


@pytest.fixture(scope="module")
def alone() -> TrainedUnit:
    return train(())


@pytest.fixture(scope="module")
def joint() -> TrainedUnit:
    recurrence = replace(image_cases(EndpointKind.TIME_TO_EVENT).target, endpoint="recurrence")
    return train((recurrence, Target.binary("never", np.zeros(len(recurrence)))))


def test_the_ladder_says_what_was_learned_beside_and_how_much_it_counted(joint: TrainedUnit) -> None:
    (record,) = joint.ladder["network_fits"][FUSION]
    assert list(record["weights"]) == ["e", "recurrence"]
    assert record["left_out"] == {"never": "one outcome in all cases learned from"}
    note = next(row["note"] for row in joint.ladder["rungs"] if row["rung"] == FUSION)
    assert f"weighed by: e {record['weights']['e']:.2g}, recurrence" in note
    assert "never was not learned beside it" in note


def test_the_ladder_of_a_network_that_learned_alone_has_no_further_key(alone: TrainedUnit) -> None:
    assert "network_fits" not in alone.ladder
    assert all("jointly" not in row["note"] for row in alone.ladder["rungs"])


def test_other_rungs_read_no_auxiliary_outcome(alone: TrainedUnit, joint: TrainedUnit) -> None:
    tables = [
        unit.out_of_fold[unit.out_of_fold["rung"] == "clinical"].reset_index(drop=True) for unit in (alone, joint)
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    networks = [fit.model.to_state().arrays for unit in (alone, joint) for fit in unit.rungs if fit.rung.name == FUSION]
    assert any(not np.array_equal(networks[0][name], networks[1][name]) for name in networks[0])


def test_the_unit_predicts_the_same_when_read_back(joint: TrainedUnit) -> None:
    again, new = TrainedUnit.from_files(joint.files()), image_cases(seed=5)
    tables = [unit.predict(new.frame, new.crops, every_rung=True) for unit in (joint, again)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert again.files() == joint.files()
