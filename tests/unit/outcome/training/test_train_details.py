"""What the chosen rung says beyond a risk agrees with that risk, for every kind of endpoint that has rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from outcome.training.details import days_grid, rung_details
from outcome.training.nested import cross_fit
from outcome.training.procedure import RungFit, fit_procedure
from outcome.training.rungs import FUSION, NETWORK, Rung
from outcome.training.unit import TrainedUnit, train_unit
from outcome.training.unit_tables import UNIT_DETAILS
from outcome.types import EndpointKind, InputSet
from tests.image_cases import NETWORK_RUNG, SETTINGS, TINY, image_cases

HORIZONS = (100.0, 300.0)
COX = Rung("all", "cox", ({"penalty": 0.1},), 1, ("clinical", "radiomics"))
FINE_GRAY = replace(COX, name="weighted", algorithm="fine_gray")
TABLES_ONLY = replace(SETTINGS, families=("ridge",))


def table_of(details: pd.DataFrame, what: str) -> pd.DataFrame:
    """Rows cases, columns `at`."""
    rows = details[details["what"] == what]
    return rows.pivot(index="case_id", columns="at", values="value")


def fitted(kind: EndpointKind, rung: Rung) -> RungFit:
    return fit_procedure(image_cases(kind), [rung], SETTINGS, 3).chosen


def network(kind: EndpointKind, **head: str) -> Rung:
    return Rung(FUSION, NETWORK, (replace(TINY, **head).params(),), 6, NETWORK_RUNG.blocks)


@pytest.fixture(scope="module")
def unit() -> TrainedUnit:
    data = image_cases(EndpointKind.TIME_TO_EVENT)
    return train_unit(
        data.frame, data.columns[:3], data.target, data.patients.tolist(), TABLES_ONLY,
        inputs=InputSet.PREOPERATIVE, seed=1, horizons=HORIZONS,
    )  # fmt: skip


def test_the_grid_holds_the_horizons_and_whole_days_before_the_last() -> None:
    assert days_grid((365.0, 90.5)) == (18, 36, 55, 73, 90.5, 91, 110, 128, 146, 164, 182, 201, 219, 237, 256, 274, 292,
                                        310, 328, 347, 365)  # fmt: skip
    assert days_grid((2.5,)) == (1, 2, 2.5)
    assert days_grid(()) == ()


@pytest.mark.parametrize("out_of_fold", [False, True])
def test_incidences_are_the_risks_at_the_horizons(unit: TrainedUnit, out_of_fold: bool) -> None:
    data = image_cases(EndpointKind.TIME_TO_EVENT, seed=0 if out_of_fold else 5)
    details = unit.out_of_fold_details if out_of_fold else unit.details(data.frame)
    risks = unit.out_of_fold if out_of_fold else unit.predict(data.frame)
    assert tuple(details.columns) == UNIT_DETAILS
    assert set(details["endpoint"]) == {"e"}
    chosen = risks[risks["rung"] == "chosen"].pivot(index="case_id", columns="horizon_days", values="risk")
    event, competing = table_of(details, "incidence"), table_of(details, "competing_incidence")
    assert len(event) == len(data)
    np.testing.assert_allclose(event[list(HORIZONS)], chosen.loc[event.index], rtol=0, atol=1e-9)
    assert np.all(np.diff(event, axis=1) >= 0)
    assert np.all(np.diff(competing, axis=1) >= 0)
    assert competing.to_numpy().max() > 0
    assert np.all(event + competing <= 1 + 1e-12)


def test_details_stay_out_of_the_unit_s_files_and_come_back_from_them(unit: TrainedUnit) -> None:
    again = TrainedUnit.from_files(unit.files())
    assert not [name for name in unit.files() if "details" in name]
    assert again.out_of_fold_details.empty
    frame = image_cases(EndpointKind.TIME_TO_EVENT, seed=5).frame
    pd.testing.assert_frame_equal(again.details(frame), unit.details(frame), check_exact=True)


def test_a_subdistribution_hazard_says_nothing_of_the_competing_event() -> None:
    data = image_cases(EndpointKind.TIME_TO_EVENT)
    fit = fitted(EndpointKind.TIME_TO_EVENT, FINE_GRAY)
    details = rung_details(fit, fit.predict(data.frame, HORIZONS), data.frame, HORIZONS)
    assert set(details["what"]) == {"incidence"}


def test_the_mean_grade_of_the_chances_is_the_score_before_calibration() -> None:
    data, fit = (
        image_cases(EndpointKind.ORDINAL),
        fitted(EndpointKind.ORDINAL, network(EndpointKind.ORDINAL, ordinal_head="cumulative")),
    )
    made = fit.predict(data.frame, (), data.crops)
    chances = table_of(rung_details(fit, made, data.frame, (), data.crops), "grade_at_least").loc[data.frame.index]
    grades = chances.columns.to_numpy(dtype=float)
    assert grades.tolist() == [0, 1, 2, 4]
    assert np.all(chances[0.0] == 1)
    assert np.all(np.diff(chances, axis=1) < 0)
    mean = grades[0] + chances.to_numpy()[:, 1:] @ np.diff(grades)
    line = fit.calibrator
    np.testing.assert_allclose(line.intercept + line.slope * (mean - line.centre), made.risk[:, 0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("head", ["quantiles", "gaussian"])
@pytest.mark.parametrize("kind", [EndpointKind.DURATION, EndpointKind.CONTINUOUS])
def test_quantiles_rise_around_the_risk(kind: EndpointKind, head: str) -> None:
    data, fit = image_cases(kind), fitted(kind, network(kind, **{f"{kind}_head": head}))
    made = fit.predict(data.frame, (), data.crops)
    found = table_of(rung_details(fit, made, data.frame, (), data.crops), "quantile").loc[data.frame.index]
    assert found.columns.tolist() == [0.1, 0.25, 0.5, 0.75, 0.9]
    np.testing.assert_allclose(found[0.5], made.risk[:, 0], rtol=1e-12, atol=1e-9)
    assert np.all(np.diff(found, axis=1) >= 0)
    assert np.all(found[0.9] > found[0.1])
    inside = (data.target.value >= found[0.1]) & (data.target.value <= found[0.9])
    assert 0.4 < inside.mean() < 1  # in the endpoint's own unit, not on a logarithm


@pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.DURATION])
def test_a_table_model_of_yes_no_or_an_amount_says_nothing_more(kind: EndpointKind) -> None:
    data = image_cases(kind)
    algorithm = "logistic" if kind is EndpointKind.BINARY else "linear"
    fit = fitted(kind, replace(COX, algorithm=algorithm))
    details = rung_details(fit, fit.predict(data.frame), data.frame)
    assert details.empty
    assert list(details.columns) == ["case_id", "what", "at", "value"]


def test_out_of_fold_details_stand_in_one_order_whatever_the_folds() -> None:
    data = image_cases(EndpointKind.TIME_TO_EVENT).sorted()
    folds = np.arange(len(data)) // 2 % 2
    found = cross_fit(data, [COX], SETTINGS, 1, folds=folds, horizons_days=HORIZONS).details
    assert found.equals(found.sort_values(["what", "case_id", "at"], ignore_index=True))
    assert not found.duplicated(["what", "case_id", "at"]).any()
