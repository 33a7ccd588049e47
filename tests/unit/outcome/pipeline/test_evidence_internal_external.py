"""Sites held out in turn, in metrics.json: by the others' model, hidden as elsewhere, absent where not asked for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from outcome.evaluation.discrimination.roc import auroc
from outcome.evaluation.subgroups.suppression import SUPPRESSED
from outcome.pipeline.evidence.internal_external import internal_external
from outcome.pipeline.evidence.scene import ModelCases
from outcome.pipeline.evidence.sites import sites
from outcome.pipeline.internal_external import FACTS, TABLE
from outcome.store import write_json, write_parquet
from outcome.types import PREDICTION_COLUMNS, FloatArray, Target
from tests.evidence_scene import ENDPOINT, INPUTS, UNIT, Told, drawn, ids_of, model_cases

LABELS = np.repeat(["a", "b", "c", "d"], 200)


def asked(
    folder: Path, y: FloatArray, risk: FloatArray, held: FloatArray, *, labels: np.ndarray = LABELS, **facts: Any
) -> tuple[ModelCases, dict[str, Any]]:
    """`held`: the risk by the others' model, NaN where there is none."""
    told = {site: {"n_training": 600, "rung": "clinical", "skipped": None} for site in sorted(set(labels))}
    rows = pd.DataFrame({"case_id": ids_of(len(y)), "risk": held, "score": logit(held), "horizon_days": np.nan})
    rows = rows.assign(endpoint=ENDPOINT, inputs=INPUTS, rung="chosen", source="internal_external", partition="here",
                       low=np.nan, high=np.nan)  # fmt: skip
    write_parquet(folder / TABLE, rows[list(PREDICTION_COLUMNS)].dropna(subset="risk"))
    write_json(folder / FACTS, {UNIT: {**told, **facts}})
    store = SimpleNamespace(stage=lambda _: folder)
    scene = Told({"segmenter": None}, groups={"site": labels}, relation="development", store=store)
    model = model_cases(Target.binary(ENDPOINT, y), risk, scene)
    return model, internal_external(model)


def test_each_site_is_measured_by_the_model_of_the_others(tmp_path: Path) -> None:
    y, risk = drawn(800, 5)
    held = np.clip(risk[::-1].copy() * 0.2 + risk * 0.7, 0.01, 0.99)
    found = asked(tmp_path, y, risk, held)[1]["internal_external"]
    for row in found["rows"]:
        mine = np.equal(LABELS, row["site"])
        assert row["metrics"]["auroc"]["value"] == pytest.approx(auroc(y[mine], held[mine]))
        assert (row["n_training"], row["rung"]) == (600, "clinical")
    pooled = {row["metric"]: row for row in found["pooled"]}
    assert pooled["auroc"]["n_sites"] == 4
    assert pooled["auroc"]["prediction"]["low"] is not None
    assert "at another site like these" in found["words"]


def test_a_site_without_a_model_says_why_and_is_left_out_of_the_pool(tmp_path: Path) -> None:
    y, risk = drawn(800, 6)
    why = {"n_training": 600, "rung": None, "skipped": "the other sites: 9 events; at least 10 are needed"}
    found = asked(tmp_path, y, risk, np.where(LABELS == "b", np.nan, risk), b=why)[1]["internal_external"]
    row = found["rows"][1]
    assert row["n"] == 200
    assert row["metrics"]["auroc"]["withheld"] == row["skipped"] == why["skipped"]
    assert found["pooled"][0]["n_sites"] == 3
    assert found["pooled"][0]["left_out"] == [f"b: {why['skipped']}"]


def test_what_is_hidden_among_the_sites_is_hidden_here(tmp_path: Path) -> None:
    labels = np.array(["a"] * 200 + ["b"] * 200 + ["c"] * 3)
    y, risk = drawn(403, 8)
    model, found = asked(tmp_path, y, risk, np.where(labels == "c", np.nan, risk), labels=labels)
    rows = {row["site"]: row for row in found["internal_external"]["rows"]}
    usual = {row["site"]: (row["n"], row["n_events"]) for row in sites(model)["rows"]}
    assert {site: (row["n"], row["n_events"]) for site, row in rows.items()} == usual
    hidden = [row for row in rows.values() if row["n"] is None]
    assert len(hidden) == 2
    assert all(row["n_training"] is None and row["skipped"] == SUPPRESSED for row in hidden)


def test_nothing_where_it_was_not_asked_for_nor_of_later_cases(tmp_path: Path) -> None:
    y, risk = drawn(300, 9)
    store = SimpleNamespace(stage=lambda _: tmp_path)
    for relation in ("development", "external"):
        told = Told({"segmenter": None}, groups={"site": ["a", "b", "c"] * 100}, relation=relation, store=store)
        assert internal_external(model_cases(Target.binary(ENDPOINT, y), risk, told)) == {}
