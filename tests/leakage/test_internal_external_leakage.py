"""The model behind a held-out site knows nothing of that site; and the same check catches one that does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from outcome.features.batches import HarmoniseRules
from outcome.features.columns import BATCH_COLUMN, FeatureColumn
from outcome.models.state import State, same_state
from outcome.training.internal_external import SiteHeldOut, hold_out
from outcome.training.settings import TrainingSettings
from outcome.training.unit_cases import UnitCases
from outcome.types import InputSet, Target

RULES = HarmoniseRules("site", ("radiomics",))
SETTINGS = TrainingSettings(
    outer_folds=2, inner_folds=2, families=("ridge", "elastic_net"), imputations=2, harmonise=RULES
)
COLUMNS = (
    *(FeatureColumn(f"clinical:x{i}", "clinical", "numeric", "preoperative") for i in range(3)),
    *(FeatureColumn(f"radiomics:a.r{i}", "radiomics", "numeric", "preoperative") for i in range(3)),
    FeatureColumn(BATCH_COLUMN, "case", "batch", "preoperative"),
)
SITES = np.repeat(["a", "b", "c"], 50)
Rows = tuple[pd.DataFrame, Target, np.ndarray]
Holder = Callable[[Rows], SiteHeldOut]


def rows() -> Rows:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(150, 6))
    y = (X[:, 0] + rng.logistic(size=150) > 0).astype(float)
    X[rng.random(X.shape) < 0.1] = np.nan
    frame = pd.DataFrame(X, columns=[c.name for c in COLUMNS[:-1]], index=[f"k{i:03d}" for i in range(150)])
    patients = np.array([f"p{i}" for i in range(150)])
    patients[0] = patients[149]  # treated at a, then at c
    return frame.assign(**{BATCH_COLUMN: SITES}), Target.binary("e", y), patients


def with_another_site_c(told: Rows) -> Rows:
    """The same cases, but those of site c, and that of their patient at site a, are quite others."""
    frame, target, patients = told
    frame, value, rng = frame.copy(), target.value.copy(), np.random.default_rng(9)
    held = np.isin(patients, patients[SITES == "c"])
    names = [column.name for column in COLUMNS[:-1]]
    frame.loc[frame.index[held], names] = rng.normal(5, 30, size=(int(held.sum()), len(names)))
    value[held] = rng.integers(0, 2, int(held.sum()))
    return frame, Target.binary("e", value), patients


def unit_of(frame: pd.DataFrame, target: Target, patients: np.ndarray) -> UnitCases:
    return UnitCases(frame, COLUMNS, target, tuple(patients), InputSet.PREOPERATIVE)


def honest(told: Rows) -> SiteHeldOut:
    frame, target, patients = told
    return hold_out("c", SITES, unit_of(frame, target, patients), SETTINGS, 1)


def by_case_alone(told: Rows) -> SiteHeldOut:
    """The classic mistake: the site's cases are left out, but not what its patients went through elsewhere."""
    frame, target, _ = told
    cases = frame.index.to_numpy(dtype=str)
    return hold_out("c", SITES, unit_of(frame, target, cases), SETTINGS, 1)


def states(found: SiteHeldOut) -> dict[str, State]:
    assert found.procedure is not None
    return found.procedure.to_states()


def assert_blind(holder: Holder) -> None:
    before, after = states(holder(rows())), states(holder(with_another_site_c(rows())))
    same = before.keys() == after.keys() and all(same_state(before[name], after[name]) for name in before)
    assert same, "the model without c knew c"


def test_the_held_out_site_changes_nothing_of_its_model() -> None:
    assert_blind(honest)
    fits = honest(rows()).procedure
    assert fits is not None
    harmonisers = [fit.preprocessor.harmoniser for fit in fits.rungs if fit.preprocessor.harmoniser]
    assert harmonisers
    assert all(set(harmoniser.sites) == {"a", "b"} for harmoniser in harmonisers)
    assert any(fit.preprocessor.imputer is not None for fit in fits.rungs)


def test_the_check_catches_a_patient_who_stays_in_training() -> None:
    with pytest.raises(AssertionError, match="knew c"):
        assert_blind(by_case_alone)


def test_predictions_are_those_of_the_procedure_fitted_to_the_other_sites() -> None:
    frame, target, patients = rows()
    found = honest((frame, target, patients))
    assert found.n_training == 99  # 100 at a and b, less the patient whom c treated too
    assert found.predictions["case_id"].tolist() == frame.index[SITES == "c"].tolist()
    assert found.procedure is not None
    risk = found.procedure.predict(frame.iloc[100:]).risk[:, 0]
    np.testing.assert_array_equal(found.predictions["risk"], risk)


def test_too_few_events_elsewhere_are_told_and_nothing_is_predicted() -> None:
    frame, target, patients = rows()
    value = np.where(SITES == "c", target.value, 0.0)
    value[:4] = 1
    found = honest((frame, replace(target, value=value), patients))
    assert found.procedure is None
    assert len(found.predictions) == 0
    assert found.skipped is not None
    assert found.skipped.startswith("the other sites: 3 events")
