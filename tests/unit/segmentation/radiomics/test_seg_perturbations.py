"""Perturbations of an image and a mask whose result can be told beforehand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from segmentation.errors import ImageRefusal
from segmentation.radiomics import measure
from segmentation.radiomics.robustness.motion import sampled
from segmentation.radiomics.robustness.perturbations import Perturbation, Ranges, draw_perturbations, perturbed
from segmentation.radiomics.robustness.scene import Margin, cut_scene, noise_level
from segmentation.types import Mask, Volume

RAS = np.diag([0.8, 0.8, 2.5, 1.0])
BALL_SPACING = np.diag([1.0, 1.0, 2.0, 1.0])


def _mask(labels: np.ndarray, affine: np.ndarray = RAS) -> Mask:
    return Mask(labels, affine, {"tumor": 2})


def _ball(shape: tuple[int, int, int] = (40, 40, 22), radius_mm: float = 13.0) -> np.ndarray:
    i, j, k = np.indices(shape)
    away = (i - shape[0] // 2) ** 2 + (j - shape[1] // 2) ** 2 + (2 * (k - shape[2] // 2)) ** 2
    return np.where(away < radius_mm**2, 2, 0).astype(np.uint8)


def _one(mask: Mask, change: Perturbation, image: Volume | None = None) -> tuple[Volume | None, Mask]:
    (pair,) = perturbed(image, mask, "tumor", [change])
    return pair


def _points_mm(mask: Mask) -> np.ndarray:
    """Where the region's voxels lie, RAS mm, sorted."""
    index = np.argwhere(mask.labels == mask.regions["tumor"])
    places = np.round(index @ mask.affine[:3, :3].T + mask.affine[:3, 3], 4)
    return places[np.lexsort(places.T)]


def test_no_change_measures_the_same() -> None:
    labels = _ball()
    image = Volume(np.random.default_rng(0).normal(50, 9, labels.shape), BALL_SPACING)
    mask = _mask(labels, BALL_SPACING)
    found, region = _one(mask, Perturbation(), image)
    assert np.array_equal(_points_mm(region), _points_mm(mask))
    before, after = measure(mask, "tumor", image)[0], measure(region, "tumor", found)[0]
    assert after == pytest.approx(before, rel=1e-5, abs=1e-5)


def test_a_whole_voxel_carries_image_and_mask_along() -> None:
    labels = np.zeros((9, 8, 7), dtype=np.uint8)
    labels[3:6, 4, 2:4] = 2
    values = np.random.default_rng(1).normal(size=labels.shape)
    image, region = _one(_mask(labels), Perturbation(shift=(1, -1, 2)), Volume(values, RAS))
    assert np.array_equal(_points_mm(region), _points_mm(_mask(np.roll(labels, (1, -1, 2), (0, 1, 2)))))
    assert image is not None
    assert np.sort(image.array[region.labels == 2]) == pytest.approx(np.sort(values[labels == 2]), rel=1e-6)


def test_part_of_a_voxel_is_interpolated() -> None:
    # On a ramp along i a shift by a quarter lowers every voxel by a quarter.
    labels = np.zeros((12, 7, 7), dtype=np.uint8)
    labels[4:8, 3, 3] = 2
    ramp = Volume(np.broadcast_to(np.arange(12.0)[:, None, None], labels.shape), RAS)
    image, region = _one(_mask(labels), Perturbation(shift=(0.25, 0, 0)), ramp)
    assert image is not None
    assert image.array[region.labels == 2].tolist() == [3.75, 4.75, 5.75, 6.75]


@pytest.mark.parametrize("signs", [(1, 1), (-1, -1), (-1, 1)])
def test_a_quarter_turn_takes_right_to_front(signs: tuple[int, int]) -> None:
    affine = np.diag([*signs, 3, 1]).astype(float)
    labels = np.zeros((9, 9, 3), dtype=np.uint8)
    labels[4 : 4 + 4 * signs[0] : signs[0], 4, 1] = 2
    labels[4 - 3 * signs[0], 4, 1] = 2  # the box stays centred on voxel 4, 4, 1
    region = _one(_mask(labels, affine), Perturbation(turn_degrees=90))[1]
    before, after = _points_mm(_mask(labels, affine)), _points_mm(region)
    middle = np.array([4.0 * signs[0], 4.0 * signs[1], 3.0])
    turned = np.stack([-(before - middle)[:, 1], (before - middle)[:, 0], (before - middle)[:, 2]], axis=1) + middle
    assert np.array_equal(after, turned[np.lexsort(turned.T)])


