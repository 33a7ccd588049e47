"""A random forest a voxel. Grown by scikit-learn, kept as plain arrays and walked by compiled code.

Reference: Breiman L. Mach Learn 2001;45:5-32. doi:10.1023/A:1010933404324
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier

from segmentation.classical.features import Sample, draw_sample, every_feature, in_place
from segmentation.classical.rule import Numbers, Rule
from segmentation.classical.scene import Classes, Example, Floats, Scene
from segmentation.classical.settings import ClassicalSettings, option

_NAME = "random_forest"
_SMALLEST_LEAF = 5


def _learn(examples: Iterable[Example], settings: ClassicalSettings) -> Numbers:
    sample = draw_sample(examples, _NAME, settings)
    trees, depth = int(option(_NAME, settings, "trees")), int(option(_NAME, settings, "depth"))
    model = RandomForestClassifier(
        trees, max_depth=depth, min_samples_leaf=_SMALLEST_LEAF, random_state=settings.seed, n_jobs=1
    )
    return {**arrays_of_forest(_fitted(model, sample)), "features": np.array(sample.features.shape[1])}


def _fitted(model: RandomForestClassifier, sample: Sample) -> RandomForestClassifier:
    return model.fit(sample.features, sample.classes, sample_weight=sample.weights)


def arrays_of_forest(model: RandomForestClassifier) -> Numbers:
    """The trees one after another: at each node the feature asked (-1: a leaf), the threshold, the nodes to go to (at
    most the threshold: left), and the share of each class there; `roots` is where trees start, `classes` their
    names."""
    trees = [one.tree_ for one in model.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
    moved = [
        {
            "feature": np.where(tree.children_left < 0, -1, tree.feature).astype(np.int32),
            "threshold": tree.threshold.astype(np.float64),
            "left": (tree.children_left + root).astype(np.int32),
            "right": (tree.children_right + root).astype(np.int32),
            "share": (tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True)).astype(np.float32),
        }
        for tree, root in zip(trees, roots, strict=True)
    ]
    joined = {name: np.concatenate([one[name] for one in moved]) for name in moved[0]}
    return {**joined, "roots": roots.astype(np.int32), "classes": model.classes_.astype(np.uint8)}


def shares(features: Floats, forest: Numbers) -> Floats:
    """The share of each class, averaged over trees, (n, classes); `features` (n, features)."""
    names = ("feature", "threshold", "left", "right", "share", "roots")
    return np.asarray(_walk(np.ascontiguousarray(features), *(forest[name] for name in names)))


def _outline(scene: Scene, numbers: Numbers, settings: ClassicalSettings) -> Classes:
    found = [shares(rows, numbers).argmax(axis=1) for rows in every_feature(scene, _NAME, settings)]
    return in_place(numbers["classes"][np.concatenate(found)], scene, settings)


@numba.njit(cache=True)
def _walk(
    rows: Floats,
    feature: npt.NDArray[Any],
    threshold: npt.NDArray[Any],
    left: npt.NDArray[Any],
    right: npt.NDArray[Any],
    share: Floats,
    roots: npt.NDArray[Any],
) -> npt.NDArray[np.float32]:  # pragma: no cover - compiled
    out = np.zeros((len(rows), share.shape[1]), dtype=np.float32)
    for n in range(len(rows)):
        for root in roots:
            node = root
            while feature[node] >= 0:
                node = left[node] if rows[n, feature[node]] <= threshold[node] else right[node]
            out[n] += share[node]
        out[n] /= np.float32(len(roots))
    return out


FOREST = Rule(_learn, _outline)
