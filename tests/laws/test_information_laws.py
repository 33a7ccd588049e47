"""A known share lies in [0, 1], is 1 for a full case, and never rises where something is taken away."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from outcome.features.columns import FeatureColumn
from outcome.features.outputs import Output
from outcome.features.preprocess import Preprocessor
from outcome.training.information import Information, blanked

BLOCKS = ("clinical", "genomics", "radiomics")
COLUMNS = tuple(FeatureColumn(f"{block}:{i}", block, "numeric", "preoperative") for block in BLOCKS for i in range(3))
PREPROCESSOR = Preprocessor(COLUMNS, tuple(Output(c.name, c.name, "missing") for c in COLUMNS))
CHANGES = st.lists(st.floats(0, 1e6), min_size=3, max_size=3)
KNOWN = st.lists(st.booleans(), min_size=9, max_size=9)


def case(known: list[bool]) -> pd.DataFrame:
    row = [1.0 if there else np.nan for there in known]
    return pd.DataFrame([row], columns=[c.name for c in COLUMNS], index=pd.Index(["x"], name="case_id"))


@given(CHANGES, KNOWN)
def test_a_share_lies_between_none_and_all(changes: list[float], known: list[bool]) -> None:
    (share,) = Information(dict(zip(BLOCKS, changes, strict=True))).known_share(PREPROCESSOR, case(known))
    assert 0 <= share <= 1


@given(CHANGES)
def test_a_full_case_has_all(changes: list[float]) -> None:
    information = Information(dict(zip(BLOCKS, changes, strict=True)))
    assert information.known_share(PREPROCESSOR, case([True] * 9)).tolist() == [1.0]
    assert information.change(PREPROCESSOR, case([True] * 9)).tolist() == [0.0]


@given(CHANGES, KNOWN, st.sampled_from(BLOCKS))
def test_taking_a_block_away_never_raises_the_share_nor_lowers_the_change(
    changes: list[float], known: list[bool], block: str
) -> None:
    information, frame = Information(dict(zip(BLOCKS, changes, strict=True))), case(known)
    less = blanked(PREPROCESSOR, frame, block)
    assert information.known_share(PREPROCESSOR, less)[0] <= information.known_share(PREPROCESSOR, frame)[0] + 1e-12
    assert information.change(PREPROCESSOR, less)[0] >= information.change(PREPROCESSOR, frame)[0]
