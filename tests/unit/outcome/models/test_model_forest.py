"""Our walk over exported trees gives what scikit-learn's own prediction gives."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from outcome.models import forest as forests
from outcome.models.forest import export, fit_forest
from outcome.types import EndpointKind, Target


def test_classifier_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 6))
    y = (X[:, 0] * X[:, 1] > 0).astype(float)
    forest = RandomForestClassifier(30, min_samples_leaf=2, random_state=1).fit(X, y)
    new = rng.normal(size=(400, 6))
    np.testing.assert_allclose(export(forest.estimators_).mean_value(new), forest.predict_proba(new)[:, 1], atol=1e-12)


def test_regressor_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 6))
    forest = RandomForestRegressor(30, random_state=1).fit(X, X[:, 0] ** 2)
    new = rng.normal(size=(400, 6))
    np.testing.assert_allclose(export(forest.estimators_).mean_value(new), forest.predict(new), atol=1e-12)


def test_values_on_a_threshold_fall_to_the_same_side() -> None:
    # 0/1 columns and their neighbours in double precision sit on or beside the threshold
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(120, 4)).astype(float) / 3
    forest = RandomForestRegressor(20, random_state=1).fit(X, X.sum(axis=1) + X[:, 0] * X[:, 1])
    trees = export(forest.estimators_)
    cuts = trees.threshold[trees.left >= 0][:50]
    new = np.repeat(np.concatenate([cuts, np.nextafter(cuts, 1), np.nextafter(cuts, -1)])[:, None], 4, axis=1)
    np.testing.assert_allclose(trees.mean_value(new), forest.predict(new), atol=1e-12)


@pytest.mark.parametrize("kind", ["binary", "time_to_event", "continuous"])
def test_a_tree_sees_no_more_cases_than_its_limit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    X, event = rng.normal(size=(100, 3)), (np.arange(100) % 2).astype(float)
    targets = {
        "binary": Target.binary("e", event),
        "time_to_event": Target.survival("e", np.arange(1.0, 101), event.astype(int)),
        "continuous": Target("e", EndpointKind.CONTINUOUS, X[:, 0], *np.full((2, 100), np.nan)),
    }
    params = {"trees": 5, "min_leaf": 1, "feature_share": 1.0}
    monkeypatch.setattr(forests, "NUMBERS_A_TREE", 30)
    trees = fit_forest(X, targets[kind], params, 1).trees
    leaves = np.add.reduceat(trees.left < 0, trees.roots)
    assert leaves.max() <= 10
    monkeypatch.setattr(forests, "NUMBERS_A_TREE", 300)
    all_drawn = fit_forest(X, targets[kind], params, 1).trees
    assert np.add.reduceat(all_drawn.left < 0, all_drawn.roots).max() > 10


def test_few_cases_a_tree_still_find_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 4))
    target = Target.binary("e", (X[:, 1] + rng.logistic(size=2000) > 0).astype(float))
    monkeypatch.setattr(forests, "NUMBERS_A_TREE", 800)
    trees = fit_forest(X, target, {"trees": 50, "min_leaf": 5, "feature_share": 1.0}, 1).trees
    share = trees.mean_value(X)
    assert share[X[:, 1] > 1].mean() == pytest.approx(target.value[X[:, 1] > 1].mean(), abs=0.08)
    assert share[X[:, 1] < -1].mean() == pytest.approx(target.value[X[:, 1] < -1].mean(), abs=0.08)


def test_a_tree_that_draws_no_event_says_never(monkeypatch: pytest.MonkeyPatch) -> None:
    event = np.zeros(200)
    event[7] = 1
    target = Target.survival("e", np.arange(1.0, 201), event)
    monkeypatch.setattr(forests, "NUMBERS_A_TREE", 20)
    trees = fit_forest(np.random.default_rng(0).normal(size=(200, 2)), target,
                       {"trees": 8, "min_leaf": 5, "feature_share": 1.0}, 1).trees  # fmt: skip
    assert np.isfinite(trees.value).all()
    assert (trees.value == 0).any()
