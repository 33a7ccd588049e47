"""One case alone: what the dictionary does not allow, or a refused mask, gives no risk instead of a wrong one."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest

from outcome.bundle import read_bundle
from outcome.cohort.synthetic_study import dictionary_text
from outcome.config import load_study
from outcome.dictionary import DataDictionary
from outcome.errors import DataRefusal
from outcome.features.columns import FeatureColumn
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.synth import write_synthetic_study
from outcome.recipe import CaseInput
from outcome.serving import RiskModel, stored_case, what_if, what_may_change
from outcome.serving import model as serving_model
from outcome.serving.what_if import changeable
from outcome.store import StudyStore, canonical_json, read_parquet

FAST = ("training.outer_folds=2", "training.inner_folds=2", "training.bootstraps=2", "training.min_events=5",
        "training.families=[ridge]")  # fmt: skip
RECORD = {"age_years": 61.0, "sex": "male", "asa_class": "2", "diabetes": 1.0, "haemoglobin_g_dl": np.float64(13.0)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serving")
    study = load_study(write_synthetic_study(folder / "A", 40, 4, "A"), FAST)
    stages = ("cohort", "segment", "radiomics", "features", "train")
    with open_run(study, folder / "store", command="test") as run:
        run_stages(run, [STAGE_RUNNERS[stage] for stage in stages])
    return folder


@pytest.fixture
def model(folder: Path) -> RiskModel:
    return RiskModel.load(StudyStore(folder / "store", "site_a").bundle)


def speaking_from(folder: Path, level: float) -> RiskModel:
    """The same bundle made with `training.min_information`."""
    bundle = read_bundle(StudyStore(folder / "store", "site_a").bundle)
    config = bundle.json("config.json")
    config["training"]["min_information"] = level
    return RiskModel(replace(bundle, files={**bundle.files, "config.json": canonical_json(config)}))


def test_each_risk_says_how_much_is_known_of_the_case(model: RiskModel) -> None:
    known, nothing = model.predict(CaseInput("x"), RECORD), model.predict(CaseInput("x"), {})
    assert known["known_share"].between(0, 1).all()
    assert (nothing["known_share"] <= known["known_share"]).all()
    assert (nothing["known_share"] < 1e-9).any()
    assert nothing["blocks_missing"].str.contains("clinical").any()
    assert set(nothing["withheld"]) == {""}
    assert nothing["risk"].notna().all()


def test_a_case_of_which_too_little_is_known_gets_the_reason_and_no_number(folder: Path) -> None:
    told = speaking_from(folder, 0.3).predict(CaseInput("x"), {})
    silent = told["known_share"] < 0.3
    assert silent.any()
    assert told.loc[silent, ["risk", "low", "high", "score"]].isna().all(axis=None)
    assert told.loc[silent, "withheld"].str.contains("It speaks from 30 % on").all()
    assert told.loc[~silent, "risk"].notna().all()
    assert set(told.loc[~silent, "withheld"]) <= {""}
    moved = speaking_from(folder, 0.3).outline_interval(CaseInput("x"), {})
    assert moved.loc[moved["risk"].isna(), "reason"].str.contains("No number").any()


def test_some_cases_at_a_time_give_what_all_at_once_give(
    folder: Path, model: RiskModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = read_parquet(StudyStore(folder / "store", "site_a").stage("features") / "features.parquet")
    frame = features.set_index("case_id").drop(columns=features.columns[3])  # what a frame lacks is missing
    asked = (lambda: model.predict_frame(frame, every_rung=True), lambda: model.details_frame(frame),
             lambda: model.information_frame(frame))  # fmt: skip
    whole = [ask() for ask in asked]
    monkeypatch.setattr(serving_model, "CASES_AT_ONCE", 7)
    for at_once, ask in zip(whole, asked, strict=True):
        assert len(at_once)
        pd.testing.assert_frame_equal(ask(), at_once, check_exact=True)
    assert not len(model.predict_frame(frame.iloc[:0]))


def test_a_coded_record_gives_a_risk(model: RiskModel) -> None:
    risk = model.predict(CaseInput("x"), RECORD)["risk"]
    assert len(risk)
    assert risk.notna().all()


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("sex", "M", "one of male, female"),
        ("asa_class", 2, "one of 1, 2"),
        ("age_years", "61", "a number"),
        ("age_years", 610.0, "at most 110"),
        ("diabetes", "yes", "0 or 1"),
        ("pulse", 60, "pulse"),
    ],
)
def test_an_uncoded_value_is_refused_by_name(model: RiskModel, name: str, value: object, word: str) -> None:
    with pytest.raises(DataRefusal, match=name) as refusal:
        model.predict(CaseInput("x"), {**RECORD, name: value})
    assert word in str(refusal.value)


ASKED = ("any_complication", "preoperative")
SMOKING, BLOOD = "clinical:smoking", "clinical:haemoglobin_g_dl"


def stored(folder: Path, case_id: str) -> pd.DataFrame:
    return stored_case(StudyStore(folder / "store", "site_a"), case_id)[0]


def known_case(folder: Path) -> str:
    table = pd.read_parquet(folder / "store" / "site_a" / "features" / "features.parquet").set_index("case_id")
    return str(table[[SMOKING, BLOOD]].dropna().index[0])


def test_only_modifiable_variables_are_offered_within_the_training_range(model: RiskModel, folder: Path) -> None:
    case_id = known_case(folder)
    row = stored(folder, case_id)
    offered = {each.name: each for each in what_may_change(model, row, *ASKED)}
    assert set(offered) <= {SMOKING, BLOOD, "clinical:bmi"}
    assert BLOOD in offered
    told = model.reference["features"][BLOOD]["quantiles"]
    assert (offered[BLOOD].low, offered[BLOOD].high) == (told["0.05"], told["0.95"])
    assert offered[BLOOD].value == row[BLOOD].iloc[0]
    assert offered[BLOOD].unit == "g/dL"


def test_what_if_is_what_the_model_says_of_a_case_that_has_the_value(model: RiskModel, folder: Path) -> None:
    row = stored(folder, known_case(folder))
    blood = next(each for each in what_may_change(model, row, *ASKED) if each.name == BLOOD)
    assert blood.low is not None
    found = what_if(model, row, {BLOOD: blood.low}, *ASKED)
    other = model.predict_frame(row.assign(**{BLOOD: blood.low})).query(f"endpoint == '{ASKED[0]}'")
    assert found["risk"].tolist() == other.loc[other["inputs"] == ASKED[1], "risk"].tolist()
    same = what_if(model, row, {BLOOD: float(row[BLOOD].iloc[0])}, *ASKED)
    assert same["risk"].tolist() == what_if(model, row, {}, *ASKED)["risk"].tolist()
    assert row.equals(stored(folder, known_case(folder))), "the case itself is not changed"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clinical:age_years": 40.0}, "cannot be changed"),
        ({BLOOD: 24.0}, "outside what the model learned from"),
        ({BLOOD: "much"}, "outside what the model learned from"),
        ({SMOKING: "pipe"}, "outside what the model learned from|cannot be changed"),
    ],
)
def test_what_may_not_be_asked_is_refused(
    model: RiskModel, folder: Path, changes: dict[str, float | str], words: str
) -> None:
    with pytest.raises(DataRefusal, match=words):
        what_if(model, stored(folder, known_case(folder)), changes, *ASKED)


def test_what_few_development_cases_had_is_not_offered() -> None:
    smoking = FeatureColumn(SMOKING, "clinical", "categorical", "preoperative", ("never", "current"), "Smoking", "",
                            ("never", "current"))  # fmt: skip
    blood = FeatureColumn(BLOOD, "clinical", "numeric", "preoperative", label="Haemoglobin", unit="g/dL")
    told: dict[str, dict[str, Any]] = {SMOKING: {"counts": {"never": 30, "current": None}}, BLOOD: {"n": None}}
    dictionary = DataDictionary.read(io.StringIO(dictionary_text("A")), "A")
    row = pd.Series({SMOKING: "never", BLOOD: 13.0})
    (only,) = changeable([smoking, blood], dictionary, told, row)
    assert only.choices == (("never", "never"),)
    (own,) = changeable([smoking], dictionary, told, row.replace("never", "current"))
    assert dict(own.choices) == {"never": "never", "current": "current"}, "the case's own stays"


def test_a_value_not_known_may_be_left_out_or_missing(model: RiskModel) -> None:
    gone = model.predict(CaseInput("x"), {**RECORD, "haemoglobin_g_dl": float("nan"), "sex": None})
    without = model.predict(CaseInput("x"), {k: v for k, v in RECORD.items() if k not in ("haemoglobin_g_dl", "sex")})
    assert gone["risk"].tolist() == without["risk"].tolist()


def test_a_refused_mask_gives_no_risk(model: RiskModel, folder: Path) -> None:
    case = folder / "A" / "images" / "A00001"
    good = model.predict(CaseInput("A00001", {"ct": case / "ct.nii.gz"}, case / "mask.nii.gz"), RECORD)
    assert good["risk"].notna().all()
    wrong = _of_another_grid(folder, case)
    with pytest.raises(DataRefusal, match="mask of case A00001 is refused"):
        model.predict(CaseInput("A00001", {"ct": wrong}, case / "mask.nii.gz"), RECORD)


def test_outlines_drawn_alike_give_no_width(model: RiskModel, folder: Path) -> None:
    """The case's own mask three times over is no other outline; the risk is that of `predict`."""
    place = folder / "A" / "images" / "A00001"
    case = CaseInput("A00001", {"ct": place / "ct.nii.gz"}, place / "mask.nii.gz")
    found = model.outline_interval(case, RECORD, masks=[place / "mask.nii.gz"] * 3)
    given = model.predict(case, RECORD)
    assert np.allclose(found["risk"], given["risk"], atol=1e-12)
    assert np.allclose(found["low"], found["risk"], atol=1e-12)
    assert np.allclose(found["high"], found["risk"], atol=1e-12)
    assert found["n_outlines"].eq(3).all()


