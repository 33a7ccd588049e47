"""Repeated measurements and other outlines in the stages: who is measured, what is kept, and the same from memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcome.bundle import read_bundle
from outcome.pipeline.inputs import read_inputs
from outcome.pipeline.repeats import read_repeats, repeat_plan
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.stage import StageResult
from outcome.pipeline.validate import apply_bundle
from outcome.serving import RiskModel
from outcome.store import StudyStore, read_json, read_parquet
from tests.unit.outcome.pipeline.conftest import Place

STABILITY = ("radiomics.stability.perturbations=3", "radiomics.stability.cases=8")


def _radiomics(place: Place, *settings: str) -> StageResult:
    return place.run(place.study("A", *settings), "cohort", "segment", "radiomics")[-1]


def test_repeats_are_measured_once_and_taken_away_again(place: Place) -> None:
    folder = place.site_a.stage("radiomics")
    before = (folder / "radiomics.parquet").read_bytes()
    made = _radiomics(place, *STABILITY)
    assert (made.status, made.counts["repeated"], made.failed) == ("done", 8, {})
    table = read_parquet(folder / "repeats.parquet")
    assert table.groupby("case_id").size().tolist() == [3] * 8
    assert set(table.columns[2:]) == set(read_parquet(folder / "radiomics.parquet").columns[1:])
    assert (folder / "radiomics.parquet").read_bytes() == before
    assert _radiomics(place, *STABILITY).status == "current"
    stamps = {path.name: path.stat().st_mtime_ns for path in (folder / "repeats").iterdir()}
    (folder / "manifest.json").unlink()  # a killed run
    (folder / "repeats" / min(stamps)).unlink()
    assert _radiomics(place, *STABILITY).counts["repeated"] == 8
    again = {path.name: path.stat().st_mtime_ns for path in (folder / "repeats").iterdir()}
    assert [name for name in stamps if again[name] != stamps[name]] == [min(stamps)]
    assert "repeated" not in _radiomics(place).counts
    assert not (folder / "repeats.parquet").exists()
    assert not list((folder / "repeats").glob("*"))


def test_the_sample_is_drawn_by_the_seed_from_development_patients(place: Place) -> None:
    index = read_json(place.site_a.stage("segment") / "index.json")

    def plan(*settings: str, relation: str = "development") -> tuple[str, ...]:
        study = place.study("A", *STABILITY, *settings)
        parts = {name: part.model_copy(update={"relation": relation}) for name, part in study.partitions.items()}
        with open_run(study.model_copy(update={"partitions": parts}), place.folder / "store", command="test") as run:
            found = repeat_plan(run, index)
        return found.case_ids if found else ()

    assert len(plan()) == 8
    assert plan() == plan()
    assert plan() != plan("training.seed=99")
    assert plan(relation="external") == ()
    assert set(plan()) <= set(plan("radiomics.stability.cases=20"))


def test_a_case_that_cannot_be_measured_again_is_named_and_left_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    import outcome.pipeline.repeats as stage

    plain: Callable[..., list[dict[str, float]]] = stage.measure_repeats
    chosen: list[str] = []

    def damaged(case: object, *rest: object) -> list[dict[str, float]]:
        name = getattr(case, "case_id", "")
        chosen.append(name)
        if name == min(chosen[:1]):
            raise ValueError("damaged")
        return plain(case, *rest)

    monkeypatch.setattr(stage, "measure_repeats", damaged)
    made = _radiomics(place, *STABILITY)
    assert list(made.failed) == chosen[:1]
    assert "measuring again: ValueError: damaged" in made.failed[chosen[0]]
    folder = place.site_a.stage("radiomics")
    assert chosen[0] in set(read_parquet(folder / "radiomics.parquet")["case_id"])
    assert chosen[0] not in set(read_parquet(folder / "repeats.parquet")["case_id"])


def test_training_says_what_was_left_out(place: Place) -> None:
    before = read_json(place.site_a.stage("train") / "ladder.json")
    assert all("stability" not in unit for unit in before.values())
    study = place.study("A", *STABILITY, "radiomics.stability.least=0.999")
    place.run(study, "cohort", "segment", "radiomics", "features", "train")
    with open_run(study, place.folder / "store", command="test") as run:
        repeats = read_repeats(run)
    assert repeats is not None
    assert repeats.least == 0.999
    assert all(name.startswith("radiomics:") for name in repeats.tables)
    ladder = read_json(place.site_a.stage("train") / "ladder.json")
    told = [unit["stability"] for unit in ladder.values() if not unit["skipped"]]
    assert told
    for entry in told:
        assert entry["repeated_cases"] <= 8
        assert 0 < len(entry["left_out"]) <= entry["columns_judged"]


def _predict(place: Place, outlines: int) -> tuple[pd.DataFrame, Path]:
    """A's model on B; the table of outlines (empty where there is none) and its folder."""
    bundle = place.site_a.bundle
    study = apply_bundle(bundle, place.study("B"), place.folder / "store", outcomes_needed=False)
    stages = [STAGE_RUNNERS[name] for name in ("cohort", "segment", "radiomics", "features", "predict")]
    with open_run(study, place.folder / "store", command="test") as run:
        run_stages(replace(run, outlines=outlines), stages, bundle)
    folder = place.site_b.stage("predict", read_bundle(bundle).id)
    path = folder / "outlines.parquet"
    return read_parquet(path) if path.exists() else pd.DataFrame(), folder


