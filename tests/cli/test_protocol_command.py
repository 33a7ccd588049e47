"""`outcome protocol`, and `outcome validate --protocol`: fixed before the data are opened, compared, never bent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from outcome.bundle import read_bundle
from outcome.pipeline.protocol import Protocol, write_protocol
from tests.cli.conftest import Answer, Call


@pytest.fixture
def bundle(made: Path) -> Path:
    return made / "store" / "site_a" / "bundle"


def fixed(bundle: Path, studies: Path, call: Call) -> Answer:
    return call("protocol", bundle, studies / "B" / "study.yaml", "--out", studies / "protocol.yaml", "--json")


def test_a_protocol_needs_no_data(bundle: Path, studies: Path, call: Call) -> None:
    (studies / "B" / "table.csv").unlink()
    answer = fixed(bundle, studies, call)
    assert answer.code == 0, answer.err
    document = yaml.safe_load((studies / "protocol.yaml").read_text())
    assert document["sha256"] == answer.json["sha256"]
    plan = document["plan"]
    assert plan["bundle_id"] == read_bundle(bundle).id
    assert plan["endpoints"]["any_complication"]["primary_metric"] == "auroc"
    assert 0 < plan["endpoints"]["any_complication"]["thresholds"]["preoperative"] < 1
    assert plan["partitions"]["site_b"]["relation"] == "external"
    assert plan["min_events"] == 10
    assert str(studies) not in (studies / "protocol.yaml").read_text()
    again = fixed(bundle, studies, call)
    assert again.code == 3
    assert "fixed once" in again.err


def test_a_kept_protocol_and_a_deviation_reach_metrics_and_screen(bundle: Path, studies: Path, call: Call) -> None:
    assert fixed(bundle, studies, call).code == 0
    study, protocol = studies / "B" / "study.yaml", studies / "protocol.yaml"
    words = ["validate", bundle, study, "--out", studies / "v", "--protocol", protocol]
    answer = call(*words, "--json")
    assert answer.code == 0, answer.err
    looked = json.loads(Path(answer.json["metrics"]).read_text(encoding="utf-8"))["integrity"]
    assert (looked["protocol"]["agrees"], looked["protocol"]["deviations"]) == (True, [])
    study.write_text(study.read_text().replace("relation: external", "relation: geographic"))
    answer = call(*words)
    assert answer.code == 0, answer.err
    assert "deviation from the protocol: partitions.site_b.relation" in answer.err
    path = next((studies / "v").glob("site_b/evaluate/*/metrics.json"))
    looked = json.loads(path.read_text())["integrity"]
    assert looked["protocol"]["deviations"] == [
        "partitions.site_b.relation: protocol external, here geographic"
    ]  # fmt: skip
    assert next(c for c in looked["checks"] if c["check"] == "protocol fixed beforehand")["status"] == "warning"


def tampered(text: str) -> str:
    return text.replace("min_events: 10", "min_events: 5")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (tampered, "changed after it was fixed"),
        (lambda text: text + "note: we meant something else\n", "changed after it was fixed"),
        (lambda text: text.replace("fixed_at: '2", "fixed_at: '1"), "changed after it was fixed"),
        (lambda text: text.replace("version: 1", "version: 2"), "no protocol of a version known here"),
        (lambda text: "[]", "cannot be read"),
        (lambda text: text.replace("study: site_b", "study: 2026-01-01"), "cannot be read"),
        (lambda text: "a: [", "cannot be read"),
        (lambda text: text.replace("plan:", "plans:"), "cannot be read"),
    ],
)
def test_a_protocol_that_is_not_as_it_was_fixed_is_refused_before_the_data_are_opened(
    change: object, words: str, bundle: Path, studies: Path, call: Call
) -> None:
    assert fixed(bundle, studies, call).code == 0
    path = studies / "protocol.yaml"
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    answer = call("validate", bundle, studies / "B" / "study.yaml", "--out", studies / "v", "--protocol", path)
    assert answer.code == 3
    assert words in answer.err
    assert not (studies / "v").exists()


def test_a_protocol_of_another_bundle_or_none_at_all_is_refused(bundle: Path, studies: Path, call: Call) -> None:
    plan = {"bundle_id": "0123456789ab", "endpoints": {}}
    write_protocol(studies / "other.yaml", Protocol("2026-01-31T12:00:00Z", plan))
    for name, words in (("other.yaml", "another bundle"), ("absent.yaml", "does not exist")):
        path = studies / name
        answer = call("validate", bundle, studies / "B" / "study.yaml", "--out", studies / "v", "--protocol", path)
        assert answer.code == 3
        assert words in answer.err
        assert not (studies / "v").exists()
