"""Thresholds: one learned range of intensity, Otsu's, and several of Otsu's.

Reference: Otsu N. IEEE Trans Syst Man Cybern 1979;9:62-66. doi:10.1109/TSMC.1979.4310076
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from skimage.filters import threshold_multiotsu, threshold_otsu

from segmentation.classical.layers import by_levels, inside_alone, two
from segmentation.classical.place import squared_distances
from segmentation.classical.rule import Levels, Numbers
from segmentation.classical.scene import Example, Floats, Scene
from segmentation.classical.settings import ClassicalSettings, option

_BINS = 64
_REACH = 9.0  # squared standard deviations round a region in which the range is judged


def learn_range(examples: Iterable[Example], numbers: Numbers, settings: ClassicalSettings) -> Numbers:
    """The range of intensity [low, high] that tells all regions together from what lies round them with the highest
    pooled Dice; `range`, (2,)."""
    edges = _edges(examples, settings.channel_number)
    seen = np.zeros((2, len(edges) + 1), dtype=np.int64)
    for example in examples:
        near = squared_distances(example.scene, numbers).min(axis=0) <= _REACH
        place = np.searchsorted(edges, example.scene.image[settings.channel_number][near], side="right")
        inside = example.classes[near] > 0
        seen += np.stack([np.bincount(place[which], minlength=len(edges) + 1) for which in (inside, ~inside)])
    hits, drawn = (np.concatenate([[0], table.cumsum()]) for table in (seen[0], seen.sum(axis=0)))
    # Row a, column b: from bin a up to and with bin b - 1.
    dice = np.triu(2 * (hits[None] - hits[:, None]) / np.maximum(drawn[None] - drawn[:, None] + hits[-1], 1), 1)
    first, last = np.unravel_index(int(dice.argmax()), dice.shape)
    ends = np.concatenate([[-np.inf], edges, [np.inf]])
    return {"range": np.array([ends[first], ends[last]])}


def in_range(scene: Scene, numbers: Numbers, settings: ClassicalSettings) -> Levels:
    """1 where the intensity lies in the learned range (from its low end to below its high one), else 0."""
    low, high = numbers["range"]
    image = scene.image[settings.channel_number]
    return ((image >= low) & (image < high)).astype(np.uint8)


def _edges(examples: Iterable[Example], channel: int) -> Floats:
    """Intensities that divide what regions and their surroundings show into parts of like size."""
    drawn = [example.scene.image[channel].ravel()[::17] for example in examples]
    edges = np.quantile(np.concatenate(drawn), np.linspace(0.005, 0.995, _BINS))
    return np.unique(edges).astype(np.float32)


def _otsu(scene: Scene, _: Numbers, settings: ClassicalSettings) -> Levels:
    image = scene.image[settings.channel_number]
    if image.min() == image.max():
        return np.zeros(scene.shape, dtype=np.uint8)
    return (image > threshold_otsu(image)).astype(np.uint8)


def _multi_otsu(scene: Scene, _: Numbers, settings: ClassicalSettings) -> Levels:
    image = scene.image[settings.channel_number]
    classes = _classes(settings)
    if len(np.unique(image)) <= classes:
        return np.zeros(scene.shape, dtype=np.uint8)
    return np.digitize(image, threshold_multiotsu(image, classes=classes, nbins=128)).astype(np.uint8)


def _classes(settings: ClassicalSettings) -> int:
    # The search through all thresholds grows with their number: five classes take seconds.
    return min(5, max(2, int(option("multi_otsu", settings, "classes"))))


FIXED = by_levels(in_range, count=two, kept=inside_alone, prepare=learn_range)
OTSU = by_levels(_otsu, count=two)
MULTI_OTSU = by_levels(_multi_otsu, count=_classes)
