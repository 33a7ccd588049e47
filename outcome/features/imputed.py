"""Several imputations instead of single values: an imputer of the model columns, learned on the given rows only.

Numbers and booleans are imputed; categories keep a level of their own and ordered ones the median's steps, 0/1 columns
that say "missing" stay as they are and explain nothing, and images are never imputed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from outcome.features.imputation import fit_imputer
from outcome.features.outputs import missing_values
from outcome.features.preprocess import Preprocessor
from outcome.types import FloatArray


def imputed(
    fitted: Preprocessor, frame: pd.DataFrame, draws: int, seed: int
) -> tuple[Preprocessor, tuple[FloatArray, ...]]:
    """The same with an imputer learned on these rows, and the matrix (n, p) of these rows as each draw completes it.

    Nothing missing in a column that may be imputed: itself, and no matrix.
    """
    X, missing = fitted.transform(frame), missing_values(fitted.outputs, frame)
    readable = [j for j, output in enumerate(fitted.outputs) if output.role != "missing"]
    bounds = np.array([output.bounds for output in fitted.outputs]).reshape(-1, 2).T
    found = fit_imputer(X, missing, readable, bounds, draws, seed)
    return (fitted, ()) if found is None else (replace(fitted, imputer=found[0]), found[1])
