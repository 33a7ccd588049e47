"""Is an item reported exactly where its content stands in the report?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from outcome.config.reporting import Reporting
from outcome.report.checklists import ReportFacts, checklist, checklists_html
from outcome.report.checklists.methods import METHODS
from outcome.report.checklists.page import counts_words
from outcome.report.checklists.rules import NEVER, TO_ADD, Item, items
from outcome.report.checklists.statements import DECLARATIONS, FIELDS, statements
from tests.whole_report import PAGE, development_report, whole_report, without

INSTRUMENTS = ("tripod", "probast")
PLACES = [(name, place) for name in INSTRUMENTS for place in range(len(items(name)))]
REPORTS = {"another hospital": whole_report, "development": development_report}


def row(name: str, place: int, facts: ReportFacts) -> Any:
    return checklist(name, facts)[place]


def needs(name: str, place: int, facts: ReportFacts) -> list[str]:
    return list(items(name)[place].needed(facts))


def taken_away(facts: ReportFacts, need: str) -> ReportFacts:
    """Without the content, whichever of its places it stands in."""
    for anchor in need.split("|"):
        own = not facts.elsewhere and anchor.startswith("development-")
        facts = without(facts, anchor.replace("development", "says", 1) if own else anchor)
    return facts


def test_tripod_has_the_published_items() -> None:
    tripod = items("tripod")
    assert len(tripod) == 52
    assert {int(item.number.rstrip("abcdefg")) for item in tripod} == set(range(1, 28))
    assert len({item.number for item in tripod}) == 52
    development = [item.number for item in tripod if item.phase == "D"]
    evaluation = [item.number for item in tripod if item.phase == "E"]
    assert development == ["9a", "12a", "12b", "12c", "15", "22", "27a", "27b"]
    assert evaluation == ["12f", "12g", "20c", "24"]


def test_probast_has_the_published_questions() -> None:
    counted = {phase: [i.number for i in items("probast") if i.phase == phase] for phase in ("D", "E")}
    shared = ["1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "2.4", "3.1", "3.2", "3.3", "3.4"]
    assert counted["D"] == [*shared, *(f"4.{n}" for n in range(1, 6))]
    assert counted["E"] == [*shared, *(f"4.{n}" for n in range(1, 8))]


def test_a_report_that_lacks_nothing_misses_nothing() -> None:
    for make in REPORTS.values():
        for name in INSTRUMENTS:
            assert [r.number for r in checklist(name, make()) if r.status == "missing"] == []


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize(("name", "place"), PLACES, ids=lambda each: str(each))
def test_every_item_is_missing_without_each_of_its_contents(name: str, place: int, report: str) -> None:
    facts = REPORTS[report]()
    if row(name, place, facts).status == "not applicable":
        return
    assert row(name, place, facts).status == "reported"
    for need in needs(name, place, facts):
        lacking = row(name, place, taken_away(facts, need))
        gone = "not applicable" if "declared-updates" in need else "missing"  # nothing was updated: nothing to report
        assert lacking.status == gone, need
        assert lacking.note, need


@pytest.mark.parametrize(("name", "place"), PLACES, ids=lambda each: str(each))
def test_every_item_is_reported_in_some_report_or_never_applies(name: str, place: int) -> None:
    found = {row(name, place, make()).status for make in REPORTS.values()}
    assert "reported" in found or items(name)[place].never == "no_resampling"


def test_an_empty_report_has_nothing_reported_and_every_row_says_what_to_do() -> None:
    for name in INSTRUMENTS:
        rows = checklist(name, ReportFacts(lambda _: False))
        assert not [r for r in rows if r.status == "reported"]
        assert all(r.note for r in rows)


def test_what_to_add_names_the_field_and_the_study_file() -> None:
    facts = whole_report()
    by_number = {r.number: r for r in checklist("tripod", without(facts, "says-funding"))}
    assert by_number["18a"].note == "add `reporting.funding` in the study file"
    by_number = {r.number: r for r in checklist("tripod", without(facts, "development-predictor-choice"))}
    assert (
        by_number["9a"].note
        == "add `reporting.predictor_choice` in the study file that the model was learned from (here)"
    )


def test_the_evaluating_study_does_not_speak_for_development_nor_the_reverse() -> None:
    """An item on development is not answered by what another hospital states of itself."""
    facts = without(whole_report(), "development-data-source")
    questions = {(r.phase, r.number): r.status for r in checklist("probast", facts)}
    assert questions[("D", "1.1")] == "missing"
    assert questions[("E", "1.1")] == "reported"


def test_one_site_has_no_differences_between_sites() -> None:
    facts = whole_report()
    endpoint = facts.metrics["partitions"]["all"]["endpoints"]["complication"]
    endpoint["models"]["preoperative"]["sites"] = {"withheld": "one site"}
    rows = {r.number: r for r in checklist("tripod", facts)}
    assert (rows["12d"].status, rows["23b"].status) == ("not applicable", "not applicable")
    assert "one site" in rows["23b"].note


def test_sites_that_nobody_looked_at_are_missing_not_inapplicable() -> None:
    facts = whole_report()
    for endpoint in facts.metrics["partitions"]["all"]["endpoints"].values():
        del endpoint["models"]["preoperative"]["sites"]
    hidden = replace(facts, has=(PAGE - {"sites"}).__contains__)
    assert {r.number: r.status for r in checklist("tripod", hidden)}["23b"] == "missing"


def test_without_update_there_is_nothing_to_report_of_it() -> None:
    facts = replace(without(whole_report(), "declared-updates"), has=(PAGE - {"updating"}).__contains__)
    rows = {r.number: r.status for r in checklist("tripod", facts)}
    assert (rows["12f"], rows["24"]) == ("not applicable", "not applicable")


def test_apparent_performance_alone_is_not_evidence() -> None:
    facts = without(development_report(), "declared-evidence")
    answers = {r.number: r for r in checklist("probast", facts) if r.phase == "E"}
    assert answers["4.1"].status == "missing"


def test_every_link_leads_to_something_on_the_page() -> None:
    facts = whole_report()
    page = str(checklists_html(facts))
    here = {each.anchor for each in statements(facts)}
    for name in INSTRUMENTS:
        for answer in checklist(name, facts):
            assert all(link in here or facts.has(link) for link in answer.links)
            assert all(f'href="#{link}"' in page for link in answer.links)
    assert all(f'id="{anchor}"' in page for anchor in here)


def test_every_content_an_item_needs_can_exist() -> None:
    """A slip in an anchor's name would leave an item missing for ever."""
    fields = {field.replace("_", "-") for field in Reporting.model_fields}
    known = {f"{kind}-{field}" for kind in ("says", "development") for field in fields}
    known |= {f"declared-{name.replace('_', '-')}" for name in DECLARATIONS} | {f"method-{name}" for name in METHODS}
    needed = {anchor for name in INSTRUMENTS for item in items(name) for anchor in _anchors(item)}
    assert needed - known <= PAGE
    assert {anchor for anchor in needed if anchor.split("-")[0] not in ("says", "development", "method")} <= set(TO_ADD)
    assert {item.never for name in INSTRUMENTS for item in items(name)} - {""} == set(NEVER)


