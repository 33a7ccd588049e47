"""Our walk over exported trees gives what scikit-learn's own prediction gives."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from outcome.models.forest import export


def test_classifier_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 6))
    y = (X[:, 0] * X[:, 1] > 0).astype(float)
    forest = RandomForestClassifier(30, min_samples_leaf=2, random_state=1).fit(X, y)
    new = rng.normal(size=(400, 6))
    np.testing.assert_allclose(export(forest).mean_value(new), forest.predict_proba(new)[:, 1], atol=1e-12)


def test_regressor_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 6))
    forest = RandomForestRegressor(30, random_state=1).fit(X, X[:, 0] ** 2)
    new = rng.normal(size=(400, 6))
    np.testing.assert_allclose(export(forest).mean_value(new), forest.predict(new), atol=1e-12)


def test_values_on_a_threshold_fall_to_the_same_side() -> None:
    # 0/1 columns and their neighbours in double precision sit on or beside the threshold
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(120, 4)).astype(float) / 3
    forest = RandomForestRegressor(20, random_state=1).fit(X, X.sum(axis=1) + X[:, 0] * X[:, 1])
    trees = export(forest)
    cuts = trees.threshold[trees.left >= 0][:50]
    new = np.repeat(np.concatenate([cuts, np.nextafter(cuts, 1), np.nextafter(cuts, -1)])[:, None], 4, axis=1)
    np.testing.assert_allclose(trees.mean_value(new), forest.predict(new), atol=1e-12)
