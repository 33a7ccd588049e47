"""Are cases of this study each other's copies? Every number of the record alike, under two names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from outcome.features.columns import FeatureColumn

FEWEST_NUMBERS = 4  # known numbers that must agree: with fewer, patients may be alike by chance
DUPLICATED = "duplicated_case"


def duplicated_cases(observed: pd.DataFrame, columns: Sequence[FeatureColumn]) -> pd.DataFrame:
    """`case_id`, `like` (the first of them) for every case whose record is that of an earlier one; case order.

    Compared are all columns of the record with more than two values; the two cases must lack the same ones.
    """
    record = [c.name for c in columns if c.block == "clinical" and c.kind == "numeric" and c.name in observed]
    frame = observed[[name for name in record if observed[name].nunique() > 2]]
    told = frame[frame.notna().sum(axis=1) >= FEWEST_NUMBERS]
    keys = pd.util.hash_pandas_object(told, index=False).to_numpy()
    first = pd.Series(told.index, index=told.index).groupby(keys).transform("first").to_numpy(dtype=object)
    copies = first != np.asarray(told.index, dtype=object)
    return pd.DataFrame({"case_id": told.index[copies].astype(str), "like": first[copies].astype(str)})
