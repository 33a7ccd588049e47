"""Other outlines and the risk: no move gives no width, and the range is that of the risks by each outline."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from outcome.explain.outlines import CHANGED, NETWORK, OUTLINE_COLUMNS, moved_most, outline_table, outlined_rows
from outcome.features.columns import FeatureColumn
from outcome.training.settings import TrainingSettings
from outcome.training.unit import TrainedUnit, train_unit
from outcome.types import InputSet, Target

AGE = FeatureColumn("clinical:age", "clinical", "numeric", "preoperative")
VOLUME = FeatureColumn("radiomics:tumor.morph_volume", "radiomics", "numeric", "preoperative")
SETTINGS = TrainingSettings(outer_folds=2, inner_folds=2, bootstraps=0, min_events=5, families=("ridge", "elastic_net"))


@cache
def _unit(*columns: FeatureColumn) -> TrainedUnit:
    """A model in which a larger tumour is riskier; every risk read of the columns given."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 2)), columns=[AGE.name, VOLUME.name])
    frame.index = pd.Index([f"c{i:03d}" for i in range(120)], name="case_id")
    drive = 3 * frame[columns[-1].name].to_numpy()
    target = Target.binary("e", (drive + rng.logistic(size=120) > 0).astype(float))
    return train_unit(frame, columns, target, list(frame.index), SETTINGS, inputs=InputSet.PREOPERATIVE, seed=3,
                      horizons=(30.0,))  # fmt: skip


def _row(age: float = 0.2, volume: float = 0.1) -> pd.DataFrame:
    return pd.DataFrame({AGE.name: [age], VOLUME.name: [volume]}, index=pd.Index(["x"], name="case_id"))


def _volumes(*values: float) -> list[dict[str, float]]:
    return [{"tumor.morph_volume": value} for value in values]


def test_outlines_that_measure_the_same_give_no_width() -> None:
    table = outline_table({"u": _unit(AGE, VOLUME)}, _row(), _volumes(0.1, 0.1, 0.1))
    assert tuple(table.columns) == OUTLINE_COLUMNS
    risk, low, high = (float(table[name].iloc[0]) for name in ("risk", "low", "high"))
    assert low == pytest.approx(risk, abs=1e-12)
    assert high == pytest.approx(risk, abs=1e-12)
    assert table["moved_most"].iloc[0] == ""
    assert table["kind"].tolist() == [CHANGED]
    drawn = outline_table({"u": _unit(AGE, VOLUME)}, _row(), _volumes(0.1), kind=NETWORK)
    assert drawn["kind"].tolist() == [NETWORK]


def test_a_model_that_does_not_read_the_region_does_not_move() -> None:
    table = outline_table({"u": _unit(AGE)}, _row(), _volumes(-2.0, 0.0, 2.0))
    assert float(table["high"].iloc[0] - table["low"].iloc[0]) == pytest.approx(0, abs=1e-12)


def test_the_range_is_that_of_the_risks_by_each_outline() -> None:
    """21 outlines: 5 % and 95 % are the second lowest and second highest risk, and larger tumours are riskier."""
    unit, volumes = _unit(AGE, VOLUME), np.linspace(-0.5, 0.7, 21)
    table = outline_table({"u": unit}, _row(), _volumes(*np.random.default_rng(1).permutation(volumes)))
    alone = pd.concat([_row(volume=v) for v in volumes]).set_axis([f"y{i}" for i in range(21)], axis=0)
    risks = unit.predict(alone)["risk"].to_numpy()
    assert (np.diff(risks) > 0).all()
    assert float(table["low"].iloc[0]) == pytest.approx(risks[1])
    assert float(table["high"].iloc[0]) == pytest.approx(risks[19])
    assert float(table["risk"].iloc[0]) == pytest.approx(float(unit.predict(_row())["risk"].iloc[0]))
    assert table["moved_most"].iloc[0].startswith("tumor.morph_volume 1.")  # 1.08 of a spread of about 1


def test_without_outlines_the_risk_stands_and_the_reason() -> None:
    table = outline_table({"u": _unit(AGE, VOLUME)}, _row(), [], reason="the mask is empty")
    assert table["risk"].notna().all()
    assert table["low"].isna().all()
    assert table["high"].isna().all()
    assert table["reason"].tolist() == ["the mask is empty"]
    assert table["n_outlines"].tolist() == [0]
    assert table["kind"].tolist() == [""]  # no range, no kind


def test_what_an_outline_lacks_is_missing_there_alone() -> None:
    frame = outlined_rows(_row(volume=4.0), [{"tumor.morph_volume": 1.0}, {}, {"tumor.unknown": 3.0}])
    assert frame[VOLUME.name].iloc[0] == 4.0
    assert frame[VOLUME.name].iloc[1] == 1.0
    assert frame[VOLUME.name].iloc[2:].isna().all()
    assert frame[AGE.name].tolist() == [0.2] * 4
    assert frame.index.is_unique
    assert list(frame.columns) == [AGE.name, VOLUME.name]


def test_nothing_moves_without_outlines() -> None:
    unit = _unit(AGE, VOLUME)
    assert unit.procedure is not None
    assert moved_most(unit.procedure, _row()) == ""