@pytest.mark.parametrize("axes", [(1, 0, 2), (2, 0, 1), (2, 1, 0)])
def test_a_turn_does_not_depend_on_the_order_of_the_axes(axes: tuple[int, int, int]) -> None:
    labels = _ball((20, 26, 12), 7.0)
    labels[:10] = 0
    change = Perturbation(turn_degrees=17.0)
    permutation = np.zeros((4, 4))
    permutation[3, 3] = 1
    permutation[list(axes), [0, 1, 2]] = 1
    other = _mask(labels.transpose(axes), BALL_SPACING @ permutation)
    assert np.array_equal(_points_mm(_one(_mask(labels, BALL_SPACING), change)[1]), _points_mm(_one(other, change)[1]))


@pytest.mark.parametrize("degrees", [5.0, 45.0, 133.0])
def test_a_turned_box_is_not_cut_off(degrees: float) -> None:
    labels = np.zeros((40, 12, 8), dtype=np.uint8)
    labels[1:39, 2:10, 1:7] = 2
    region = _one(_mask(labels, np.eye(4)), Perturbation(turn_degrees=degrees, shift=(0.3, 0.2, 0.0)))[1]
    assert (region.labels == 2).sum() == pytest.approx((labels == 2).sum(), rel=0.03)


@pytest.mark.parametrize("share", [-0.3, -0.1, 0.1, 0.3])
def test_growth_adds_this_share_and_stays_around_the_region(share: float) -> None:
    labels = _ball()
    mask = _mask(labels, BALL_SPACING)
    grown = _one(mask, Perturbation(growth=share))[1]
    small, large = sorted([_points_mm(mask), _points_mm(grown)], key=len)
    assert len(_points_mm(grown)) == round((1 + share) * (labels == 2).sum())
    assert {tuple(p) for p in small} <= {tuple(p) for p in large}
    reach = np.linalg.norm(_points_mm(grown) - [20, 20, 22], axis=1).max()
    assert reach < 13.0 * (1.3 ** (1 / 3)) + 1.5


def test_nothing_grows_out_of_the_image() -> None:
    labels = np.zeros((6, 6, 6), dtype=np.uint8)
    labels[:2, :, :] = 2
    region = _one(_mask(labels, np.eye(4)), Perturbation(growth=0.5))[1]
    places = _points_mm(region)
    assert places[:, 0].max() == 2.0
    assert (places.min(axis=0) == 0).all()
    assert (places[:, 1:].max(axis=0) == 5).all()


def test_the_outline_runs_between_voxels() -> None:
    # Three voxels of 1 x 1 x 2 mm in a row: their centres lie half a millimetre from the sides.
    labels = np.zeros((9, 5, 5), dtype=np.uint8)
    labels[3:6, 2, 2] = 2
    scene = cut_scene(None, _mask(labels, BALL_SPACING), "tumor", Margin())
    i, j, k = (int(n) for n in scene.centre)
    assert scene.depth[i - 2 : i + 4, j, k].tolist() == [0.5, -0.5, -0.5, -0.5, 0.5, 1.5]
    assert scene.depth[i, j, k : k + 2].tolist() == [-0.5, 1.5]


def test_contours_differ_by_seed_and_stay_within_three_spreads() -> None:
    mask = _mask(_ball(), BALL_SPACING)
    seeds = [_points_mm(_one(mask, Perturbation(contour_mm=1.0, seed=seed))[1]) for seed in (1, 1, 2)]
    assert np.array_equal(seeds[0], seeds[1])
    assert not np.array_equal(seeds[0], seeds[2])
    reach = np.linalg.norm(seeds[0] - [20, 20, 22], axis=1)
    assert reach.max() < 13.0 + 3.0 + 0.5


def test_contours_err_to_both_sides() -> None:
    mask = _mask(_ball(), BALL_SPACING)
    changes = [Perturbation(contour_mm=1.0, seed=seed) for seed in range(20)]
    volumes = np.array([(region.labels == 2).sum() for _, region in perturbed(None, mask, "tumor", changes)])
    # Spread s on a ball of radius r adds 3 (s/r)^2 = 1.8 % of its volume on average.
    assert volumes.mean() / (_ball() == 2).sum() == pytest.approx(1.018, abs=0.03)
    assert volumes.std() / volumes.mean() > 0.01


@pytest.mark.parametrize("spread", [2.0, 11.0])
def test_noise_is_told_from_structure(spread: float) -> None:
    labels = _ball()
    i, j, _ = np.indices(labels.shape)
    noise = np.random.default_rng(3).normal(0, spread, labels.shape)
    image = Volume(3.0 * i - 2.0 * j + 80.0 * (labels > 0) + noise, BALL_SPACING)
    scene = cut_scene(image, _mask(labels, BALL_SPACING), "tumor", Margin(mm=4))
    assert noise_level(scene) == pytest.approx(spread, rel=0.08)


