"""Texture features of PyRadiomics, from the matrices of `segmentation.radiomics.texture` on its grey levels.

Directions are never merged: features are averaged over them. Where IBSI leaves a value open PyRadiomics fills in a
number, and so does this replay: correlation 1 and informational correlation 0 along a direction with one grey level,
busyness 0 for a divisor of zero.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segmentation.radiomics.pyradiomics.names import names_of, stems_of
from segmentation.radiomics.texture.aggregation import Values, mean
from segmentation.radiomics.texture.cooccurrence import cooccurrence_features, cooccurrences
from segmentation.radiomics.texture.grey_dependence import grey_dependence_features
from segmentation.radiomics.texture.grey_tone import grey_tone_features
from segmentation.radiomics.texture.levels import GreyLevels, padded
from segmentation.radiomics.texture.run_length import run_length_features, run_lengths
from segmentation.radiomics.texture.scene import Scene
from segmentation.radiomics.texture.size_zone import size_zone_features, size_zones
from segmentation.radiomics.texture.tally import Cells

Floats = npt.NDArray[np.float64]
Features = dict[str, float]
Reasons = dict[str, str]

NO_NEIGHBOUR = "no voxel of the region has a neighbour in it"
NO_LINE = "no two voxels of the region lie on one line of the grid"
# PyRadiomics adds this to its divisors; with rare grey levels it moves MCC in the sixth digit.
_EPS = float(np.spacing(1.0))


def matrix_features(bins: npt.NDArray[np.int32], distance: int = 1, coarseness: int = 0) -> tuple[Features, Reasons]:
    """The 75 features by name, and the reason for each that cannot be had.

    `bins` (K, J, I) holds grey levels from 1, and 0 outside the region; it is tight around the region.
    PyRadiomics' own `distance` of neighbours is 1 voxel, and it takes only equal levels for dependent (`coarseness` 0).
    """
    levels = padded(bins, int(bins.max()), distance, flat=False)
    scene = Scene(levels, bins > 0, coarseness, ("3D",))
    features: Features = {}
    for kind, values in (
        ("glcm", _by_direction(cooccurrences(levels))),
        ("gldm", grey_dependence_features(scene.around.dependent)),
        ("glrlm", _runs(levels)),
        ("glszm", size_zone_features(size_zones(levels, scene.zones))),
        ("ngtdm", _tones(scene)),
    ):
        features |= _named(kind, values)
    reasons = {"glcm": NO_NEIGHBOUR, "glrlm": NO_LINE}  # the others always have a value
    missing = {name: why for kind, why in reasons.items() for name in names_of(kind) if name not in features}
    return features, missing


def _named(kind: str, values: Values) -> Features:
    names = stems_of(kind) | {"cm_mcc": "original_glcm_MCC"}
    means = {names[stem]: mean(value) for stem, value in values.items() if stem in names}
    return {name: value for name, value in means.items() if value is not None}


def _by_direction(cells: Cells) -> Values:
    """GLCM features, one value a direction; NaN for a direction without a pair."""
    values = cooccurrence_features(cells)
    paired = np.isfinite(values["cm_joint_max"])
    for stem, convention in (("cm_corr", 1.0), ("cm_info_corr1", 0.0)):
        values[stem] = np.where(paired & ~np.isfinite(values[stem]), convention, values[stem])
    values["cm_mcc"] = np.array([_maximal_correlation(cells, d) if paired[d] else np.nan for d in range(len(paired))])
    return values


def _maximal_correlation(cells: Cells, direction: int) -> float:
    """The maximal correlation coefficient of one matrix: the root of the second largest eigenvalue of Q.

    Q_ij = sum over k of p_ik p_jk / (p_i p_k), 0 to 1; 1 where there is one grey level.
    """
    here = cells.matrix == direction
    present, place = np.unique(np.stack([cells.row[here], cells.column[here]]), return_inverse=True)
    if cells.shape[1] < 2 or len(present) < 2:
        return _of_one_level(cells)
    p = np.zeros((len(present), len(present)))
    row, column = place.reshape(2, -1)
    np.add.at(p, (row, column), cells.counts[here])
    p = (p + p.T) / (2 * p.sum())
    alone = p.sum(axis=1)
    product = alone[:, None] * alone
    # Each term p_ik / (p_i p_k + eps) times p_jk, as one product of matrices.
    values = np.sort(np.linalg.eigvals((p / (product + _EPS)) @ p.T).real)
    return float(np.sqrt(values[-2])) if values[-2] >= 0 else np.nan


def _of_one_level(cells: Cells) -> float:
    """A direction with one grey level: 1 where the region has one only, else the second eigenvalue is 0."""
    return 1.0 if len(np.unique(cells.row)) == 1 and (cells.row == cells.column).all() else 0.0


def _tones(scene: Scene) -> Values:
    """NGTDM features. Unlike in IBSI, voxels without a neighbour count among those of their level."""
    levels = scene.levels
    counts = np.bincount(levels.line[levels.inside], minlength=levels.n_bins + 1)[None, 1:]
    values = grey_tone_features(counts, scene.around.difference)
    return values | {"ngt_busyness": np.nan_to_num(values["ngt_busyness"])}


def _runs(levels: GreyLevels) -> Values:
    """GLRLM features, one value a direction. PyRadiomics leaves out those along which no line meets two voxels."""
    shared = np.array([_share_a_line(levels, int(step)) for step in levels.directions])
    return {stem: value[shared] for stem, value in run_length_features(run_lengths(levels)).items()}


def _share_a_line(levels: GreyLevels, step: int) -> bool:
    if (levels.line[levels.inside + step] > 0).any():
        return True
    move = _move(step, *levels.block.shape[1:])
    places = np.argwhere(levels.block)
    axis = int(np.flatnonzero(move)[0])
    lines = places - np.outer(places[:, axis] * move[axis], move)
    return len(np.unique(lines, axis=0)) < len(places)


def _move(step: int, n_j: int, n_i: int) -> npt.NDArray[np.int64]:
    """The move (k, j, i), each -1 to 1, that a step in memory makes."""
    k = round(step / (n_j * n_i))
    j = round((step - k * n_j * n_i) / n_i)
    return np.array([k, j, step - (k * n_j + j) * n_i])
