"""What the model card says, and what it must never leave unsaid."""

from __future__ import annotations

from dataclasses import replace

from outcome.report.card import card_html
from outcome.report.checklists import ReportFacts
from outcome.report.checklists.methods import METHODS
from outcome.report.model_card import NOTICE, card_markdown
from tests.whole_report import development_report, number, whole_report


def nobody(_: str) -> bool:
    return False


def test_research_use_only_stands_first() -> None:
    for facts in (whole_report(), ReportFacts(nobody)):
        assert card_markdown(facts).split("\n\n")[1] == f"**{NOTICE}**"


def test_a_card_without_evaluation_says_so() -> None:
    card = card_markdown(replace(whole_report(), metrics={}))
    assert "Not evaluated" in card
    assert "0.71" not in card


def test_performance_stands_with_interval_and_events_and_withheld_numbers_with_the_reason() -> None:
    card = card_markdown(whole_report())
    assert "AUC (ROC) 0.71 (0.62–0.79)" in card
    assert "23 events in 90 cases" in card
    assert "withheld: 7 events; at least 10 are needed" in card


def test_a_gap_is_named_only_where_its_interval_excludes_none() -> None:
    card = card_markdown(whole_report())
    assert (
        "sex female differs from all others in Observed / expected by +0.50 (+0.20 to +0.80) on the log scale" in card
    )
    assert "sex male" not in card


def test_inputs_carry_unit_and_availability_and_outputs_their_horizon() -> None:
    card = card_markdown(whole_report())
    assert "- Age [years]; preoperative" in card
    assert "1 measurements of tumor" in card
    assert "- Any complication: probability within 30 days" in card
    assert "- Death: probability of the event within 1 year, counting competing events as such" in card


def test_choices_that_are_steps_are_called_so_and_others_are_described_as_ever() -> None:
    plain = {"name": "clinical:asa", "block": "clinical", "kind": "categorical", "availability": "preoperative",
             "choices": ["1", "2"], "choice_labels": ["healthy", "ill"], "label": "ASA class", "unit": ""}  # fmt: skip
    facts = whole_report()
    names, steps = (
        replace(facts, bundle={**facts.bundle, "columns": [column]}) for column in (plain, {**plain, "ordered": True})
    )
    assert "- ASA class (healthy, ill); preoperative" in card_markdown(names)
    assert "- ASA class (in this order: healthy, ill); preoperative" in card_markdown(steps)
    for method, words in (("missing", "it is the median choice. Medians"), ("predictors", "one column a step")):
        assert words in METHODS[method][1](steps)
        assert words not in METHODS[method][1](names)
        assert METHODS[method][1](names) == METHODS[method][1](facts)


def test_thresholds_state_their_origin_and_hidden_counts_stay_hidden() -> None:
    card = card_markdown(whole_report())
    assert "20.0 of 100; Youden on inner folds" in card
    assert "Any complication: events 40 of 200 (20 %)" in card
    assert "Death: known cases 200; events hidden" in card


def test_the_development_study_speaks_for_the_model() -> None:
    card = card_markdown(whole_report())
    assert "intended_use of here" in card
    assert "intended_use of there" not in card
    assert "must_not_be_used_for of here" in card


def test_what_is_not_stated_is_said_with_its_field() -> None:
    card = card_markdown(ReportFacts(nobody))
    assert "Use: not stated (`reporting.intended_use` in the study file)" in card
    assert "Contact: not stated (`reporting.contact` in the study file)" in card


def test_updates_name_their_parent() -> None:
    card = card_markdown(whole_report())
    assert "## Updated on `elsewhere`" in card
    assert "bundle `old`" in card
    assert "## Updated" not in card_markdown(replace(whole_report(), bundle={}))


def test_a_text_from_a_study_starts_no_tag_and_no_line_of_its_own() -> None:
    facts = development_report()
    facts.bundle_study["reporting"]["intended_use"] = "one\n\n# Cleared\n<script>x</script>"
    card = card_markdown(facts)
    assert "\n# Cleared" not in card
    assert "<script" not in card
    assert "<script" not in card_html(card)


def test_amounts_carry_their_unit() -> None:
    facts = whole_report()
    facts.metrics["partitions"]["all"]["endpoints"]["stay"] = {
        "label": "Stay", "kind": "duration", "n": 90, "models": {"preoperative": {"metrics": {"mae": number(2, 1, 3)}}}
    }  # fmt: skip
    assert "Mean absolute error 2.00 (1.00–3.00) days" in card_markdown(facts)


CHECK = {"cases": 8, "weights": 0.29, "labels": 0.06, "inside": {"tumor": 0.61}, "deletion_gain": 0.2,
         "insertion_gain": -0.1, "limit": 0.5, "passed": True}  # fmt: skip


def card_with_maps(**check: object) -> str:
    facts = whole_report()
    key, unit = next(iter(facts.bundle["ladder"].items()))
    told = {"rung": "fusion network", "sequences": {"ct": {**CHECK, **check}}}
    return card_markdown(replace(facts, bundle={**facts.bundle, "ladder": {key: {**unit, "heat_maps": told}}}))


def test_heat_maps_stand_with_their_check_and_one_that_failed_is_said_not_to_be_shown() -> None:
    card = card_with_maps()
    assert "image ct: heat maps are shown; likeness 0.29 to untrained networks, 0.06 to one that learned" in card
    assert "61 % of the heat in tumor; deletion +0.20 and insertion -0.10 beyond chance" in card
    assert "heat maps are not shown" in card_with_maps(passed=False, weights=0.9)
    assert "no heat map" in card_with_maps(cases=0)
    assert "## Heat maps" not in card_markdown(whole_report())
