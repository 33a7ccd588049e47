"""What may and may not move the features of profile `pyradiomics`."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.radiomics.pyradiomics import measure_as_pyradiomics
from segmentation.types import Mask, Volume

SPACING = (1.0, 1.5, 2.0)
MESH = ("MeshVolume", "SurfaceArea", "SurfaceVolumeRatio", "Sphericity")  # they do depend on the file's axes
SEEDS = st.integers(0, 2**32 - 1)


def _measured(image: np.ndarray, mask: np.ndarray, spacing: tuple[float, ...] = SPACING) -> dict[str, float]:
    """Arrays and spacing along i, j, k."""
    affine = np.diag([*spacing, 1.0])
    labels = Mask(np.asfortranarray(mask.astype(np.uint8)), affine, {"region": 1})
    features, missing = measure_as_pyradiomics(Volume(np.asfortranarray(image), affine), labels, "region")
    assert missing == {}
    return {name.removeprefix("original_"): value for name, value in features.items()}


def _drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole intensities about zero, and a mask with a core of eight voxels."""
    rng = np.random.default_rng(seed)
    mask = rng.random((6, 5, 7)) < 0.4
    mask[2:4, 2:4, 2:4] = True
    return rng.integers(-90, 90, mask.shape).astype(np.float64), mask


def _same(found: dict[str, float], other: dict[str, float]) -> None:
    for name in found:
        assert found[name] == pytest.approx(other[name], rel=1e-7, abs=1e-7), name


def _without_mesh(features: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in features.items() if name.removeprefix("shape_") not in MESH}


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, order=st.sampled_from(list(permutations(range(3)))), axis=st.integers(0, 2))
def test_flips_and_permutations_move_the_mesh_only_and_rename_widths(
    seed: int, order: tuple[int, int, int], axis: int
) -> None:
    image, mask = _drawn(seed)
    plain = _without_mesh(_measured(image, mask))
    turned = [np.flip(array.transpose(order), axis) for array in (image, mask)]
    moved = _without_mesh(_measured(turned[0], turned[1], tuple(SPACING[each] for each in order)))
    width = "shape_Maximum2DDiameter"
    across = [f"{width}{name}" for name in ("Row", "Column", "Slice")]  # the planes across i, j, k
    renamed = moved | {across[old]: moved[across[new]] for new, old in enumerate(order)}
    _same(renamed, plain)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, bins=st.integers(-8, 8))
def test_intensities_moved_by_whole_bins_have_the_same_texture(seed: int, bins: int) -> None:
    image, mask = _drawn(seed)
    plain, moved = (_measured(values, mask) for values in (image, image + 25.0 * bins))
    texture = [name for name in plain if not name.startswith("firstorder")]
    assert {name: moved[name] for name in texture} == {name: plain[name] for name in texture}
    assert moved["firstorder_Entropy"] == plain["firstorder_Entropy"]
    assert moved["firstorder_Mean"] == pytest.approx(plain["firstorder_Mean"] + 25 * bins)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_no_plane_is_wider_than_the_region(seed: int) -> None:
    found = _measured(*_drawn(seed))
    widths = [found[f"shape_Maximum2DDiameter{name}"] for name in ("Row", "Column", "Slice")]
    assert max(widths) <= found["shape_Maximum3DDiameter"] * (1 + 1e-12)
    assert 0 <= found["glcm_MCC"] <= 1 + 1e-9
