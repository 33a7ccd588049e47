"""`outcome evaluate --predictions`: the numbers of a table made elsewhere, and every table that is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from outcome.evaluation import difference, evaluate_target
from outcome.evaluation.utility.net_benefit import OutcomeByHorizon, net_benefit_estimate
from outcome.types import Target
from tests.cli.conftest import Call

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a table as CSV and give its path."""

    def written(frame: pd.DataFrame, name: str = "table.csv", **how: Any) -> Path:
        frame.to_csv(tmp_path / name, index=False, **how)
        return tmp_path / name

    return written


@pytest.fixture(scope="module")
def binary() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    lp = rng.normal(size=120)
    risk = 1 / (1 + np.exp(0.5 - lp))
    outcome = (rng.random(120) < risk).astype(int)
    other = np.round(lp + rng.normal(size=120), 1)
    return pd.DataFrame({"outcome": outcome, "risk": risk, "asa": other, "sex": np.tile(["f", "m", "f"], 40)})


@pytest.fixture(scope="module")
def timed() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    lp = rng.normal(size=200)
    ends = np.stack([rng.exponential(4 * np.exp(-lp)), rng.exponential(12, 200), rng.exponential(8, 200)])
    kind = np.array([1, 2, 0])[ends.argmin(axis=0)]
    risk = 1 - np.exp(-0.4 * np.exp(lp))
    return pd.DataFrame({"time": ends.min(axis=0), "event": kind, "risk": risk, "asa": np.round(lp)})


