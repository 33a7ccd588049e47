"""Every rung stands against the one below it and against the choice, on the same cases."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit

from outcome.evaluation.overall.binary import brier
from outcome.pipeline.evidence.ladder import ladder
from outcome.pipeline.evidence.scene import CHOSEN, ModelCases, Predicted
from outcome.types import Target
from tests.evidence_scene import Told, drawn, model_cases

Y, RISK = drawn(200, 3)
RATIO = {"beyond": "one number", "p_value": 0.02}
WORSE = expit(0.5 * logit(RISK) + np.random.default_rng(1).normal(size=200))


def with_rungs(chosen: str = "clinical", **risks: Any) -> ModelCases:
    threshold = SimpleNamespace(value=0.3)
    fits = [SimpleNamespace(rung=SimpleNamespace(name=name)) for name in ("one number", "clinical", "forest")]
    named = next(fit for fit in fits if fit.rung.name == chosen)
    nested = {"rungs": [{"rung": "clinical", "likelihood_ratio": RATIO}, {"rung": "forest"}]}
    unit = SimpleNamespace(rungs=fits, procedure=SimpleNamespace(threshold=threshold, chosen=named), ladder=nested)
    model = model_cases(Target.binary("e", Y), RISK, Told(unit=unit))
    rungs = {name: Predicted({None: risk}, logit(risk)) for name, risk in risks.items()}
    return replace(model, rungs={CHOSEN: model.chosen, **rungs})


def test_each_rung_is_compared_with_the_one_below_it() -> None:
    rows = ladder(with_rungs(**{"one number": WORSE, "clinical": RISK, "forest": 1 - RISK}))
    assert [(row["rung"], row["below"]) for row in rows] == [
        ("one number", None), ("clinical", "one number"), ("forest", "clinical")]  # fmt: skip
    lowest, clinical, forest = rows
    assert lowest["over_below"] == {}
    assert list(clinical["over_below"]) == ["auroc", "brier", "net_benefit"]
    assert clinical["over_below"]["brier"]["value"] == pytest.approx(brier(Y, RISK) - brier(Y, WORSE))
    assert clinical["over_below"]["auroc"]["low"] > 0
    assert forest["over_below"]["auroc"]["high"] < 0


def test_the_choice_is_compared_with_every_rung_but_itself() -> None:
    lowest, clinical = ladder(with_rungs(**{"one number": WORSE, "clinical": RISK}))
    assert lowest["chosen_over"]["auroc"] == lowest["difference"]
    assert lowest["chosen_over"]["brier"]["value"] == pytest.approx(brier(Y, RISK) - brier(Y, WORSE))
    assert (clinical["difference"], clinical["chosen_over"]) == (None, {})
    (other,) = ladder(with_rungs(chosen="forest", clinical=RISK))
    assert other["chosen_over"]["brier"]["value"] == 0


def test_metrics_of_a_rung_are_without_the_threshold_of_the_choice() -> None:
    (row,) = ladder(with_rungs(clinical=RISK))
    assert not {"sensitivity", "net_benefit"} & row["metrics"].keys()


def test_a_rung_brings_the_likelihood_ratio_that_training_found() -> None:
    rows = ladder(with_rungs(**{"one number": WORSE, "clinical": RISK, "forest": 1 - RISK}))
    assert [row["likelihood_ratio"] for row in rows] == [None, RATIO, None]


def test_predictions_that_are_no_rung_of_the_ladder_have_none_below_and_are_below_none() -> None:
    rows = ladder(with_rungs(**{"one number": WORSE, "clinical, not entered": WORSE, "clinical": RISK}))
    assert [row["below"] for row in rows] == [None, None, "one number"]
