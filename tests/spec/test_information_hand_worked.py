"""Weights of blocks, known shares and changes of score of a model of three columns, worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from outcome.features.columns import FeatureColumn
from outcome.features.outputs import Output
from outcome.features.preprocess import Preprocessor
from outcome.training.information import Information, case_information, learn_information
from outcome.types import FloatArray

AGE = FeatureColumn("clinical:age", "clinical", "numeric", "preoperative")
SEX = FeatureColumn("clinical:sex", "clinical", "categorical", "preoperative", ("f", "m"))
UNREAD = FeatureColumn("clinical:id", "clinical", "numeric", "preoperative")
VOLUME = FeatureColumn("radiomics:volume", "radiomics", "numeric", "preoperative")
CT = FeatureColumn("image:ct:crop", "image:ct", "image", "preoperative")
WIDE = {"low": -100.0, "high": 100.0, "mean": 0.0, "sd": 1.0}
PREPROCESSOR = Preprocessor(
    (AGE, SEX, UNREAD, VOLUME, CT),
    (
        Output(AGE.name, AGE.name, "number", 0.0, **WIDE),
        Output("clinical:sex=m", SEX.name, "level", level="m", fill_level="f"),
        Output(VOLUME.name, VOLUME.name, "number", 0.0, **WIDE),
    ),
)
FRAME = pd.DataFrame(
    {
        AGE.name: [3.0, -3.0, 0.0, np.nan],
        SEX.name: ["f", "f", "f", None],
        UNREAD.name: [np.nan, np.nan, np.nan, 1.0],
        VOLUME.name: [4.0, 4.0, np.nan, np.nan],
        CT.name: [1.0, np.nan, 1.0, np.nan],
    },
    index=pd.Index(["a", "b", "c", "d"], name="case_id"),
)


def score(frame: pd.DataFrame) -> FloatArray:
    """Age, twice the sex, the volume, and one for an image."""
    X = PREPROCESSOR.transform(frame)
    return X @ [1.0, 2.0, 1.0] + frame[CT.name].notna().to_numpy(dtype=float)


def test_a_block_weighs_what_it_moves_among_the_cases_that_have_it() -> None:
    """Age 3, -3, 0 of three cases: mean square 6. Volume 4 and 4: 16. The image: 1. Case d has nothing to take away."""
    found = learn_information(PREPROCESSOR, score, FRAME)
    assert found.moved == pytest.approx({"clinical": 6**0.5, "radiomics": 4.0, "image:ct": 1.0})
    assert found.weights == pytest.approx({"clinical": 6 / 23, "radiomics": 16 / 23, "image:ct": 1 / 23})


def test_known_shares_count_the_columns_that_the_model_reads() -> None:
    """c has age and sex of the two clinical columns that are read, no volume, an image; unread columns do not count."""
    found = case_information(learn_information(PREPROCESSOR, score, FRAME), PREPROCESSOR, FRAME)
    assert found["case_id"].tolist() == ["a", "b", "c", "d"]
    assert found["known_share"].tolist() == pytest.approx([1.0, 22 / 23, 7 / 23, 0.0])
    assert found["blocks_missing"].tolist() == ["", "image:ct", "radiomics", "clinical, radiomics, image:ct"]
    half = FRAME.iloc[:1].assign(**{SEX.name: None})
    assert learn_information(PREPROCESSOR, score, FRAME).known_share(PREPROCESSOR, half) == pytest.approx([20 / 23])


def test_the_changes_of_missing_blocks_add_in_quadrature() -> None:
    found = learn_information(PREPROCESSOR, score, FRAME).change(PREPROCESSOR, FRAME)
    assert found == pytest.approx([0.0, 1.0, 4.0, 23**0.5])


def test_a_model_that_no_block_moves_lacks_nothing() -> None:
    found = learn_information(PREPROCESSOR, lambda frame: np.ones(len(frame)), FRAME)
    assert found.known_share(PREPROCESSOR, FRAME).tolist() == [1.0] * 4


def test_without_information_no_case_is_told_of() -> None:
    assert case_information(None, PREPROCESSOR, FRAME).empty


@pytest.mark.parametrize("change", [-0.1, np.nan, np.inf])
def test_a_change_that_is_none_is_refused(change: float) -> None:
    with pytest.raises(ValueError, match="clinical"):
        Information({"clinical": change})
