"""Laws of steps: names do not matter, their order does; neighbours that merge lose the step between them alone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from outcome.features.columns import FeatureColumn
from outcome.features.imputed import imputed
from outcome.features.preprocess import Preprocessor, Rules, fit_preprocessor
from outcome.training.data import TrainingData
from outcome.training.ensemble import Ensemble, refit_ensemble
from outcome.training.procedure import fit_procedure
from outcome.training.rungs import Rung
from outcome.training.settings import TrainingSettings
from outcome.types import Target

CHOICES = ("I", "II", "III", "IV", "V")
STAGE = FeatureColumn("a:stage", "a", "categorical", "preoperative", CHOICES, ordered=True)
KEEP = Rules(rare_below=1, redundant_above=2.0)
SEEDS = given(st.integers(0, 10_000))


def stages(seed: int, n: int = 60, missing: float = 0.15) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.choice(np.array(CHOICES, dtype=object), n, p=rng.dirichlet(np.full(len(CHOICES), 2.0)))
    return pd.DataFrame({"a:stage": np.where(rng.random(n) < missing, None, x)})


def renamed(frame: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({"a:stage": [names.get(value, value) for value in frame["a:stage"]]}, dtype=object)


@settings(max_examples=30, deadline=None)
@SEEDS
def test_other_names_in_the_same_order_change_nothing(seed: int) -> None:
    names = dict(zip(CHOICES, ("z", "m", "a", "0", "k"), strict=True))  # no order in the names themselves
    column = replace(STAGE, choices=tuple(names.values()), choice_labels=())
    frame = stages(seed)
    one, two = fit_preprocessor(frame, [STAGE], Rules()), fit_preprocessor(renamed(frame, names), [column], Rules())
    assert one.transform(frame).tobytes() == two.transform(renamed(frame, names)).tobytes()
    assert len(one.dropped) == len(two.dropped)


@settings(max_examples=30, deadline=None)
@SEEDS
def test_a_choice_that_nobody_has_changes_nothing(seed: int) -> None:
    column = replace(STAGE, choices=("0", "I", "II", "II b", "III", "IV", "V", "VI"), choice_labels=())
    frame = stages(seed)
    rules = Rules(redundant_above=0.999)
    one, two = (fit_preprocessor(frame, [which], rules).transform(frame) for which in (STAGE, column))
    assert one.tobytes() == two.tobytes()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, len(CHOICES) - 1))
def test_neighbours_that_merge_lose_the_step_between_them_and_no_other(seed: int, place: int) -> None:
    frame, upper = stages(seed), CHOICES[place]
    column = replace(STAGE, choices=tuple(c for c in CHOICES if c != upper), choice_labels=())
    merged = renamed(frame, {upper: CHOICES[place - 1]})
    one, two = fit_preprocessor(frame, [STAGE], KEEP), fit_preprocessor(merged, [column], KEEP)
    others = [j for j, name in enumerate(one.output_names) if name != f"a:stage>={upper}"]
    assert [one.output_names[j] for j in others] == list(two.output_names)
    assert np.array_equal(one.transform(frame)[:, others], two.transform(merged))


@settings(max_examples=30, deadline=None)
@SEEDS
def test_steps_never_rise_and_their_sum_is_the_rank(seed: int) -> None:
    frame = pd.concat([stages(seed, missing=0.0), pd.DataFrame({"a:stage": CHOICES})], ignore_index=True)
    X = fit_preprocessor(frame, [STAGE], KEEP).transform(frame)
    assert np.all(np.diff(X, axis=1) <= 0)
    assert X.sum(axis=1).tolist() == [float(CHOICES.index(value)) for value in frame["a:stage"]]


@settings(max_examples=30, deadline=None)
@SEEDS
def test_upside_down_every_step_is_the_complement_of_one(seed: int) -> None:
    frame = pd.concat([stages(seed, missing=0.0), pd.DataFrame({"a:stage": CHOICES})], ignore_index=True)
    down = replace(STAGE, choices=CHOICES[::-1], choice_labels=())
    up, other = (fit_preprocessor(frame, [which], KEEP).transform(frame) for which in (STAGE, down))
    assert np.array_equal(up, 1 - other[:, ::-1])


@settings(max_examples=30, deadline=None)
@SEEDS
def test_a_case_is_coded_by_itself_and_json_keeps_every_bit(seed: int) -> None:
    frame = stages(seed)
    fitted = fit_preprocessor(frame, [STAGE], Rules())
    again = Preprocessor.from_json(json.loads(json.dumps(fitted.to_json())))
    assert again == fitted
    whole = fitted.transform(frame)
    assert again.transform(frame).tobytes() == whole.tobytes()
    assert np.array_equal(fitted.transform(frame.iloc[[3]]), whole[[3]])
    assert np.array_equal(fitted.transform(frame.iloc[::-1]), whole[::-1])


NUMBERS = tuple(FeatureColumn(f"a:x{i}", "a", "numeric", "preoperative") for i in range(2))


def table(n: int = 90) -> pd.DataFrame:
    """Numbers with gaps beside a stage with gaps."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 2))
    X[rng.random(X.shape) < 0.2] = np.nan
    return stages(3, n).assign(**{column.name: X[:, i] for i, column in enumerate(NUMBERS)})


