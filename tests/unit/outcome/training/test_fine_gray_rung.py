"""Fine-Gray as a rung: where it stands, what its risks are, and that it comes back from files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from outcome.config.training import Training
from outcome.evaluation.times.incidence import aalen_johansen
from outcome.features.batches import HarmoniseRules
from outcome.features.columns import FeatureColumn
from outcome.training.calibration import fit_calibrator
from outcome.training.rungs import ELASTIC_NET, Rung, default_ladder
from outcome.training.settings import FAMILIES, USUAL_FAMILIES, TrainingSettings
from outcome.training.unit import TrainedUnit, train_unit
from outcome.types import EndpointKind, FloatArray, InputSet, Target

AGE = FeatureColumn("clinical:age", "clinical", "numeric", "preoperative")
SIZES = tuple(FeatureColumn(f"radiomics:t.{name}", "radiomics", "numeric", "preoperative") for name in "vw")
COLUMNS = (AGE, *SIZES)
NAME = "clinical + radiomics, Fine-Gray"
ASKED = TrainingSettings(outer_folds=3, inner_folds=2, bootstraps=3, families=("elastic_net", "fine_gray"))
N = 150


def offered(kind: EndpointKind, settings: TrainingSettings, *, competing: bool) -> tuple[Rung, ...]:
    return default_ladder(COLUMNS, kind, InputSet.PREOPERATIVE, settings, competing=competing)


def cases(n: int = N) -> tuple[pd.DataFrame, Target]:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=[column.name for column in COLUMNS])
    frame.index = pd.Index([f"c{i:03d}" for i in range(n)], name="case_id")
    days = np.ceil(rng.exponential(300 * np.exp(-frame[AGE.name].to_numpy())))
    return frame, Target.survival("e", days, rng.choice([0, 1, 1, 2], n))


def trained(target: Target, frame: pd.DataFrame, settings: TrainingSettings = ASKED) -> TrainedUnit:
    patients = [f"p{i // 2}" for i in range(len(frame))]
    return train_unit(
        frame, COLUMNS, target, patients, settings, inputs=InputSet.PREOPERATIVE, seed=1, horizons=(100.0, 300.0)
    )


def test_it_stands_above_the_elastic_net_on_the_same_columns() -> None:
    rungs = offered(EndpointKind.TIME_TO_EVENT, ASKED, competing=True)
    assert [rung.name for rung in rungs] == ["clinical + radiomics, elastic net", NAME]
    assert rungs[1].pick(COLUMNS) == rungs[0].pick(COLUMNS)
    assert (rungs[1].algorithm, rungs[1].grid) == ("fine_gray", ELASTIC_NET)
    assert rungs[0].complexity < rungs[1].complexity < 4


@pytest.mark.parametrize("kind", list(EndpointKind))
def test_without_competing_events_or_another_kind_there_is_none(kind: EndpointKind) -> None:
    timed = kind is EndpointKind.TIME_TO_EVENT
    assert any(rung.name == NAME for rung in offered(kind, ASKED, competing=True)) == timed
    assert not any(rung.name == NAME for rung in offered(kind, ASKED, competing=False))


def test_nobody_has_it_who_does_not_ask() -> None:
    """Files and keys of studies that never heard of it stay as they are."""
    usual = ["ridge", "elastic_net", "forest", "boosting", "fusion"]
    assert TrainingSettings().to_json()["families"] == usual == list(Training().model_dump()["families"])
    assert set(FAMILIES) - set(USUAL_FAMILIES) == {"fine_gray", "stacking"}
    assert not any(
        rung.name == NAME for rung in offered(EndpointKind.TIME_TO_EVENT, TrainingSettings(), competing=True)
    )


def test_a_harmonised_one_stands_above_it() -> None:
    settings = TrainingSettings(families=("fine_gray",), harmonise=HarmoniseRules(by="site"))
    names = [rung.name for rung in offered(EndpointKind.TIME_TO_EVENT, settings, competing=True)]
    assert names == [NAME, f"{NAME}, harmonised"]


def test_a_unit_with_it_comes_back_from_its_files() -> None:
    frame, target = cases()
    unit = trained(target, frame)
    fit = unit.rung_named(NAME)
    assert fit is not None
    assert fit.calibrator.baseline is not None
    assert not fit.calibrator.baseline.competing.any()
    other = unit.rung_named("clinical + radiomics, elastic net")
    assert other is not None
    assert other.calibrator.baseline is not None
    assert other.calibrator.baseline.competing.any()
    back = TrainedUnit.from_files(unit.files())
    pd.testing.assert_frame_equal(back.predict(frame, every_rung=True), unit.predict(frame, every_rung=True))


def test_refits_of_the_chosen_rung_are_calibrated_alike() -> None:
    frame, target = cases()
    unit = trained(target, frame, TrainingSettings(outer_folds=2, inner_folds=2, bootstraps=3, families=("fine_gray",)))
    assert unit.ensemble is not None
    baselines = [member.calibrator.baseline for member in unit.ensemble.members]
    assert [baseline is not None and not baseline.competing.any() for baseline in baselines] == [True] * 3
    table = unit.predict(frame)
    assert np.all(table["low"] <= table["risk"])
    assert np.all(table["risk"] <= table["high"])


def test_whether_it_is_offered_is_seen_in_known_outcomes() -> None:
    frame, target = cases()
    event: FloatArray = np.where(target.event == 2, np.nan, target.event)
    unit = trained(Target.survival("e", target.time_days, event), frame)
    assert [row["rung"] for row in unit.ladder["rungs"]] == ["clinical + radiomics, elastic net"]


def test_alone_without_competing_events_there_is_no_model_and_the_reason_is_told() -> None:
    frame, target = cases()
    event = np.where(target.event == 2, 0.0, target.event)
    settings = TrainingSettings(outer_folds=2, inner_folds=2, families=("fine_gray",))
    assert "fine_gray" in (trained(Target.survival("e", target.time_days, event), frame, settings).skipped or "")


def test_calibrated_risks_average_to_the_cumulative_incidence() -> None:
    """And the calibrating slope is that of the subdistribution hazard: the cause-specific one is steeper here."""
    rng = np.random.default_rng(7)
    n = 4000
    x = rng.normal(size=n)
    first, second = rng.exponential(np.exp(-x)), rng.exponential(np.exp(-x))  # the score drives both causes alike
    left = rng.exponential(2.0, n)
    days = np.minimum(np.minimum(first, second), left)
    target = Target.survival("e", days, np.select([days == first, days == second], [1.0, 2.0], 0.0))
    ours = fit_calibrator(target, x, 20, subdistribution=True)
    theirs = fit_calibrator(target, x, 20)
    assert theirs.slope == pytest.approx(1.0, abs=0.06)
    assert 0.2 < ours.slope < 0.6
    observed = float(aalen_johansen(days, target.event).at(1.0))
    assert float(ours.risk(x, (1.0,)).mean()) == pytest.approx(observed, abs=0.005)
