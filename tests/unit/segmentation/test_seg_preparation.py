"""Denoising, bias correction, background and crop, on phantoms whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.learning.sources import read_sources
from segmentation.learning.training import first_network
from segmentation.outlining.inference import Segmenter
from segmentation.phantoms import PhantomSpec, phantom
from segmentation.preparation.bias_field import bias_field
from segmentation.preparation.body import body_mask
from segmentation.preparation.intensities import SCALES
from segmentation.preparation.preprocess import prepare_part, prepare_scan
from segmentation.preparation.steps import STEPS, around, checked_steps, prepared
from segmentation.types import Grid, Mask, Volume
from tests.segmenter_studies import BLOCKS, patient, write_cases

MR = PhantomSpec(shape=(40, 36, 32), modality="MR", noise_hu=5.0)
FILTERS = [name for name in STEPS if name not in ("background", "crop", "n4")]


def _inside_a_box() -> Volume:
    """A noisy ball of 100 (x wider than y) in air, off the middle, with a dark hole."""
    x, y, z = np.indices((30, 26, 22))
    ball = ((x - 17) / 9) ** 2 + ((y - 11) / 7) ** 2 + ((z - 10) / 7) ** 2 <= 1
    ball[17, 11, 10] = False
    noise = np.random.default_rng(0).normal(0, 5, ball.shape)
    return Volume(100.0 * ball + noise, np.diag([2, 2, 3, 1]))


@pytest.mark.parametrize("name", FILTERS)
def test_filters_lower_the_noise_and_keep_the_level(name: str) -> None:
    volume = _inside_a_box()
    before = volume.array.copy()
    (changed,), window = prepared((volume,), [name if name != "gaussian" else "gaussian=2"])
    core = (slice(14, 20), slice(8, 14), slice(6, 9))
    assert changed.array[core].std() < 0.7 * volume.array[core].std()
    assert changed.array[core].mean() == pytest.approx(100, abs=3)
    assert changed.grid.shape == volume.grid.shape
    assert [part.start for part in window] == [0, 0, 0]
    np.testing.assert_array_equal(volume.array, before)


def test_edges_survive_where_a_gaussian_blurs_them() -> None:
    """Across the ball's border: what keeps edges keeps more of the step between two voxels."""
    volume = _inside_a_box()
    step = {}
    for name in ("gaussian=3", "non_local_means", "diffusion", "median"):
        array = prepared((volume,), [name])[0][0].array
        step[name] = float(np.abs(np.diff(array[:, 11, 8])).max())
    assert all(step[name] > 1.5 * step["gaussian=3"] for name in ("non_local_means", "diffusion", "median"))


def test_n4_finds_the_field_that_was_put_in() -> None:
    """The same patient with and without a bias of 40 % to the corners: the ratio of the two is the field."""
    flat, _, _ = phantom(np.random.default_rng(1), MR)
    biased, _, _ = phantom(np.random.default_rng(1), replace(MR, bias=0.6))
    body = body_mask(flat.array[None].astype(np.float32))
    truth = biased.array[body] / np.maximum(flat.array[body], 1)
    (found,), _ = prepared((biased,), ["n4=10"])
    field = bias_field(biased.array.astype(np.float32), body, biased.grid.spacing_mm, 10.0)
    assert np.corrcoef(np.log(field[body]), np.log(np.maximum(truth, 0.1)))[0, 1] > 0.6
    fat = body & (flat.array > 380) & (flat.array < 460)
    spread = [float(array[fat].std() / array[fat].mean()) for array in (biased.array, found.array)]
    assert spread[1] < 0.6 * spread[0]
    assert found.array[body].mean() == pytest.approx(biased.array[body].mean(), rel=0.1)


def test_a_ct_has_no_bias_field() -> None:
    with pytest.raises(ImageRefusal) as refused:
        prepared((patient(0)[0],), ["n4"])
    assert refused.value.code == "negative_intensities"


# Otsu takes dark tissue at the rim of an MR (liver, at less than half of fat's level) for background.
@pytest.mark.parametrize(("modality", "least"), [("CT", 0.99), ("MR", 0.91)])
def test_the_body_is_what_is_not_air(modality: str, least: float) -> None:
    noisy, _, _ = phantom(np.random.default_rng(2), replace(MR, modality=modality, noise_hu=20))
    clean, _, _ = phantom(np.random.default_rng(2), replace(MR, modality=modality, noise_hu=0))
    truth = clean.array > clean.array.min()
    found = body_mask(noisy.array[None].astype(np.float32))
    assert 2 * (truth & found).sum() / (truth.sum() + found.sum()) > least


def test_background_takes_the_lowest_value_and_holes_stay_inside() -> None:
    volume = _inside_a_box()
    (changed,), _ = prepared((volume,), ["background"])
    assert (changed.array[:5] == np.float32(volume.array.min())).all()
    assert changed.array[17, 11, 10] == np.float32(volume.array[17, 11, 10])