def without_competing(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(event=frame.event.where(frame.event != 2, 0))


def test_a_binary_table_has_the_numbers_of_the_library(binary: pd.DataFrame, write: Write, call: Call) -> None:
    words = ["--kind", "binary", "--compare", "asa", "--group", "sex", "--threshold", 0.3, "--json"]
    answer = call("evaluate", "--predictions", write(binary), *words)
    assert (answer.code, answer.err) == (0, "")
    y, risk, asa = (binary[name].to_numpy(dtype=float) for name in ("outcome", "risk", "asa"))
    expected = evaluate_target(Target.binary("x", y), risk, risk, threshold=0.3, groups={"sex": binary.sex}).to_json()
    found = answer.json
    assert {name: found["metrics"][name] for name in expected["metrics"]} == expected["metrics"]
    assert found["subgroups"] == expected["subgroups"]
    assert (found["n"], found["n_events"], found["kind"], found["horizon"]) == (120, y.sum(), "binary", None)
    assert found["metrics"]["net_benefit"] == found["at_thresholds"][0]["metrics"]["net_benefit"]
    pair, ours = found["comparisons"]["asa"]["auroc"], difference(Target.binary("x", y), risk, asa)
    assert (pair["difference"], pair["low"], pair["high"]) == (ours.value, ours.low, ours.high)
    assert 0 < pair["p"] < 1
    assert np.sign(pair["statistic"]) == np.sign(pair["difference"])


@pytest.mark.parametrize("kind", ["survival", "competing"])
def test_a_timed_table_has_the_numbers_of_the_library(kind: str, timed: pd.DataFrame, write: Write, call: Call) -> None:
    frame = timed if kind == "competing" else without_competing(timed)
    words = ["--kind", kind, "--horizon", 2.5, "--compare", "asa", "--threshold", 0.2, "--threshold", 0.5, "--json"]
    found = call("evaluate", "--predictions", write(frame), *words).json
    time, event, risk = (frame[name].to_numpy(dtype=float) for name in ("time", "event", "risk"))
    expected = evaluate_target(Target.survival("x", time, event), risk, risk, horizon_days=2.5).to_json()
    assert found["metrics"] == expected["metrics"]
    assert {"harrell_c", "uno_c", "auc_t", "brier_t", "oe_ratio_t"} <= set(found["metrics"])
    assert set(found["comparisons"]["asa"]) == {"harrell_c", "uno_c"}
    values = [part["metrics"]["net_benefit"]["value"] for part in found["at_thresholds"]]
    outcome = OutcomeByHorizon.at(time, event, 2.5)
    assert values == [net_benefit_estimate(outcome, risk, t).value for t in (0.2, 0.5)]


def test_separators_parquet_and_marks_of_the_unknown(binary: pd.DataFrame, write: Write, call: Call) -> None:
    words = ("--kind", "binary", "--json")
    plain = call("evaluate", "--predictions", write(binary), *words).json
    semicolons = write(binary, "table2.csv", sep=";")
    assert call("evaluate", "--predictions", semicolons, *words).json == plain
    parquet = semicolons.with_suffix(".parquet")
    binary.assign(outcome=binary.outcome == 1).to_parquet(parquet)
    assert call("evaluate", "--predictions", parquet, *words).json == plain
    gaps = binary.astype({"outcome": object}).assign(outcome=lambda f: f.outcome.where(f.index >= 15, "NA"))
    found = call("evaluate", "--predictions", write(gaps), *words).json
    assert (found["n"], found["n_unknown"]) == (105, 15)


def test_a_person_gets_tables_and_the_same_numbers(timed: pd.DataFrame, write: Write, call: Call) -> None:
    path = write(timed.assign(sex=np.tile(["f", "m"], 100)))
    words = ["--predictions", path, "--kind", "competing", "--horizon", 2, "--compare", "asa", "--group", "sex"]
    shown, found = call("evaluate", *words).out, call("evaluate", *words, "--json").json
    assert f"{found['metrics']['uno_c']['value']:.3f}" in shown
    assert all(word in shown for word in ("Uno's C", "comparisons", "asa", "sex = m", "Research use only"))


def test_too_few_events_withhold_the_numbers_and_refuse_nothing(binary: pd.DataFrame, write: Write, call: Call) -> None:
    events = binary.index[binary.outcome == 1]
    path = write(binary.drop(events[7:]))
    words = ["--kind", "binary", "--compare", "asa", "--threshold", 0.2, "--json"]
    answer = call("evaluate", "--predictions", path, *words)
    assert answer.code == 0
    assert all("7 events; at least 10" in e["withheld"] for e in answer.json["metrics"].values())
    assert "7 events" in answer.json["comparisons"]["asa"]["auroc"]["withheld"]
    assert answer.json["comparisons"]["asa"]["auroc"]["p"] is None


BINARY_CASES: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], tuple[str, ...]]] = {
    "column": (lambda f: f.rename(columns={"risk": "Risk_1"}), ("lacks 'risk'", "outcome, risk", "'Risk_1'")),
    "logits": (lambda f: f.assign(risk=np.log(f.risk / (1 - f.risk))), ("no probabilities", "[0, 1]", "logits")),
    "per cent": (lambda f: f.assign(risk=100 * f.risk), ("no probabilities", "divide by 100")),
    "text": (lambda f: f.astype({"risk": str}).assign(risk=lambda g: "<" + g.risk), ("no number", "120 of 120")),
    "decimal comma": (lambda f: f.assign(risk=f.risk.map(lambda v: f"{v:.3f}".replace(".", ","))), ("no number",)),
    "true": (lambda f: f.astype({"risk": object}).assign(risk=lambda g: g.risk.where(g.index > 0, "True")), ("row 1",)),
    "underscore": (
        lambda f: f.astype({"risk": str}).assign(risk=lambda g: g.risk.where(g.index > 0, "0_1")),
        ("row 1",),
    ),
    "infinite": (lambda f: f.assign(risk=f.risk.where(f.index != 3, np.inf)), ("no number", "1 of 120", "row 4")),
    "gap": (lambda f: f.assign(risk=f.risk.where(f.index > 1)), ("gaps", "2 of 120", "row 1, 2")),
    "one class": (lambda f: f.assign(outcome=0), ("only one class", "0 events among 120")),
    "no outcome known": (lambda f: f.assign(outcome=""), ("only one class", "among 0 cases")),
    "codes": (lambda f: f.assign(outcome=f.outcome + 1), ("coded otherwise", "0 (no event) or 1")),
    "repeats": (lambda f: f.assign(case_id=["a", "b"] + ["c"] * 118), ("1 case(s) more than once", "118 rows of c")),
    "no rows": (lambda f: f.iloc[:0], ("empty",)),
}


