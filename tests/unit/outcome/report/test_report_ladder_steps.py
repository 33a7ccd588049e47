"""The report claims a step of the ladder only where its paired interval excludes zero."""

from __future__ import annotations

from typing import Any

import pytest

from outcome.report.entries import ModelEntry, model_entries
from outcome.report.ladder_steps import NO_GAIN, step_pieces, what_it_shows
from outcome.report.pieces import html
from outcome.report.validation_report import render_report


def entry_of(metrics: Any, estimate: Any) -> ModelEntry:
    entry = next(model_entries(metrics))
    first, second = entry.model["ladder"]
    first.update(below=None, over_below={}, chosen_over={"auroc": estimate(0.02, -0.04, 0.08)})
    gain = {"brier": estimate(-0.004, -0.006, -0.002), "auroc": estimate(0.05, 0.01, 0.09),
            "net_benefit": estimate(0.001, -0.01, 0.012)}  # fmt: skip
    second.update(below="one_number", over_below=gain, chosen_over={})
    return entry


@pytest.mark.parametrize(
    ("name", "low", "high", "words"),
    [
        ("auroc", 0.01, 0.2, "better in AUC (ROC)"),
        ("auroc", -0.2, -0.01, "worse in AUC (ROC)"),
        ("auroc", -0.1, 0.1, NO_GAIN),
        ("auroc", 0.0, 0.1, NO_GAIN),
        ("auroc", 0.0, 0.0, NO_GAIN),
        ("auroc", None, None, NO_GAIN),
        ("brier", -0.2, -0.01, "better in Brier score"),
        ("mae", 0.1, 0.3, "worse in Mean absolute error"),
        ("net_benefit", 0.1, 0.3, "better in Net benefit"),
    ],
)
def test_the_sign_of_an_error_is_turned(estimate: Any, name: str, low: Any, high: Any, words: str) -> None:
    assert what_it_shows({name: estimate(0.0 if low is None else (low + high) / 2, low, high)}) == words


def test_gains_and_losses_stand_side_by_side_and_a_withheld_comparison_says_why(estimate: Any) -> None:
    mixed = {"auroc": estimate(0.1, 0.05, 0.15), "brier": estimate(0.1, 0.05, 0.15)}
    assert what_it_shows(mixed) == "better in AUC (ROC); worse in Brier score"
    assert what_it_shows({"auroc": estimate(None, withheld="7 events")}) == "no comparison: 7 events"
    half = {"harrell_c": estimate(0.1, -0.1, 0.2), "brier_t": estimate(None, withheld="7 events")}
    assert what_it_shows(half) == NO_GAIN


def test_the_page_shows_steps_choice_and_the_figure(metrics: Any, estimate: Any) -> None:
    entry = entry_of(metrics, estimate)
    text = str(html(step_pieces(entry)))
    assert text.index("Step by step") < text.index("The choice")
    headers = [text.index(f">{name}<") for name in ("AUC (ROC)", "Brier score", "Net benefit", "What this shows")]
    assert headers == sorted(headers)
    assert "+0.05 (+0.01 to +0.09)" in text
    assert "\u22120.004 (\u22120.006 to \u22120.002)" in text  # three decimals for a Brier score
    assert "better in Brier score, AUC (ROC)" in text
    assert text.count(NO_GAIN) == 1
    assert "No gain is claimed where the interval covers zero" in text
    assert text.count("<svg") == 1
    assert "Step by step" in render_report(metrics, flow=[], findings=[], model_facts={}, study={})


def test_documents_without_these_differences_show_none(metrics: Any) -> None:
    assert step_pieces(next(model_entries(metrics))) == ()
