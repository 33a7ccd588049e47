"""Every sentence of the verdict by its rule: a claim only where the interval excludes the value that means nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outcome.report.entries import ModelEntry, model_entries
from outcome.report.verdict import ABOVE, BELOW, UNCLEAR, WITHHELD, sentences, side
from outcome.report.verdict_box import verdicts

NEVER = ("valid ", "safe", "proven", "proves", "significant")


def entry(metrics: dict[str, Any]) -> ModelEntry:
    return next(iter(model_entries(metrics)))


def model(metrics: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = metrics["partitions"]["development"]["endpoints"]["complication"]["models"]["preoperative"]
    return found


def said(metrics: dict[str, Any], question: str) -> tuple[str, str]:
    found = [sentence for sentence in sentences(entry(metrics)) if sentence.question == question]
    return (found[0].finding, found[0].text) if found else ("", "")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.51, 0.7, ABOVE), (0.5, 0.7, UNCLEAR), (0.4, 0.5, UNCLEAR), (0.3, 0.49, BELOW), (None, None, UNCLEAR)],
)
def test_a_side_is_taken_only_by_the_whole_interval(estimate: Any, low: Any, high: Any, expected: str) -> None:
    assert side(estimate(0.6, low, high), 0.5) == expected


@pytest.mark.parametrize(
    ("low", "high", "finding", "words"),
    [
        (0.62, 0.79, ABOVE, "Ranks cases better than chance: AUC (ROC) 0.71 (0.62–0.79)"),
        (0.48, 0.79, UNCLEAR, "Cannot tell whether it ranks better than chance"),
        (0.30, 0.45, BELOW, "Ranks cases worse than chance"),
    ],
)
def test_ranking(metrics: Any, estimate: Any, low: float, high: float, finding: str, words: str) -> None:
    model(metrics)["metrics"]["auroc"] = estimate(0.71 if high > 0.71 else 0.4, low, high)
    assert said(metrics, "ranking")[0] == finding
    assert words in said(metrics, "ranking")[1]


def test_a_withheld_number_is_said_with_its_reason_and_never_as_a_claim(metrics: Any) -> None:
    model(metrics)["metrics"]["auroc"] = {"value": None, "low": None, "high": None, "withheld": "7 events"}
    assert said(metrics, "ranking") == (WITHHELD, "How well it ranks is withheld: 7 events.")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.01, 0.1, "Ranks better than"), (-0.04, 0.08, "Cannot tell"), (-0.2, -0.01, "Ranks worse than")],
)
def test_comparator(metrics: Any, estimate: Any, low: float, high: float, words: str) -> None:
    comparator = metrics["partitions"]["development"]["endpoints"]["complication"]["comparators"]["size"]
    comparator["difference"]["preoperative"] = estimate((low + high) / 2, low, high)
    assert said(metrics, "comparator")[1].startswith(words)
    assert "tumour size alone" in said(metrics, "comparator")[1]


def test_no_comparator_gives_no_sentence(metrics: Any) -> None:
    metrics["partitions"]["development"]["endpoints"]["complication"]["comparators"] = {"withheld": "no such column"}
    assert said(metrics, "comparator") == ("", "")


@pytest.mark.parametrize("name", ["oe_ratio", "oe_ratio_t"])
@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (1.1, 1.8, "Risks are too low on average"),
        (0.5, 0.9, "Risks are too high on average"),
        (0.8, 1.3, "Cannot tell whether risks are too high or too low"),
    ],
)
def test_level(metrics: Any, estimate: Any, name: str, low: float, high: float, words: str) -> None:
    model(metrics)["metrics"][name] = estimate((low + high) / 2, low, high)
    assert said(metrics, "level")[1].startswith(words)


@pytest.mark.parametrize(
    ("low", "high", "finding", "words"),
    [(0.2, 0.9, BELOW, "too high"), (-0.9, -0.2, ABOVE, "too low"), (-0.1, 0.3, UNCLEAR, "Cannot tell")],
)
def test_a_predicted_amount_is_too_high_where_its_bias_is_above_zero(
    metrics: Any, estimate: Any, low: float, high: float, finding: str, words: str
) -> None:
    model(metrics)["metrics"]["bias"] = estimate((low + high) / 2, low, high)
    assert said(metrics, "level")[0] == finding  # as for risks: ABOVE means predicted too low
    assert words in said(metrics, "level")[1]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.2, 0.9, "Risks are too extreme"),
        (1.1, 1.9, "Risks are not spread enough"),
        (0.7, 1.2, "Cannot tell whether risks are too extreme"),
    ],
)
def test_spread(metrics: Any, estimate: Any, low: float, high: float, words: str) -> None:
    model(metrics)["metrics"]["slope"] = estimate((low + high) / 2, low, high)
    assert said(metrics, "spread")[1].startswith(words)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.01, 0.1, "is worth more than acting on nobody"),
        (-0.1, -0.01, "does more harm than acting on nobody"),
        (-0.01, 0.1, "Cannot tell whether acting"),
    ],
)
def test_usefulness_is_judged_at_the_bundle_s_threshold(
    metrics: Any, estimate: Any, low: float, high: float, words: str
) -> None:
    model(metrics)["metrics"]["net_benefit"] = estimate((low + high) / 2, low, high)
    assert words in said(metrics, "usefulness")[1]
    assert "25.0 of 100" in said(metrics, "usefulness")[1]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.01, 0.1, "It is worth more than acting on everybody"),
        (-0.1, -0.01, "Acting on everybody is worth more"),
        (-0.01, 0.1, "Cannot tell whether it is worth more than acting on everybody"),
    ],
)
def test_acting_on_everybody_is_compared_by_the_paired_difference(
    metrics: Any, estimate: Any, low: float, high: float, words: str
) -> None:
    model(metrics)["metrics"]["net_benefit"] = estimate(0.05, 0.01, 0.1)
    assert "everybody" not in said(metrics, "usefulness")[1]
    model(metrics)["acting"] = {"over_everybody": estimate((low + high) / 2, low, high)}
    assert words in said(metrics, "usefulness")[1]


def test_without_a_threshold_nothing_is_said_of_usefulness(metrics: Any, estimate: Any) -> None:
    model(metrics).update(threshold=None)
    model(metrics)["metrics"]["net_benefit"] = estimate(0.05, 0.01, 0.1)
    assert said(metrics, "usefulness") == ("", "")


@pytest.mark.parametrize(("enough", "words"), [(True, "was large enough: 90 cases, 300"), (False, "was too small")])
def test_sample_size(metrics: Any, enough: bool, words: str) -> None:
    model(metrics)["precision"] = {"n": 90, "n_needed": 300, "enough": enough, "criteria": []}
    assert words in said(metrics, "sample size")[1]


@pytest.mark.parametrize(
    ("rung", "words"), [("none", "leave the model as it is"), ("intercept", "average risk"), ("refit", "fit the last")]
)
def test_advice(metrics: Any, rung: str, words: str) -> None:
    model(metrics)["advice"] = {"rung": rung}
    assert words in said(metrics, "advice")[1]


def test_advice_that_is_not_given_is_not_invented(metrics: Any) -> None:
    model(metrics)["advice"] = {"rung": None, "words": "too few"}
    assert said(metrics, "advice") == ("", "")
    model(metrics)["advice"] = {"withheld": "7 events"}
    assert said(metrics, "advice")[1] == "No advice on updating: 7 events."


def test_withheld_numbers_are_counted_wherever_they_stand(metrics: Any, estimate: Any) -> None:
    none = {"value": None, "low": None, "high": None, "withheld": "few"}
    model(metrics)["sites"] = {"rows": [{"site": "a", "metrics": {"auroc": none}}], "pooled": [{"estimate": none}]}
    # given: auroc, slope, sensitivity, one subgroup, three of the ladder (one rung's difference is the chosen's)
    assert said(metrics, "withheld")[1] == "2 of 9 numbers are withheld, each with its reason."


def test_a_group_is_counted_over_its_models(metrics: Any) -> None:
    first, second = verdicts(metrics)
    assert first.summary[0] == "Better than chance (of 1 model): shown 1."
    assert second.summary == ("Better than chance (of 1 model): withheld 1.",)
    assert "later patients of the same institution" in second.who


def test_no_sentence_uses_a_word_that_promises(metrics: Any, estimate: Any) -> None:
    model(metrics)["metrics"] |= {"oe_ratio": estimate(1, 0.9, 1.1), "net_benefit": estimate(0.1, 0.05, 0.2)}
    model(metrics)["advice"] = {"rung": "none"}
    text = json.dumps([sentence.text for sentence in sentences(entry(metrics))]).casefold()
    assert [word for word in NEVER if word in text] == []
