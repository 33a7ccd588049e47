"""`outcome validate`: the bundle's summary beside the cases here, for a hospital that reports in another unit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from outcome.store import read_json
from tests.cli.conftest import PATIENTS, Call


@pytest.fixture
def metrics(made: Path, studies: Path, call: Call) -> dict[str, Any]:
    """Site B with haemoglobin in mmol/L where the dictionary says g/dL: every value lies in the allowed range."""
    table = pd.read_csv(studies / "B" / "table.csv", dtype=str, keep_default_na=False)
    known = ~table["haemoglobin_g_dl"].isin(["", "-9"])
    values = table.loc[known, "haemoglobin_g_dl"].astype(float) / 1.611
    table.loc[known, "haemoglobin_g_dl"] = values.round(1).astype(str)
    table.to_csv(studies / "B" / "table.csv", index=False)
    bundle = made / "store" / "site_a" / "bundle"
    answer = call("validate", bundle, studies / "B" / "study.yaml", "--out", studies / "v", "--json")
    assert answer.code == 0, answer.err
    return dict(json.loads(Path(answer.json["metrics"]).read_text(encoding="utf-8")))


def test_another_unit_is_a_finding_and_every_part_is_there(metrics: dict[str, Any]) -> None:
    found = [finding for finding in metrics["findings"] if finding["code"] == "unit_shift"]
    assert len(found) == 1
    assert "Haemoglobin" in found[0]["message"]
    assert "mmol/L instead of g/dL" in found[0]["message"]
    part = metrics["partitions"]["site_b"]
    assert part["shift"]["membership"]["auroc"]["low"] > 0.5
    assert {row["block"] for row in part["missing_blocks"]["blocks"]} >= {"clinical", "radiomics"}
    model = part["endpoints"]["length_of_stay"]["models"]["preoperative"]
    assert [row["level"] for row in model["conformal"]["rows"]] == [0.8, 0.9]
    assert model["conformal"]["rows"][0]["coverage"]["n"] == PATIENTS
    assert model["instability"]["refits"] == 4
    assert model["missing_sensitivity"]["rows"]


def test_development_cases_stand_beside_nobody(made: Path) -> None:
    path = next((made / "store" / "site_a" / "evaluate").glob("*/metrics.json"))
    part = read_json(path)["partitions"]["site_a"]
    assert part["case_mix"] == {}
    assert part["shift"] == {}
    words = part["endpoints"]["any_complication"]["models"]["preoperative"]["instability"]["words"]
    assert "final model's answers" in words


def test_the_bundle_tells_how_development_risks_spread(made: Path) -> None:
    reference = read_json(made / "store" / "site_a" / "bundle" / "reference.json")
    risks = reference["risks"]["any_complication.preoperative"]
    assert risks["n"] == PATIENTS
    assert risks["quantiles"]["0.25"] <= risks["cuts"][0] <= risks["cuts"][1] <= risks["quantiles"]["0.75"]
    n = len(reference["columns"]["names"])
    assert 0 < n <= PATIENTS // 5
    assert len(reference["columns"]["covariance"]) == n
    stay, survival = (reference["conformal"][f"{name}.preoperative"] for name in ("length_of_stay", "overall_survival"))
    assert stay["levels"]["0.8"]["error"] <= stay["levels"]["0.9"]["error"]
    assert set(survival) == {"withheld"}
