"""A score computed from the record beside a model: ranked, recalibrated and told like one that stands in the record."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from outcome.config import ComputedScore, MeasuredScore, PublishedScore
from outcome.pipeline.evidence.published import comparators
from outcome.types import Target
from tests.evidence_scene import ENDPOINT, INPUTS, Told, drawn, model_cases

Y, RISK = drawn(400, 5)
DEFICITS = np.random.default_rng(2).random((400, 5)) < 0.15 + 0.5 * Y[:, None]
NAMES = ("dependent", "diabetes", "chronic_pulmonary_disease", "heart_failure", "hypertension")
RECORD = {name: DEFICITS[:, k].astype(float) for k, name in enumerate(NAMES)}
FRAILTY = {"score": "mfi5", "inputs": {name: name for name in NAMES}, "endpoint": ENDPOINT}
HEART = {
    "score": "rcri",
    "inputs": {"heart_failure": "heart_failure", "insulin": "diabetes"},
    "without": ["high_risk_surgery", "ischaemic_heart_disease", "cerebrovascular_disease", "creatinine_above_2"],
    "endpoint": ENDPOINT,
}


def test_a_measure_of_a_region_ranks_the_cases_that_have_it(tmp_path: Path) -> None:
    size = np.where(np.arange(400) < 50, np.nan, -RISK)
    ids = [f"c{k:06d}" for k in range(400)]
    table = pd.DataFrame({"case_id": ids, "radiomics:tumor.morph_diam": size})
    table.sample(frac=1, random_state=1).to_parquet(tmp_path / "features.parquet")
    measured = {"feature": "radiomics:tumor.morph_diam", "source": "x", "endpoint": ENDPOINT, "higher_is": "safer"}
    told = Told({"scores": (MeasuredScore.model_validate(measured),)}, store=SimpleNamespace(stage=lambda _: tmp_path))
    model = model_cases(Target.binary(ENDPOINT, Y), RISK, told)
    found = comparators(model.cases, [model])["tumor.morph_diam"]
    assert found["metrics"]["auroc"]["n"] == 350
    assert found["difference"][INPUTS]["value"] == 0
    assert "computed" not in found


def compared(*scores: dict[str, Any], favourable: bool = False, **changed: Any) -> dict[str, Any]:
    made = tuple(ComputedScore.model_validate(s) if "score" in s else PublishedScore.model_validate(s) for s in scores)
    told = Told({"scores": made}, variables={**RECORD, **changed}, favourable=favourable)
    model = model_cases(Target.binary(ENDPOINT, Y), RISK, told)
    return comparators(model.cases, [model])


def test_a_computed_score_equals_the_same_number_in_a_column() -> None:
    recorded = {"variable": "share", "source": "x 2020", "scale": "points", "endpoint": ENDPOINT, "label": "recorded"}
    found = compared(FRAILTY, recorded, share=DEFICITS.mean(axis=1))
    own, column = found["Modified frailty index (five items)"], found["recorded"]
    for part in ("metrics", "difference", "p_value", "recalibrated"):
        assert own[part] == column[part]
    assert "computed" not in column
    assert own["citation"].startswith("Subramaniam et al. 2018")
    assert own["metrics"]["auroc"]["value"] > 0.7


def test_it_says_which_inputs_are_missing_and_of_how_many() -> None:
    unknown = np.where(np.arange(400) < 30, np.nan, RECORD["heart_failure"])
    found = compared(HEART, heart_failure=unknown)["Revised Cardiac Risk Index"]
    told = found["computed"]
    assert told["n_missing"] == {"heart_failure": 30}
    assert (told["n"], told["n_scored"], told["missing"]) == (400, 370, "no_score")
    assert told["without"] == HEART["without"]
    assert found["metrics"]["auroc"]["n"] == 370
    assert "Never recorded and counted as absent: intraperitoneal" in told["words"]


def test_the_published_rate_is_calibrated_and_points_are_not() -> None:
    points = compared(HEART)["Revised Cardiac Risk Index"]
    rate = compared({**HEART, "scale": "risk"})["Revised Cardiac Risk Index"]
    assert "oe_ratio" not in points["metrics"]
    counts = (RECORD["heart_failure"] + RECORD["diabetes"]).astype(int)
    expected = Y.sum() / np.array([0.005, 0.013, 0.04])[counts].sum()
    assert rate["metrics"]["oe_ratio"]["value"] == pytest.approx(expected)
    assert rate["metrics"]["auroc"]["value"] == points["metrics"]["auroc"]["value"]


def test_on_a_success_more_points_promise_less() -> None:
    name = "Modified frailty index (five items)"
    harm, success = compared(FRAILTY)[name], compared(FRAILTY, favourable=True)[name]
    assert success["metrics"]["auroc"]["value"] == pytest.approx(1 - harm["metrics"]["auroc"]["value"])


def test_two_scores_of_one_label_stay_apart() -> None:
    found = compared({**FRAILTY, "label": "score"}, {**HEART, "label": "score"})
    assert list(found) == ["score", "score (rcri)"]
    assert set(found["score"]["difference"]) == {INPUTS}
