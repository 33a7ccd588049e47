"""The stacked rung: what it weighs, how it travels, and what a missing block does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from outcome.config.training import Training
from outcome.features.columns import FeatureColumn
from outcome.models.stacking import STACKING, StackedScorer
from outcome.training.data import TrainingData, read_inputs
from outcome.training.ensemble import refit_ensemble
from outcome.training.procedure import FittedProcedure, RungFit, fit_procedure
from outcome.training.rungs import FUSION, IMAGE_ALONE, STACKED, Rung, default_ladder
from outcome.training.search import search
from outcome.training.settings import USUAL_FAMILIES, TrainingSettings
from outcome.training.unit import TrainedUnit, train_unit
from outcome.types import EndpointKind, InputSet, Target
from tests.image_cases import COLUMNS as WITH_IMAGE
from tests.image_cases import SETTINGS, TINY, image_cases

AGE = FeatureColumn("clinical:age", "clinical", "numeric", "preoperative")
OPEN = FeatureColumn("plan:open", "plan", "boolean", "planned")
VOLUME = FeatureColumn("radiomics:t.stat_mean", "radiomics", "numeric", "preoperative")
GENE = FeatureColumn("genomics:g", "genomics", "numeric", "preoperative")
COLUMNS = (AGE, OPEN, VOLUME, GENE)
QUICK = TrainingSettings(outer_folds=2, inner_folds=3, bootstraps=3, min_events=5, families=("stacking",))
N = 90


def table(seed: int = 0, n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 4)), columns=[column.name for column in COLUMNS])
    frame["plan:open"] = (frame["plan:open"] > 0).astype(float)
    frame.loc[rng.random(n) < 0.2, "genomics:g"] = np.nan
    return frame.set_index(pd.Index([f"c{i:03d}" for i in range(n)], name="case_id"))


def target_of(kind: EndpointKind, frame: pd.DataFrame) -> Target:
    rng = np.random.default_rng(5)
    drive = 1.5 * (frame["clinical:age"] + frame["genomics:g"].fillna(0)).to_numpy()
    if kind is EndpointKind.TIME_TO_EVENT:
        return Target.survival(
            "e", np.ceil(rng.exponential(300 * np.exp(-drive))), rng.choice([0, 1, 1, 2], len(drive))
        )
    if kind is EndpointKind.BINARY:
        return Target.binary("e", (drive + rng.logistic(size=len(drive)) > 0).astype(float))
    nothing = np.full(len(drive), np.nan)
    return Target("e", kind, np.round(np.exp(0.5 * drive + 1)), nothing, nothing.copy())


def train(kind: EndpointKind = EndpointKind.BINARY, settings: TrainingSettings = QUICK) -> TrainedUnit:
    frame = table()
    horizons = (100.0,) if kind is EndpointKind.TIME_TO_EVENT else ()
    patients = [f"p{i // 2}" for i in range(N)]
    return train_unit(
        frame, COLUMNS, target_of(kind, frame), patients, settings, inputs=InputSet.WITH_PLAN, seed=1, horizons=horizons
    )


def stack_of(unit: TrainedUnit) -> tuple[RungFit, StackedScorer]:
    fit = unit.rung_named(STACKED)
    assert fit is not None
    assert isinstance(fit.model.scorer, StackedScorer)
    return fit, fit.model.scorer


def test_it_is_offered_only_where_named_and_where_there_are_several_blocks() -> None:
    def stacks(columns: tuple[FeatureColumn, ...], settings: TrainingSettings) -> list[Rung]:
        ladder = default_ladder(columns, EndpointKind.BINARY, InputSet.WITH_PLAN, settings)
        return [rung for rung in ladder if rung.bases]

    everything = TrainingSettings(families=(*USUAL_FAMILIES, "stacking"))
    assert not stacks((*COLUMNS, *WITH_IMAGE[3:]), TrainingSettings())
    assert not stacks((AGE, OPEN), everything)
    (stack,) = stacks((*COLUMNS, *WITH_IMAGE[3:]), everything)
    assert [base.name for base in stack.bases] == ["clinical + plan", "radiomics", "genomics", IMAGE_ALONE]
    without = replace(everything, families=("ridge", "stacking"))
    assert [base.name for base in stacks((*COLUMNS, *WITH_IMAGE[3:]), without)[0].bases][-1] == "genomics"
    assert "stacking" not in TrainingSettings().families + Training().families
    assert Training(families=("ridge", "stacking")).families[-1] == "stacking"


def test_its_place_is_between_the_images_alone_and_the_fusion_network() -> None:
    settings = TrainingSettings(families=("ridge", "fusion", "stacking"), ladder="full")
    ladder = default_ladder((*COLUMNS, *WITH_IMAGE[3:]), EndpointKind.BINARY, InputSet.PREOPERATIVE, settings)
    ordered = sorted(ladder, key=lambda rung: rung.complexity)
    assert [rung.name for rung in ordered][-3:] == [IMAGE_ALONE, STACKED, FUSION]
    assert len({rung.complexity for rung in ladder}) == len(ladder)
    stack = ordered[-2]
    assert (stack.slowest, ordered[0].slowest) == ("network", "logistic")
    assert Rung.from_json(stack.to_json()) == stack


def test_fewer_than_three_inner_folds_are_refused() -> None:
    with pytest.raises(ValueError, match="three inner folds, found 2"):
        replace(QUICK, inner_folds=2)
    with pytest.raises(ValueError, match="inner_folds at least 3"):
        Training(families=("stacking",), inner_folds=2)


@pytest.mark.parametrize("kind", list(EndpointKind))
def test_a_stack_read_back_predicts_the_same_bits_case_by_case(kind: EndpointKind) -> None:
    unit = train(kind)
    assert unit.ladder["chosen"] == STACKED
    again, new = TrainedUnit.from_files(unit.files()), table(seed=9, n=12)
    made = unit.predict(new)
    pd.testing.assert_frame_equal(again.predict(new), made, check_exact=True)
    single = pd.concat([again.predict(new.iloc[[i]]) for i in range(4)], ignore_index=True)
    pd.testing.assert_frame_equal(single, made.iloc[:4], check_exact=True)
    assert again.files() == unit.files()
    assert made[["low", "high"]].notna().all(axis=None)
    assert unit.ensemble is not None
    assert len(unit.ensemble.members) == 3


def test_what_drives_the_outcome_is_weighed_and_told() -> None:
    unit = train()
    told = unit.ladder["stacked"]
    assert list(told) == ["clinical + plan", "radiomics", "genomics"]
    assert sum(told.values()) == pytest.approx(1)
    assert min(told["clinical + plan"], told["genomics"]) > 3 * told["radiomics"]
    fit, scorer = stack_of(unit)
    assert scorer.weights.weight.tolist() == list(told.values())
    assert [len(base.grid) for base in fit.rung.bases] == [1, 1, 1]
    assert "stacked" not in train(settings=replace(QUICK, families=("ridge",))).ladder


def test_without_its_block_a_model_says_what_it_says_on_average() -> None:
    fit, scorer = stack_of(train())
    lacking = table(seed=9, n=8).assign(**{"genomics:g": np.nan})
    z = scorer.standardised(read_inputs(STACKING, fit.preprocessor, lacking))
    assert z[:, 2].tolist() == [0.0] * 8
    assert (z[:, :2] != 0).all()
    expected = fit.calibrator.risk(scorer.weights.level + z[:, :2] @ scorer.weights.weight[:2])
    np.testing.assert_allclose(fit.predict(lacking).risk, expected)


def test_refits_keep_the_weights_and_learn_the_models_anew() -> None:
    unit = train()
    _, scorer = stack_of(unit)
    assert unit.ensemble is not None
    members = [member.model.scorer for member in unit.ensemble.members]
    assert all(isinstance(member, StackedScorer) for member in members)
    told = [member.weights.weight.tolist() for member in members if isinstance(member, StackedScorer)]
    assert told == [scorer.weights.weight.tolist()] * 3
    centres = {member.bases[0].centre for member in members if isinstance(member, StackedScorer)}
    assert len(centres | {scorer.bases[0].centre}) == 4


def test_images_are_weighed_beside_the_table_and_refits_are_those_of_the_network() -> None:
    network = replace(TINY, epochs=1, refits=1)
    settings = replace(SETTINGS, inner_folds=3, network=network, families=("fusion", "stacking"))
    data = image_cases()
    columns = default_ladder(data.columns, EndpointKind.BINARY, InputSet.PREOPERATIVE, settings)
    (rung,) = (rung for rung in columns if rung.bases)
    fitted = fit_procedure(data, [rung], settings, 1)
    again, new = FittedProcedure.from_states(fitted.to_states()), image_cases(seed=5)
    names = [base.name for base in again.chosen.model.scorer.bases]  # type: ignore[attr-defined]
    assert names == ["clinical", "radiomics", IMAGE_ALONE]
    made = fitted.predict(new.frame, (), new.crops)
    np.testing.assert_array_equal(again.predict(new.frame, (), new.crops).risk, made.risk)
    assert len(refit_ensemble(fitted, data, settings, 1).members) == 1
    without = new.frame.assign(**{"image:ct:crop": np.nan})
    z = fitted.chosen.model.scorer.standardised(  # type: ignore[attr-defined]
        read_inputs(STACKING, fitted.chosen.preprocessor, without, new.crops)
    )
    assert z[:, 2].tolist() == [0.0] * len(new)


def test_repeats_of_the_inner_folds_are_averaged_and_keep_the_first_scores() -> None:
    frame = table()
    data = TrainingData(frame, COLUMNS, target_of(EndpointKind.BINARY, frame), np.array([f"p{i}" for i in range(N)]))
    rungs = default_ladder(COLUMNS, EndpointKind.BINARY, InputSet.PREOPERATIVE, QUICK)
    once, twice = (search(data, rungs, replace(QUICK, inner_repeats=r), 1)[-1] for r in (1, 2))
    assert len(twice.fold_scores) == 2 * len(once.fold_scores)
    np.testing.assert_array_equal(once.out_of_fold, twice.out_of_fold)
    assert once.stack is not None
    assert twice.stack is not None
    assert once.stack.weights.weight.tolist() == twice.stack.weights.weight.tolist()
