"""How many points do weighted conditions make, where a graver form of a disease replaces its milder one?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from outcome.types import FloatArray

Graver = tuple[tuple[str, str], ...]  # (graver, milder)


def without_milder(items: pd.DataFrame, graver: Graver) -> pd.DataFrame:
    """The same items (1, 0), where the milder form of a disease no longer stands beside the graver; a new frame."""
    kept = items.copy()
    for grave, mild in graver:
        kept[mild] = items[mild].where(items[grave] != 1, 0.0)
    return kept


def weighted(items: pd.DataFrame, weights: Mapping[str, float], graver: Graver = ()) -> FloatArray:
    """The sum of the weights of the items that are present, (n,); every item is 1 or 0, NaN gives NaN."""
    names = list(weights)
    values = without_milder(items, graver)[names].to_numpy(dtype=float)
    return np.asarray(values @ np.array([weights[name] for name in names], dtype=float))


def counted(items: pd.DataFrame, names: Sequence[str], graver: Graver = ()) -> FloatArray:
    """How many of the items are present, (n,)."""
    return weighted(items, dict.fromkeys(names, 1.0), graver)
