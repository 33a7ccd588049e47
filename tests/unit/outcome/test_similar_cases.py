"""Who is near, by hand; what was observed among them; and that nobody is near where few are known."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcome.config import load_study
from outcome.evaluation.intervals import wilson
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.synth import write_synthetic_study
from outcome.serving import RiskModel, similar_cases
from outcome.serving.similar import FEWEST, nearest, observed
from outcome.store import StudyStore
from outcome.training.procedure import RungFit
from outcome.types import EndpointKind, Target

FAST = ("training.outer_folds=2", "training.inner_folds=2", "training.bootstraps=2", "training.min_events=5",
        "training.families=[ridge]")  # fmt: skip
ASKED = ("any_complication", "preoperative")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("similar")
    study = load_study(write_synthetic_study(folder / "A", 60, 4, "A"), FAST)
    with open_run(study, folder / "store", command="test") as run:
        run_stages(run, [STAGE_RUNNERS[stage] for stage in ("cohort", "segment", "radiomics", "features", "train")])
    return folder / "store"


@pytest.fixture
def model(store: Path) -> RiskModel:
    return RiskModel.load(StudyStore(store, "site_a").bundle)


def features(store: Path) -> pd.DataFrame:
    return pd.read_parquet(store / "site_a" / "features" / "features.parquet").set_index("case_id")


def chosen(model: RiskModel) -> RungFit:
    procedure = model.asked_unit(*ASKED).procedure
    assert procedure is not None
    return procedure.chosen


def test_a_twin_is_nearest_and_distance_is_what_the_weighted_sum_makes_of_it(model: RiskModel, store: Path) -> None:
    frame, fit = features(store).reindex(columns=[column.name for column in model.columns]), chosen(model)
    row = frame.iloc[[0]]
    twin = row.set_axis(["twin"], axis=0)
    others = pd.concat([frame.iloc[1:], twin])
    found = nearest(fit, row, others, 5)
    assert found[0] == "twin"
    X = fit.preprocessor.transform(others) - fit.preprocessor.transform(row)
    distance = pd.Series(np.linalg.norm(X * fit.model.scorer.coefficients, axis=1), index=others.index)
    assert found == distance.sort_values().index[:5].tolist()


def test_the_patient_s_own_cases_are_not_among_them_and_what_was_observed_is_theirs(
    model: RiskModel, store: Path
) -> None:
    case_id = str(features(store).index[3])
    found = similar_cases(model, store, "site_a", case_id, *ASKED, 20)
    cases = pd.read_parquet(store / "site_a" / "cohort" / "cases.parquet").set_index("case_id")
    assert len(found.case_ids) == len(set(found.case_ids)) == 20
    assert cases.loc[case_id, "patient_id"] not in set(cases.loc[list(found.case_ids), "patient_id"])
    table = pd.read_parquet(store / "site_a" / "cohort" / "endpoints.parquet")
    values = table[table["endpoint"] == ASKED[0]].set_index("case_id")["value"]
    ((day, estimate),) = found.observed
    assert math.isnan(day)
    assert estimate.value == values[list(found.case_ids)].mean()
    assert (estimate.low, estimate.high) == wilson(int(values[list(found.case_ids)].sum()), 20)


def test_few_known_outcomes_show_nobody(model: RiskModel, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outcome.serving.similar.FEWEST", 1000)
    found = similar_cases(model, store, "site_a", str(features(store).index[3]), *ASKED)
    assert found.case_ids == ()
    assert found.observed[0][1].value is None
    assert "at least 1000" in str(found.observed[0][1].withheld)
    assert FEWEST >= 20


def test_shares_medians_and_incidences_by_hand() -> None:
    share = observed(Target.binary("e", [1.0, 0.0, 0.0, 1.0]), math.nan)
    assert (share.value, share.n, share.n_events) == (0.5, 4, 2)
    empty = np.full(5, np.nan)
    stay = observed(Target("stay", EndpointKind.DURATION, np.array([2.0, 3.0, 5.0, 9.0, 30.0]), empty, empty), math.nan)
    assert (stay.value, stay.low, stay.high) == (5.0, 3.0, 9.0)
    # at risk 4, 3, 2, 1: an event at 10 takes 1/4, a competing one 1/4, an event at 30 half of the half that is left
    times = observed(Target.survival("d", np.array([10.0, 20, 30, 40]), np.array([1.0, 2, 1, 0])), 35.0)
    assert times.value == pytest.approx(0.25 + 0.5 * 0.5)
    assert times.n_events == 2
    assert times.low is not None
    assert times.high is not None
    assert times.low < 0.5 < times.high


def test_follow_up_that_ends_before_the_horizon_is_said_and_no_event_is_no_certainty() -> None:
    short = observed(Target.survival("d", np.array([10.0, 20.0]), np.array([1.0, 0.0])), 365.0)
    assert short.value is None
    assert "20 days" in str(short.withheld)
    none = observed(Target.survival("d", np.full(10, 400.0), np.zeros(10)), 365.0)
    assert (none.value, none.low) == (0.0, 0.0)
    assert (none.high or 0.0) > 0.2


def test_a_model_without_coefficients_weighs_blocks_alike(model: RiskModel, store: Path) -> None:
    fit = chosen(model)
    silent = replace(fit.model.scorer, coefficients=np.zeros_like(fit.model.scorer.coefficients))
    frame = features(store).reindex(columns=[column.name for column in model.columns])
    blind = replace(fit, model=replace(fit.model, scorer=silent))
    assert len(nearest(blind, frame.iloc[[0]], frame.iloc[1:], 7)) == 7