def test_added_noise_has_the_level_of_the_image() -> None:
    labels = _ball()
    values = np.random.default_rng(3).normal(0, 5.0, labels.shape)
    image, region = _one(_mask(labels, BALL_SPACING), Perturbation(noise=2.0, seed=8), Volume(values, BALL_SPACING))
    assert image is not None
    added = image.array[region.labels == 2] - values[labels == 2]
    assert added.std() == pytest.approx(10.0, rel=0.08)
    assert abs(added.mean()) < 0.5


def test_ct_numbers_stay_whole() -> None:
    labels = _ball()
    values = np.rint(np.random.default_rng(3).normal(40, 12, labels.shape))
    change = Perturbation(shift=(0.3, 0.1, 0.4), noise=1.0)
    for modality, whole in (("CT", True), ("MR", False)):
        image = _one(_mask(labels, BALL_SPACING), change, Volume(values, BALL_SPACING, modality))[0]
        assert image is not None
        assert bool((image.array == np.rint(image.array)).all()) is whole


def test_the_mask_may_be_a_crop_of_the_image() -> None:
    labels = _ball()
    values = np.random.default_rng(4).normal(size=labels.shape)
    window = np.s_[5:35, 6:36, 2:20]
    corner = BALL_SPACING.copy()
    corner[:3, 3] = BALL_SPACING[:3, :3] @ [5, 6, 2]
    change = draw_perturbations(1, 5)[0]
    whole = _one(_mask(labels, BALL_SPACING), change, Volume(values, BALL_SPACING))
    crop = _one(_mask(labels[window], corner), change, Volume(values, BALL_SPACING))
    assert np.array_equal(_points_mm(whole[1]), _points_mm(crop[1]))
    assert whole[0] is not None
    assert crop[0] is not None
    assert np.array_equal(whole[0].array, crop[0].array)


def test_one_voxel_survives_everything() -> None:
    labels = np.zeros((5, 5, 5), dtype=np.uint8)
    labels[2, 2, 2] = 2
    image = Volume(np.random.default_rng(0).normal(size=labels.shape), RAS)
    wild = Ranges(shift=0.5, turn_degrees=30, growth=0.9, contour_mm=3.0)
    changes = (*draw_perturbations(30, 2, wild), Perturbation(growth=-0.99), Perturbation(shift=(0.5, 0.5, 0.5)))
    for found, region in perturbed(image, _mask(labels), "tumor", changes):
        assert (region.labels == 2).any()
        assert found is not None
        assert np.isfinite(found.array).all()


def test_nothing_handed_over_is_changed_and_lists_are_nested() -> None:
    labels = _ball()
    values = np.random.default_rng(4).normal(size=labels.shape)
    kept = labels.copy(), values.copy()
    list(perturbed(Volume(values, BALL_SPACING), _mask(labels, BALL_SPACING), "tumor", draw_perturbations(3, 1)))
    assert np.array_equal(labels, kept[0])
    assert np.array_equal(values, kept[1])
    assert draw_perturbations(5, 1)[:3] == draw_perturbations(3, 1)
    assert draw_perturbations(3, 1) != draw_perturbations(3, 2)


@pytest.mark.parametrize("seed", range(5))
def test_sampling_agrees_with_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    array = rng.normal(size=rng.integers(2, 9, 3)).astype(np.float32)
    matrix, offset = np.eye(3) + rng.normal(0, 0.2, (3, 3)), rng.normal(0, 1, 3)
    slow = ndimage.affine_transform(array.astype(float), matrix, offset, order=1, mode="nearest")
    assert sampled(array, matrix, offset) == pytest.approx(slow, abs=1e-5)


def _holes() -> None:
    values = np.full((40, 40, 22), np.nan)
    _one(_mask(_ball(), BALL_SPACING), Perturbation(), Volume(values, BALL_SPACING))


def _thin() -> None:
    labels = np.full((2, 2, 9), 2, dtype=np.uint8)
    _one(_mask(labels), Perturbation(noise=1.0), Volume(np.ones(labels.shape), RAS))


def _other_grid() -> None:
    _one(_mask(_ball(), BALL_SPACING), Perturbation(), Volume(np.ones((40, 40, 22)), RAS))


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (_holes, "non_finite"),
        (_thin, "too_thin"),
        (_other_grid, "grid_mismatch"),
        (lambda: _one(_mask(np.zeros((4, 4, 4), dtype=np.uint8)), Perturbation()), "empty_region"),
        (lambda: list(perturbed(None, _mask(_ball()), "organ", [Perturbation()])), "no_regions"),
        (lambda: Perturbation(growth=-1.0), "bad_perturbation"),
        (lambda: Perturbation(noise=-1.0), "bad_perturbation"),
        (lambda: Perturbation(turn_degrees=float("nan")), "bad_perturbation"),
    ],
)
def test_refusals(act: Callable[[], object], code: str) -> None:
    with pytest.raises(ImageRefusal) as refusal:
        act()
    assert refusal.value.code == code
