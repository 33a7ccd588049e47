"""Maps of saliency: on networks solved by hand, against captum, and for every network of the registry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from segmentation.errors import ImageRefusal
from segmentation.learning.training import first_network, train_segmenter
from segmentation.outlining.inference import Segmenter
from segmentation.saliency import deepest_layer, explain_gate, explain_region
from segmentation.types import Volume
from tests.segmenter_studies import BLOCKS, LEARNING, PLANS, patient, write_cases

PLAN = replace(BLOCKS, intensity="none")


class _OneSided(nn.Module):
    """Two maps of the half with low x; class 2 is their sum, class 1 never wins."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Conv3d(1, 2, 1, bias=False)
        self.maps.weight.data[:] = torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        seen = image.clone()
        seen[:, :, image.shape[2] // 2 :] = 0
        maps = self.maps(seen)
        return torch.stack([0 * maps[:, 0], 0 * maps[:, 0] - 1, maps.sum(dim=1)], dim=1)


def _volume() -> Volume:
    array = np.random.default_rng(0).uniform(0.5, 1, (24, 24, 16)).astype(np.float32)
    return Volume(array, np.diag([-1.0, 1, 2, 1]))


def test_a_network_that_sees_one_side_is_explained_on_that_side() -> None:
    """Both maps have weight w, the share of voxels given to the region; the sum is w times 3 times the image.

    The file's first axis grows to the left, so that the patient's low x is its far end.
    """
    volume = _volume()
    found = explain_region(Segmenter(PLAN, _OneSided()), volume, "tumor")
    array = found.volume.array
    assert found.layer == "maps"
    assert found.outlined == 12 * 24 * 16
    assert not array[:12].any()
    np.testing.assert_allclose(array[12:], 0.5 * 3 * volume.array[12:], rtol=1e-4)
    np.testing.assert_array_equal(found.volume.affine, volume.affine)


def test_a_region_that_is_not_outlined_is_explained_by_all_voxels() -> None:
    found = explain_region(Segmenter(PLAN, _OneSided()), _volume(), "kidney")
    assert found.outlined == 0
    assert not found.volume.array.any()


@pytest.mark.parametrize("name", ["unet_2d", "unet_3d"])
def test_one_window_is_what_captum_gives(name: str) -> None:
    """captum averages the gradient over a map's places; the score is the sum over the voxels given to the region."""
    from captum.attr import LayerGradCam

    from segmentation.preparation.preprocess import prepare_part

    plan = PLANS[name]
    volume = patient(0, (24, 24, 16 if plan.dimensions == 3 else 1))[0]
    segmenter = Segmenter(replace(plan, neighbours=0), first_network(replace(plan, neighbours=0)))
    network, layer = segmenter.network, deepest_layer(segmenter.network, segmenter.plan)
    part, _ = prepare_part((volume,), segmenter.plan)
    image = torch.from_numpy(part)[None] if plan.dimensions == 3 else torch.from_numpy(part)[None, ..., 0]

    def score(batch: torch.Tensor) -> torch.Tensor:
        scores = network(batch)
        return (scores[:, 2] * (scores.argmax(dim=1) == 2)).flatten(1).sum(dim=1)

    theirs = LayerGradCam(score, dict(network.named_modules())[layer]).attribute(image, relu_attributions=True)
    mode = "trilinear" if plan.dimensions == 3 else "bilinear"
    theirs = nn.functional.interpolate(theirs.detach(), plan.patch[: plan.dimensions], mode=mode)[0, 0].numpy()
    ours = explain_region(segmenter, volume, "tumor").volume.array
    assert theirs.max() > 0
    np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, atol=2e-3 * theirs.max())


@pytest.mark.parametrize("name", sorted(PLANS))
def test_every_network_has_a_map(name: str) -> None:
    plan = PLANS[name]
    segmenter, volume = Segmenter(plan, first_network(plan)), patient(1)[0]
    regions = [explain_region(segmenter, volume, region).volume.array for region in plan.regions]
    assert all(array.shape == volume.array.shape and array.dtype == np.float32 for array in regions)
    assert all(np.isfinite(array).all() and array.min() >= 0 for array in regions)
    assert any(array.max() > 0 for array in regions)


def test_cores_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter, volume = Segmenter(BLOCKS, first_network(BLOCKS)), patient(1, (40, 30, 20))[0]
    several = explain_region(segmenter, volume, "tumor").volume.array
    monkeypatch.setattr("segmentation.outlining.sliding.cores", lambda: 1)
    np.testing.assert_array_equal(explain_region(segmenter, volume, "tumor").volume.array, several)


def test_other_weights_give_another_map(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """The sanity check of Adebayo et al. 2018 (arXiv:1810.03292): a map that ignores the weights explains nothing."""
    cases = write_cases(tmp_path, range(3))
    plan = replace(LEARNING["unet_3d"], steps=40)
    trained, volume = train_segmenter(cases, plan), patient(0)[0]
    learned = explain_region(trained, volume, "kidney", "up.0").volume.array
    assert learned.std() > 0
    likeness = []
    for seed in range(4):
        random = Segmenter(plan, first_network(replace(plan, seed=100 + seed)))
        other = explain_region(random, volume, "kidney", "up.0").volume.array
        likeness.append(np.corrcoef(learned.ravel(), other.ravel())[0, 1] if other.std() else 0.0)
    assert np.mean(likeness) < 0.5


@pytest.mark.parametrize("name", ["attention_unet_2d", "attention_unet_3d"])
def test_gates_are_read_in_the_images_geometry(name: str) -> None:
    plan = PLANS[name]
    segmenter, volume = Segmenter(plan, first_network(plan)), patient(1, (40, 30, 20))[0]
    gate = explain_gate(segmenter, volume, 1).volume
    assert gate.grid.shape == volume.grid.shape
    assert 0 < gate.array.min() < gate.array.max() < 1


def test_what_cannot_be_explained_is_refused() -> None:
    segmenter, volume = Segmenter(BLOCKS, first_network(BLOCKS)), patient(0)[0]
    for code, ask in {
        "no_regions": lambda: explain_region(segmenter, volume, "ghost"),
        "no_layer": lambda: explain_region(segmenter, volume, "tumor", "ghost"),
        "wrong_channels": lambda: explain_region(segmenter, (volume, volume), "tumor"),
    }.items():
        with pytest.raises(ImageRefusal) as refused:
            ask()
        assert refused.value.code == code
    for model, level in ((segmenter, 1), (_gated(), 0), (_gated(), 2)):
        with pytest.raises(ImageRefusal, match="maps"):
            explain_gate(model, volume, level)


def _gated() -> Segmenter:
    plan = PLANS["attention_unet_3d"]
    return Segmenter(plan, first_network(plan))
