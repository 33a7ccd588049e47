"""Scarce labels, each piece on numbers that can be checked by hand or by another library."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from segmentation.augmentation.augment import Source
from segmentation.errors import ImageRefusal
from segmentation.learning.losses import CRITERIA
from segmentation.learning.sources import read_sources
from segmentation.learning.trainer import first_network, trainer_of
from segmentation.networks import NETWORKS
from segmentation.networks.randomness import drawing
from segmentation.scarce_labels.adaptation import (
    FeatureStatistics,
    GradientReversal,
    covariance,
    matched,
    reversed_gradient,
)
from segmentation.scarce_labels.adversarial import VirtualAdversary, distance, worst_change
from segmentation.scarce_labels.lesson import Beginning, Share, rising, unlabelled_pair
from segmentation.scarce_labels.pretraining import Reconstruction, first_plan, hidden_blocks, phantom_source
from segmentation.scarce_labels.semi_supervised import MeanTeacher, PseudoLabels, pseudo_labels
from segmentation.scarce_labels.transfer import transfer
from tests.segmenter_studies import BLOCKS, PLANS, SLICES, write_cases

CRITERION = CRITERIA["dice_and_cross_entropy"]


class _Fixed(nn.Module):
    """Scores that do not depend on the image."""

    def __init__(self, scores: torch.Tensor) -> None:
        super().__init__()
        self.scores = nn.Parameter(scores)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.scores + 0 * image.sum()


def _share(teacher: nn.Module | None = None, done: float = 1.0) -> Share:
    image, classes = torch.zeros(1, 1, 2), torch.tensor([[0, 1]])
    return Share(image, classes, image, image, done, teacher)


def _source(values: list[float], name: str = "a") -> Source:
    image = torch.tensor(values, dtype=torch.float32).reshape(1, -1, 1, 1)
    return Source(name, name, image, torch.ones(image.shape[1:], dtype=torch.uint8), {}, (1.0, 1.0, 1.0))


def test_on_the_way_back_the_gradient_is_reversed() -> None:
    maps = torch.tensor([1.0, 2.0], requires_grad=True)
    out = reversed_gradient(maps, 0.5)
    assert out.tolist() == [1.0, 2.0]
    (out * torch.tensor([3.0, -4.0])).sum().backward()
    assert maps.grad is not None
    assert maps.grad.tolist() == [-1.5, 2.0]


def test_the_classifier_learns_the_place_and_the_network_to_hide_it() -> None:
    network = first_network(BLOCKS)
    image = torch.randn(1, 1, *BLOCKS.patch, generator=torch.Generator().manual_seed(0))
    classes = torch.zeros(1, *BLOCKS.patch, dtype=torch.int64)
    share = Share(image, classes, image, 2 * image + 1, done=1.0)

    def gradients(strength: float) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        copy = first_network(BLOCKS)
        copy.load_state_dict(network.state_dict())
        lesson = GradientReversal(strength)
        judge = list(lesson.attach(copy, BLOCKS).parameters())
        encoder = list(copy.down.parameters())  # type: ignore[union-attr, operator]
        found = torch.autograd.grad(lesson.loss(copy, share, CRITERION), [*encoder, *judge])
        return list(found[: len(encoder)]), list(found[len(encoder) :])

    plain, judged = gradients(0.0)
    hidden, judged_again = gradients(1.0)
    told, _ = gradients(-1.0)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(judged, judged_again, strict=True))
    assert max(float(one.abs().max()) for one in judged) > 0
    pairs = [(h - p, t - p) for p, h, t in zip(plain, hidden, told, strict=True)]
    assert max(float(away.abs().max()) for away, _ in pairs) > 1e-5
    assert all(torch.allclose(away, -towards, atol=1e-5) for away, towards in pairs)


def test_pseudo_labels_are_only_what_is_sure() -> None:
    chances = torch.tensor([[[0.96, 0.94, 0.02], [0.03, 0.05, 0.97], [0.01, 0.01, 0.01]]])
    taught, sure = pseudo_labels(chances.log() + 7, 0.95)
    assert taught.argmax(dim=1).tolist() == [[0, 0, 1]]
    assert taught.sum(dim=1).tolist() == [[1, 1, 1]]
    assert sure.tolist() == [[1, 0, 1]]


def test_voxels_that_are_not_sure_have_no_say() -> None:
    scores = torch.tensor([[[0.0, 3.0], [0.2, 0.0]]])  # probabilities .55 and .95
    own = CRITERION(scores, torch.tensor([[0, 1]]))
    loss = PseudoLabels(confidence=0.9).loss(_Fixed(scores), _share(), CRITERION)
    assert (loss - own).item() == pytest.approx(-math.log(1 / (1 + math.exp(-3))) / 2, rel=1e-5)
    none = PseudoLabels(confidence=0.99).loss(_Fixed(scores), _share(), CRITERION)
    assert (none - own).item() == pytest.approx(0, abs=1e-7)


def test_the_student_is_drawn_to_its_teacher() -> None:
    student, teacher = _Fixed(torch.zeros(1, 2, 2)), _Fixed(torch.tensor([[[0.0, math.log(3)], [0.0, 0.0]]]))
    own = CRITERION(torch.zeros(1, 2, 2), torch.tensor([[0, 1]]))
    loss = MeanTeacher(weight=4.0).loss(student, _share(teacher), CRITERION)
    assert (loss - own).item() == pytest.approx(4 * 0.25**2 / 2, rel=1e-5)  # .5 for .75 at one voxel
    loss.backward()
    assert teacher.scores.grad is None
    with pytest.raises(ValueError, match="teacher"):
        MeanTeacher().loss(student, _share(), CRITERION)


def test_the_teacher_is_the_running_average_of_the_student(tmp_path: Path) -> None:
    cases = write_cases(tmp_path, range(3))
    plan = replace(BLOCKS, ema=0.4, steps=4)
    sources = read_sources(cases, plan)
    beginning = Beginning(sources[:2], lesson=MeanTeacher(), unlabelled=sources[2:])
    with trainer_of(plan, beginning, "cpu") as running:
        name = "head.weight"
        expected = running.network.state_dict()[name].clone()
        for number in range(4):
            running.step(number)
            keep = min(0.4, (1 + number) / (10 + number))
            expected = keep * expected + (1 - keep) * running.network.state_dict()[name]
        torch.testing.assert_close(running.judged.state_dict()[name], expected)
        assert not torch.equal(running.judged.state_dict()[name], running.network.state_dict()[name])


def test_a_lesson_rises_to_its_full_weight() -> None:
    assert rising(0.0) == pytest.approx(math.exp(-5))
    assert rising(0.2) == pytest.approx(math.exp(-1.25))
    assert rising(0.4) == rising(0.9) == 1.0


def test_the_worst_change_has_its_size_and_moves_more_than_any_drawn_at_random() -> None:
    network = first_network(BLOCKS).eval()
    image = 5 * torch.randn(2, 1, *BLOCKS.patch, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = network(image).log_softmax(dim=1)
    with drawing(3):
        change = worst_change(network, image, before, 0.3)
    spread = image.flatten(1).std(dim=1, unbiased=False)
    torch.testing.assert_close(change.flatten(1).square().mean(dim=1).sqrt(), 0.3 * spread)

    def moved(by: torch.Tensor) -> float:
        with torch.no_grad():
            return float(distance(before, network(image + by).log_softmax(dim=1)))

    rng = torch.Generator().manual_seed(2)
    others = [torch.randn(image.shape, generator=rng) * 0.3 * spread.reshape(-1, 1, 1, 1, 1) for _ in range(10)]
    assert moved(change) > 1.2 * max(moved(other) for other in others)
    assert moved(torch.zeros_like(image)) == pytest.approx(0, abs=1e-6)


def test_the_adversary_needs_no_unlabelled_images_and_no_classes_of_them() -> None:
    network = first_network(BLOCKS)
    image = torch.randn(1, 1, *BLOCKS.patch, generator=torch.Generator().manual_seed(1))
    blank, full = (torch.full((1, *BLOCKS.patch), n, dtype=torch.int64) for n in (0, 1))
    extra = []
    for classes in (blank, full):
        with drawing(0):
            share = Share(image, classes, image[:0], image[:0], 1.0)
            loss = VirtualAdversary().loss(network, share, CRITERION)
        extra.append((loss - CRITERION(network(image), classes)).item())
    assert extra[0] == pytest.approx(extra[1], abs=1e-6)
    assert extra[0] > 0


def test_covariances_are_numpys_and_alike_images_have_nothing_to_match() -> None:
    maps = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values = maps.numpy().transpose(1, 0, 2, 3).reshape(3, -1)
    np.testing.assert_allclose(covariance(maps).numpy(), np.cov(values), rtol=1e-12)
    network, image = first_network(BLOCKS), torch.randn(1, 1, *BLOCKS.patch)
    classes = torch.zeros(1, *BLOCKS.patch, dtype=torch.int64)
    lesson = FeatureStatistics()
    lesson.attach(network, BLOCKS)
    own = CRITERION(network(image), classes).item()
    same = lesson.loss(network, Share(image, classes, image, image, 1.0), CRITERION)
    other = lesson.loss(network, Share(image, classes, image, image.flip(2) ** 3, 1.0), CRITERION)
    assert same.item() == pytest.approx(own, rel=1e-6)
    assert other.item() > own + 1e-6


def test_a_matched_copy_has_the_targets_values_in_its_own_order() -> None:
    source, target = _source([3, 1, 2, 4]), _source([10, 40, 20, 30], "b")
    before = source.image.clone()
    made = matched(source, target, "c")
    assert made.image.flatten().tolist() == [30, 10, 20, 40]
    assert (made.case_id, made.patient_id) == ("c", "a")
    assert torch.equal(made.classes, source.classes)
    assert torch.equal(source.image, before)


def test_half_of_the_blocks_are_hidden_and_only_they_count() -> None:
    image = torch.randn(2, 1, 20, 16, 16, generator=torch.Generator().manual_seed(0))
    with drawing(1):
        hidden = hidden_blocks(image)
    corners = hidden[:, 0, ::8, ::8, ::8]
    assert corners.flatten(1).sum(dim=1).tolist() == [6, 6]  # of 3 x 2 x 2
    assert torch.equal(
        corners.repeat_interleave(8, 1)[:, :20].repeat_interleave(8, 2).repeat_interleave(8, 3), hidden[:, 0]
    )
    assert not torch.equal(hidden[0], hidden[1])

    class _Knows(nn.Module):
        def forward(self, seen: torch.Tensor) -> torch.Tensor:
            hole = seen == seen.flatten(2).mode(dim=2).values.reshape(-1, 1, 1, 1, 1)
            return torch.where(hole, image + 2, torch.full_like(image, 99.0))

    share = Share(image, torch.zeros(2, 20, 16, 16, dtype=torch.int64), image[:0], image[:0], 0.0)
    with drawing(1):
        assert Reconstruction().loss(_Knows(), share, CRITERION).item() == pytest.approx(4.0, rel=1e-5)


def test_transfer_takes_what_fits_and_names_what_does_not() -> None:
    given = first_network(replace(BLOCKS, regions={"a": 1, "b": 2, "c": 3})).state_dict()
    given = {**given, "other.weight": torch.zeros(2)}
    del given["down.0.0.weight"]
    network = first_network(replace(BLOCKS, seed=8))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = transfer(network, given)
    assert found.other_shape == ("head.bias", "head.weight")
    assert found.unknown == ("other.weight",)
    assert found.left == ("down.0.0.weight",)
    after = network.state_dict()
    assert {name for name in after if not torch.equal(after[name], before[name])} <= set(found.taken)
    assert all(torch.equal(after[name], given[name]) for name in found.taken)
    assert "head.weight" in found.words()
    with pytest.raises(ImageRefusal) as refused:
        transfer(nn.Linear(2, 2), given)
    assert refused.value.code == "nothing_fits"


@pytest.mark.parametrize("name", [name for name, family in NETWORKS.items() if not family.own_loss])
def test_no_network_takes_over_a_head_from_a_first_stage(name: str) -> None:
    for regions in ({"a": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}):
        plan = replace(PLANS[name], regions=regions)
        first = first_plan(plan, plan.channels_read)
        assert first.outputs >= plan.channels_read
        assert first.outputs != plan.outputs


@pytest.mark.parametrize("plan", [BLOCKS, SLICES, replace(BLOCKS, intensity="z_score", inputs=("a", "b"))])
def test_phantoms_are_larger_than_a_patch_hold_both_regions_and_differ(plan) -> None:  # type: ignore[no-untyped-def]
    one, again, other = (phantom_source(number, plan) for number in (4, 4, 5))
    assert torch.equal(one.image, again.image)
    assert not torch.equal(one.image[..., :8, :8, :8], other.image[..., :8, :8, :8])
    assert set(one.spots) == {1, 2}
    assert one.image.shape[0] == len(plan.inputs)
    assert all(n >= p for n, p in zip(one.image.shape[1:], plan.patch, strict=True))


def test_two_versions_of_a_patch_show_the_same_place(tmp_path: Path) -> None:
    (source,) = read_sources(write_cases(tmp_path, range(1)), BLOCKS)
    weak, strong = unlabelled_pair([source], BLOCKS, 3)
    assert not torch.equal(weak, strong)
    inside = weak > BLOCKS.fill + 0.5  # brightness changes keep the order of tissues
    assert np.corrcoef(weak[inside].numpy(), strong[inside].numpy())[0, 1] > 0.5
