"""Every texture feature in every aggregation against plain Python, on small random volumes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import pytest

from segmentation.radiomics.texture import TextureRequest, texture_features
from segmentation.radiomics.texture.zones import border_distance
from tests import plain_texture as plain

N_BINS = 6
Features = dict[str, float]
SHAPES = [(1, 1, 2), (1, 5, 6), (3, 4, 5), (5, 1, 4), (4, 6, 3), (6, 6, 6)]


def _volume(shape: tuple[int, int, int], seed: int) -> npt.NDArray[np.int32]:
    """Blocks and noise with holes; the seed also changes how many levels occur."""
    rng = np.random.default_rng(seed)
    bins = rng.integers(1, 2 + seed % N_BINS, shape).astype(np.int32)
    bins[rng.random(shape) < 0.25] = 0
    return bins


def _slices(bins: npt.NDArray[np.int32]) -> list[plain.Levels]:
    return [levels for part in bins if (levels := plain.levels_of(part[None]))]


def _mean(each: Iterable[Features]) -> Features:
    """The mean over matrices, of each feature over those that have it."""
    values: dict[str, list[float]] = {}
    for features in each:
        for stem, value in features.items():
            values.setdefault(stem, []).append(value)
    return {stem: float(np.mean(found)) for stem, found in values.items()}


def _tagged(features: Features, suffix: str) -> Features:
    return {f"{stem}{suffix}": value for stem, value in features.items()}


def _directed(
    bins: npt.NDArray[np.int32],
    count: Callable[[plain.Levels, plain.Place], plain.Table],
    measure: Callable[[plain.Table, int], Features],
) -> Features:
    """The six aggregations, spelled out; `measure` takes a matrix and its number of voxels."""
    parts, flat, solid = _slices(bins), plain.directions(True), plain.directions(False)
    whole, n = plain.levels_of(bins), int((bins > 0).sum())
    table = {(s, d): count(part, move) for s, part in enumerate(parts) for d, move in enumerate(flat)}
    space = [count(whole, move) for move in solid]

    def of(tables: list[plain.Table], n_voxels: int) -> Features:
        total = sum(tables, Counter())
        return measure(total, n_voxels) if total else {}

    by_slice = [[table[s, d] for d in range(4)] for s in range(len(parts))]
    by_direction = [[table[s, d] for s in range(len(parts))] for d in range(4)]
    return {
        **_tagged(_mean(of([table[s, d]], len(parts[s])) for s, d in table), "_2D_avg"),
        **_tagged(_mean(of(t, 4 * len(part)) for t, part in zip(by_slice, parts, strict=True)), "_2D_comb"),
        **_tagged(_mean(of(t, n) for t in by_direction), "_2_5D_avg"),
        **_tagged(of(list(table.values()), 4 * n), "_2_5D_comb"),
        **_tagged(_mean(of([t], n) for t in space), "_3D_avg"),
        **_tagged(of(space, 13 * n), "_3D_comb"),
    }


def _undirected(
    bins: npt.NDArray[np.int32], family: str, count: Callable[[plain.Levels, bool], plain.Table]
) -> Features:
    parts, whole = _slices(bins), plain.levels_of(bins)
    tables = [count(part, True) for part in parts]
    single = [plain.shared_features(t, len(part), family) for t, part in zip(tables, parts, strict=True)]
    return {
        **_tagged(_mean(single), "_2D"),
        **_tagged(plain.shared_features(sum(tables, Counter()), len(whole), family), "_2_5D"),
        **_tagged(plain.shared_features(count(whole, False), len(whole), family), "_3D"),
    }


def _tones(bins: npt.NDArray[np.int32], distance: int) -> Features:
    tables = [plain.grey_tone(part, True, distance) for part in _slices(bins)]
    merged: dict[int, tuple[int, float]] = {}
    for table in tables:
        for level, (n, s) in table.items():
            before = merged.get(level, (0, 0.0))
            merged[level] = (before[0] + n, before[1] + s)
    solid = plain.grey_tone(plain.levels_of(bins), False, distance)
    return {
        **_tagged(_mean(plain.grey_tone_features(t) for t in tables if t), "_2D"),
        **(_tagged(plain.grey_tone_features(merged), "_2_5D") if merged else {}),
        **(_tagged(plain.grey_tone_features(solid), "_3D") if solid else {}),
    }


def _expected(family: str, bins: npt.NDArray[np.int32], distance: int, coarseness: int) -> Features:
    if family == "cm":
        return _directed(
            bins,
            lambda levels, move: plain.cooccurrence(levels, move, distance),
            lambda table, _: plain.cooccurrence_features(table, N_BINS),
        )
    if family == "rlm":
        return _directed(bins, plain.run_length, lambda table, n: plain.shared_features(table, n, "rlm"))
    if family == "ngt":
        return _tones(bins, distance)
    count = {
        "szm": plain.size_zone,
        "dzm": plain.distance_zone,
        "ngl": lambda levels, flat: plain.dependence(levels, flat, distance, coarseness),
    }[family]
    return _undirected(bins, family, count)


@pytest.mark.parametrize("family", ["cm", "rlm", "szm", "dzm", "ngt", "ngl"])
@pytest.mark.parametrize(("distance", "coarseness"), [(1, 0), (2, 1)])
def test_fast_and_plain_agree(family: str, distance: int, coarseness: int) -> None:
    for seed, shape in enumerate(SHAPES * 2):
        bins = _volume(shape, seed)
        if not bins.any():
            continue
        request = TextureRequest(families=(family,), distance=distance, coarseness=coarseness)
        found, missing = texture_features(bins, N_BINS, np.ones(3), request)
        expected = _expected(family, bins, distance, coarseness)
        assert set(found) == set(expected), (shape, seed)
        assert not set(found) & set(missing)
        for tag, value in expected.items():
            assert found[tag] == pytest.approx(value, rel=1e-9, abs=1e-9), (tag, shape, seed)


@pytest.mark.parametrize("flat", [True, False])
def test_border_distance_is_the_number_of_erosions(flat: bool) -> None:
    for seed in range(6):
        mask = np.random.default_rng(seed).random((5, 7, 6)) < 0.9
        expected = plain.erosions({(int(k), int(j), int(i)) for k, j, i in np.argwhere(mask)}, flat)
        found = border_distance(mask, 2, flat)[2:-2, 2:-2, 2:-2]
        assert {tuple(place): int(found[tuple(place)]) for place in np.argwhere(mask).tolist()} == expected
        assert not found[~mask].any()


def test_distances_are_to_the_border_of_the_morphological_mask() -> None:
    """A voxel that left the intensity mask for its intensity is no border: here the shell round a bright centre."""
    bins = np.ones((7, 7, 7), dtype=np.int32)
    bins[2:5, 2:5, 2:5] = 0
    bins[3, 3, 3] = 2
    mask = np.ones(bins.shape, dtype=bool)
    found, _ = texture_features(bins, 2, np.ones(3), TextureRequest(("3D",), ("dzm",), morphological=mask))
    table = Counter({(1, 1): 1, (2, 4): 1})
    assert found == pytest.approx(_tagged(plain.shared_features(table, int((bins > 0).sum()), "dzm"), "_3D"))
    alone, _ = texture_features(bins, 2, np.ones(3), TextureRequest(("3D",), ("dzm",)))
    assert alone["dzm_lde_3D"] == 1


def test_many_bins_give_the_same_as_few() -> None:
    """Levels far apart take the path for tables too large to hold; only features that know no level size compare."""
    bins = _volume((6, 6, 6), 5)
    alike = ("cm_joint_max", "cm_joint_entr", "cm_energy", "rlm_sre", "rlm_lre", "szm_lze", "szm_zs_entr", "dzm_sde")
    few, _ = texture_features(bins, N_BINS, np.ones(3), TextureRequest())
    many, _ = texture_features(
        bins * 2000, N_BINS * 2000, np.ones(3), TextureRequest(families=("cm", "rlm", "szm", "dzm"))
    )
    compared = [tag for tag in many if tag.startswith(alike)]
    assert len(compared) == 3 * 6 + 2 * 6 + 3 * 3
    assert {tag: many[tag] for tag in compared} == pytest.approx({tag: few[tag] for tag in compared})
