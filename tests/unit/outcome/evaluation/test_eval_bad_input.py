"""What is refused, and what the message says: a count, never a patient's value."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from outcome.errors import DataRefusal
from outcome.evaluation import difference, evaluate_target
from outcome.types import EndpointKind, Target

Y = np.tile([0.0, 1.0], 20)
RISK = np.linspace(0.1, 0.9, 40)


def changed(values: np.ndarray, rows: int, value: float) -> np.ndarray:
    copy = values.copy()
    copy[:rows] = value
    return copy


@pytest.mark.parametrize(
    ("target", "risk", "score", "words"),
    [
        (Target.binary("x", Y), changed(RISK, 3, np.nan), RISK, ("risk is missing", "3 of 40")),
        (Target.binary("x", Y), RISK, changed(RISK, 2, np.nan), ("score is missing", "2 of 40")),
        (Target.binary("x", Y), changed(RISK, 4, 1.5), RISK, ("no probabilities", "4 of 40")),
        (Target.binary("x", Y), changed(RISK, 5, -0.125), RISK, ("no probabilities", "5 of 40")),
        (Target.binary("x", Y), RISK[:-1], RISK, ("does not fit", "40 values", "(39,)")),
        (Target.binary("x", Y * 2), RISK, RISK, ("not binary", "20 of 40")),
        (Target.survival("x", Y - 1, Y), RISK, RISK, ("negative times", "20 of 40")),
        (Target.survival("x", Y + 1, Y * 3), RISK, RISK, ("unknown events", "20 of 40")),
        (Target("x", EndpointKind.DURATION, Y, Y, Y), changed(RISK, 6, np.inf), RISK, ("infinite", "6 of 40")),
    ],
)
def test_what_cannot_be_measured_is_refused_with_a_count(
    target: Target, risk: Any, score: Any, words: tuple[str, ...]
) -> None:
    with pytest.raises(DataRefusal) as caught:
        evaluate_target(target, risk, score)
    message = str(caught.value)
    assert all(word in message for word in words)
    assert "0.125" not in message


@pytest.mark.parametrize("setting", [{"horizon_days": 0.0}, {"threshold": 1.2}, {"threshold": float("nan")}])
def test_impossible_settings_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(DataRefusal, match="cannot be used"):
        evaluate_target(Target.binary("x", Y), RISK, RISK, **setting)


def test_group_labels_must_fit() -> None:
    with pytest.raises(DataRefusal, match="'sex' do not fit"):
        evaluate_target(Target.binary("x", Y), RISK, RISK, groups={"sex": ["f"] * 39})


def test_difference_refuses_missing_scores() -> None:
    with pytest.raises(DataRefusal, match="3 of 40"):
        difference(Target.binary("x", Y), RISK, changed(RISK, 3, np.nan))


def test_infinite_scores_rank_at_the_ends() -> None:
    # The logit of a risk of exactly 1.
    found = evaluate_target(Target.binary("x", Y), None, changed(RISK, 1, -np.inf)).metrics["auroc"]
    assert found.value == evaluate_target(Target.binary("x", Y), None, RISK).metrics["auroc"].value