def test_outlines_from_disk_and_from_memory_agree_and_stand_beside_the_predictions(place: Place) -> None:
    """One rung that reads measurements, so that there is something to move."""
    study = place.study("A", "training.families=[elastic_net]", "comparator=null", "training.bootstraps=0")
    one = {name: endpoint for name, endpoint in study.endpoints.items() if name == "any_complication"}
    study = study.model_copy(update={"endpoints": one, "scores": (), "readers": ()})
    place.run(study, "cohort", "segment", "radiomics", "features", "train")
    table, folder = _predict(place, 2)
    predictions = read_parquet(folder / "predictions.parquet")
    chosen = predictions[predictions["rung"] == "chosen"].set_index(["case_id", "endpoint", "inputs", "horizon_days"])
    mine = table.set_index(["case_id", "endpoint", "inputs", "horizon_days"])
    both = mine.join(chosen["risk"], rsuffix="_given")
    assert len(both) == len(chosen)
    assert np.allclose(both["risk"], both["risk_given"], atol=1e-12)
    ranged = table[table["reason"] == ""]
    assert (ranged["low"] <= ranged["high"]).all()
    assert (ranged["high"] > ranged["low"]).any()
    case_id = str(ranged["case_id"].iloc[0])
    alone = _from_memory(place, case_id).set_index(["endpoint", "inputs", "horizon_days"])
    stored = table[table["case_id"] == case_id].set_index(["endpoint", "inputs", "horizon_days"])
    for name in ("risk", "low", "high"):
        assert np.allclose(alone[name], stored.loc[alone.index, name], atol=1e-12)
    assert alone["moved_most"].tolist() == stored.loc[alone.index, "moved_most"].tolist()
    assert _predict(place, 0)[0].empty


def _from_memory(place: Place, case_id: str) -> pd.DataFrame:
    store = StudyStore(place.folder / "store", "site_b")
    model = RiskModel.load(place.site_a.bundle)
    study = apply_bundle(place.site_a.bundle, place.study("B"), place.folder / "store", outcomes_needed=False)
    with open_run(study, place.folder / "store", command="test") as run:
        case = read_inputs(run)[case_id]
    variables = read_parquet(store.stage("cohort") / "variables.parquet").set_index("case_id").loc[case_id]
    record = {name: value for name, value in variables.items() if name in model.dictionary.names and pd.notna(value)}
    return model.outline_interval(case, {str(n): v for n, v in record.items()}, 2, study.training.seed)
