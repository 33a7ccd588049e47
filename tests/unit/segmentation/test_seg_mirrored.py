"""Mirror images, half precision, and the sums of a GPU, on networks whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.learning.training import first_network
from segmentation.outlining import sliding
from segmentation.outlining.inference import Outlining, Segmenter
from segmentation.outlining.sliding import scores_of
from segmentation.planning.plan import SegmenterPlan
from tests.segmenter_studies import PLANS, patient


def _scores(plan: SegmenterPlan, image: np.ndarray, mirrored: tuple[int, ...] = (), half: bool = False) -> np.ndarray:
    return scores_of(first_network(plan).eval(), image[None], plan, mirrored=mirrored, half=half)


@pytest.mark.parametrize(("name", "axes"), [("unet_3d", (0, 2)), ("unet_3d", (1,)), ("unet_2d", (0, 1))])
def test_with_mirror_images_a_mirrored_image_has_mirrored_scores(name: str, axes: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).normal(size=(32, 28, 16)).astype(np.float32)
    plan, plain = PLANS[name], _scores(PLANS[name], image)
    found = _scores(plan, image, axes)
    assert np.abs(found - plain).max() > 1e-3
    for axis in axes:
        again = np.flip(_scores(plan, np.flip(image, axis).copy(), axes), 1 + axis)
        np.testing.assert_allclose(again, found, atol=2e-5)


def test_mirror_images_need_a_plan_that_allows_them() -> None:
    volume, _ = patient(1)
    plan = replace(PLANS["unet_3d"], symmetric_axes=("x",))
    assert SegmenterPlan.from_json(plan.to_json()) == plan
    Segmenter(plan, first_network(plan)).segment(volume, how=Outlining(mirrored=True))
    asymmetric = PLANS["unet_3d"]
    with pytest.raises(ImageRefusal) as refused:
        Segmenter(asymmetric, first_network(asymmetric)).segment(volume, how=Outlining(mirrored=True))
    assert refused.value.code == "not_symmetric"
    with pytest.raises(ImageRefusal) as bad:
        replace(PLANS["unet_2d"], symmetric_axes=("z",))
    assert bad.value.code == "bad_plan"


@pytest.mark.parametrize("name", ["unet_3d", "unet_2d"])
def test_half_precision_is_close_and_sums_where_the_network_is_are_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.random.default_rng(0).normal(size=(32, 28, 16)).astype(np.float32)
    full = _scores(PLANS[name], image)
    rounded = _scores(PLANS[name], image, half=True)
    assert 0 < np.abs(rounded - full).max() < 0.1 * np.abs(full).max()
    monkeypatch.setattr(sliding, "_sums", sliding._sums_on_gpu)
    np.testing.assert_allclose(_scores(PLANS[name], image), full, atol=1e-5)
