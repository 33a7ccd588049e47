"""Does every control that the hazard log names exist, and does a report add what it gives cause for?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import outcome
from outcome.report.checklists import ReportFacts
from outcome.report.hazards import Control, hazard_json, hazard_log, hazard_markdown, known_hazards
from tests.whole_report import number, whole_report

ROOT = Path(outcome.__file__).parent.parent
CONTROLS = [control for hazard in known_hazards() for control in hazard.controls]


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.test)
def test_the_code_and_the_test_of_a_control_exist(control: Control) -> None:
    assert (ROOT / control.code).exists()
    path, _, name = control.test.partition("::")
    assert (ROOT / path).is_file()
    assert not name or f"def {name}(" in (ROOT / path).read_text()


def test_every_hazard_says_what_remains_and_what_the_hospital_does() -> None:
    log = known_hazards()
    assert [hazard.id for hazard in log] == [f"H{n:02d}" for n in range(1, len(log) + 1)]
    for hazard in log:
        assert all((hazard.hazard, hazard.cause, hazard.effect, hazard.hospital, hazard.residual))


def seen(facts: ReportFacts) -> list[str]:
    return [hazard.hazard for hazard in hazard_log(facts) if hazard.seen]


def test_a_report_adds_what_it_gives_cause_for_and_nothing_else() -> None:
    assert seen(whole_report()) == [
        "Check not passed: overlap",
        "Creatinine is unlike the development cases (unit)",
        "Risks are too low on average: Any complication",
        "The model does otherwise for sex female",
        "Cases kept out: unknown code",
    ]


def test_a_sound_report_adds_nothing() -> None:
    facts = whole_report()
    entry = facts.metrics["partitions"]["all"]["endpoints"]["complication"]["models"]["preoperative"]
    entry["metrics"]["oe_ratio"], entry["subgroup_analysis"] = number(1.1, 0.8, 1.4), None
    facts.metrics["partitions"]["all"]["case_mix"] = {"withheld": "too few"}
    sound = replace(facts, metrics={**facts.metrics, "integrity": {}, "findings": []})
    assert seen(sound) == []
    assert "The report gave cause for none." in hazard_markdown(sound)


def test_risks_that_are_too_high_are_called_high() -> None:
    facts = whole_report()
    entry = facts.metrics["partitions"]["all"]["endpoints"]["complication"]["models"]["preoperative"]
    entry["metrics"]["oe_ratio"] = number(0.5, 0.3, 0.8)
    assert "Risks are too high on average: Any complication" in seen(facts)


def test_hundreds_of_gaps_are_cut_and_counted() -> None:
    facts = whole_report()
    analysis = facts.metrics["partitions"]["all"]["endpoints"]["complication"]["models"]["preoperative"]
    analysis["subgroup_analysis"]["gaps"] *= 200
    assert len(seen(facts)) < 70
    assert "150 more of the kind" in hazard_markdown(facts)


def test_markdown_and_json_hold_the_same_rows_and_ids_are_unique() -> None:
    facts = whole_report()
    rows, text = json.loads(hazard_json(facts)), hazard_markdown(facts)
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(f"### {row['id']} " in text for row in rows)


def test_no_standard_is_claimed_to_be_met() -> None:
    text = hazard_markdown(whole_report()).casefold()
    assert "no claim to meet a standard" in text
    assert "compliant" not in text
    assert "safe to use" not in text