def test_a_crop_keeps_place_and_margin() -> None:
    volume = _inside_a_box()
    (changed,), window = prepared((volume,), ["crop=4"])
    # The ball reaches from 8 to 26 along x: 4 mm are two voxels more.
    assert (window[0].start, window[0].stop) == (6, 29)
    first = changed.affine @ [0, 0, 0, 1]
    np.testing.assert_allclose(first, volume.affine @ [*(part.start for part in window), 1])
    np.testing.assert_array_equal(changed.array, volume.array[window].astype(np.float32))


def test_a_coarse_outline_says_where_to_cut() -> None:
    grid = Grid((20, 20, 20), np.diag([2, 1, 1, 1]))
    labels = np.zeros((2, 3, 4), dtype=np.uint8)
    labels[1, 1, 1:3] = 7
    part = grid.part((slice(5, 7), slice(0, 3), slice(10, 14)))
    window = around(Mask(labels, part.affine, {"any": 7}), grid, 2.0)
    assert [(one.start, one.stop) for one in window] == [(5, 8), (0, 4), (9, 15)]


def test_a_plans_crop_returns_to_the_full_grid() -> None:
    volume = _inside_a_box()
    plan = replace(BLOCKS, intensity="z_score_body", preparation=("median", "crop=4"), voxel=(2, 2, 2))
    part, box = prepare_part((volume,), plan)
    whole = prepare_scan((volume,), plan)
    assert part.shape[1:] < whole.shape[1:]
    np.testing.assert_array_equal(whole[(slice(None), *box)], part)
    beside = np.ones(whole.shape[1:], dtype=bool)
    beside[box] = False
    assert (whole[0][beside] == plan.fill).all()
    segmenter = Segmenter(plan, first_network(plan))
    mask = segmenter.segment(volume)
    assert mask.grid.shape == volume.grid.shape
    np.testing.assert_array_equal(Segmenter.from_bytes(segmenter.to_bytes()).segment(volume).labels, mask.labels)
    outer = np.ones(mask.grid.shape, dtype=bool)
    outer[4:30, 1:22, 1:20] = False
    assert mask.labels.any()
    assert not mask.labels[outer].any()


def test_training_sees_what_prediction_sees(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (case,) = write_cases(tmp_path, range(1))
    plan = replace(BLOCKS, preparation=("gaussian=5", "background", "crop"), intensity="histogram")
    (source,) = read_sources([case], plan)
    part, _ = prepare_part((patient(0)[0],), plan)
    np.testing.assert_array_equal(source.image.numpy() + np.float32(plan.fill), part)
    assert source.classes.shape == source.image.shape[1:]
    assert sorted(source.spots) == [1, 2]


def test_intensities_by_the_body_do_not_depend_on_the_field_of_view() -> None:
    volume = _inside_a_box()
    wide = np.concatenate([volume.array, np.random.default_rng(1).normal(0, 5, (60, 26, 22))]).astype(np.float32)
    narrow = volume.array.astype(np.float32)
    for name, most in (("z_score_body", 0.05), ("histogram", 0.05)):
        gap = np.abs(SCALES[name](wide)[:30] - SCALES[name](narrow))[narrow > 50].mean()
        assert gap < most
    plain = np.abs(SCALES["z_score"](wide)[:30] - SCALES["z_score"](narrow))[narrow > 50].mean()
    assert plain > 0.3


def test_every_intensity_undoes_gain_and_keeps_order() -> None:
    volume, _, _ = phantom(np.random.default_rng(2), MR)
    array = volume.array.astype(np.float32)
    for name, scale in SCALES.items():
        scaled = scale(array)
        assert scaled.dtype == np.float32
        order = np.argsort(array.ravel(), kind="stable")
        assert (np.diff(scaled.ravel()[order]) >= -1e-6).all(), name
        if name not in ("hu", "none"):
            np.testing.assert_allclose(scale(3 * array), scaled, atol=2e-3, err_msg=name)


def test_the_histogram_of_a_body_becomes_that_of_a_normal() -> None:
    volume, _, _ = phantom(np.random.default_rng(2), MR)
    array = volume.array.astype(np.float32)
    body = SCALES["histogram"](array)[body_mask(array[None])]
    np.testing.assert_allclose(np.percentile(body, [1, 10, 50, 90, 99]), [-2.326, -1.282, 0, 1.282, 2.326], atol=0.02)


@pytest.mark.parametrize(
    "steps", ["n4", ["blur"], ["gaussian=-1"], ["gaussian=x"], ["crop", "median"], ["background=3"]]
)
def test_steps_that_cannot_be_done_are_refused(steps: object) -> None:
    with pytest.raises(ImageRefusal) as refused:
        checked_steps(steps)  # type: ignore[arg-type]
    assert refused.value.code == "bad_preparation"


def test_an_empty_image_has_no_body() -> None:
    with pytest.raises(ImageRefusal) as refused:
        prepared((Volume(np.full((5, 5, 5), 3.0), np.eye(4)),), ["crop"])
    assert refused.value.code == "no_body"
