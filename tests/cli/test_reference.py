"""What is written down about commands and files is what the program does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

import outcome
from outcome.cli.main import app
from outcome.cli.reference import reference
from outcome.errors import EXIT_CODES
from tests.cli.conftest import Call

ROOT = Path(outcome.__file__).parent.parent


def test_the_command_reference_is_fresh() -> None:
    assert (ROOT / "docs" / "commands.md").read_text() == reference(app)


def test_every_command_has_an_example_and_a_json_form() -> None:
    sections = reference(app).split("\n## ")[1:]
    names = [section.splitlines()[0] for section in sections]
    assert len(sections) >= 17
    assert [name for name, text in zip(names, sections, strict=True) if f"Example: {name}" not in text] == []
    without_json = [name for name, text in zip(names, sections, strict=True) if "`--json`" not in text]
    assert without_json == ["outcome dashboard"]


def test_every_exit_code_of_the_program_is_documented() -> None:
    text = (ROOT / "outcome" / "errors.py").read_text()
    used = {int(number) for number in re.findall(r"^EXIT_\w+ = (\d)$", text, re.MULTILINE)}
    assert used == set(EXIT_CODES)


def test_metrics_follow_their_schema(made: Path) -> None:
    schema = json.loads((ROOT / "configs" / "metrics.schema.json").read_text())
    metrics = json.loads(next((made / "store").glob("site_a/evaluate/*/metrics.json")).read_text())
    jsonschema.validate(metrics, schema)
    part = metrics["partitions"]["site_a"]["endpoints"]["any_complication"]["models"]["preoperative"]
    part["metrics"]["auroc"]["value"] = None
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(metrics, schema)


@pytest.mark.parametrize(
    "words", [["doctor"], ["synth", "--patients", "2"], ["bundle", "inspect"], ["bundle", "verify"]]
)
def test_json_is_one_document_and_nothing_else(words: list[str], made: Path, tmp_path: Path, call: Call) -> None:
    more = ["--out", tmp_path / "s"] if words[0] == "synth" else []
    more = [made / "store" / "site_a" / "bundle"] if words[0] == "bundle" else more
    answer = call(*words, *more, "--json")
    assert answer.code == 0
    assert answer.json["status"] == "ok"
    assert answer.err == ""
