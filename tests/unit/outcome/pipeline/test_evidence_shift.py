"""These cases beside the bundle's summary: what moved, what is in another unit, what is missing, what refits say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from outcome.features.columns import FeatureColumn
from outcome.pipeline.evidence.case_mix import case_mix, shift_findings
from outcome.pipeline.evidence.conformal import conformal
from outcome.pipeline.evidence.instability import Moves, instability
from outcome.pipeline.evidence.missing_blocks import missing_blocks
from outcome.pipeline.evidence.missing_sensitivity import missing_sensitivity
from outcome.pipeline.evidence.scene import CHOSEN, EndpointCases, ModelCases, PartitionCases, Predicted, Scene
from outcome.pipeline.evidence.shift import shift
from outcome.pipeline.reference.joint_summary import joint_summary
from outcome.pipeline.reference.population import reference_summary
from outcome.store import StudyStore, write_parquet
from outcome.types import FloatArray, Target

ENDPOINT, INPUTS, PART = "complication", "preoperative", "elsewhere"
UNIT = f"{ENDPOINT}.{INPUTS}"
COLUMNS = (
    FeatureColumn("clinical:age", "clinical", "numeric", "preoperative", label="Age", unit="years"),
    FeatureColumn("clinical:creatinine", "clinical", "numeric", "preoperative", label="Creatinine", unit="mg/dL"),
    FeatureColumn("clinical:sex", "clinical", "categorical", "preoperative", ("f", "m", "x"), label="Sex"),
    FeatureColumn("genomics:gene", "genomics", "numeric", "preoperative", label="Gene"),
)


def patients(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "clinical:age": rng.normal(65, 10, n),
            "clinical:creatinine": np.exp(rng.normal(0, 0.25, n)),
            "clinical:sex": rng.choice(np.array(["f", "m"], dtype=object), n),
            "genomics:gene": np.where(np.arange(n) % 4 == 0, np.nan, rng.standard_normal(n)),
        },
        index=pd.Index([f"c{i:05d}" for i in range(n)], name="case_id"),
    )


def outcomes(ids: pd.Index, y: FloatArray) -> pd.DataFrame:
    empty = np.full(len(ids), np.nan)
    return pd.DataFrame({"case_id": ids, "endpoint": ENDPOINT, "value": y, "time_days": empty, "event": empty})


def reference(n: int = 400) -> dict[str, Any]:
    frame = patients(n, 1)
    told = reference_summary(frame, outcomes(frame.index, np.arange(n) % 2.0), {ENDPOINT: "binary"})
    spread = {"n": n, "lp_mean": -1.0, "lp_sd": 1.0}
    quantiles = {"kind": "set", "levels": {"0.8": {"0": 0.5, "1": 0.5}, "0.9": {"0": 0.9, "1": 0.9}}}
    return {**told, "columns": joint_summary(frame, COLUMNS), "risks": {UNIT: spread}, "conformal": {UNIT: quantiles}}


class Ensemble:
    """Two refits: one always 0.1 above the model, one always 0.3 below."""

    members = (0.1, -0.3)

    def risks(self, frame: pd.DataFrame, days: tuple[float, ...]) -> FloatArray:
        return np.array([np.full((len(frame), 1), 0.5 + move) for move in self.members])


def unit() -> Any:
    chosen = SimpleNamespace(preprocessor=SimpleNamespace(columns=COLUMNS))
    predict = lambda frame, days: SimpleNamespace(risk=np.full((len(frame), 1), 0.5))  # noqa: E731
    procedure = SimpleNamespace(chosen=chosen, predict=predict, threshold=None)
    return SimpleNamespace(procedure=procedure, ensemble=Ensemble(), horizons_days=())


def model_of(frame: pd.DataFrame, y: FloatArray, risk: FloatArray, place: Path, *, told: Mapping[str, Any],
             relation: str = "external", files: tuple[str, ...] = (), sites: int = 1,
             groups: Mapping[str, Any] | None = None) -> ModelCases:  # fmt: skip
    store = StudyStore(place, "study")
    store.stage("features").mkdir(parents=True, exist_ok=True)
    write_parquet(store.stage("features") / "features.parquet", frame.reset_index())
    endpoint = SimpleNamespace(kind="binary", label="Complication", favourable=False)
    part_of = {PART: SimpleNamespace(relation=relation)}
    study = SimpleNamespace(endpoints={ENDPOINT: endpoint}, partitions=part_of, subgroups=(), crossed=())
    site = [f"site {i % sites}" for i in range(len(frame))]
    scene = Scene(
        SimpleNamespace(study=study, store=store),  # type: ignore[arg-type]
        SimpleNamespace(json=lambda name: dict(told), files=dict.fromkeys(files)),  # type: ignore[arg-type]
        SimpleNamespace(units={UNIT: unit()}, columns=COLUMNS),  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        pd.DataFrame({"site": site}, index=frame.index),
        outcomes(frame.index, y),
        pd.DataFrame(),
        pd.DataFrame(dict(groups or {}), index=frame.index),
    )
    source = "out_of_fold" if relation == "development" else "bundle"
    rows = pd.DataFrame({"case_id": frame.index, "endpoint": ENDPOINT, "inputs": INPUTS, "rung": CHOSEN,
                         "source": source, "horizon_days": np.nan, "risk": risk, "score": risk})  # fmt: skip
    part = PartitionCases(scene, PART, list(frame.index), rows)
    cases = EndpointCases(part, ENDPOINT, Target.binary(ENDPOINT, y), rows)
    return ModelCases(cases, INPUTS, {CHOSEN: Predicted({None: risk}, risk)})


def scene_of(frame: pd.DataFrame, place: Path, **told: Any) -> ModelCases:
    rng = np.random.default_rng(3)
    risk = rng.uniform(0.05, 0.95, len(frame))
    y = (rng.random(len(frame)) < risk).astype(float)
    return model_of(frame, y, risk, place, **{"told": reference(), **told})


def flags(frame: pd.DataFrame, place: Path) -> dict[str, str]:
    found = case_mix(scene_of(frame, place).cases.partition)
    return {row["variable"]: row["flag"] for row in found["variables"] if row["flag"]}


def test_like_cases_raise_nothing(tmp_path: Path) -> None:
    part = scene_of(patients(300, 2), tmp_path).cases.partition
    found = case_mix(part)
    assert [row["variable"] for row in found["variables"] if row["flag"]] == []
    assert list(shift_findings({PART: {"case_mix": found}})) == []
    here = shift(part)["membership"]["auroc"]
    assert here["low"] == 0.5
    assert found["outcomes"][0]["development"] == {"n": 400, "n_events": 200}


def test_creatinine_in_micromoles_is_named_with_its_factor_and_not_corrected(tmp_path: Path) -> None:
    frame = patients(60, 2)
    frame["clinical:creatinine"] *= 88.42
    part = scene_of(frame, tmp_path).cases.partition
    found = case_mix(part)
    (finding,) = shift_findings({PART: {"case_mix": found}})
    assert (finding.code, finding.level.value, finding.case_ids) == ("unit_shift", "review", ())
    assert "Creatinine" in finding.message
    assert "× 88.42" in finding.message
    row = next(row for row in found["variables"] if row["variable"] == "clinical:creatinine")
    assert row["here"]["quantiles"]["0.5"] == pytest.approx(np.median(frame["clinical:creatinine"]))
    assert shift(part)["membership"]["auroc"]["low"] > 0.9


def test_unseen_categories_moved_means_and_missing_columns_are_flagged(tmp_path: Path) -> None:
    frame = patients(200, 2)
    frame["clinical:age"] += 8
    frame.loc[frame.index[:40], "clinical:sex"] = "x"
    assert flags(frame.drop(columns="genomics:gene"), tmp_path) == {
        "clinical:age": "shifted",
        "clinical:sex": "coding",
        "genomics:gene": "missing",
    }


def test_what_is_told_of_a_few_cases_here_is_suppressed_too(tmp_path: Path) -> None:
    frame = patients(60, 2)
    frame.loc[frame.index[:2], "clinical:sex"] = "x"
    frame.loc[frame.index, "genomics:gene"] = 1.0
    frame.loc[frame.index[:3], "genomics:gene"] = np.nan
    part = scene_of(frame, tmp_path).cases.partition
    sex = next(row for row in case_mix(part)["variables"] if row["variable"] == "clinical:sex")
    assert sex["here"]["counts"]["x"] is None
    assert sum(count is None for count in sex["here"]["counts"].values()) >= 2
    gene = next(row for row in missing_blocks(part)["blocks"] if row["block"] == "genomics")
    assert gene["n_missing"] is None
    assert gene["share"]["withheld"]


def test_missing_blocks_are_counted_beside_development_s(tmp_path: Path) -> None:
    rows = {row["block"]: row for row in missing_blocks(scene_of(patients(200, 2), tmp_path).cases.partition)["blocks"]}
    assert (rows["genomics"]["n_missing"], rows["genomics"]["development_share"]) == (50, 0.25)
    assert rows["genomics"]["share"]["value"] == 0.25
    assert rows["clinical"]["share"]["value"] == 0


def test_development_is_not_compared_with_itself(tmp_path: Path) -> None:
    part = scene_of(patients(60, 2), tmp_path, relation="development").cases.partition
    assert case_mix(part) == {}
    assert shift(part) == {}
    assert missing_blocks(part)["blocks"]


def test_an_older_bundle_withholds_what_it_does_not_tell(tmp_path: Path) -> None:
    told = {name: value for name, value in reference().items() if name in ("n", "features", "endpoints")}
    model = scene_of(patients(60, 2), tmp_path, told=told)
    found = shift(model.cases.partition)
    assert "says nothing about columns" in found["membership"]["auroc"]["withheld"]
    assert "says nothing about risks" in found["linear_predictors"][0]["sd_ratio"]["withheld"]
    assert "withheld" in conformal(model)
    assert case_mix(model.cases.partition)["variables"]
    assert missing_blocks(model.cases.partition)["blocks"][0]["development_share"] is None


def test_a_recalibrated_bundle_does_not_pass_its_parent_s_quantiles_on(tmp_path: Path) -> None:
    model = scene_of(patients(60, 2), tmp_path, files=("updates.json",))
    assert "parent" in conformal(model)["withheld"]
    row = shift(model.cases.partition)["linear_predictors"][0]
    assert "parent" in row["sd_ratio"]["withheld"]


@pytest.mark.parametrize("n", [0, 1, 3, 9])
def test_a_handful_of_cases_is_withheld_and_never_a_crash(n: int, tmp_path: Path) -> None:
    model = scene_of(patients(9, 2).iloc[:n], tmp_path)
    part = model.cases.partition
    assert shift(part)["membership"]["auroc"]["value"] is None or n > 8
    assert case_mix(part)["variables"]
    assert len(missing_blocks(part)["blocks"]) == 2
    assert all(row["coverage"]["withheld"] for row in conformal(model)["rows"])
    assert isinstance(missing_sensitivity(model), dict)
    assert instability(model).get("withheld") or n >= 5


def test_coverage_is_counted_by_level_and_by_site(tmp_path: Path) -> None:
    """At 0.8 the quantiles of 0.5 make the set of the likelier outcome: right for 30 of 40 cases."""
    y = np.tile([1.0, 0.0], 20)
    risk = np.where(np.arange(40) < 30, np.where(y == 1, 0.9, 0.1), np.where(y == 1, 0.1, 0.9))
    model = model_of(patients(40, 2), y, risk, tmp_path, told=reference(), sites=2)
    first, second = conformal(model)["rows"]
    assert (first["level"], first["coverage"]["value"], first["size"]["value"]) == (0.8, 0.75, 1.0)
    assert [(row["site"], row["n"], row["coverage"]["value"]) for row in first["by_site"]] == [
        ("site 0", 20, 0.75),
        ("site 1", 20, 0.75),
    ]
    assert (second["coverage"]["value"], second["size"]["value"]) == (1.0, 2.0)


def test_coverage_is_told_by_subgroup_and_small_groups_are_not(tmp_path: Path) -> None:
    """The last 16 of 60 are wrong, 8 of each sex; three are of stage IV, which hides stage III as well."""
    y = np.tile([1.0, 0.0], 30)
    risk = np.where(np.arange(60) < 44, np.where(y == 1, 0.9, 0.1), np.where(y == 1, 0.1, 0.9))
    groups = {"Sex": np.tile(["f", "f", "m", "m"], 15), "Stage": ["IV"] * 3 + ["III"] * 57}
    model = model_of(patients(60, 2), y, risk, tmp_path, told=reference(), groups=groups)
    rows = {(row["variable"], row["group"]): row for row in conformal(model)["rows"][0]["by_subgroup"]}
    for sex in ("f", "m"):
        assert rows["Sex", sex]["n"] == 30
        assert rows["Sex", sex]["coverage"]["value"] == pytest.approx(22 / 30)
    for stage in ("III", "IV"):
        assert rows["Stage", stage]["n"] is None
        assert rows["Stage", stage]["coverage"]["withheld"]


def test_a_subgroup_with_few_misses_is_not_told_at_any_level(tmp_path: Path) -> None:
    """At 0.8 men are missed twice, at 0.9 nobody is: told at 0.9 alone, the difference would still be theirs."""
    y, sex = np.tile([1.0, 0.0], 30), np.repeat(["f", "m"], 30)
    wrong = np.isin(np.arange(60), [1, 4, 7, 10, 13, 16, 31, 34])
    risk = np.where(wrong, np.where(y == 1, 0.2, 0.8), np.where(y == 1, 0.8, 0.2))
    model = model_of(patients(60, 2), y, risk, tmp_path, told=reference(), groups={"Sex": sex})
    for row in conformal(model)["rows"]:
        told = {group["group"]: group["coverage"]["withheld"] for group in row["by_subgroup"]}
        assert told["m"]
        assert told["f"]


def test_bounds_are_judged_by_their_own_days(tmp_path: Path) -> None:
    """The curve rises by 0.1 at days 10, 20, ...: the threshold 0.2 is reached on day 20, after 5 of 50 events."""
    base = model_of(patients(50, 2), np.zeros(50), np.full(50, 0.5), tmp_path, told={
        "conformal": {UNIT: {"kind": "bound", "cutoff_days": 90.0, "levels": {"0.9": {"incidence": 0.2}}}}
    })  # fmt: skip
    time = np.concatenate([np.full(5, 15.0), np.full(45, 80.0)])
    cases = replace(base.cases, target=Target.survival(ENDPOINT, time, np.ones(50)))
    days = np.arange(10.0, 90, 10)
    curve = lambda score, upto: np.tile(np.asarray(upto) / 100, (len(score), 1))  # noqa: E731
    baseline = SimpleNamespace(times=days, incidence=curve)
    found = unit()
    found.procedure.chosen.calibrator = SimpleNamespace(baseline=baseline)
    base.scene.model.units[UNIT] = found
    (row,) = conformal(replace(base, cases=cases))["rows"]
    assert (row["kind"], row["coverage"]["value"], row["size"]["value"]) == ("bound", 0.9, 20.0)
    assert "at most day 90" in conformal(replace(base, cases=cases))["words"]


def test_instability_is_the_mean_distance_of_the_refits(tmp_path: Path) -> None:
    found = instability(scene_of(patients(300, 2), tmp_path))
    assert found["refits"] == 2
    assert found["mean_absolute_difference"] == pytest.approx(0.2)
    assert found["quantiles"] == {"0.5": pytest.approx(0.2), "0.9": pytest.approx(0.2)}
    assert len(found["points"]) == 200
    risk, low, high = found["points"][0]
    assert (risk, low, high) == (0.5, pytest.approx(0.21), pytest.approx(0.59))


def test_points_run_evenly_over_the_order_of_risk() -> None:
    risk = np.linspace(0, 1, 1001)[::-1]
    points = np.array(Moves.of(risk, np.array([risk - 0.1, risk + 0.1])).points())
    assert points[0, 0] == 0
    assert points[-1, 0] == 1
    assert (np.diff(points[:, 0]) > 0).all()


def test_performance_is_told_with_and_without_gaps(tmp_path: Path) -> None:
    rows = {row["group"]: row for row in missing_sensitivity(scene_of(patients(400, 2), tmp_path))["rows"]}
    assert (rows["every predictor present"]["n"], rows["some predictor missing"]["n"]) == (300, 100)
    assert (rows["no block missing"]["n"], rows["1 block missing"]["n"]) == (300, 100)
    assert set(rows["1 block missing"]["metrics"]) == {"auroc", "oe_ratio", "slope"}
    assert rows["1 block missing"]["metrics"]["auroc"]["value"] > 0.6


def test_without_gaps_there_is_nothing_to_compare(tmp_path: Path) -> None:
    assert missing_sensitivity(scene_of(patients(60, 2).fillna({"genomics:gene": 0.0}), tmp_path)) == {}


def test_few_cases_with_gaps_are_not_told(tmp_path: Path) -> None:
    frame = patients(200, 2).fillna({"genomics:gene": 0.0})
    frame.loc[frame.index[:3], "genomics:gene"] = np.nan
    rows = missing_sensitivity(scene_of(frame, tmp_path))["rows"]
    assert [row["n"] for row in rows] == [None] * 4


def test_inputs_are_left_as_they_were(tmp_path: Path) -> None:
    model = scene_of(patients(60, 2), tmp_path)
    before = replace(model.chosen, score=model.chosen.score.copy())
    for part in (conformal, instability, missing_sensitivity):
        part(model)
    np.testing.assert_array_equal(model.chosen.score, before.score)
