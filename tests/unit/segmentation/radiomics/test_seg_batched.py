"""Many regions at once where something is odd: nothing to measure, other settings, other doors."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.radiomics.batched import measure_batch, measure_perturbed, measure_regions
from segmentation.radiomics.batched.tissue import tissue_mm
from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.robustness.perturbations import draw_perturbations, perturbed
from segmentation.radiomics.settings import parse_settings
from segmentation.types import Grid, Mask, Volume
from tests.batched_cases import AFFINE, REGION, check_equal, odd_pairs, one_by_one, pair, random_pair

ALL = parse_settings({"texture": {"dimensions": ["2D", "2.5D", "3D"]}})


@pytest.mark.parametrize("name", odd_pairs())
def test_an_odd_region_alone(name: str) -> None:
    odd = odd_pairs()[name]
    (found,) = measure_batch(ALL, [odd], REGION)
    check_equal(found, one_by_one(ALL, [odd])[0])


def test_odd_regions_together() -> None:
    pairs = list(odd_pairs().values())
    for found, expected in zip(measure_batch(ALL, pairs, REGION), one_by_one(ALL, pairs), strict=True):
        check_equal(found, expected)


def test_nothing_gives_nothing() -> None:
    assert measure_batch(ALL, [], REGION) == []


@pytest.mark.parametrize(
    "families", [["shape"], ["intensity"], ["volume_histogram"], ["dzm"], ["ngl", "histogram"], []]
)
def test_only_what_was_asked_for(families: list[str]) -> None:
    how = parse_settings({"families": families})
    pairs = [random_pair(np.random.default_rng(seed)) for seed in range(3)]
    for found, expected in zip(measure_batch(how, pairs, REGION), one_by_one(how, pairs), strict=True):
        check_equal(found, expected)


def test_so_many_levels_that_narrow_numbers_would_not_hold_them() -> None:
    how = parse_settings({"discretisation": {"method": "none"}, "families": ["histogram", "cm", "rlm", "szm", "ngt"]})
    steep = np.arange(1.0, 61.0).reshape(3, 4, 5) * 1000
    pairs = [pair(steep, np.ones_like(steep)), pair(steep % 7 + 1, np.ones_like(steep))]
    for found, expected in zip(measure_batch(how, pairs, REGION), one_by_one(how, pairs), strict=True):
        check_equal(found, expected)


@pytest.mark.parametrize("how", [{"profile": "pyradiomics"}, {"filter": {"name": "mean", "support": 3}}])
def test_other_profiles_and_filters(how: dict[str, object]) -> None:
    settings = parse_settings(how)
    cube = np.random.default_rng(5).normal(0, 60, (6, 6, 6)).round()
    affine = np.eye(4)
    pairs = [(Volume(cube, affine), Mask((cube > level).astype(np.uint8), affine, {REGION: 1})) for level in (-30, 0)]
    for found, expected in zip(measure_batch(settings, pairs, REGION), one_by_one(settings, pairs), strict=True):
        check_equal(found, expected)


def test_bad_input_is_refused_as_one_by_one() -> None:
    good = random_pair(np.random.default_rng(1))
    holes = pair(np.full((2, 2, 2), np.nan), np.ones((2, 2, 2)))
    with pytest.raises(ImageRefusal, match="holes"):
        measure_batch(ALL, [good, holes], REGION)
    with pytest.raises(ImageRefusal, match="Unknown region"):
        measure_batch(ALL, [good], "kidney")
    with pytest.raises(ImageRefusal, match="Unknown device"):
        measure_batch(ALL, [good], REGION, device="tpu")
    few = parse_settings({"discretisation": {"method": "none"}})
    with pytest.raises(ImageRefusal, match="bins"):
        measure_batch(few, [good], REGION)


def test_every_region_of_a_mask() -> None:
    rng = np.random.default_rng(2)
    image = Volume(rng.normal(0, 60, (9, 8, 7)).round(), AFFINE)
    labels = rng.integers(0, 3, (9, 8, 7)).astype(np.uint8)
    mask = Mask(labels, AFFINE, {"tumor": 1, "cyst": 2, "none": 9})
    found = measure_regions(ALL, image, mask)
    assert list(found) == ["tumor", "cyst", "none"]
    for name, each in found.items():
        check_equal(each, measure_with(ALL, image, mask, name))


def test_perturbations_see_as_much_tissue_as_their_features() -> None:
    rng = np.random.default_rng(4)
    labels = np.zeros((24, 24, 24), dtype=np.uint8)
    labels[9:15, 9:15, 9:15] = rng.random((6, 6, 6)) < 0.8
    image, mask = Volume(rng.normal(0, 60, labels.shape), np.eye(4), "CT"), Mask(labels, np.eye(4), {REGION: 1})
    how, changes = parse_settings({}), draw_perturbations(2, 7)
    found = measure_perturbed(how, image, mask, REGION, changes)
    # More tissue changes nothing but the random field of the contours, which is as large as the crop.
    pairs = perturbed(image, mask, REGION, changes, around_mm=tissue_mm(how, image.grid))
    for each, (shaken, outline) in zip(found, pairs, strict=True):
        check_equal(each, measure_with(how, shaken, outline, REGION))


def test_how_much_tissue_is_seen() -> None:
    grid = Grid((9, 9, 9), np.diag([1.0, 1.0, 3.0, 1.0]))
    assert tissue_mm(parse_settings({"families": ["cm"]}), grid) == 0
    assert tissue_mm(parse_settings({}), grid) == pytest.approx(6.21)
    resampled = {"families": ["cm"], "grid": {"spacing_mm": [1, 1, 1]}}
    assert tissue_mm(parse_settings(resampled), grid) == pytest.approx(4.0)
    filtered = {**resampled, "filter": {"name": "mean", "support": 5}}
    assert tissue_mm(parse_settings(filtered), grid) == pytest.approx(6.0)


def test_radiomics_without_it_needs_no_torch() -> None:
    code = "import sys, segmentation.radiomics.measuring, segmentation.cli.radiomics; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
