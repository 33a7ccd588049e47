"""What a data set looks like, in numbers a person can read and a plan can be derived from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from segmentation.learning.training_case import TrainingCase
from segmentation.types import Shape

AIR_HU = -500  # images with voxels below this are taken for CT


@dataclass(frozen=True)
class Survey:
    """What was found in the files of one case, along the patient's x, y and z axes.

    `voxels` counts each label's, `inside` holds percentiles 0.5, 50 and 99.5, the mean and the standard deviation of
    the first channel within all labels (nothing where there are none).
    """

    case: TrainingCase
    shape: Shape
    spacing_mm: tuple[float, float, float]
    labels: frozenset[int]
    lowest: float
    channels: int = 1
    voxels: Mapping[int, int] | None = None
    inside: tuple[float, ...] = ()


@dataclass(frozen=True)
class Fingerprint:
    """The cases together: medians over cases, with the smallest and largest shape; axes x, y, z.

    `class_shares` is each label's share of all voxels. `inside` are medians of the cases' percentiles 0.5, 50 and
    99.5, mean and standard deviation within the labels, of the first channel. `modality` is "ct" or "other".
    """

    cases: int
    shape: tuple[float, float, float]
    smallest: Shape
    largest: Shape
    spacing_mm: tuple[float, float, float]
    extent_mm: tuple[float, float, float]
    channels: int
    channel_names: tuple[str, ...]
    modality: str
    class_shares: Mapping[str, float]
    inside: Mapping[str, float]

    @property
    def anisotropy(self) -> float:
        """The longest side of a voxel over the shortest; 1 for cubes."""
        return max(self.spacing_mm) / min(self.spacing_mm)

    def to_json(self) -> dict[str, Any]:
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {**plain, "anisotropy": round(self.anisotropy, 4)}


def fingerprint(found: Sequence[Survey], *, ct: bool | None = None, channel_names: Sequence[str] = ()) -> Fingerprint:
    """The fingerprint of surveyed cases, in any order. `ct` and `channel_names` say what files cannot."""
    shapes = np.array([one.shape for one in found])
    spacing = np.array([one.spacing_mm for one in found])
    channels = max(one.channels for one in found)
    lowest = float(np.median([one.lowest for one in found]))
    names = tuple(channel_names) if len(channel_names) == channels else tuple(f"image_{n}" for n in range(channels))
    return Fingerprint(
        cases=len(found),
        shape=_triple(np.median(shapes, axis=0)),
        smallest=_counts(shapes.min(axis=0)),
        largest=_counts(shapes.max(axis=0)),
        spacing_mm=_triple(np.median(spacing, axis=0)),
        extent_mm=_triple(np.median(shapes * spacing, axis=0)),
        channels=channels,
        channel_names=names if channels > 1 else tuple(channel_names) if len(channel_names) == 1 else ("image",),
        modality="ct" if (lowest < AIR_HU if ct is None else ct) else "other",
        class_shares=_shares(found, int(shapes.prod(axis=1).sum())),
        inside=_inside(found),
    )


def _shares(found: Sequence[Survey], total: int) -> dict[str, float]:
    labels = sorted(set().union(*(one.labels for one in found)))
    counts = {label: sum((one.voxels or {}).get(label, 0) for one in found) for label in labels}
    return {str(label): round(count / total, 6) for label, count in counts.items()}


def _inside(found: Sequence[Survey]) -> dict[str, float]:
    rows = [one.inside for one in found if one.inside]
    if not rows:
        return {}
    names = ("percentile_0.5", "median", "percentile_99.5", "mean", "sd")
    return {name: round(float(value), 4) for name, value in zip(names, np.median(rows, axis=0), strict=True)}


def _triple(values: Any) -> tuple[float, float, float]:
    x, y, z = (round(float(value), 4) for value in values)
    return x, y, z


def _counts(values: Any) -> Shape:
    x, y, z = (int(value) for value in values)
    return x, y, z