@pytest.mark.parametrize("case", BINARY_CASES)
def test_a_table_that_cannot_be_used_is_refused(case: str, binary: pd.DataFrame, write: Write, call: Call) -> None:
    change, words = BINARY_CASES[case]
    answer = call("evaluate", "--predictions", write(change(binary)), "--kind", "binary", "--json")
    assert answer.code == 3
    assert answer.json["status"] == "refused"
    assert [word for word in words if word not in answer.json["message"]] == []


TIMED_CASES: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], float, tuple[str, ...]]] = {
    "competing": (lambda f: f, 2.5, ("coded otherwise", "--kind competing")),
    "all censored": (lambda f: f.assign(event=0), 2.5, ("no case has the event", "200 censored")),
    "horizon": (without_competing, 900, ("beyond follow-up", "followed to 900", "unit of `time`")),
    "negative": (lambda f: without_competing(f).assign(time=-f.time), 2.5, ("negative times", "200 of 200")),
    "column": (lambda f: f.drop(columns="time"), 2.5, ("lacks 'time'", "time, event, risk")),
}


@pytest.mark.parametrize("case", TIMED_CASES)
def test_times_that_cannot_be_used_are_refused(case: str, timed: pd.DataFrame, write: Write, call: Call) -> None:
    change, horizon, words = TIMED_CASES[case]
    answer = call(
        "evaluate", "--predictions", write(change(timed)), "--kind", "survival", "--horizon", horizon, "--json"
    )
    assert answer.code == 3
    assert [word for word in words if word not in answer.json["message"]] == []


def test_files_that_are_no_tables_are_refused(tmp_path: Path, call: Call) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "bytes.csv").write_bytes(b"outcome,risk\n1,\xff\xfe\n")
    (tmp_path / "ragged.csv").write_text("outcome,risk\n1,0.5\n1\n")
    (tmp_path / "word.docx").write_text("")
    for name in ("empty.csv", "broken.parquet", "bytes.csv", "ragged.csv", "word.docx", "absent.csv", "."):
        answer = call("evaluate", "--predictions", tmp_path / name, "--kind", "binary")
        assert (name, answer.code) == (name, 3)
        assert "refused: " in answer.err


@pytest.mark.parametrize(
    "words",
    [
        ["--predictions", "t.csv"],
        ["--predictions", "t.csv", "--kind", "survival"],
        ["--predictions", "t.csv", "--kind", "competing"],
        ["--predictions", "t.csv", "--kind", "ordinal"],
        ["--predictions", "t.csv", "--kind", "binary", "--horizon", "30"],
        ["--predictions", "t.csv", "--kind", "survival", "--horizon", "-1"],
        ["--predictions", "t.csv", "--kind", "binary", "--threshold", "1.5"],
        ["study.yaml", "--predictions", "t.csv", "--kind", "binary"],
        ["study.yaml", "--kind", "binary"],
        [],
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(words: list[str], call: Call) -> None:
    assert call("evaluate", *words).code == 2


def test_intervals_by_drawing_patients_again(binary: pd.DataFrame, write: Write, call: Call) -> None:
    words = ["--kind", "binary", "--threshold", 0.3, "--bootstrap", 100, "--json"]
    alone = call("evaluate", "--predictions", write(binary), *words).json
    assert set(alone["bootstrap"]) == set(alone["metrics"])
    assert alone["bootstrap"]["auroc"]["value"] == alone["metrics"]["auroc"]["value"]
    assert "bootstrap of cases, 100 draws" in alone["bootstrap"]["auroc"]["method"]
    several = pd.concat([binary.assign(patient_id=range(len(binary)))] * 5, ignore_index=True)
    drawn = call("evaluate", "--predictions", write(several, "several.csv"), *words).json
    assert "bootstrap of patients" in drawn["bootstrap"]["auroc"]["method"]
    width = {name: found["high"] - found["low"] for name, found in (
        ("by formula", drawn["metrics"]["auroc"]), ("by patients", drawn["bootstrap"]["auroc"]))}  # fmt: skip
    assert width["by formula"] < 0.6 * width["by patients"]
    refused = call("evaluate", "--predictions", write(binary), "--kind", "binary", "--bootstrap", -1)
    assert (refused.code, "10,000 draws" in refused.err) == (2, True)
