"""One case from raw files: the model is handed the crops that its recipe asks for, or the case is refused."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from outcome.cases import process_case
from outcome.dictionary import DataDictionary
from outcome.errors import DataRefusal
from outcome.features.crops import NO_CROPS, Crops
from outcome.recipe import CaseInput, CropSpec, Recipe
from outcome.serving import RiskModel
from outcome.training.unit import UNIT_COLUMNS, TrainedUnit
from outcome.training.unit_tables import empty_table
from segmentation.images.writing import write_image, write_mask
from segmentation.phantoms import REGIONS, PhantomSpec, phantom

RECIPE = Recipe(
    regions=REGIONS, mask_on="ct", crop=CropSpec({"ct": "hu", "mr": "z_score"}, "tumor", (8, 8, 8), (60.0, 60.0, 60.0))
)


class Listening(RiskModel):
    """A model that keeps what it is asked to predict."""

    recipe = RECIPE
    segmenter = None
    dictionary = DataDictionary(())
    columns = ()
    units: ClassVar[dict[str, TrainedUnit]] = {}
    min_information = None

    def __init__(self) -> None:
        self.frame, self.crops = pd.DataFrame(), NO_CROPS

    def predict_frame(
        self, features: pd.DataFrame, crops: Crops = NO_CROPS, *, every_rung: bool = False
    ) -> pd.DataFrame:
        self.frame, self.crops = features, crops
        return empty_table(UNIT_COLUMNS)


@pytest.fixture
def case(tmp_path: Path) -> CaseInput:
    volume, mask, _ = phantom(np.random.default_rng(4), PhantomSpec(shape=(32, 30, 26), orientation="LPS"))
    write_image(volume, tmp_path / "ct.nii.gz")
    write_mask(mask, tmp_path / "mask.nii.gz")
    return CaseInput("c1", {"ct": tmp_path / "ct.nii.gz"}, tmp_path / "mask.nii.gz")


def test_the_model_gets_frame_and_crops(case: CaseInput) -> None:
    model = Listening()
    model.predict(case, {})
    assert model.frame["image:ct:crop"].tolist() == [1.0]
    assert model.frame["image:mr:crop"].isna().all()
    found = model.crops.get("c1", "ct")
    assert found is not None
    assert np.array_equal(found, process_case(case, RECIPE).crops["ct"])
    assert model.crops.get("c1", "mr") is None


def test_without_a_mask_there_is_no_crop(case: CaseInput) -> None:
    model = Listening()
    model.predict(CaseInput("c1", case.images), {})
    assert model.frame["image:ct:crop"].isna().all()
    assert model.crops.get("c1", "ct") is None


def test_an_image_that_cannot_be_vouched_for_refuses_the_case(case: CaseInput, tmp_path: Path) -> None:
    (tmp_path / "mr.nii.gz").write_bytes(case.images["ct"].read_bytes()[:-40])
    spoilt = CaseInput("c1", {**case.images, "mr": tmp_path / "mr.nii.gz"}, case.mask)
    with pytest.raises(DataRefusal, match="image mr of case c1 is refused"):
        Listening().predict(spoilt, {})
