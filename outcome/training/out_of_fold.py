"""What cross-fitting leaves of each case as rows: the predictions of every rung, and the fold that held the case."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from outcome.training.data import TrainingData
from outcome.training.folds import Folds
from outcome.training.nested import Horizons, prediction_frame
from outcome.training.procedure import Prediction
from outcome.training.unit_tables import UNIT_COLUMNS
from outcome.types import FOLD_COLUMNS, InputSet

FIRST = 1  # the partition behind every other number; further ones are repeats 2, 3, ...


def out_of_fold_table(
    data: TrainingData, predictions: Mapping[str, Prediction], inputs: InputSet, days: Horizons
) -> pd.DataFrame:
    """UNIT_COLUMNS, rows by rung in the order given, case, horizon."""
    ids, kind = data.frame.index.to_numpy(dtype=object).tolist(), data.target.kind
    parts = [prediction_frame(name, made, ids, days, kind) for name, made in predictions.items()]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(endpoint=data.target.endpoint, inputs=inputs.value)[list(UNIT_COLUMNS)]


def fold_table(data: TrainingData, inputs: InputSet, folds: Folds, repeat: int = FIRST) -> pd.DataFrame:
    """FOLD_COLUMNS, one row a case; `folds` (n,) counts from 0, the table from 1."""
    table = pd.DataFrame({"case_id": data.frame.index.to_numpy(dtype=object), "fold": folds + 1})
    return table.assign(endpoint=data.target.endpoint, inputs=inputs.value, repeat=repeat)[list(FOLD_COLUMNS)]
