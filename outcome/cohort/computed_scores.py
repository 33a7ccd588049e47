"""What does a published score say of each case of a cohort? The record's variables as its items, and its points."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outcome.cohort.criteria import truth
from outcome.config import ComputedScore, Condition
from outcome.dictionary import DataDictionary
from outcome.scores import ItemKind, Scored, asa_classes, compute_score, from_codes, read_code_lists
from outcome.types import FloatArray


def computed_score(score: ComputedScore, variables: pd.DataFrame, dictionary: DataDictionary) -> Scored:
    """The score of each row of the coded frame, row by row: nothing is learned from other rows.

    Raises DataRefusal where the record holds what cannot be an input (no ICD-10 code, no ASA class); counts only.
    """
    definition = score.definition
    items = pd.DataFrame(
        {name: _item(score, name, variables, dictionary) for name in score.inputs}, index=variables.index, dtype=float
    )
    if score.codes is not None:
        lists = read_code_lists(
            variables[score.codes.variable].tolist(),
            score.codes.separators,
            empty_is_none=score.codes.empty == "no_codes",
        )
        items = from_codes(definition, lists, items)
    return compute_score(definition, items, without=score.without, missing=score.rule)


def _item(score: ComputedScore, name: str, variables: pd.DataFrame, dictionary: DataDictionary) -> FloatArray:
    source = score.inputs[name]
    if isinstance(source, Condition):
        return truth(source, variables, dictionary)
    if score.definition[name].kind is ItemKind.ASA_CLASS:
        return asa_classes(variables[source])
    return np.asarray(variables[source].to_numpy(dtype=float))
