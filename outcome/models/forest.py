"""A random forest, grown by scikit-learn, kept as plain arrays and walked by our own code.

binary: score = log odds of the mean leaf share, kept inside [0.001, 0.999]. time_to_event: trees of relative risk,
a Poisson regression of the event on each case's expected number of events (LeBlanc & Crowley 1992,
doi:10.2307/2532300); score = log relative hazard. Others: the mean leaf value on the modelling scale.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from outcome.features.exposure import expected_events
from outcome.models.inputs import Inputs
from outcome.models.linear import Params
from outcome.models.scale import modelled
from outcome.models.state import State
from outcome.types import EndpointKind, FloatArray, Target

SMALLEST_SHARE = 1e-3
NUMBERS_A_TREE = 2_000_000  # drawn cases times columns: exact splits of more take minutes a tree
Integers = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Trees:
    """All nodes of all trees, one after another. `left` < 0 marks a leaf. Shapes (nodes,), `roots` (trees,)."""

    roots: Integers
    left: Integers
    right: Integers
    feature: Integers
    threshold: FloatArray
    value: FloatArray

    def __post_init__(self) -> None:
        """Raises ValueError for nodes that are no trees: a child that is no later node could lead in a circle."""
        parts = (self.left, self.right, self.feature, self.threshold, self.value)
        count, whole = len(self.value), (self.roots, self.left, self.right, self.feature)
        if {part.shape for part in parts} != {(count,)} or any(part.dtype.kind != "i" for part in whole):
            raise ValueError(f"a forest's nodes differ in number: {[part.shape for part in parts]}")
        roots, inner = self.roots, self.left >= 0
        if roots.ndim != 1 or not len(roots) or not np.all((roots >= 0) & (roots < count)):
            raise ValueError(f"a forest of {count} nodes with {len(roots)} roots, some of them no node")
        for child in (self.left[inner], self.right[inner]):
            if np.any(child <= np.flatnonzero(inner)) or np.any(child >= count):
                raise ValueError("a node of a forest whose child is no later node")
        if np.any(self.feature[inner] < 0) or not (np.isfinite(self.value).all() and np.isfinite(self.threshold).all()):
            raise ValueError("a node of a forest that reads no column, or numbers that are not finite")

    @property
    def columns(self) -> int:
        """How many columns the trees need to have: that after the last which any node reads."""
        return int(self.feature[self.left >= 0].max(initial=-1)) + 1

    def mean_value(self, X: FloatArray) -> FloatArray:
        """The mean over trees of the leaf that each row falls into, shape (n,)."""
        # the trees were grown on single precision, and a value next to a threshold must fall as it did then
        x = X.astype(np.float32)
        node = np.broadcast_to(self.roots, (len(x), len(self.roots))).copy()
        rows = np.arange(len(x))[:, None]
        inside = self.left[node] >= 0
        while inside.any():
            goes_left = x[rows, np.maximum(self.feature[node], 0)] <= self.threshold[node]
            node = np.where(inside, np.where(goes_left, self.left[node], self.right[node]), node)
            inside = self.left[node] >= 0
        return self.value[node].sum(axis=1) / len(self.roots)


@dataclass(frozen=True, eq=False)
class ForestScorer:
    """A forest and the link from its mean leaf value to a score."""

    trees: Trees
    link: str

    def __post_init__(self) -> None:
        if self.link not in _LINKS:
            raise ValueError(f"link must be one of {sorted(_LINKS)}, found {self.link!r}")

    def score(self, X: Inputs) -> FloatArray:
        return _LINKS[self.link](self.trees.mean_value(X.matrix))

    def to_state(self) -> State:
        arrays = {part.name: getattr(self.trees, part.name) for part in fields(Trees)}
        return State({"type": "forest", "link": self.link}, arrays)

    @classmethod
    def from_state(cls, state: State) -> ForestScorer:
        return cls(Trees(**{part.name: state.arrays[part.name] for part in fields(Trees)}), state.numbers["link"])


def fit_forest(X: FloatArray, target: Target, params: Params, seed: int) -> ForestScorer:
    """A forest for any kind of endpoint; params: trees, min_leaf, feature_share.

    Each tree draws as many cases as there are, with replacement, but no more than make two million numbers: 10,000
    cases of 200 columns (Breiman 2001, doi:10.1023/A:1010933404324, knows no such limit).
    """
    if target.kind is EndpointKind.BINARY:
        return ForestScorer(_grow(X, target.value, None, "gini", params, seed), "logit")
    if target.kind is EndpointKind.TIME_TO_EVENT:
        exposure = expected_events(target)
        seen = exposure > 0  # who left before the first event tells nothing
        rate = (target.event[seen] == 1) / exposure[seen]
        return ForestScorer(_grow(X[seen], rate, exposure[seen], "poisson", params, seed), "log")
    return ForestScorer(_grow(X, modelled(target), None, "squared_error", params, seed), "identity")


def _grow(X: FloatArray, y: FloatArray, weight: FloatArray | None, criterion: str, params: Params, seed: int) -> Trees:
    drawn, count = max(1, NUMBERS_A_TREE // X.shape[1]), int(params["trees"])
    shape = {"min_samples_leaf": int(params["min_leaf"]), "max_features": float(params["feature_share"])}
    if drawn < len(X):
        return export(_drawn_trees(X, y, weight, criterion, shape, np.random.default_rng(seed).spawn(count), drawn))
    forest = RandomForestClassifier if criterion == "gini" else RandomForestRegressor
    grown = forest(count, criterion=criterion, **shape, random_state=seed, n_jobs=1)
    return export(grown.fit(X, y, sample_weight=weight).estimators_)


def _drawn_trees(
    X: FloatArray, y: FloatArray, weight: FloatArray | None, criterion: str, shape: Mapping[str, Any],
    draws: Sequence[np.random.Generator], count: int,
) -> Iterator[DecisionTreeRegressor]:  # fmt: skip
    """One tree for each generator, of so many cases.

    Each gets a copy of its own cases, column by column: in the whole of a large matrix every value of a column lies on
    another page of memory. Of 0 and 1 the squared error splits where Gini's impurity does.
    """
    for rng in draws:
        rows = rng.integers(0, len(X), count)
        own = np.asfortranarray(X[rows], dtype=np.float32)
        by = "poisson" if criterion == "poisson" and y[rows].any() else "squared_error"
        tree = DecisionTreeRegressor(criterion=by, **shape, random_state=int(rng.integers(2**31)))
        yield tree.fit(own, y[rows], sample_weight=None if weight is None else weight[rows])


def export(estimators: Iterable[Any]) -> Trees:
    """The nodes of scikit-learn's fitted trees; of a classifier's the leaf value is the share of the second class."""
    trees = [estimator.tree_ for estimator in estimators]
    starts = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
    lefts = [np.where(t.children_left < 0, -1, t.children_left + s) for t, s in zip(trees, starts, strict=True)]
    rights = [np.where(t.children_right < 0, -1, t.children_right + s) for t, s in zip(trees, starts, strict=True)]
    return Trees(
        roots=starts.astype(np.int32),
        left=np.concatenate(lefts).astype(np.int32),
        right=np.concatenate(rights).astype(np.int32),
        feature=np.concatenate([t.feature for t in trees]).astype(np.int32),
        threshold=np.concatenate([t.threshold for t in trees]).astype(float),
        value=np.concatenate([t.value[:, 0, -1] for t in trees]).astype(float),
    )


_LINKS = {
    "logit": lambda share: logit(np.clip(share, SMALLEST_SHARE, 1 - SMALLEST_SHARE)),
    "log": lambda rate: np.log(np.maximum(rate, SMALLEST_SHARE)),
    "identity": lambda value: value,
}
