"""A filter in the settings: as if the whole image were interpolated, rounded, filtered and only then cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from segmentation.errors import ImageRefusal
from segmentation.radiomics.dictionary import tags_of
from segmentation.radiomics.filters import filter_settings, reach, respond
from segmentation.radiomics.filters.settings import FILTERS
from segmentation.radiomics.grid import axis_grid, sample
from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.processing import prepare, reading_window
from segmentation.radiomics.settings import parse_settings
from segmentation.types import Mask, Volume

CASES: dict[str, dict[str, Any]] = {
    "mean": {"name": "mean", "support": 5},
    "mean_by_slice": {"name": "mean", "support": 7, "dimensions": 2, "boundary": "nearest"},
    "log": {"name": "laplacian_of_gaussian", "sigma_mm": 2.0},
    "log_zero": {"name": "laplacian_of_gaussian", "sigma_mm": 2.5, "boundary": "zero", "truncate": 3},
    "log_riesz": {"name": "laplacian_of_gaussian", "sigma_mm": 2.0, "riesz": [0, 1, 0]},
    "laws": {"name": "laws", "kernels": "E5L5S5", "boundary": "periodic"},
    "laws_energy": {"name": "laws", "kernels": "E3W5R5", "pooling": "max", "energy_distance": 3},
    "gabor": {"name": "gabor", "sigma_mm": 1.5, "wavelength_mm": 3, "gamma": 1.5, "angle_deg": 30},
    "gabor_planes": {
        "name": "gabor", "sigma_mm": 1.0, "wavelength_mm": 3, "angle_step_deg": 45, "orthogonal_planes": True,
    },
    "wavelet": {"name": "separable_wavelet", "family": "db2", "bands": "LHL"},
    "wavelet_level": {"name": "separable_wavelet", "family": "haar", "bands": "HLL", "level": 2, "boundary": -50.0},
    "spectrum": {"name": "nonseparable_wavelet", "family": "simoncelli", "level": 2},
}  # fmt: skip
LPS = np.array([[-2.0, 0, 0, 30], [0, -2.0, 0, 40], [0, 0, 2.0, -20], [0, 0, 0, 1]])
PLACES = {"middle": (14, 13, 10), "corner": (0, 0, 0), "far corner": (29, 25, 19)}
SHAPE = (34, 30, 24)


def _scene(place: str) -> tuple[Volume, Mask]:
    rng = np.random.default_rng(3)
    image = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.0) * 300
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[tuple(slice(n, n + 5) for n in PLACES[place])] = rng.random((5, 5, 5)) < 0.8
    return Volume(image.astype(np.float32), LPS), Mask(labels, LPS, {"a": 1})


def _by_brute_force(image: Volume, mask: Mask, spacing: float | None, by: dict[str, Any]) -> np.ndarray:
    """The responses in the region, whole image first. File axes are those of the filter; slices come first here."""
    axes = [axis_grid(n, 2.0, spacing) for n in image.array.shape[::-1]]
    box = [(0, axis.n) for axis in axes]
    values = np.rint(sample(image.array.T, [0, 0, 0], axes, box, "linear"))
    cover = sample(mask.labels.T, [0, 0, 0], axes, box, "linear") >= 0.5 - 1e-6
    kept = cover & (values >= -60) & (values <= 90)
    return respond(values.T, [spacing or 2.0] * 3, filter_settings(by)).T[kept]


def _settings(by: dict[str, Any], spacing: float | None, **more: Any) -> Any:
    return parse_settings(
        {
            "filter": by,
            "grid": {"spacing_mm": [spacing] * 3} if spacing else {},
            "interpolation": {"round_intensities": True},
            "resegmentation": {"range": [-60, 90]},
            **more,
        }
    )


def test_every_filter_is_among_the_cases() -> None:
    assert {by["name"] for by in CASES.values()} == set(FILTERS)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("spacing", [None, 1.6])
def test_the_region_sees_the_response_of_the_whole_image(name: str, place: str, spacing: float | None) -> None:
    image, mask = _scene(place)
    expected = np.sort(_by_brute_force(image, mask, spacing, CASES[name]))
    settings = _settings(CASES[name], spacing)
    window = reading_window(settings, mask.grid, image.grid)
    part = Volume(image.array[window], image.grid.part(window).affine)
    prepared = prepare(settings, part, mask, "a", image.grid)
    assert prepared is not None
    found = np.sort(prepared.values)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-6 * np.ptp(expected)


def test_intensities_are_those_of_the_response_and_shape_that_of_the_mask() -> None:
    image, mask = _scene("middle")
    families = ["shape", "intensity", "histogram", "cm"]
    bins = {"method": "fixed_bin_number", "value": 8}
    plain = measure_with(parse_settings({"families": families, "discretisation": bins}), image, mask, "a")[0]
    settings = _settings(CASES["log"], None, families=families, discretisation=bins, resegmentation={})
    found, missing = measure_with(settings, image, mask, "a")
    expected = respond(np.rint(image.array), [2.0] * 3, filter_settings(CASES["log"]))[mask.labels > 0]
    assert missing == {}
    assert found["stat_mean"] == pytest.approx(expected.mean(dtype=float), rel=1e-6)
    assert found["stat_max"] == pytest.approx(expected.max(), rel=1e-6)
    counts, _ = np.histogram(expected, 8)
    assert found["ih_uniformity"] == pytest.approx(((counts / counts.sum()) ** 2).sum(), rel=1e-9)
    shape = tags_of("shape", settings)
    assert {tag: plain[tag] for tag in shape} == {tag: found[tag] for tag in shape}
    assert found["cm_contrast_3D_comb"] != plain["cm_contrast_3D_comb"]


def test_bins_of_a_response_do_not_begin_at_the_range_of_the_image() -> None:
    image, mask = _scene("middle")
    bins = {"method": "fixed_bin_size", "value": 4.0}
    settings = _settings(CASES["mean"], None, families=["histogram"], discretisation=bins)
    values = _by_brute_force(image, mask, None, CASES["mean"])
    levels = np.floor((values - values.min()) / 4.0) + 1
    found, _ = measure_with(settings, image, mask, "a")
    assert (found["ih_min"], found["ih_max"]) == (1.0, levels.max())


def test_how_a_file_stores_its_axes_does_not_turn_the_filter() -> None:
    image, mask = _scene("middle")
    settings = _settings(CASES["laws"], None, families=["intensity"])
    expected, _ = measure_with(settings, image, mask, "a")
    affine = LPS[:, [2, 0, 1, 3]].copy()
    affine[:3, 3] += affine[:3, 1] * (SHAPE[0] - 1)
    affine[:3, 1] *= -1
    turned = [array.transpose(2, 0, 1)[:, ::-1] for array in (image.array, mask.labels)]
    found, _ = measure_with(settings, Volume(turned[0], affine), Mask(turned[1], affine, {"a": 1}), "a")
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_a_filter_sees_no_farther_than_it_says(name: str) -> None:
    by = filter_settings(CASES[name])
    around = reach(by, [2.0] * 3)
    image = np.zeros((61, 61, 61), dtype=np.float32)
    if around is None:
        assert name in ("log_riesz", "spectrum")
        return
    image[30, 30, 30] = 1000.0
    moved = np.abs(respond(image, [2.0] * 3, by) - respond(np.zeros_like(image), [2.0] * 3, by)) > 1e-3
    for places, far in zip(np.nonzero(moved), around, strict=True):
        assert np.abs(places - 30).max() <= far
    tight = {"mean", "mean_by_slice", "laws", "laws_energy"}
    assert name not in tight or np.abs(np.nonzero(moved)[0] - 30).max() == around[0]


def test_unequal_voxels_are_refused_with_the_way_out() -> None:
    affine = np.diag([1.0, 1.0, 3.0, 1.0])
    labels = np.ones((6, 6, 6), dtype=np.uint8)
    settings = parse_settings({"filter": CASES["mean"]})
    with pytest.raises(ImageRefusal) as refused:
        measure_with(settings, Volume(labels.astype(float), affine), Mask(labels, affine, {"a": 1}), "a")
    assert refused.value.code == "bad_spacing"
    assert "grid.spacing_mm" in refused.value.next_step


@pytest.mark.parametrize(
    ("entries", "code", "words"),
    [
        ({"name": "meen"}, "bad_filter", "did you mean mean"),
        ({"name": "mean", "suport": 3}, "bad_filter", "support"),
        ({"name": "mean", "support": 4}, "bad_filter", "odd"),
        ("mean", "bad_settings", "mapping with name"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_by_its_own_words(entries: Any, code: str, words: str) -> None:
    with pytest.raises(ImageRefusal) as refused:
        parse_settings({"filter": entries})
    assert refused.value.code == code
    assert words in str(refused.value)


def test_settings_with_a_filter_come_back_from_what_a_recipe_holds() -> None:
    settings = parse_settings({"filter": CASES["gabor_planes"]})
    assert parse_settings(settings.model_dump(mode="json")) == settings
