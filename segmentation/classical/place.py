"""Where regions lie, how large and how bright they are: the few numbers that every unsupervised method learns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.classical.rule import Numbers
from segmentation.classical.scene import Example, Floats, Scene
from segmentation.classical.settings import ClassicalSettings

REACHES = np.linspace(0.1, 6.0, 60)  # standard deviations from a region's centre
_SLACK = 1e-4  # of the image's extent squared: keeps a region of one place from having no spread
_FAR = np.float32(1e9)


def learn_places(examples: Iterable[Example], settings: ClassicalSettings) -> Numbers:
    """Of each region, over training cases: mean and spread of its place (0 to 1 along x, y, z), share of the image and
    intensity; cases count alike. A region that no case holds lies nowhere."""
    sums = [_Sums(len(settings.inputs)) for _ in settings.class_labels[1:]]
    for example in examples:
        for number, one in enumerate(sums, start=1):
            one.add(example, example.classes == number)
    rows = [one.row() for one in sums]
    return {f"place/{name}": np.stack([row[name] for row in rows]) for name in rows[0]}


class _Sums:
    """Running moments of one region's place and intensity."""

    def __init__(self, channels: int) -> None:
        self.cases, self.size = 0, 0.0
        self.place = (np.zeros(3), np.zeros((3, 3)))
        self.intensity = (np.zeros(channels), np.zeros(channels))

    def add(self, example: Example, inside: npt.NDArray[np.bool_]) -> None:
        if not inside.any():
            return
        axes = [axis.ravel() for axis in example.scene.positions()]
        at = np.stack([axis[index] for axis, index in zip(axes, np.nonzero(inside), strict=True)])
        seen = example.scene.image[:, inside].astype(np.float64)
        self.cases += 1
        self.size += inside.mean()
        self.place = (self.place[0] + at.mean(axis=1), self.place[1] + at @ at.T / at.shape[1])
        self.intensity = (self.intensity[0] + seen.mean(axis=1), self.intensity[1] + (seen**2).mean(axis=1))

    def row(self) -> dict[str, npt.NDArray[Any]]:
        n = max(self.cases, 1)
        mean, bright = self.place[0] / n, self.intensity[0] / n
        spread = self.place[1] / n - np.outer(mean, mean) + _SLACK * np.eye(3)
        return {
            "known": np.array(self.cases > 0),
            "mean": mean,
            "precision": np.linalg.inv(spread),
            "log_peak": np.array(-0.5 * np.linalg.slogdet(spread)[1]),
            "size": np.array(self.size / n),
            "intensity": bright,
            "deviation": np.sqrt(np.maximum(self.intensity[1] / n - bright**2, 1e-12)),
        }


def squared_distances(scene: Scene, numbers: Mapping[str, npt.NDArray[Any]]) -> Floats:
    """How far each voxel lies from each region's place, in standard deviations squared: (regions, X, Y, Z)."""
    out = np.full((len(numbers["place/known"]), *scene.shape), _FAR, dtype=np.float32)
    for row, (known, mean, precision) in enumerate(
        zip(numbers["place/known"], numbers["place/mean"], numbers["place/precision"], strict=True)
    ):
        if known:
            gap = [axis - centre for axis, centre in zip(scene.positions(), mean, strict=True)]
            pairs = ((i, j) for i in range(3) for j in range(3))
            out[row] = sum(precision[i, j] * gap[i] * gap[j] for i, j in pairs)
    return out


def likeliness(scene: Scene, numbers: Mapping[str, npt.NDArray[Any]], channel: int) -> Floats:
    """How much a voxel's place and its intensity in one channel speak for each region: log scale, higher speaks for it;
    (regions, X, Y, Z)."""
    mean, deviation = numbers["place/intensity"][:, channel], numbers["place/deviation"][:, channel]
    bright = (scene.image[channel] - mean[:, None, None, None]) / deviation[:, None, None, None]
    peak = numbers["place/log_peak"] - np.log(deviation)
    return (peak[:, None, None, None] - 0.5 * (squared_distances(scene, numbers) + bright**2)).astype(np.float32)