def test_several_imputations_leave_steps_as_they_are() -> None:
    frame = table()
    single = fit_preprocessor(frame, [STAGE, *NUMBERS], Rules())
    several, drawn = imputed(single, frame, 3, 1)
    steps = [j for j, output in enumerate(single.outputs) if output.source == "a:stage"]
    assert len(steps) == 5  # four steps, and missing
    assert all(np.array_equal(X[:, steps], single.transform(frame)[:, steps]) for X in drawn)
    assert np.array_equal(several.transform(frame)[:, steps], single.transform(frame)[:, steps])


def test_refits_with_steps_survive_their_state() -> None:
    frame = table().set_axis([f"c{i}" for i in range(90)])
    outcome = (frame["a:stage"].isin(["III", "IV"]) ^ (np.random.default_rng(1).random(90) < 0.2)).to_numpy(dtype=float)
    data = TrainingData(frame, (STAGE, *NUMBERS), Target.binary("e", outcome), np.array(frame.index, dtype=str))
    quick = TrainingSettings(bootstraps=3)
    procedure = fit_procedure(data, [Rung("x", "logistic", ({"penalty": 0.01},), 0, ("a",))], quick, 1)
    ensemble = refit_ensemble(procedure, data, quick, 2)
    state = ensemble.to_state()
    again = Ensemble.from_state(replace(state, numbers=json.loads(json.dumps(state.numbers))))
    assert [m.preprocessor for m in again.members] == [m.preprocessor for m in ensemble.members]
    assert again.risks(frame).tobytes() == ensemble.risks(frame).tobytes()
    assert {len(shape) for shape in state.numbers["outputs"]} == {6, 7}, "an order stands at steps alone"


def test_a_stage_not_seen_in_training_ranks_between_its_neighbours() -> None:
    cases = ["I"] * 20 + ["II"] * 20 + ["IV"] * 20
    outcome = np.concatenate([np.arange(20) % 10 < bad for bad in (1, 4, 8)]).astype(float)
    frame = pd.DataFrame({"a:stage": cases}, index=[f"c{i}" for i in range(60)])
    data = TrainingData(frame, (STAGE,), Target.binary("e", outcome), np.array(frame.index, dtype=str))
    rung = Rung("x", "logistic", ({"penalty": 0.1},), 0, ("a",))
    fit = fit_procedure(data, [rung], TrainingSettings(), 1).chosen
    score = fit.model.score(fit.preprocessor.transform(pd.DataFrame({"a:stage": ["I", "II", "III", "IV", "V"]})))
    assert score[0] < score[1] < score[2] <= score[3] <= score[4]