def _anchors(item: Item) -> set[str]:
    groups = (*item.needs, *item.development, *item.evaluation, *item.time_to_event)
    return {anchor for need in groups for anchor in need.split("|")}


def test_every_field_of_the_study_file_has_a_name_for_readers() -> None:
    assert list(FIELDS) == list(Reporting.model_fields)


def test_counts_stand_on_top_and_add_up() -> None:
    rows = checklist("tripod", whole_report())
    words = counts_words(rows)
    assert sum(int(part.split()[0]) for part in words.split(", ")) == 52
    assert words in str(checklists_html(whole_report()))


def test_statements_are_escaped() -> None:
    facts = whole_report()
    facts.study["reporting"]["funding"] = "<script>alert(1)</script>"
    page = str(checklists_html(facts))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_no_answer_is_a_judgement() -> None:
    page = str(checklists_html(whole_report())).casefold()
    assert "low risk of bias" not in page
    assert "high risk of bias" not in page


def test_another_instrument_is_refused_by_name() -> None:
    with pytest.raises(KeyError, match="tripod, probast"):
        items("strobe")


def test_nothing_that_is_handed_over_is_changed() -> None:
    facts = whole_report()
    before = repr((facts.metrics, facts.study, facts.bundle_study, facts.bundle))
    checklists_html(facts)
    assert repr((facts.metrics, facts.study, facts.bundle_study, facts.bundle)) == before
