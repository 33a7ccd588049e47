"""Preprocessing of eight patients, worked out on paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from outcome.features.columns import FeatureColumn
from outcome.features.exposure import expected_events, outcome_rank_value
from outcome.features.preprocess import Rules, fit_preprocessor
from outcome.types import Target

RULES = Rules(missing_column_from=0.1, winsorise=0.0, rare_below=1, log1p_above_skew=100.0)


def test_median_mean_and_sd_of_eight_patients() -> None:
    # known 1 2 3 4 5 6 7 -> median 4 fills the gap -> mean 4, variance (9+4+1+0+1+4+9+0)/8 = 3.5
    column = FeatureColumn("clinical:x", "clinical", "numeric", "preoperative")
    frame = pd.DataFrame({"clinical:x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, np.nan]})
    fitted = fit_preprocessor(frame, [column], RULES)
    assert fitted.output_names == ("clinical:x", "clinical:x=missing")
    assert fitted.outputs[0].fill == 4.0
    X = fitted.transform(pd.DataFrame({"clinical:x": [7.0, np.nan]}))
    assert X[:, 0] == pytest.approx([3 / np.sqrt(3.5), 0.0])
    assert X[:, 1].tolist() == [0.0, 1.0]


def test_boolean_takes_the_mode_of_those_known() -> None:
    column = FeatureColumn("clinical:b", "clinical", "boolean", "preoperative")
    frame = pd.DataFrame({"clinical:b": [1.0, 1.0, 1.0, 0.0, 0.0, np.nan]})
    fitted = fit_preprocessor(frame, [column], Rules(missing_column_from=0.5, rare_below=1))
    assert fitted.transform(frame)[:, 0].tolist() == [1.0, 1.0, 1.0, 0.0, 0.0, 1.0]


def test_expected_events_of_five_patients() -> None:
    # events at 2 (4 at risk) and 4 (2 at risk); the competing event at 4 and the censored ones add no jump
    target = Target.survival("e", [1.0, 2.0, 3.0, 4.0, 4.0], [0, 1, 0, 1, 2])
    assert expected_events(target) == pytest.approx([0.0, 0.25, 0.25, 0.75, 0.75])
    assert outcome_rank_value(target) == pytest.approx([0.0, 0.75, -0.25, 0.25, -0.75])
