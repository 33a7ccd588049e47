"""Rows from metrics: what is claimed, what is withheld, and that kinds of validation are never mixed up."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from outcome.report.entries import all_metrics, horizons, model_entries
from outcome.report.sections import endpoint_facts, ladder_entry, model_section, partition_sections, threshold_text
from outcome.report.tables import (
    OVERVIEW_HEADER,
    finding_rows,
    flow_rows,
    ladder_rows,
    metric_rows,
    overview_rows,
    subgroup_rows,
    verdict,
    withheld_rows,
)
from outcome.report.wording import METRICS, can_show, metric_of, partition_title, partition_words, with_metric_labels


def test_the_overview_has_a_row_for_every_model(metrics: Any) -> None:
    first, second = overview_rows(metrics)
    assert first.cells() == (
        "First cases: development (out-of-fold)",
        "Any complication",
        "preoperative",
        "23 of 90 (26 %)",
        "AUC (ROC)",
        "0.71 (0.62–0.79)",
        "tumour size: 0.69 (0.58–0.80)",
        "+0.02 (−0.04 to +0.08)",
        "no gain over tumour size claimed: the interval covers zero",
    )
    assert second.model == "withheld: 7 events; at least 10 are needed"
    assert len(first.cells()) == len(OVERVIEW_HEADER)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.01, 0.2, "ranks better than size"),
        (-0.2, -0.01, "ranks worse than size"),
        (-0.1, 0.1, "no gain over size claimed: the interval covers zero"),
        (0.0, 0.1, "no gain over size claimed: the interval covers zero"),
        (-0.1, 0.0, "no gain over size claimed: the interval covers zero"),
        (None, None, "no gain over size claimed: the difference has no interval"),
    ],
)
def test_a_gain_is_claimed_only_where_the_interval_excludes_zero(
    estimate: Any, low: float, high: float, words: str
) -> None:
    assert verdict(estimate(0.05, low, high), "size").startswith(words)


def test_a_withheld_difference_says_why(estimate: Any) -> None:
    assert verdict(estimate(None, withheld="7 events"), "size") == "no comparison with size: 7 events"


def test_only_an_external_partition_is_called_external() -> None:
    for relation in ("development", "temporal", "geographic", "something else"):
        words = partition_words({"relation": relation, "source": "bundle"})
        assert "external" not in words.replace("not external", "")
    assert "external validation" in partition_words({"relation": "external", "source": "bundle"})


def test_development_cases_seen_by_the_model_are_said_to_flatter_it() -> None:
    seen = {"relation": "development", "source": "bundle"}
    assert "flatters" in partition_words(seen).replace("flatter it", "flatters it")
    assert "out-of-fold" not in partition_words(seen)
    assert can_show(seen).startswith("nothing about new patients")


def test_a_label_that_is_the_wording_is_not_doubled() -> None:
    partition = {"label": "Development (out-of-fold)", "relation": "development", "source": "out_of_fold"}
    assert partition_title("d", partition) == "Development (out-of-fold)"


def test_a_metric_at_a_horizon_names_it() -> None:
    assert metric_of("auc_t@1095")[1] == "AUC at the horizon, within 3 years"
    assert metric_of("something_new")[1] == "something new"


def test_a_suppressed_subgroup_keeps_its_row_without_counts(metrics: Any) -> None:
    rows = subgroup_rows(next(model_entries(metrics)))
    assert rows[0].events == "11 of 40 (28 %)"
    assert rows[1].events == "suppressed: too few cases to show"
    assert rows[1].value == "not given"


def test_the_chosen_rung_is_marked(metrics: Any) -> None:
    other, chosen = ladder_rows(next(model_entries(metrics)))
    assert (other.chosen, chosen.chosen) == (False, True)
    assert (chosen.difference, chosen.verdict) == ("chosen", "the rung of the final model")
    assert other.verdict == "no gain over one number claimed: the interval covers zero"


def test_withheld_numbers_are_listed_with_place_and_reason(metrics: Any) -> None:
    ((where, reason),) = withheld_rows(metrics)
    assert "later batch (temporal validation in the same institution, not external)" in where
    assert reason == "7 events; at least 10 are needed"


def test_findings_come_gravest_first() -> None:
    found = [
        {"code": "b", "level": "note", "message": "m", "case_ids": []},
        {"code": "a_b", "level": "reject", "message": "n", "case_ids": ["1", "2"]},
    ]
    assert finding_rows(found) == [("reject", "a b", "n", "2"), ("note", "b", "m", "whole study")]


def test_the_flow_keeps_its_order_and_says_what_is_absent() -> None:
    assert flow_rows([{"step": "table", "n_left": 1000}]) == [("table", "", "1,000", "–")]


@pytest.mark.parametrize("shape", ["nested", "flat"])
def test_a_unit_is_found_in_both_forms_of_the_ladder(shape: str) -> None:
    unit = {"reason": "simplest"}
    ladder = {"e": {"preoperative": unit}} if shape == "nested" else {"e.preoperative": unit}
    assert ladder_entry(ladder, "e", "preoperative") == unit
    assert ladder_entry(ladder, "other", "preoperative") == {}


def test_the_reason_of_the_choice_and_the_notes_stand_in_the_section(metrics: Any) -> None:
    unit = {"reason": "simplest", "n_columns": 12, "calibration": "slope 0.9", "model_note": "ridge"}
    section = model_section(next(model_entries(metrics)), unit)
    assert section.choice == "simplest"
    assert section.notes == ["reads 12 prepared columns", "calibration: slope 0.9", "ridge"]


def test_an_endpoint_that_could_not_be_modelled_keeps_its_row_with_the_reason(metrics: Any) -> None:
    endpoint = metrics["partitions"]["later"]["endpoints"]["complication"]
    endpoint |= {"models": {}, "not_modelled": {"preoperative": "7 events; 10 are needed"}}
    row = overview_rows(metrics)[1]
    assert row.model == "withheld: no model: 7 events; 10 are needed"
    assert withheld_rows(metrics)[0][1] == "no model: 7 events; 10 are needed"


def test_metrics_at_further_horizons_name_their_day_and_concordance_stays_single(estimate: Any) -> None:
    later = {"1826": {"harrell_c": estimate(0.7), "brier_t": estimate(0.2)}}
    found = all_metrics({"metrics": {"harrell_c": estimate(0.7), "brier_t": estimate(0.1)}, "other_horizons": later})
    assert list(found) == ["harrell_c", "brier_t", "brier_t@1826"]


def test_a_threshold_states_its_provenance() -> None:
    text = threshold_text({"value": 0.25, "provenance": "chosen on development cases"})
    assert text == "Threshold: risk of at least 25.0 of 100 (chosen on development cases)."
    assert "No decision threshold" in threshold_text(None)


def test_sections_follow_the_file_and_anchors_are_unique(metrics: Any) -> None:
    sections = partition_sections(metrics, {})
    assert [s.title for s in sections] == [partition_title(n, p) for n, p in metrics["partitions"].items()]
    anchors = [a for s in sections for e in s.endpoints for a in (s.anchor, e.anchor, *(m.anchor for m in e.models))]
    assert len(anchors) == len(set(anchors))
    assert "Parts" not in sections[0].endpoints[0].parts
    assert sections[0].endpoints[0].parts == ["died: 3 of 90 (3 %)"]


def test_tables_leave_the_metrics_as_they_were(metrics: Any) -> None:
    before = copy.deepcopy(metrics)
    overview_rows(metrics)
    partition_sections(metrics, {})
    assert metrics == before


def test_every_documented_metric_has_words() -> None:
    names = """auroc average_precision brier scaled_brier oe_ratio citl slope sensitivity specificity precision recall
        log_loss ici e50 e90 accuracy npv net_benefit harrell_c uno_c auc_t brier_t scaled_brier_t oe_ratio_t citl_t
        slope_t ici_t e50_t e90_t mae median_ae r2 concordance bias"""
    assert set(names.split()) == set(METRICS)
    assert all(metric.label and metric.meaning for metric in METRICS.values())


def test_with_several_horizons_every_number_at_one_says_which(estimate: Any) -> None:
    later = {"1826": {"auc_t": estimate(0.7)}}
    model = {"metrics": {"harrell_c": estimate(0.7), "auc_t": estimate(0.6)}, "other_horizons": later}
    assert list(all_metrics(model, 730.0)) == ["harrell_c", "auc_t@730", "auc_t@1826"]
    assert horizons({"horizon_days": 730.0, "models": {"preoperative": model}}) == [730.0, 1826.0]
    rows = metric_rows(all_metrics(model, 730.0), ("auc_t",), {})
    assert [row.label.partition(", ")[2] for row in rows] == ["within 2 years", "within 5 years"]
    assert list(all_metrics({**model, "other_horizons": {}}, 730.0)) == ["harrell_c", "auc_t"]


def test_nobody_unknown_is_not_worth_a_word_but_somebody_is() -> None:
    facts = {"kind": "binary", "n": 90, "n_events": 23, "n_unknown": 0}
    assert "unknown" not in endpoint_facts(facts)
    assert "outcome unknown in 2, left out" in endpoint_facts({**facts, "n_unknown": 2})


def test_a_recorded_reason_calls_metrics_as_the_tables_do() -> None:
    assert with_metric_labels("mean inner harrell_c 0.692") == "mean inner Harrell's C 0.692"
