"""A support vector machine a voxel: linear on a few hundred landmarks of the Gaussian kernel (Nystroem).

References: Cortes C, Vapnik V. Mach Learn 1995;20:273-297. doi:10.1007/BF00994018; Williams CKI, Seeger M. Using the
Nystroem method to speed up kernel machines. NIPS 2000.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from sklearn.kernel_approximation import Nystroem
from sklearn.svm import LinearSVC

from segmentation.classical.features import Sample, draw_sample, every_feature, in_place
from segmentation.classical.rule import Numbers, Rule
from segmentation.classical.scene import Classes, Example, Floats, Scene
from segmentation.classical.settings import ClassicalSettings, option

_NAME = "pixel_svm"
_ROWS = 2**16  # voxels whose kernel values are held at once


def _learn(examples: Iterable[Example], settings: ClassicalSettings) -> Numbers:
    return machine_of(draw_sample(examples, _NAME, settings), settings)


def machine_of(sample: Sample, settings: ClassicalSettings) -> Numbers:
    """What `decisions` needs, learned from a sample: scaling, landmarks, and one hyperplane a class (of two: one)."""
    mean, spread = sample.features.mean(axis=0), sample.features.std(axis=0) + np.float32(1e-6)
    scaled = ((sample.features - mean) / spread).astype(np.float32)
    gamma = 1.0 / (2 * scaled.shape[1])
    landmarks = min(int(option(_NAME, settings, "landmarks")), len(scaled))
    kernel = Nystroem(gamma=gamma, n_components=landmarks, random_state=settings.seed).fit(scaled)
    penalty = float(option(_NAME, settings, "penalty"))
    machine = LinearSVC(C=penalty, dual=False, random_state=settings.seed, max_iter=2000)
    machine.fit(kernel.transform(scaled), sample.classes, sample_weight=sample.weights)
    # Kernel values go straight to decisions: normalisation and hyperplanes are one matrix.
    return {
        "features": np.array(scaled.shape[1]),
        "mean": mean,
        "spread": spread,
        "gamma": np.array(gamma),
        "landmarks": kernel.components_.astype(np.float32),
        "weights": (kernel.normalization_.T @ machine.coef_.T).astype(np.float64),
        "offset": machine.intercept_.astype(np.float64),
        "classes": machine.classes_.astype(np.uint8),
    }


def decisions(features: Floats, machine: Numbers) -> Floats:
    """How far a voxel lies on the side of each class, (n, classes); of two classes one column, above 0 the second."""
    scaled = ((features - machine["mean"]) / machine["spread"]).astype(np.float32)
    marks = machine["landmarks"]
    squared = (scaled**2).sum(axis=1)[:, None] + (marks**2).sum(axis=1)[None] - 2 * scaled @ marks.T
    kernel = np.exp(-machine["gamma"] * np.maximum(squared, 0))
    return np.asarray(kernel @ machine["weights"] + machine["offset"])


def _outline(scene: Scene, numbers: Numbers, settings: ClassicalSettings) -> Classes:
    found = []
    for rows in every_feature(scene, _NAME, settings):
        for start in range(0, len(rows), _ROWS):
            side = decisions(rows[start : start + _ROWS], numbers)
            found.append(side.argmax(axis=1) if side.shape[1] > 1 else (side[:, 0] > 0).astype(np.intp))
    return in_place(numbers["classes"][np.concatenate(found)], scene, settings)


SVM = Rule(_learn, _outline)
