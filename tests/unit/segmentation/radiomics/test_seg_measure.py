"""What is measured, what is missing and why; runs, pieces and hulls against slower ways of counting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from skimage.measure import marching_cubes

from segmentation.errors import ImageRefusal
from segmentation.radiomics import EMPTY, NO_IMAGE, measure, measure_all
from segmentation.radiomics.catalogue import CATALOGUE, of_family
from segmentation.radiomics.dictionary import EVERY_FEATURE, as_csv
from segmentation.radiomics.hull import mesh_hull
from segmentation.radiomics.mesh import mesh_volume_and_area
from segmentation.radiomics.region import RegionVoxels, cut_regions
from segmentation.radiomics.shape import FLAT
from segmentation.types import Mask, Volume

ROOT = Path(__file__).parents[4]


def _blob(seed: int, shape: tuple[int, int, int] = (14, 12, 10), level: float = 0.0) -> np.ndarray:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.2)
    return (field > level).astype(np.uint8)


def _region(block: np.ndarray, spacing: tuple[float, float, float] = (1, 1, 1)) -> RegionVoxels:
    region = cut_regions(Mask(block, np.diag([*spacing, 1.0]), {"a": 1}))["a"]
    assert region is not None
    return region


@pytest.mark.parametrize("seed", range(4))
def test_pieces_agree_with_scipy(seed: int) -> None:
    block = (np.random.default_rng(seed).random((15, 14, 13)) < 0.08).astype(np.uint8)
    labelled, n = ndimage.label(block, structure=np.ones((3, 3, 3)))
    sizes = np.sort(np.bincount(labelled.ravel())[1:])[::-1]
    assert n > 5
    np.testing.assert_array_equal(_region(block).piece_sizes, sizes)


@pytest.mark.parametrize("seed", range(4))
def test_the_hull_is_that_of_all_mesh_vertices(seed: int) -> None:
    spacing = (0.7, 1.3, 2.5)
    block = np.pad(_blob(seed), 1)
    vertices, _, _, _ = marching_cubes(block.astype(float), 0.5, spacing=spacing, method="lorensen")
    slow = ConvexHull(vertices.astype(float))
    region = _region(block, spacing)
    hull = mesh_hull(region.runs, region.spacing)
    assert hull.volume == pytest.approx(slow.volume, rel=1e-6)
    assert hull.area == pytest.approx(slow.area, rel=1e-6)
    assert hull.diameter == pytest.approx(pdist(slow.points[slow.vertices]).max(), rel=1e-6)


def test_the_hull_of_a_large_region_is_reduced_first_without_a_change() -> None:
    x, y, z = np.ogrid[-20:21, -20:21, -20:21]
    region = _region((x**2 + 1.5 * y**2 + 2 * z**2 < 380).astype(np.uint8))
    hull = mesh_hull(region.runs, region.spacing)
    centres = np.argwhere(region.block)
    steps = np.concatenate([np.eye(3), -np.eye(3)]) / 2
    slow = ConvexHull((centres[:, None] + steps).reshape(-1, 3))
    assert (hull.volume, hull.area) == (pytest.approx(slow.volume), pytest.approx(slow.area))


@pytest.mark.parametrize("seed", range(4))
def test_the_mesh_agrees_with_marching_cubes(seed: int) -> None:
    # Smooth blobs have few ambiguous cubes, so averaging over symmetries moves the result by less than 1 %.
    block = np.pad(_blob(seed, level=0.05), 1)
    vertices, faces, _, _ = marching_cubes(block.astype(float), 0.5, spacing=(1, 2, 3), method="lorensen")
    a, b, c = (vertices[faces[:, n]].astype(float) for n in range(3))
    volume = abs(float((a * np.cross(b, c)).sum()) / 6)
    area = float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2
    ours = mesh_volume_and_area(block, np.array([1.0, 2, 3]))
    assert ours == (pytest.approx(volume, rel=0.01), pytest.approx(area, rel=0.01))


def test_every_tag_of_the_catalogue_is_measured_or_missing_and_none_else() -> None:
    block = _blob(1)
    image = Volume(np.random.default_rng(0).normal(50, 9, block.shape), np.eye(4))
    features, missing = measure(Mask(block, np.eye(4), {"a": 1}), "a", image)
    assert list(missing) == []
    assert set(features) == {feature.tag for feature in CATALOGUE}
    assert all(np.isfinite(value) for value in features.values())


def test_the_published_catalogue_is_fresh() -> None:
    text = (ROOT / "data_dictionary" / "radiomics.csv").read_text()
    assert text == as_csv(), "write segmentation.radiomics.dictionary.as_csv() to data_dictionary/radiomics.csv"
    assert len({feature.tag for feature in EVERY_FEATURE}) == len(EVERY_FEATURE)


def test_an_absent_region_is_missing_not_zero() -> None:
    features, missing = measure(Mask(np.ones((2, 2, 2), dtype=np.uint8), np.eye(4), {"a": 1, "b": 2}), "b", None)
    assert features == {}
    assert set(missing.values()) == {EMPTY}
    assert set(missing) == {feature.tag for feature in CATALOGUE}


def test_without_an_image_the_intensity_family_is_missing() -> None:
    features, missing = measure(Mask(_blob(2), np.eye(4), {"a": 1}), "a", None)
    assert missing == {feature.tag: NO_IMAGE for feature in of_family("intensity")}
    assert set(features) == {feature.tag for feature in of_family("shape")}


@pytest.mark.parametrize(("shape", "kept"), [((4, 3, 1), 2), ((5, 1, 1), 1), ((1, 1, 1), 0)])
def test_a_flat_region_misses_the_axes_that_it_lacks(shape: tuple[int, int, int], kept: int) -> None:
    features, missing = measure(Mask(np.ones(shape, dtype=np.uint8), np.eye(4), {"a": 1}), "a", None, ("shape",))
    axes = ("morph_pca_maj_axis", "morph_pca_min_axis", "morph_pca_least_axis")
    assert [axis in features for axis in axes] == [n < kept for n in range(3)]
    assert set(missing.values()) == {FLAT}
    assert 0 not in features.values()


def test_a_constant_image_has_no_skewness() -> None:
    image = Volume(np.zeros((3, 3, 3)), np.eye(4))
    features, missing = measure(Mask(np.ones((3, 3, 3), dtype=np.uint8), np.eye(4), {"a": 1}), "a", image)
    assert set(missing) == {"stat_skew", "stat_kurt", "stat_cov", "stat_qcod", "morph_com"}
    assert features["stat_var"] == 0


def test_a_larger_image_is_cropped_and_another_grid_refused() -> None:
    rng = np.random.default_rng(1)
    array = rng.normal(size=(20, 20, 20))
    whole = Volume(array, np.diag([1.0, 2, 3, 1]))
    mask = Mask(_blob(3), whole.grid.part((slice(3, 17), slice(5, 17), slice(7, 17))).affine, {"a": 1})
    values = array[3:17, 5:17, 7:17][_blob(3) > 0]
    assert measure(mask, "a", whole)[0]["stat_mean"] == pytest.approx(values.mean())
    with pytest.raises(ImageRefusal, match="grid"):
        measure(mask, "a", Volume(array[:10], whole.affine))


def test_regions_are_measured_alone_as_together_and_wrong_names_refused() -> None:
    labels = np.zeros((8, 8, 8), dtype=np.uint8)
    labels[1:4, 1:4, 1:4], labels[4:7, 2:5, 1:6] = 1, 2
    mask = Mask(labels, np.eye(4), {"a": 1, "b": 2})
    both = measure_all(mask, None)
    assert both == {name: measure(mask, name, None) for name in ("a", "b")}
    with pytest.raises(ImageRefusal, match="Unknown region"):
        measure(mask, "c", None)
    with pytest.raises(ImageRefusal, match="Unknown feature family"):
        measure(mask, "a", None, ("shapes",))
