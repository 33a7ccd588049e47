"""`outcome evaluate --predictions FILE --out DIR`: the report of a table made elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest

import outcome
from outcome.errors import Refusal
from outcome.pipeline import table_report
from tests.cli.conftest import Call

SCHEMA = Path(outcome.__file__).parent.parent / "configs" / "metrics.schema.json"


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A binary table and one of times with competing events, 150 cases each."""
    rng = np.random.default_rng(4)
    lp = rng.normal(size=150)
    risk = 1 / (1 + np.exp(0.5 - lp))
    frame = pd.DataFrame({"case_id": [f"c{i}" for i in range(150)], "outcome": (rng.random(150) < risk).astype(int),
                          "risk": risk, "asa": np.round(lp), "sex": np.tile(["f", "m"], 75)})  # fmt: skip
    frame.to_csv(tmp_path / "binary.csv", index=False)
    ends = np.stack([rng.exponential(4 * np.exp(-lp)), rng.exponential(12, 150), rng.exponential(8, 150)])
    event = np.array([1, 2, 0])[ends.argmin(axis=0)]
    times = pd.DataFrame({"time": ends.min(axis=0), "event": event, "risk": 1 - np.exp(-0.4 * np.exp(lp))})
    times.to_csv(tmp_path / "times.csv", index=False)
    return tmp_path


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Laying out a PDF takes seconds: only the test that is about it does so."""
    if "laid_out" not in request.node.name:
        monkeypatch.setattr(table_report, "write_pdf", lambda page: b"%PDF-" + str(len(page)).encode())


ASKED = {
    "binary": ["--kind", "binary", "--compare", "asa", "--group", "sex", "--threshold", 0.3],
    "times": ["--kind", "competing", "--horizon", 2.5, "--threshold", 0.2, "--threshold", 0.4],
}


def written(folder: Path) -> Any:
    metrics = json.loads((folder / "metrics.json").read_text())
    jsonschema.validate(metrics, json.loads(SCHEMA.read_text()))
    return metrics


@pytest.mark.parametrize("name", ASKED)
def test_metrics_follow_the_schema_and_the_printed_document_stays_the_same(name: str, tables: Path, call: Call) -> None:
    words = ["evaluate", "--predictions", tables / f"{name}.csv", *ASKED[name], "--json"]
    plain = call(*words)
    answer = call(*words, "--relation", "external", "--out", tables / "out")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == plain.out
    part = written(tables / "out")["partitions"]["table"]
    assert (part["relation"], part["source"], part["n"]) == ("external", "table", 150)
    model = part["endpoints"]["outcome"]["models"]["given"]
    assert model["metrics"] == answer.json["metrics"]
    assert model["subgroups"] == answer.json["subgroups"]
    page = (tables / "out" / "report.html").read_text()
    assert "Research use only" in page
    assert "made elsewhere" in page


def test_thresholds_comparators_and_what_was_not_checked(tables: Path, call: Call) -> None:
    call(
        "evaluate",
        "--predictions",
        tables / "binary.csv",
        *ASKED["binary"],
        "--relation",
        "external",
        "--out",
        tables / "out",
        "--quiet",
    )
    metrics = written(tables / "out")
    endpoint = metrics["partitions"]["table"]["endpoints"]["outcome"]
    assert endpoint["models"]["given"]["threshold"]["value"] == 0.3
    assert endpoint["comparators"]["asa"]["difference"]["given"]["value"] is not None
    statuses = {c["check"]: c["status"] for c in metrics["integrity"]["checks"]}
    assert statuses.pop("each patient once") == "passed"
    assert set(statuses.values()) == {"not_checked"}
    assert (metrics["bundle_id"], metrics["integrity"]["evaluations"]) == ("", {})
    call(
        "evaluate",
        "--predictions",
        tables / "times.csv",
        *ASKED["times"],
        "--relation",
        "external",
        "--out",
        tables / "out",
        "--quiet",
    )
    endpoint = written(tables / "out")["partitions"]["table"]["endpoints"]["outcome"]
    assert endpoint["models"]["given"]["threshold"] is None
    assert [part["threshold"] for part in endpoint["models"]["given"]["at_thresholds"]] == [0.2, 0.4]


def test_rows_that_stand_twice_are_named_where_no_case_is(tables: Path, call: Call) -> None:
    frame = pd.read_csv(tables / "times.csv")
    found = {}
    for name, table in (("once", frame), ("twice", pd.concat([frame, frame.iloc[:7]]))):
        table.to_csv(tables / f"{name}.csv", index=False)
        call(
            "evaluate",
            "--predictions",
            tables / f"{name}.csv",
            *ASKED["times"],
            "--relation",
            "external",
            "--out",
            tables / name,
            "--quiet",
        )
        checks = written(tables / name)["integrity"]["checks"]
        found[name] = next(check for check in checks if check["check"] == "each patient once")
    assert found["once"]["status"] == "not_checked"
    assert found["twice"]["status"] == "warning"
    assert "7 row(s)" in found["twice"]["message"]


def test_the_same_table_gives_the_same_bytes(tables: Path, call: Call) -> None:
    words = [
        "evaluate",
        "--predictions",
        tables / "binary.csv",
        *ASKED["binary"],
        "--quiet",
        "--relation",
        "external",
        "--out",
    ]
    for name in ("one", "two"):
        assert call(*words, tables / name).code == 0
    for name in ("metrics.json", "report.html", "report.pdf"):
        assert (tables / "one" / name).read_bytes() == (tables / "two" / name).read_bytes()


def test_the_pdf_is_laid_out_where_the_machine_can_and_else_the_reason_is_given(
    tables: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [
        "evaluate",
        "--predictions",
        tables / "times.csv",
        *ASKED["times"],
        "--relation",
        "external",
        "--out",
        tables / "out",
    ]
    answer = call(*words)
    made = (tables / "out" / "report.pdf").exists()
    assert (f"written: {tables / 'out' / 'report.pdf'}" in answer.err) or not made
    assert answer.code == 0

    def cannot(page: str) -> bytes:
        raise Refusal("no PDF can be made on this machine")

    monkeypatch.setattr(table_report, "write_pdf", cannot)
    answer = call(*words)
    assert answer.code == 0
    assert "no PDF can be made" in answer.err
    assert not (tables / "out" / "report.pdf").exists()


def test_the_relation_is_what_was_stated(tables: Path, call: Call) -> None:
    words = ["evaluate", "--predictions", tables / "binary.csv", "--kind", "binary"]
    assert call(*words, "--relation", "temporal", "--out", tables / "out", "--quiet").code == 0
    assert written(tables / "out")["partitions"]["table"]["relation"] == "temporal"
    assert "later batch" in (tables / "out" / "report.html").read_text()
    assert call(*words, "--relation", "independent", "--out", tables / "no").code == 2
    assert call(*words, "--relation", "temporal").code == 2
    unstated = call(*words, "--out", tables / "no")
    assert (unstated.code, "--relation external" in unstated.err) == (2, True)
    assert not (tables / "no").exists()
    assert not (tables / "no").exists()


def test_too_few_events_still_give_a_report_that_says_so(tables: Path, call: Call) -> None:
    frame = pd.read_csv(tables / "binary.csv")
    events = frame.index[frame.outcome == 1]
    frame.drop(events[6:]).to_csv(tables / "few.csv", index=False)
    answer = call(
        "evaluate",
        "--predictions",
        tables / "few.csv",
        "--kind",
        "binary",
        "--relation",
        "external",
        "--out",
        tables / "out",
    )
    assert answer.code == 0
    assert "6 events; at least 10 are needed" in (tables / "out" / "report.html").read_text()


def test_a_refused_table_leaves_nothing(tables: Path, call: Call) -> None:
    frame = pd.read_csv(tables / "binary.csv")
    frame.assign(risk=100 * frame.risk).to_csv(tables / "percent.csv", index=False)
    answer = call(
        "evaluate",
        "--predictions",
        tables / "percent.csv",
        "--kind",
        "binary",
        "--relation",
        "external",
        "--out",
        tables / "out",
    )
    assert answer.code == 3
    assert not (tables / "out").exists()


def test_a_folder_that_cannot_be_written_is_refused(tables: Path, call: Call) -> None:
    (tables / "out").write_text("a file")
    answer = call(
        "evaluate",
        "--predictions",
        tables / "binary.csv",
        "--kind",
        "binary",
        "--relation",
        "external",
        "--out",
        tables / "out",
    )
    assert answer.code == 3
    assert "a file stands where a folder is needed" in answer.err
