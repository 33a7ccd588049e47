"""Each part of metrics.json has a section with an anchor; it goes with the part, and says why where it is withheld."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from evidence_parts import ANCHORS, EVIL, PARTS, places

from outcome.report.contents import Contents
from outcome.report.tables import comparators_of, first_comparator
from outcome.report.validation_report import render_report, report_contents

FLOW = [{"step": "table", "reason": "", "n_left": 140, "n_excluded": 0}]


def given(metrics: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"metrics": metrics, "flow": FLOW, "findings": [], "model_facts": {}, "study": {}, **changes}


def contents(metrics: dict[str, Any], **changes: Any) -> Contents:
    kept = given(metrics, **changes)
    return report_contents(kept.pop("metrics"), **kept)


def page(metrics: dict[str, Any], **changes: Any) -> str:
    kept = given(metrics, **changes)
    return render_report(kept.pop("metrics"), **kept)


def full(metrics: dict[str, Any]) -> dict[str, Any]:
    whole = copy.deepcopy(metrics)
    for level, place in places(whole).items():
        place.update(copy.deepcopy(PARTS[level]))
    return whole


@pytest.mark.parametrize("anchor", ANCHORS)
def test_a_part_has_its_anchor_and_loses_it_with_its_content(metrics: Any, anchor: str) -> None:
    level, part = ANCHORS[anchor]
    whole = full(metrics)
    assert contents(whole).has(anchor)
    places(whole)[level].pop(part)
    assert not contents(whole).has(anchor)
    places(whole)[level][part] = {}
    assert not contents(whole).has(anchor)


@pytest.mark.parametrize("anchor", ANCHORS)
def test_a_withheld_part_says_why(metrics: Any, anchor: str) -> None:
    level, part = ANCHORS[anchor]
    places(metrics)[level][part] = {"withheld": f"REASON-{anchor}"}
    assert contents(metrics).has(anchor)
    assert f"REASON-{anchor}" in page(metrics)


def test_every_part_shows_its_words_and_escapes_them(metrics: Any) -> None:
    text = page(full(metrics))
    marks = re.findall(r"MARK-[a-z-]+", str(PARTS))
    assert [mark for mark in set(marks) if mark not in text] == []
    assert EVIL not in text
    assert "<script" not in text


def test_a_document_of_version_1_still_renders(metrics: Any) -> None:
    found = contents(metrics)
    present = {"verdict", "summary", "flow", "overview", "performance", "calibration", "utility", "comparators",
               "subgroups", "ladder", "withheld", "findings", "provenance", "definitions"}  # fmt: skip
    assert present <= found.anchors
    assert not set(ANCHORS) & found.anchors
    assert "0.71 (0.62–0.79)" in page(metrics)


def test_contents_without_flow_or_results_do_not_claim_to_have_them(metrics: Any) -> None:
    assert not contents(metrics, flow=[]).has("flow")
    assert not contents({}).has("overview")
    assert not contents({}).has("verdict")


def test_topics_point_to_the_first_section_that_speaks_of_them(metrics: Any) -> None:
    text = page(metrics)
    for topic in ("performance", "calibration", "utility", "subgroups"):
        assert text.count(f'id="{topic}"') == 1
    first = text.index('id="performance"')
    assert first < text.index('id="cases-development-complication-preoperative-performance"')


def test_the_verdict_comes_before_everything_and_provenance_last(metrics: Any) -> None:
    anchors = [section.anchor for section in contents(full(metrics)).sections]
    assert anchors[0] == "verdict"
    assert anchors[-1] == "provenance"
    assert anchors.index("case-mix") < anchors.index("overview") < anchors.index("shift") < anchors.index("updating")


def test_a_suppressed_count_of_events_is_called_so_and_other_counts_are_not(metrics: Any, estimate: Any) -> None:
    model = places(metrics)["model"]
    model["subgroups"] = [{"variable": "sex", "group": "f", "n": 31, "n_events": None, "metrics": {}}]
    assert "events suppressed, 31 cases" in page(metrics)
    endpoint = places(metrics)["endpoint"]
    endpoint.update(kind="continuous", n_events=None)
    assert "suppressed" not in page(metrics)


def test_a_category_s_small_cell_and_a_flagged_variable_are_shown(metrics: Any) -> None:
    places(metrics)["partition"].update(case_mix=PARTS["partition"]["case_mix"])
    text = page(metrics)
    assert "unit: looks like months" in text
    assert "40 (44 %)" in text
    assert re.search(r"\u2003x</th><td>suppressed</td><td[^>]*>–</td>", text)


def test_published_scores_with_reasons_and_recalibrated_numbers_are_shown(metrics: Any, estimate: Any) -> None:
    endpoint = places(metrics)["endpoint"]
    again = {"metrics": {"auroc": estimate(0.6, 0.5, 0.7)}, "difference": {"preoperative": estimate(0.1, 0.0, 0.2)},
             "words": "MARK-again"}  # fmt: skip
    endpoint["comparators"]["ABC"] = {"label": "ABC score", "withheld": "no column ABC"}
    endpoint["comparators"]["size"]["recalibrated"] = again
    text = page(metrics)
    assert "withheld: no column ABC" in text
    assert "MARK-again" in text
    endpoint["comparators"] = {"withheld": "MARK-whole"}
    assert "MARK-whole" in page(metrics)


def test_a_computed_score_says_how_it_came_about(metrics: Any) -> None:
    how = {"words": "Computed; never recorded: insulin <b>.", "n": 90, "n_scored": 81}
    rivals = next(iter(metrics["partitions"].values()))["endpoints"]
    for endpoint in rivals.values():
        for rival in endpoint["comparators"].values():
            rival |= {"computed": how, "citation": "Lee et al. 1999"}
    text = page(metrics)
    assert "Computed; never recorded: insulin &lt;b&gt;. 81 of 90 cases have it. Lee et al. 1999." in text


def test_the_one_number_leads_whatever_the_scores_are_called() -> None:
    stored = {"A score": {"source": "published"}, "B score": {"source": "published"}, "Tumour": {"source": "record"}}
    assert list(comparators_of({"comparators": stored})) == ["Tumour", "A score", "B score"]
    assert first_comparator({"comparators": stored})[0] == "Tumour"


def test_grades_quantiles_and_incidences_are_shown(metrics: Any) -> None:
    text = page(full(metrics))
    assert "(rank 1)" in text
    assert re.search(r"23 \(16–32\)</td><td[^>]*>21\.3</td>", text)
    assert "0.78 (0.68–0.85) of the cases lie from the 10 % to the 90 % quantile; 80 % were promised." in text
    assert "competing event, predicted" in text
