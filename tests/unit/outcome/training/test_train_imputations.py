"""Several imputations are asked for by one setting, which those who do not ask for it never see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from outcome.config.training import Training
from outcome.features.columns import FeatureColumn
from outcome.training.data import TrainingData
from outcome.training.folds import patient_folds
from outcome.training.learning import learn_stack, prepare
from outcome.training.rungs import Rung, default_ladder
from outcome.training.search import metric_of
from outcome.training.settings import TrainingSettings
from outcome.training.stacking import search_stack
from outcome.training.unit import TrainedUnit, train_unit
from outcome.types import EndpointKind, InputSet, Target

COLUMNS = (
    *(FeatureColumn(f"clinical:x{i}", "clinical", "numeric", "preoperative") for i in range(3)),
    *(FeatureColumn(f"genomics:g{i}", "genomics", "numeric", "preoperative") for i in range(3)),
)
SINGLE = TrainingSettings(outer_folds=2, inner_folds=3, bootstraps=2, families=("ridge", "forest", "stacking"))
SEVERAL = replace(SINGLE, imputations=2)


def data_of(n: int = 80) -> TrainingData:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 6)) + rng.normal(size=(n, 1))
    y = (X[:, 0] + rng.logistic(size=n) > 0).astype(float)
    X[rng.random(X.shape) < 0.2] = np.nan
    frame = pd.DataFrame(X, columns=[column.name for column in COLUMNS], index=[f"c{i:03d}" for i in range(n)])
    return TrainingData(frame, COLUMNS, Target.binary("e", y), frame.index.to_numpy(dtype=str))


def rungs() -> tuple[Rung, ...]:
    return default_ladder(COLUMNS, EndpointKind.BINARY, InputSet.PREOPERATIVE, SEVERAL)


def test_a_study_that_does_not_ask_keeps_its_keys() -> None:
    assert "imputations" not in Training().model_dump()
    assert "imputations" not in SINGLE.to_json()
    assert Training(imputations=5).model_dump()["imputations"] == 5
    assert TrainingSettings.from_json(SEVERAL.to_json()) == SEVERAL
    assert TrainingSettings.from_json(SINGLE.to_json()) == SINGLE


def test_one_imputation_is_refused() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        Training(imputations=1)
    with pytest.raises(ValueError, match="two or more, found 1"):
        replace(SINGLE, imputations=1)


def test_trees_and_stacks_keep_single_values() -> None:
    data = data_of()
    drawn = {rung.algorithm: len(prepare(data, rung, rung.pick(COLUMNS), SEVERAL, 1).drawn) for rung in rungs()}
    assert drawn["logistic"] == 2
    assert drawn["forest"] == 0
    stack = next(rung for rung in rungs() if rung.bases)
    folds = patient_folds(data.patients, data.target, 3, 1)
    (scores, found), (same, _) = (search_stack(data, stack, how, folds, 1, metric_of) for how in (SEVERAL, SINGLE))
    np.testing.assert_array_equal(scores, same)
    settled = replace(stack, bases=tuple(replace(b, grid=(p,)) for b, p in zip(stack.bases, found.params, strict=True)))
    preprocessor, model = learn_stack(data, settled, COLUMNS, found.weights, SEVERAL, 1)
    assert preprocessor.imputer is None
    assert len(model.score(data.inputs("stacking", preprocessor))) == len(data)


def test_a_unit_with_several_imputations_is_read_back_to_the_bit() -> None:
    data = data_of()
    settings = replace(SEVERAL, families=("ridge",))
    unit = train_unit(
        data.frame, COLUMNS, data.target, data.patients.tolist(), settings, inputs=InputSet.PREOPERATIVE, seed=1
    )
    assert unit.procedure is not None
    assert unit.procedure.chosen.preprocessor.imputer is not None
    again = TrainedUnit.from_files(unit.files())
    pd.testing.assert_frame_equal(again.predict(data.frame), unit.predict(data.frame), check_exact=True)
    assert unit.ladder["settings"]["imputations"] == 2
    assert again.files() == unit.files()
