"""Ranking within outer folds and over further partitions, in metrics.json: rows, differences, and what is not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from outcome.evaluation.discrimination.roc import auroc
from outcome.pipeline.evidence.outer_repeats import FAILED, outer_repeats
from outcome.pipeline.evidence.scene import CHOSEN, ModelCases, Predicted
from outcome.pipeline.evidence.within_folds import within_folds
from outcome.pipeline.outer_repeats import FACTS, FOLDS_TABLE, TABLE
from outcome.store import write_json, write_parquet
from outcome.types import FOLD_COLUMNS, REPEAT_COLUMNS, FloatArray, Target
from tests.evidence_scene import ENDPOINT, INPUTS, UNIT, Told, drawn, ids_of, model_cases

N, K = 400, 4
Y, RISK = drawn(N, 3)
FOLD = np.arange(N) % K
SHIFT = np.array([0.0, 4.0, -4.0, 8.0])[FOLD]  # the models of the folds differ in level
OTHER = logit(RISK) + np.random.default_rng(2).normal(0, 2, N)
SIZE = np.where(np.arange(N) < 300, 0.3 * logit(RISK), np.nan)


def folds_table(fold: FloatArray, repeat: int = 1) -> pd.DataFrame:
    table = pd.DataFrame({"case_id": ids_of(N), "fold": fold + 1, "repeat": repeat})
    return table.assign(endpoint=ENDPOINT, inputs=INPUTS)[list(FOLD_COLUMNS)]


def model_of(folder: Path, *, relation: str = "development", repeats: int = 1, final: str = "forest") -> ModelCases:
    unit = SimpleNamespace(
        procedure=SimpleNamespace(threshold=None, chosen=SimpleNamespace(rung=SimpleNamespace(name=final))),
        ladder={"chosen_in_outer_folds": {"clinical": 3, "forest": 1}},
    )
    study = {"comparator": SimpleNamespace(variable="size", label="Size"),
             "training": SimpleNamespace(few_events=20, outer_repeats=repeats)}  # fmt: skip
    store = SimpleNamespace(stage=lambda *_: folder)
    told = Told(study, variables={"size": SIZE}, relation=relation, unit=unit, store=store)
    model = model_cases(Target.binary(ENDPOINT, Y), RISK, told, score=logit(RISK) + SHIFT)
    rungs = {"clinical": Predicted({None: RISK}, OTHER), "forest": model.chosen}
    return replace(model, rungs={CHOSEN: model.chosen, **rungs})


def mean_of_folds(score: FloatArray, rows: np.ndarray) -> float:
    return float(np.mean([auroc(Y[rows & (k == FOLD)], score[rows & (k == FOLD)]) for k in range(K)]))


def test_the_choice_each_rung_and_each_comparator_are_ranked_in_the_same_folds(tmp_path: Path) -> None:
    write_parquet(tmp_path / FOLDS_TABLE, folds_table(FOLD))
    model = model_of(tmp_path)
    found = within_folds(model)
    rows = {row["name"]: row for row in found["rows"]}
    assert [(row["kind"], row["name"]) for row in found["rows"]] == [
        ("chosen", "chosen"), ("rung", "clinical"), ("rung", "forest"), ("comparator", "Size")]  # fmt: skip
    assert (found["metric"], found["folds"]) == ("auroc", K)
    everybody, sized = np.ones(N, dtype=bool), np.isfinite(SIZE)
    chosen = mean_of_folds(logit(RISK), everybody)
    assert rows["chosen"]["estimate"]["value"] == pytest.approx(chosen)
    assert auroc(Y, model.chosen.score) < chosen - 0.05
    assert rows["clinical"]["difference"]["value"] == pytest.approx(chosen - mean_of_folds(OTHER, everybody))
    assert rows["clinical"]["difference"]["low"] > 0
    assert rows["clinical"]["p_value"] < 0.05
    # the size is a rising function of the risk without its shift: in the same folds they rank alike
    assert rows["Size"]["estimate"]["value"] == pytest.approx(mean_of_folds(logit(RISK), sized))
    assert rows["Size"]["difference"]["value"] == pytest.approx(0, abs=1e-12)
    assert rows["Size"]["estimate"]["n"] == 300


def test_the_choice_is_not_compared_with_itself(tmp_path: Path) -> None:
    write_parquet(tmp_path / FOLDS_TABLE, folds_table(FOLD))
    rows = {row["name"]: row for row in within_folds(model_of(tmp_path))["rows"]}
    assert rows["chosen"]["difference"] is None
    assert rows["forest"]["difference"] is None
    # where another rung was frozen, this one is compared, although the folds chose it
    again = {row["name"]: row for row in within_folds(model_of(tmp_path, final="clinical"))["rows"]}
    assert again["forest"]["difference"]["value"] == 0


def test_folds_that_cannot_be_ranked_are_counted(tmp_path: Path) -> None:
    first = np.flatnonzero(Y == 1)[:1]
    fold = np.where(np.arange(N) == first[0], 9, FOLD)  # one event, alone in its fold
    write_parquet(tmp_path / FOLDS_TABLE, folds_table(fold))
    found = within_folds(model_of(tmp_path))
    assert [row["left_out"] for row in found["rows"]][:3] == [1, 1, 1]
    assert [row["folds"] for row in found["rows"]][:3] == [K, K, K]


def test_only_cases_predicted_out_of_fold_have_the_part(tmp_path: Path) -> None:
    write_parquet(tmp_path / FOLDS_TABLE, folds_table(FOLD))
    assert within_folds(model_of(tmp_path, relation="external")) == {}
    (tmp_path / FOLDS_TABLE).unlink()
    assert "train again" in within_folds(model_of(tmp_path))["withheld"]


def repeated(folder: Path, repeats: int) -> dict[str, Any]:
    """Repeat 2 on other folds with models of one level; repeat 3 failed."""
    fold = np.random.default_rng(4).integers(0, K, N)
    write_parquet(folder / FOLDS_TABLE, pd.concat([folds_table(FOLD), folds_table(fold, 2)]))
    rows = pd.DataFrame({"case_id": ids_of(N), "risk": RISK, "score": logit(RISK), "fold": fold + 1})
    rows = rows.assign(endpoint=ENDPOINT, inputs=INPUTS, rung="chosen", source="outer_repeats", partition="here",
                       low=np.nan, high=np.nan, horizon_days=np.nan, repeat=2)  # fmt: skip
    write_parquet(folder / TABLE, rows[list(REPEAT_COLUMNS)])
    write_json(folder / FACTS, {UNIT: {"2": {"chosen_in_outer_folds": {"clinical": 4}, "skipped": None}}})
    return outer_repeats(model_of(folder, repeats=repeats))


def test_each_repeat_has_its_own_number_and_none_is_averaged_over_cases(tmp_path: Path) -> None:
    found = repeated(tmp_path, 3)["outer_repeats"]
    first, second, third = found["rows"]
    assert [row["repeat"] for row in found["rows"]] == [1, 2, 3]
    assert first["pooled"]["value"] == pytest.approx(auroc(Y, logit(RISK) + SHIFT))
    assert second["pooled"]["value"] == pytest.approx(auroc(Y, logit(RISK)))
    assert third["pooled"]["withheld"] == FAILED
    assert found["pooled"] == {
        "mean": pytest.approx((first["pooled"]["value"] + second["pooled"]["value"]) / 2),
        "smallest": first["pooled"]["value"], "largest": second["pooled"]["value"], "repeats": 2}  # fmt: skip
    assert found["within_folds"]["smallest"] > first["pooled"]["value"]
    assert found["chosen_in_outer_folds"] == {"clinical": 7, "forest": 1}


def test_nothing_where_no_repeat_was_asked_for(tmp_path: Path) -> None:
    write_parquet(tmp_path / FOLDS_TABLE, folds_table(FOLD))
    assert outer_repeats(model_of(tmp_path)) == {}
    repeated(tmp_path, 2)
    assert outer_repeats(model_of(tmp_path, relation="external")) == {}
