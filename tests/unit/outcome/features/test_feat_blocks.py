"""Blocks side by side: an image block is one column that says whether the case has its crop."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outcome.dictionary import Availability, DataDictionary, Role, Variable, VariableKind
from outcome.features.blocks import image_column, images_present, join_blocks
from outcome.features.columns import IMAGE
from outcome.features.preprocess import Rules, fit_preprocessor
from outcome.models.inputs import model_inputs

AGE = Variable(
    "age", VariableKind.NUMERIC, "Age", "years", availability=Availability.PREOPERATIVE,
    roles=frozenset({Role.PREDICTOR}),
)  # fmt: skip
DICTIONARY = DataDictionary((AGE,))
VARIABLES = pd.DataFrame({"age": [50.0, 60.0, 70.0]}, index=pd.Index(["a", "b", "c"], name="case_id"))
RADIOMICS = pd.DataFrame({"tumor.morph_volume": [1.0, 2.0]}, index=["a", "b"])


def test_presence_is_one_or_missing() -> None:
    present = images_present(["flair", "post"], {"b": ["flair"], "a": ["post", "flair"]})
    frame, columns = join_blocks(VARIABLES, DICTIONARY, RADIOMICS, present)
    assert frame["image:flair:crop"].tolist()[:2] == [1.0, 1.0]
    assert frame["image:post:crop"].isna().tolist() == [False, True, True]
    assert list(frame.columns) == [column.name for column in columns]
    assert [(c.block, c.kind) for c in columns[-2:]] == [("image:flair", IMAGE), ("image:post", IMAGE)]
    assert frame.dtypes.iloc[-1] == np.float64


def test_without_images_the_frame_is_as_it_was() -> None:
    frame, columns = join_blocks(VARIABLES, DICTIONARY, RADIOMICS)
    assert list(frame.columns) == ["clinical:age", "radiomics:tumor.morph_volume"]
    assert len(columns) == 2


def test_nobody_with_a_mask_still_names_the_block() -> None:
    frame, _ = join_blocks(VARIABLES, DICTIONARY, RADIOMICS, images_present(["flair"], {}))
    assert frame["image:flair:crop"].isna().all()


def test_models_are_told_of_the_block_and_get_no_number_of_it() -> None:
    rng = np.random.default_rng(0)
    cases = pd.Index([f"c{i}" for i in range(20)], name="case_id")
    variables = pd.DataFrame({"age": rng.normal(60, 9, 20)}, index=cases)
    present = images_present(["flair"], {case: ["flair"] if i % 2 else [] for i, case in enumerate(cases)})
    frame, columns = join_blocks(variables, DICTIONARY, pd.DataFrame(index=cases), present)
    inputs = model_inputs(fit_preprocessor(frame, columns, Rules()), frame)
    assert inputs.matrix.shape[1] == 1
    assert inputs.blocks == ("clinical",)
    assert inputs.present["image:flair"].tolist() == [bool(i % 2) for i in range(20)]


def test_the_block_is_called_after_its_sequence() -> None:
    assert image_column("mr_t1").label == "mr t1 image"
