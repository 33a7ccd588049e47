"""What a plan may ask of augmentation: mirrors, moves, bending and changes of brightness, drawn and applied alike."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from segmentation.augmentation.augment import Source, cut, draw_variation, patch_size
from segmentation.augmentation.brightness import unevenness
from segmentation.augmentation.elastic import PIECES, bending, control_points, spline_weights
from segmentation.augmentation.settings import AUGMENTATIONS, Augmentation
from segmentation.augmentation.variation import Variation
from segmentation.errors import ImageRefusal
from segmentation.planning.plan import SegmenterPlan
from tests.segmenter_studies import BLOCKS, SLICES

SPACING = (1.0, 2.0, 3.0)
PLAN = replace(BLOCKS, intensity="z_score", augmentation="none")


def _source(shape: tuple[int, int, int] = (40, 36, 30)) -> Source:
    """Smooth, with labels that follow from the intensity."""
    x, y, z = (np.linspace(-1, 1, n) for n in shape)
    image = np.add.outer(np.add.outer(np.sin(3 * x), np.cos(2 * y)), z).astype(np.float32)
    classes = (image > 0.3).astype(np.uint8) + (image > 1).astype(np.uint8)
    spots = {1: np.argwhere(classes == 1)[:50], 2: np.argwhere(classes == 2)[:50]}
    return Source("a", "a", torch.from_numpy(image)[None], torch.from_numpy(classes), spots, SPACING)


def _asking(**settings: object) -> SegmenterPlan:
    return replace(PLAN, augmentation={"space": 1, "intensity": 1, "turn_degrees": 0, "scale": [1, 1], **settings})


def test_by_default_nothing_is_mirrored_bent_or_blurred() -> None:
    for n in range(30):
        drawn = draw_variation(_source(), replace(BLOCKS), np.random.default_rng(n))
        assert (drawn.flipped, drawn.elastic_mm, drawn.blur, drawn.bias) == ((), 0, (0, 0, 0), 0)
        assert (drawn.moved, drawn.low_resolution) == ((0, 0, 0), (1, 1, 1))


def test_none_is_a_crop() -> None:
    source = _source()
    drawn = draw_variation(source, PLAN, np.random.default_rng(4))
    image, classes = cut(source, PLAN, drawn)
    first = (drawn.middle - (np.array(PLAN.patch) - 1) / 2).astype(int)
    part = tuple(slice(a, a + n) for a, n in zip(first, PLAN.patch, strict=True))
    torch.testing.assert_close(image[0], source.image[0][part], rtol=1e-4, atol=1e-4)
    assert torch.equal(classes, source.classes[part].long())


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_mirrored_patch_is_the_patch_mirrored(axis: str) -> None:
    source, plan = _source(), replace(PLAN, augmentation={"space": 0, "intensity": 0, "flip": [axis]})
    drawn = [draw_variation(source, plan, np.random.default_rng(n)) for n in range(40)]
    mirrored = [one for one in drawn if one.flipped]
    assert 10 <= len(mirrored) <= 30
    image, classes = cut(source, plan, mirrored[0])
    plain, plain_classes = cut(source, PLAN, replace(mirrored[0], matrix=np.eye(3)))
    at = "xyz".index(axis)
    torch.testing.assert_close(image.flip(1 + at), plain, rtol=1e-4, atol=1e-4)
    assert torch.equal(classes.flip(at), plain_classes)


def test_moves_stay_within_what_was_asked_and_in_the_slice() -> None:
    for plan in (_asking(translation=0.2), replace(SLICES, augmentation={"space": 1, "translation": 0.2})):
        moved = np.array([draw_variation(_source(), plan, np.random.default_rng(n)).moved for n in range(60)])
        most = 0.2 * np.array(patch_size(plan))
        assert (np.abs(moved) <= most).all()
        assert (np.abs(moved[:, :2]).max(axis=0) > 0.7 * most[:2]).all()
        assert bool(moved[:, 2].any()) == (plan.dimensions == 3)


@pytest.mark.parametrize("sd_mm", [1.0, 5.0, 80.0])
def test_bending_never_folds(sd_mm: float) -> None:
    for seed in range(4):
        variation = Variation(np.zeros(3), np.eye(3), elastic_mm=sd_mm, elastic_seed=seed)
        field = bending(variation, (48, 40, 24), SPACING, 3)
        assert field is not None
        grown = field.numpy().astype(np.float64)
        jacobian = np.stack([np.stack(np.gradient(grown[..., a]), axis=-1) for a in range(3)], axis=-2) + np.eye(3)
        assert np.linalg.det(jacobian).min() > 0
        assert np.abs(grown).max() > 0.05


def test_splines_hold_constants_and_points_are_in_mm() -> None:
    for n in (1, 8, 30):
        np.testing.assert_allclose(spline_weights(n).sum(axis=1), 1)
    variation = Variation(np.zeros(3), np.eye(3), elastic_mm=1.0, elastic_seed=1)
    points = control_points(variation, (60, 60, 60), (5.0, 5.0, 5.0))
    assert points.shape == (PIECES + 3,) * 3 + (3,)
    assert points.std() == pytest.approx(1, abs=0.1)
    near, far = (bending(variation, (60, 60, 60), (step,) * 3, 3) for step in (5.0, 10.0))
    assert near is not None
    assert far is not None
    torch.testing.assert_close(near, 2 * far)


def test_image_and_mask_bend_alike() -> None:
    """Labels follow from the intensity: they still do after bending, but for a thin shell."""
    source, plan = _source(), _asking(elastic_mm=3, intensity=0)
    drawn = draw_variation(source, plan, np.random.default_rng(3))
    image, classes = cut(source, plan, drawn)
    expected = (image[0] > 0.3).long() + (image[0] > 1).long()
    inside = (slice(6, -6),) * 3
    assert (classes[inside] == expected[inside]).float().mean() > 0.93
    plain, _ = cut(source, plan, replace(drawn, elastic_mm=0.0))
    assert (plain - image)[0][inside].abs().max() > 0.05


def test_slices_bend_within_themselves() -> None:
    field = bending(Variation(np.zeros(3), np.eye(3), elastic_mm=3.0, elastic_seed=1), (24, 24, 3), SPACING, 2)
    assert field is not None
    assert not field[..., 2].any()
    assert torch.equal(field[:, :, 0], field[:, :, 2])


def test_unevenness_is_as_strong_as_drawn_and_smooth() -> None:
    field = unevenness(Variation(np.zeros(3), np.eye(3), bias=0.5, bias_seed=2), (30, 20, 10))
    assert field is not None
    assert float(field.log().abs().max()) == pytest.approx(0.5, abs=1e-5)
    assert max(float(field.diff(dim=axis).abs().max()) for axis in range(3)) < 0.35
    flat = unevenness(Variation(np.zeros(3), np.eye(3), bias=0.5, bias_seed=2), (30, 20, 1))
    assert flat is not None
    assert flat.shape == (30, 20, 1)


@pytest.mark.parametrize("setting", [{"blur": 3.0}, {"low_resolution": 4.0}])
def test_blur_and_low_resolution_take_detail_away(setting: dict[str, float]) -> None:
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.normal(size=(1, 30, 30, 20)).astype(np.float32))
    source = Source("a", "a", image, torch.zeros(30, 30, 20, dtype=torch.uint8), {}, SPACING)
    plan = _asking(**setting, gain=[1, 1], shift=0, gamma=[1, 1], noise=0)
    drawn = draw_variation(source, plan, np.random.default_rng(1))
    changed, _ = cut(source, plan, drawn)
    plain, _ = cut(source, plan, replace(drawn, blur=(0.0,) * 3, low_resolution=(1.0,) * 3))
    assert changed.std() < 0.8 * plain.std()
    assert abs(float(changed.mean() - plain.mean())) < 0.05


@pytest.mark.parametrize("plan", [BLOCKS, SLICES])
def test_everything_drawn_stands_in_the_row_and_gives_the_patch_again(plan: SegmenterPlan) -> None:
    source, plan = _source(), replace(plan, augmentation="strong")
    drawn = draw_variation(source, plan, np.random.default_rng(5))
    row = drawn.row()
    assert sorted(row) == sorted(field.name for field in fields(Variation))
    read = {name: _value(text) for name, text in row.items()}
    again = Variation(**{**read, "middle": np.array(read["middle"]), "matrix": np.array(read["matrix"])})  # type: ignore[arg-type]
    first, second = cut(source, plan, drawn), cut(source, plan, again)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def _value(text: str) -> object:
    found = json.loads(text)
    return tuple(found) if isinstance(found, list) and not (found and isinstance(found[0], list)) else found


def test_the_same_generator_gives_the_same_patch_and_threads_change_nothing() -> None:
    source, plan = _source(), replace(BLOCKS, augmentation="strong")
    found = []
    for threads in (1, 2):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        found.append(cut(source, plan, draw_variation(source, plan, np.random.default_rng(8)))[0])
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])


@pytest.mark.parametrize(
    "given",
    ["loud", 3, {"turn": 5}, {"scale": [1.2, 0.8]}, {"scale": 2}, {"flip": ["w"]}, {"noise": -1}, {"space": "often"}],
)
def test_settings_that_cannot_be_drawn_are_refused(given: object) -> None:
    with pytest.raises(ImageRefusal) as refused:
        Augmentation.of(given)
    assert refused.value.code == "bad_augmentation"


def test_settings_travel_with_the_plan() -> None:
    for one in AUGMENTATIONS.values():
        plan = replace(BLOCKS, augmentation=one, preparation=["n4=3", "crop"], refine=["crf", "components"])
        assert SegmenterPlan.from_json(json.loads(plan.to_text())) == plan
