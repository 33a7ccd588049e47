"""Beside the page stand model card, hazard log and XML card, and every link of the checklists leads somewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

from outcome.bundle import read_bundle
from tests.cli.conftest import Call

STATEMENTS = "reporting:\n  funding: a foundation <of> ours\n  intended_use: to inform patients\n"


def test_a_validation_writes_them_all_with_what_the_study_states(made: Path, studies: Path, call: Call) -> None:
    bundle, study = made / "store" / "site_a" / "bundle", studies / "B" / "study.yaml"
    _state(study, STATEMENTS)
    answer = call("validate", bundle, study, "--out", studies / "v", "--json")
    assert answer.code == 0
    folder = Path(answer.json["report"]).parent
    page = (folder / "report.html").read_text()
    assert 'id="says-funding"' in page
    assert "a foundation &lt;of&gt; ours" in page
    links, anchors = (set(re.findall(f'{name}="([^"]+)"', page)) for name in ("href", "id"))
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    card = (folder / "model_card.md").read_text()
    assert f"Bundle: `{read_bundle(bundle).id}`" in card
    assert "external validation" in card
    assert ElementTree.fromstring((folder / "model_card.xml").read_bytes()).tag.endswith("AppliedModelCard")
    rows = json.loads((folder / "hazard_log.json").read_text())
    assert (folder / "hazard_log.md").read_text().count("\n### ") == len(rows)


def test_the_bundle_s_own_card_knows_no_evaluation(made: Path) -> None:
    card = read_bundle(made / "store" / "site_a" / "bundle").files["MODEL_CARD.md"].decode()
    assert "Not evaluated" in card
    assert "[years]; preoperative" in card


def test_a_field_that_does_not_exist_is_refused_with_the_nearest(studies: Path, call: Call) -> None:
    study = studies / "A" / "study.yaml"
    _state(study, "reporting:\n  fundings: us\n")
    answer = call("check", study)
    assert answer.code == 3
    assert "funding" in answer.err


def _state(study: Path, statements: str) -> None:
    """Other statements in the place of those that a synthetic study makes, which stand last in its file."""
    head, _, _ = study.read_text(encoding="utf-8").partition("\nreporting:\n")
    study.write_text(f"{head}\n{statements}", encoding="utf-8")
