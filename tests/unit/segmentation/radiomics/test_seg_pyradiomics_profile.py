"""Profile `pyradiomics`: bins, mesh, widths and conventions that can be worked by hand or by brute force."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.radiomics.pyradiomics import A_LINE, EMPTY, measure_as_pyradiomics
from segmentation.radiomics.pyradiomics.bins import first_edge, levels_from_multiples
from segmentation.radiomics.pyradiomics.diameters import plane_diameter
from segmentation.radiomics.pyradiomics.matrices import NO_LINE, NO_NEIGHBOUR, matrix_features
from segmentation.radiomics.pyradiomics.names import NAMES, counterparts
from segmentation.radiomics.pyradiomics.surface import peer_volume_and_area
from segmentation.radiomics.region import RegionVoxels, cut_regions
from segmentation.types import Mask, Volume

AFFINE = np.diag([1.0, 1.5, 2.0, 1.0])


def _case(mask: np.ndarray, values: np.ndarray | None = None) -> tuple[Volume, Mask]:
    """From arrays (K, J, I)."""
    array = np.arange(mask.size, dtype=np.float32).reshape(mask.shape) if values is None else values
    labels = np.asfortranarray(mask.T.astype(np.uint8))
    return Volume(np.asfortranarray(array.T), AFFINE), Mask(labels, AFFINE, {"region": 1})


def _random(seed: int, share: float = 0.5) -> np.ndarray:
    mask = np.zeros((5, 6, 7), dtype=np.uint8)
    mask[1:-1, 1:-1, 1:-1] = np.random.default_rng(seed).random((3, 4, 5)) < share
    mask[1, 1, 1:3] = 1
    return mask


def _region(mask: np.ndarray) -> RegionVoxels:
    region = cut_regions(_case(mask)[1])["region"]
    assert region is not None
    return region


def test_bins_begin_at_multiples_of_25() -> None:
    values = np.array([-1.0, 0.0, 24.999, 25.0, 26.0, 51.0])
    assert first_edge(values) == -25
    assert levels_from_multiples(values).tolist() == [1, 2, 2, 3, 3, 4]
    assert levels_from_multiples(np.array([50.0, 60.0, 74.9])).tolist() == [1, 1, 1]


def test_more_grey_levels_than_can_be_counted_are_refused() -> None:
    with pytest.raises(ImageRefusal, match="65535") as refused:
        levels_from_multiples(np.array([0.0, 1e9]))
    assert refused.value.code == "bad_bins"


def test_names_are_107_and_each_ibsi_tag_has_one_name() -> None:
    assert len(set(NAMES)) == 107
    tags = [tag for tag, _ in counterparts()]
    assert len(set(tags)) == len(tags)
    assert {name for _, name in counterparts()} | {
        "original_glcm_MCC",
        "original_firstorder_TotalEnergy",
        *(f"original_shape_Maximum2DDiameter{way}" for way in ("Column", "Row", "Slice")),
    } == set(NAMES)


def _vertices(block: np.ndarray) -> np.ndarray:
    """Half-way between each voxel inside and each neighbour by face outside."""
    found = []
    for place in np.argwhere(block):
        for axis, way in product(range(3), (-1, 1)):
            move = np.eye(3, dtype=int)[axis] * way
            if not block[tuple(place + move)]:
                found.append(place + move / 2)
    return np.array(found)


@pytest.mark.parametrize("seed", range(12))
def test_widths_in_planes_are_those_of_all_pairs_of_vertices(seed: int) -> None:
    block, spacing = _random(seed, 0.1 + 0.07 * seed), np.array([2.0, 0.7, 1.1])
    points = _vertices(block)
    for axis in range(3):
        widest = max(float(np.linalg.norm((p - q) * spacing)) for p, q in combinations(points, 2) if p[axis] == q[axis])
        assert plane_diameter(block, spacing, axis) == pytest.approx(widest, rel=1e-12)


def test_layers_of_two_far_voxels_are_wide_between_them() -> None:
    """Each layer has one voxel, 1 mm wide; half-way between the layers both have a vertex, 4 voxels apart."""
    block = np.zeros((4, 3, 7), dtype=np.uint8)
    block[1, 1, 1] = block[2, 1, 5] = 1
    assert plane_diameter(block, np.ones(3), 0) == 4


def test_a_voxel_is_an_octahedron() -> None:
    block = np.zeros((3, 3, 3), dtype=np.uint8)
    block[1, 1, 1] = 1
    volume, area = peer_volume_and_area(block, np.array([2.0, 3.0, 4.0]))
    assert volume == pytest.approx(2 * 3 * 4 / 6)
    assert area == pytest.approx(8 * math.sqrt((1 * 1.5) ** 2 + (1.5 * 2) ** 2 + (1 * 2) ** 2) / 2)


def test_the_mesh_is_ours_where_voxels_touch_by_faces() -> None:
    block = np.zeros((6, 7, 8), dtype=np.uint8)
    block[1:5, 1:6, 1:7] = 1
    region = _region(block)
    assert peer_volume_and_area(region.block, region.spacing) == pytest.approx(region.mesh, rel=1e-9)


def test_two_grey_levels_have_a_maximal_correlation_of_the_correlation() -> None:
    """With two levels the only functions of a level are linear, so both coefficients are one up to the sign."""
    bins = np.random.default_rng(4).integers(1, 3, (1, 9, 1)).astype(np.int32)
    found, _ = matrix_features(bins)
    assert found["original_glcm_MCC"] == pytest.approx(abs(found["original_glcm_Correlation"]), rel=1e-9)


def test_a_constant_region_has_the_numbers_of_pyradiomics() -> None:
    mask = np.zeros((4, 5, 6), dtype=np.uint8)
    mask[1:3, 1:4, 1:5] = 1
    found, missing = measure_as_pyradiomics(*_case(mask, np.full(mask.shape, 7.0)), "region")
    assert missing == {}
    expected = {"glcm_Correlation": 1, "glcm_MCC": 1, "glcm_Imc1": 0, "ngtdm_Busyness": 0, "ngtdm_Coarseness": 1e6}
    expected |= {
        "firstorder_Skewness": 0,
        "firstorder_Kurtosis": 0,
        "firstorder_Entropy": 0,
        "firstorder_Uniformity": 1,
    }
    assert {name: found[f"original_{name}"] for name in expected} == expected


def test_voxels_on_no_common_line_lack_cooccurrence_and_runs() -> None:
    mask = np.zeros((7, 7, 7), dtype=np.uint8)
    mask[1, 1, 1] = mask[3, 5, 1] = mask[5, 2, 4] = 1
    found, missing = measure_as_pyradiomics(*_case(mask), "region")
    assert {(name.split("_")[1], why) for name, why in missing.items()} == {("glcm", NO_NEIGHBOUR), ("glrlm", NO_LINE)}
    assert len(found) + len(missing) == 107


@pytest.mark.parametrize(("where", "reason"), [((), EMPTY), ((2, 2), A_LINE), ((2, slice(1, 4)), A_LINE)])
def test_a_region_that_pyradiomics_refuses_has_a_reason(where: tuple[object, ...], reason: str) -> None:
    mask = np.zeros((5, 5, 5), dtype=np.uint8)
    if where:
        mask[(*where, 2) if len(where) == 2 else where] = 1
    found, missing = measure_as_pyradiomics(*_case(mask), "region")
    assert found == {}
    assert missing == dict.fromkeys(NAMES, reason)


def test_holes_and_unknown_regions_are_refused() -> None:
    image, mask = _case(_random(1))
    with pytest.raises(ImageRefusal, match="Unknown region"):
        measure_as_pyradiomics(image, mask, "lung")
    with pytest.raises(ImageRefusal, match="holes"):
        measure_as_pyradiomics(Volume(np.full_like(image.array, np.nan), AFFINE), mask, "region")


def test_more_background_changes_nothing_and_inputs_stay() -> None:
    image, mask = _case(_random(2))
    before = image.array.copy(), mask.labels.copy()
    whole, _ = measure_as_pyradiomics(image, mask, "region")
    np.testing.assert_array_equal(image.array, before[0])
    np.testing.assert_array_equal(mask.labels, before[1])
    wide = _random(2)
    values = np.asarray(image.array.T)
    padded, _ = measure_as_pyradiomics(*_case(np.pad(wide, 2), np.pad(values, 2, constant_values=-9999)), "region")
    assert padded == whole
