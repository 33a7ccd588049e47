"""Several networks as one, worked by hand on networks that always say the same."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from segmentation.errors import ImageRefusal
from segmentation.learning.training import first_network
from segmentation.outlining.ensemble import Asked, Ensemble, agreement_between, disagreements, thresholds
from segmentation.outlining.inference import Segmenter
from segmentation.types import Mask, Volume
from tests.segmenter_studies import BLOCKS, patient

PLAN = replace(BLOCKS, regions={"tumor": 5}, intensity="none", patch=(8, 8, 8), channels=(4, 8))


class Says(torch.nn.Module):
    """Gives every voxel the same probabilities, or with `slope` region scores that grow with the image."""

    def __init__(self, probabilities: tuple[float, ...], slope: float = 0.0) -> None:
        super().__init__()
        self.scores = torch.nn.Parameter(torch.log(torch.tensor(probabilities)))
        self.slope = torch.nn.Parameter(torch.tensor(slope))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        flat = self.scores.reshape(1, -1, 1, 1, 1).expand(len(image), -1, *image.shape[2:])
        return torch.cat([flat[:, :1], flat[:, 1:] + self.slope * image], dim=1)


def _saying(*probabilities: float, slope: float = 0.0) -> Segmenter:
    return Segmenter(PLAN, Says(probabilities, slope))


def _image(seed: int = 0) -> Volume:
    array = np.random.default_rng(seed).normal(size=(10, 9, 8)).astype(np.float32)
    return Volume(array, np.diag([-2.0, 1.0, 3.0, 1.0]))


def test_probabilities_are_averaged_not_votes() -> None:
    """.9/.1 and .2/.8: the mean is .55/.45, so background, though one of two says tumour."""
    found = Ensemble([_saying(0.9, 0.1), _saying(0.2, 0.8)]).outline((_image(),), Asked())
    assert not found.mask.labels.any()
    assert found.entropy is not None
    assert found.variance is not None
    entropy = -(0.55 * math.log(0.55) + 0.45 * math.log(0.45)) / math.log(2)
    np.testing.assert_allclose(found.entropy.array, entropy, atol=6e-4)
    np.testing.assert_allclose(found.variance.array, 2 * 0.35**2, atol=6e-4)
    assert found.agreement == {"tumor": 0.0}
    assert [finding.code for finding in found.findings] == ["ensemble_disagreement"]
    surer = Ensemble([_saying(0.9, 0.1), _saying(0.05, 0.95)]).segment(_image())
    assert (surer.labels == 5).all()


def test_volumes_lie_on_the_images_grid_and_its_voxels() -> None:
    """Uncertain where the image is near 0: a shift or a turn would move that."""
    image = _image(1)
    found = Ensemble([_saying(0.5, 0.5, slope=4.0), _saying(0.5, 0.5, slope=1.0)]).outline((image,), Asked())
    assert found.entropy is not None
    np.testing.assert_array_equal(found.entropy.affine, image.affine)
    order = np.argsort(np.abs(image.array), axis=None)
    assert (np.diff(found.entropy.array.ravel()[order]) <= 1e-3).all()
    np.testing.assert_array_equal(found.mask.labels > 0, image.array > 0)


def test_one_network_twice_is_that_network_and_order_does_not_matter() -> None:
    volume, _ = patient(1, (30, 26, 20))
    plan = replace(BLOCKS, voxel=(6, 6, 6))
    one, two = (Segmenter(plan, first_network(replace(plan, seed=seed))) for seed in (1, 2))
    twice = Ensemble([one, one]).outline((volume,), Asked())
    np.testing.assert_array_equal(twice.mask.labels, one.segment(volume).labels)
    assert twice.variance is not None
    assert float(twice.variance.array.max()) <= 1e-3
    assert twice.agreement == {"kidney": 1.0, "tumor": 1.0}
    first, second = Ensemble([one, two]), Ensemble([two, one])
    assert first.name == second.name != Ensemble([one]).name == one.name
    np.testing.assert_array_equal(first.segment(volume).labels, second.segment(volume).labels)


def test_members_with_other_voxels_meet_on_one_grid() -> None:
    volume, _ = patient(1, (30, 26, 20))
    fine = Segmenter(replace(PLAN, voxel=(5, 5, 5)), Says((0.4, 0.6)))
    coarse = Segmenter(replace(PLAN, voxel=(9, 9, 9)), Says((0.3, 0.7)))
    found = Ensemble([fine, coarse]).outline((volume,), Asked())
    assert found.mask.labels.shape == volume.array.shape
    assert (found.mask.labels == 5).all()


def test_masks_are_the_members_own_or_grow_with_the_threshold() -> None:
    image = _image(2)
    members = [_saying(0.5, 0.5, slope=3.0), _saying(0.3, 0.7, slope=1.0)]
    found = Ensemble(members).outline((image,), Asked(masks=2))
    own = {member.segment(image).labels.tobytes() for member in members}
    assert {mask.labels.tobytes() for mask in found.masks} == own
    assert thresholds(3) == (0.75, 0.5, 0.25)
    for ensemble in (Ensemble(members), Ensemble(members[:1])):
        drawn = ensemble.outline((image,), Asked(uncertainty=False, masks=5))
        inside = [mask.labels > 0 for mask in drawn.masks]
        assert len(inside) == 5
        assert all(np.all(less <= more) for less, more in pairwise(inside))
        assert inside[0].sum() < inside[2].sum() < inside[4].sum()
        np.testing.assert_array_equal(drawn.masks[2].labels, drawn.mask.labels)
    exact = Ensemble(members[:1]).outline((image,), Asked(uncertainty=False, masks=3)).masks
    np.testing.assert_array_equal(exact[0].labels > 0, 3.0 * image.array > math.log(3))


def test_agreement_is_the_mean_dice_of_pairs() -> None:
    lines = np.zeros((3, 6, 1, 1), dtype=np.uint8)
    lines[0, :4], lines[1, 2:6], lines[2, :2] = 1, 1, 1
    masks = [Mask(line, np.eye(4), {"a": 1, "b": 2}) for line in lines]
    found = agreement_between(masks, {"a": 1, "b": 2})
    assert found == {"a": pytest.approx((2 * 2 / 8 + 2 * 2 / 6 + 0) / 3), "b": 1.0}
    assert [f.message.split(":")[0] for f in disagreements(found)] == ["a"]


def test_members_of_two_purposes_are_refused() -> None:
    other = Segmenter(replace(PLAN, regions={"tumor": 6}), Says((0.5, 0.5)))
    for members, code in (([_saying(0.5, 0.5), other], "ensemble_mismatch"), ([], "no_members")):
        with pytest.raises(ImageRefusal) as refused:
            Ensemble(members)
        assert refused.value.code == code


def test_an_ensemble_larger_than_memory_is_refused_before_it_runs() -> None:
    ensemble, image = Ensemble([_saying(0.9, 0.1), _saying(0.2, 0.8)]), _image()
    with pytest.raises(ImageRefusal) as refused:
        ensemble.outline((image,), Asked(), limit_bytes=10**6)
    assert refused.value.code == "too_large"
    ensemble.outline((image,), Asked(), limit_bytes=ensemble.predicted_bytes(image.grid))