def test_without_a_mask_or_with_a_refused_one_there_is_no_range_but_a_reason(model: RiskModel, folder: Path) -> None:
    bare = model.outline_interval(CaseInput("x"), RECORD, repeats=2)
    assert bare["risk"].notna().all()
    assert bare[["low", "high"]].isna().all(axis=None)
    assert bare["reason"].str.contains("no mask").all()
    place = folder / "A" / "images" / "A00001"
    wrong = CaseInput("A00001", {"ct": _of_another_grid(folder, place)}, place / "mask.nii.gz")
    refused = model.outline_interval(wrong, RECORD, repeats=2)
    assert refused[["risk", "low", "high"]].isna().all(axis=None)
    assert refused["reason"].str.contains("refused").all()
    with pytest.raises(DataRefusal, match="pulse"):
        model.outline_interval(CaseInput("x"), {**RECORD, "pulse": 60}, repeats=2)


def _of_another_grid(folder: Path, case: Path) -> Path:
    """A CT that does not lie where this case's mask does: the phantoms differ in grid."""
    own = _shape(case / "ct.nii.gz")
    return next(path for path in sorted((folder / "A" / "images").glob("*/ct.nii.gz")) if _shape(path) != own)


def _shape(path: Path) -> list[int]:
    image: Any = nibabel.load(path)
    return list(image.shape)
