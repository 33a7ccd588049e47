"""Further partitions: what is fitted without a fold knows nothing of it; and the same check catches one that does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from outcome.features.columns import FeatureColumn
from outcome.models.state import same_state
from outcome.training import outer_repeats
from outcome.training.folds import patient_folds
from outcome.training.outer_repeats import OuterRepeat, repeat_outer_folds
from outcome.training.settings import TrainingSettings
from outcome.training.unit import train_cases
from outcome.training.unit_cases import UnitCases
from outcome.types import InputSet, Target

SETTINGS = TrainingSettings(outer_folds=3, inner_folds=2, bootstraps=2, families=("ridge", "elastic_net"))
COLUMNS = tuple(FeatureColumn(f"clinical:x{i}", "clinical", "numeric", "preoperative") for i in range(6))
N = 90
Repeater = Callable[[UnitCases], OuterRepeat]


def unit(seed: int = 0) -> UnitCases:
    """Two cases a patient; a tenth of the values is missing, a few outcomes are unknown."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, len(COLUMNS)))
    y = (X[:, 0] + rng.logistic(size=N) > 0).astype(float)
    X[rng.random(X.shape) < 0.1] = np.nan
    y[::17] = np.nan
    frame = pd.DataFrame(X, columns=[c.name for c in COLUMNS], index=[f"c{i:03d}" for i in range(N)])
    patients = tuple(f"p{i // 2}" for i in range(N))
    return UnitCases(frame, COLUMNS, Target.binary("e", y), patients, InputSet.PREOPERATIVE)


def with_other_rows(cases: UnitCases, rows: np.ndarray) -> UnitCases:
    """The same cases, but those rows have other features and other outcomes."""
    frame, value, rng = cases.frame.copy(), cases.target.value.copy(), np.random.default_rng(7)
    frame.iloc[np.flatnonzero(rows)] = rng.normal(5, 30, size=(int(rows.sum()), len(COLUMNS)))
    value[rows] = 1 - value[rows]
    return replace(cases, frame=frame, target=Target.binary("e", value))


def second(cases: UnitCases) -> OuterRepeat:
    return repeat_outer_folds(2, cases, SETTINGS, 1)


def folds_of(found: OuterRepeat, cases: UnitCases) -> np.ndarray:
    return found.predictions.set_index("case_id")["fold"].reindex(cases.frame.index).to_numpy()


def assert_blind(repeater: Repeater, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changing a held-out fold changes nothing that was fitted without it. The folds are stratified by outcome, so they
    are fixed here as they were first drawn."""
    cases = unit()
    before = repeater(cases)
    folds = folds_of(before, cases)
    monkeypatch.setattr(outer_repeats, "patient_folds", lambda *_: folds - 1)
    for fold in range(3):
        after = repeater(with_other_rows(cases, folds == fold + 1))
        first, then = (found.procedures[fold].to_states() for found in (before, after))
        same = first.keys() == then.keys() and all(same_state(first[name], then[name]) for name in first)
        assert same, f"what was fitted without fold {fold} knew it"


def test_held_out_cases_change_nothing_of_what_is_fitted_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_blind(second, monkeypatch)


def test_the_check_catches_values_filled_before_the_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classic mistake: missing values replaced by the mean of all cases, then cross-fitted."""

    def leaky(cases: UnitCases) -> OuterRepeat:
        return second(replace(cases, frame=cases.frame.fillna(cases.frame.mean())))

    with pytest.raises(AssertionError, match="knew it"):
        assert_blind(leaky, monkeypatch)


def test_a_repeat_is_another_partition_of_the_same_patients() -> None:
    cases = unit()
    first = train_cases(cases, SETTINGS, 1).outer_folds.set_index("case_id")["fold"].to_numpy()
    drawn = {repeat: folds_of(repeat_outer_folds(repeat, cases, SETTINGS, 1), cases) for repeat in (2, 3)}
    names = np.array(cases.patients)
    for folds in (first, *drawn.values()):
        assert set(folds) == {1, 2, 3}
        assert all(len(set(folds[names == name])) == 1 for name in names)
        events = [int(np.nansum(cases.target.value[folds == fold])) for fold in (1, 2, 3)]
        assert max(events) - min(events) <= 4  # two cases a patient
    together = [folds[:, None] == folds[None, :] for folds in (first, *drawn.values())]
    assert all(not np.array_equal(together[i], together[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def test_predictions_are_those_of_the_procedure_without_the_fold() -> None:
    cases = unit()
    found = second(cases)
    folds = folds_of(found, cases)
    risk = found.predictions.set_index("case_id")["risk"].reindex(cases.frame.index).to_numpy()
    for fold, procedure in enumerate(found.procedures, start=1):
        made = procedure.predict(cases.frame[folds == fold]).risk[:, 0]
        np.testing.assert_array_equal(risk[folds == fold], made)
    assert sum(found.chosen_in_outer_folds.values()) == 3
    assert set(found.predictions["rung"]) == {"chosen"}
    assert set(found.predictions["repeat"]) == {2}


def test_the_order_of_the_rows_is_irrelevant() -> None:
    cases = unit()
    turned = replace(
        cases, frame=cases.frame.iloc[::-1], target=cases.target.take(np.arange(N)[::-1]), patients=cases.patients[::-1]
    )
    pd.testing.assert_frame_equal(second(cases).predictions, second(turned).predictions)


def test_the_folds_told_are_those_of_the_unit() -> None:
    """Unit and repeats tell of each case the fold whose procedure did not learn from it."""
    cases, given = unit(), patient_folds(np.array(unit().patients), unit().target, 3, 99)
    table = train_cases(cases, SETTINGS, 1, given).outer_folds
    assert table["fold"].tolist() == (given + 1).tolist()
    assert set(table["repeat"]) == {1}


def test_the_first_partition_is_no_repeat_and_too_few_events_are_told() -> None:
    with pytest.raises(ValueError, match="count from 2"):
        repeat_outer_folds(1, unit(), SETTINGS, 1)
    cases = unit()
    few = replace(cases, target=Target.binary("e", (np.arange(N) < 4).astype(float)))
    found = second(few)
    assert found.predictions.empty
    assert "4 events" in str(found.skipped)
