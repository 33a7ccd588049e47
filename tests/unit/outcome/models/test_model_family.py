"""Every registered algorithm, for every kind of endpoint: state, determinism, batches, signal, degenerate data."""

from __future__ import annotations

import json

import numpy as np
import pytest

from outcome.models.linear import Params
from outcome.models.registry import ALGORITHMS, fit_model, model_from_state
from outcome.models.state import State, same_state
from outcome.training.files import npz_bytes, read_npz
from outcome.types import EndpointKind, FloatArray, Target

PARAMS: dict[str, Params] = {
    "logistic": {"penalty": 0.05, "l1_ratio": 0.5},
    "linear": {"penalty": 0.05, "l1_ratio": 0.5},
    "cox": {"penalty": 0.05, "l1_ratio": 0.5},
    "fine_gray": {"penalty": 0.05, "l1_ratio": 0.5},
    "forest": {"trees": 15, "min_leaf": 3, "feature_share": 0.5},
    "boosting": {"rounds": 20, "leaves": 4, "min_leaf": 5},
    "network": {
        "epochs": 1, "batch": 30,
        "ordinal_head": "cumulative", "duration_head": "quantiles", "continuous_head": "gaussian",
    },
}  # fmt: skip
MEMBERS = [(name, kind) for name, algorithm in ALGORITHMS.items() for kind in algorithm.kinds]
HORIZONS = (30.0, 90.0)


def problem(kind: EndpointKind, n: int = 90, seed: int = 0) -> tuple[FloatArray, Target]:
    """A matrix whose first column drives the outcome up."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    drive = 1.5 * X[:, 0]
    if kind is EndpointKind.TIME_TO_EVENT:
        time = rng.exponential(100 * np.exp(-drive))
        event = rng.choice([0, 1, 1, 1, 2], n)
        return X, Target.survival("e", np.ceil(time), event)
    if kind is EndpointKind.BINARY:
        return X, Target.binary("e", (drive + rng.logistic(size=n) > 0).astype(float))
    value = np.maximum(np.round(np.exp(1 + 0.4 * drive + 0.3 * rng.normal(size=n))), 0)
    nothing = np.full(n, np.nan)
    return X, Target("e", kind, value, nothing, nothing.copy())


@pytest.mark.parametrize(("name", "kind"), MEMBERS)
def test_a_state_on_disk_gives_the_same_bits(name: str, kind: EndpointKind) -> None:
    X, target = problem(kind)
    model = fit_model(name, X, target, PARAMS[name], 7)
    state = model.to_state()
    read = State(json.loads(json.dumps(state.numbers)), read_npz(npz_bytes(state.arrays)))
    again = model_from_state(read)
    assert same_state(again.to_state(), state)
    assert again.score(X).tobytes() == model.score(X).tobytes()
    assert again.predict(X, HORIZONS).tobytes() == model.predict(X, HORIZONS).tobytes()


@pytest.mark.parametrize(("name", "kind"), MEMBERS)
def test_the_same_seed_gives_the_same_model_and_inputs_stay(name: str, kind: EndpointKind) -> None:
    X, target = problem(kind)
    before = X.copy()
    one, two = (fit_model(name, X, target, PARAMS[name], 7).to_state() for _ in range(2))
    assert same_state(one, two)
    assert np.array_equal(X, before)


@pytest.mark.parametrize(("name", "kind"), MEMBERS)
def test_a_case_alone_scores_as_in_company(name: str, kind: EndpointKind) -> None:
    X, target = problem(kind)
    model = fit_model(name, X, target, PARAMS[name], 7)
    alone = np.concatenate([model.score(X[[i]]) for i in range(len(X))])
    assert alone.tobytes() == model.score(X).tobytes()
    assert model.score(X[:0]).shape == (0,)


@pytest.mark.parametrize(("name", "kind"), MEMBERS)
def test_higher_scores_mean_more_of_the_outcome(name: str, kind: EndpointKind) -> None:
    X, target = problem(kind)
    new, _ = problem(kind, seed=99)
    model = fit_model(name, X, target, PARAMS[name], 7)
    assert np.corrcoef(model.score(new), new[:, 0])[0, 1] > 0.6
    predicted = model.predict(new, HORIZONS)
    wide = 2 if kind is EndpointKind.TIME_TO_EVENT else 1
    assert predicted.shape == (len(new), wide)
    assert np.all(np.diff(predicted[np.argsort(model.score(new)), 0]) >= 0)
    if kind in (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT):
        assert predicted.min() >= 0
        assert predicted.max() <= 1


@pytest.mark.parametrize(("name", "kind"), MEMBERS)
def test_without_columns_everyone_gets_the_same(name: str, kind: EndpointKind) -> None:
    X, target = problem(kind)
    model = fit_model(name, X[:, :0], target, PARAMS[name], 7)
    assert "no usable column" in model.note
    assert np.ptp(model.predict(X[:, :0], HORIZONS)[:, 0]) == 0


@pytest.mark.parametrize(("name", "kind"), MEMBERS)
def test_constant_columns_are_survived(name: str, kind: EndpointKind) -> None:
    X, target = problem(kind)
    model = fit_model(name, np.ones_like(X), target, PARAMS[name], 7)
    assert np.isfinite(model.score(X)).all()


@pytest.mark.parametrize("name", ["logistic", "forest", "boosting"])
def test_one_class_gives_a_share_short_of_certainty(name: str) -> None:
    X, _ = problem(EndpointKind.BINARY)
    model = fit_model(name, X, Target.binary("e", np.zeros(len(X))), PARAMS[name], 7)
    assert "one outcome" in model.note
    assert model.predict(X)[:, 0] == pytest.approx(0.5 / 91)


@pytest.mark.parametrize("name", ["cox", "forest", "boosting"])
def test_no_event_gives_risk_zero_and_says_so(name: str) -> None:
    X, _ = problem(EndpointKind.TIME_TO_EVENT)
    model = fit_model(name, X, Target.survival("e", np.arange(90.0), np.zeros(90)), PARAMS[name], 7)
    assert "no event" in model.note
    assert np.all(model.predict(X, HORIZONS) == 0)


@pytest.mark.parametrize("ratio", [0.0, 0.5])
def test_perfect_separation_stays_finite(ratio: float) -> None:
    X, _ = problem(EndpointKind.BINARY)
    target = Target.binary("e", (X[:, 0] > 0).astype(float))
    model = fit_model("logistic", X, target, {"penalty": 0.001, "l1_ratio": ratio}, 7)
    risk = model.predict(X)[:, 0]
    assert np.all((risk > 0) & (risk < 1))
    assert risk[target.value == 1].min() > risk[target.value == 0].max()


@pytest.mark.parametrize(("name", "kind"), [("logistic", EndpointKind.DURATION), ("deep", EndpointKind.BINARY)])
def test_an_algorithm_that_does_not_fit_is_refused(name: str, kind: EndpointKind) -> None:
    X, target = problem(kind)
    with pytest.raises(ValueError, match=name):
        fit_model(name, X, target, {}, 7)


@pytest.mark.parametrize("penalty", [0.0, -1.0])
def test_a_penalty_must_be_positive(penalty: float) -> None:
    X, target = problem(EndpointKind.BINARY)
    with pytest.raises(ValueError, match="penalty"):
        fit_model("logistic", X, target, {"penalty": penalty}, 7)


def test_a_state_takes_no_objects() -> None:
    with pytest.raises(ValueError, match="objects"):
        State({}, {"a": np.array([{}], dtype=object)})
