"""Mask R-CNN's own parts: pooling against torchvision's, pieces counted in a drawn picture, scores from pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.measure import label, regionprops

from segmentation.errors import ImageRefusal
from segmentation.learning.losses import CRITERIA
from segmentation.learning.training import first_network, train_segmenter
from segmentation.networks.instances import Instances, pieces_of
from segmentation.networks.randomness import drawing
from segmentation.networks.rois import aligned, aligned_masks, pasted
from segmentation.torchvision_cure import cure_torchvision
from tests.segmenter_studies import PLANS, write_cases

cure_torchvision()

from segmentation.networks.detector import MaskRCNN, Pyramid  # noqa: E402  # cured first
from segmentation.networks.proposals import Anchors, Draw, distinct  # noqa: E402

PLAN = PLANS["mask_rcnn_2d"]
PICTURE = torch.tensor(
    [
        [1, 1, 0, 0, 0, 0],
        [1, 0, 0, 2, 2, 0],
        [0, 1, 0, 2, 2, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1],
    ]
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_pieces_of_a_picture_counted_by_hand() -> None:
    """Class 1 has a hook of four voxels (joined over a corner) and a single one, class 2 a square."""
    found = pieces_of(PICTURE, 3)
    assert found["labels"].tolist() == [1, 1, 2]
    assert found["boxes"].tolist() == [[0, 0, 2, 3], [5, 4, 6, 5], [3, 1, 5, 3]]
    assert found["masks"].sum(dim=(1, 2)).tolist() == [4, 1, 4]
    assert found["masks"].shape == (3, 5, 6)


def test_pieces_of_noise_are_scikit_images() -> None:
    classes = torch.from_numpy(np.random.default_rng(0).integers(0, 3, (40, 30)))
    found = pieces_of(classes, 3)
    for number in (1, 2):
        expected = regionprops(label(classes.numpy() == number, connectivity=2))
        boxes = sorted((r[1], r[0], r[3], r[2]) for r in (one.bbox for one in expected))
        assert sorted(map(tuple, found["boxes"][found["labels"] == number].tolist())) == boxes


def test_a_picture_without_pieces_gives_none() -> None:
    found = pieces_of(torch.zeros(5, 6, dtype=torch.int64), 3)
    assert found["boxes"].shape == (0, 4)
    assert found["masks"].shape == (0, 5, 6)


def test_pooling_is_torchvisions() -> None:
    from torchvision.ops.roi_align import _roi_align

    random = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 10, 14, generator=random)
    corners = torch.rand(12, 2, 2, generator=random) * torch.tensor([56.0, 40.0])
    boxes = torch.cat([corners.amin(dim=1), corners.amax(dim=1)], dim=1)
    rois = torch.cat([torch.zeros(12, 1), boxes], dim=1)
    plainly = _roi_align.__wrapped__  # without the compiler around it
    expected = plainly(maps[None], rois, 0.25, 7, 7, 2, True)
    torch.testing.assert_close(aligned(maps, boxes, 0.25, 7), expected, rtol=1e-4, atol=1e-5)
    masks = torch.rand(12, 40, 56, generator=random)
    each = torch.cat([aligned(mask[None], boxes[n : n + 1], 1.0, 5) for n, mask in enumerate(masks)])
    torch.testing.assert_close(aligned_masks(masks, boxes, 5), each[:, 0])


def test_a_mask_goes_back_to_where_it_was_cut_out() -> None:
    """A disc of radius 12 cut out at 28 x 28 and put back differs in at most a ring of voxels; outside is nothing."""
    y, x = np.mgrid[:40, :50]
    disc = torch.from_numpy((y - 18) ** 2 + (x - 25) ** 2 <= 144).float()
    box = torch.tensor([[13.0, 6.0, 38.0, 31.0]])
    back = pasted(aligned_masks(disc[None], box, 28), box, (40, 50))[0]
    assert int(((back > 0.5) != (disc > 0.5)).sum()) <= 4
    assert float(back[:6].abs().sum() + back[31:].abs().sum() + back[:, :13].abs().sum()) == 0


def test_anchors_lie_around_the_middle_of_each_place() -> None:
    class Images:
        image_sizes = ((8, 12),)

    (found,) = Anchors((4,), (4,))(Images(), [torch.zeros(1, 2, 3)])
    assert found.shape == (18, 4)
    square = found[1::3]
    assert square[0].tolist() == [0, 0, 4, 4]
    assert square[1].tolist() == [4, 0, 8, 4]
    assert square[3].tolist() == [0, 4, 4, 8]
    areas = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1])
    torch.testing.assert_close(areas, torch.full((18,), 16.0))


def test_each_box_is_read_from_the_level_nearest_to_its_size() -> None:
    levels = Pyramid([torch.full((1, 16, 16), 1.0), torch.full((1, 8, 8), 2.0)], (4, 8), (8, 32))
    boxes = torch.tensor([[4.0, 4, 12, 12], [2.0, 2, 42, 42], [8.0, 8, 9, 9]])
    assert levels.within(boxes, 2).amax(dim=(1, 2, 3)).tolist() == [1, 2, 1]


def test_boxes_on_each_other_are_one_within_their_group_alone() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 10], [30, 30, 40, 40]])
    scores, groups = torch.tensor([0.6, 0.9, 0.8, 0.7]), torch.tensor([0, 0, 1, 0])
    assert distinct(boxes, scores, groups, 0.5).tolist() == [1, 2, 3]
    assert distinct(boxes[:0], scores[:0], groups[:0], 0.5).tolist() == []


def test_what_is_judged_follows_from_the_seed_and_keeps_its_share() -> None:
    matched = torch.tensor([-1, *[0] * 50, *[3] * 20])
    draws = []
    for seed in (1, 1, 2):
        with drawing(seed):
            (positive,), (negative,) = Draw(16, 0.25)([matched])
        assert (int(positive.sum()), int(negative.sum())) == (4, 12)
        assert bool((matched[positive] > 0).all() and (matched[negative] == 0).all())
        draws.append((positive, negative))
    assert torch.equal(draws[0][0], draws[1][0])
    assert torch.equal(draws[0][1], draws[1][1])
    assert not torch.equal(draws[0][1], draws[2][1])


def test_a_class_has_the_share_of_its_surest_piece() -> None:
    masks = torch.tensor([[[1.0, 0.5]], [[0.0, 1.0]], [[0.5, 0.0]]])
    found = Instances(torch.zeros(3, 4), torch.tensor([1, 1, 2]), torch.tensor([0.8, 0.6, 1.0]), masks)
    torch.testing.assert_close(found.class_shares(4), torch.tensor([[[0.8, 0.6]], [[0.5, 0.0]], [[0.0, 0.0]]]))


def test_scores_are_log_odds_of_the_pieces_and_background_without_any(monkeypatch: pytest.MonkeyPatch) -> None:
    network = first_network(PLAN).eval()
    assert isinstance(network, MaskRCNN)
    found = Instances(torch.zeros(1, 4), torch.tensor([2]), torch.tensor([0.9]), torch.tensor([[[1.0, 0.5]]]))
    empty = Instances(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0), torch.zeros(0, 1, 2))
    monkeypatch.setattr(network, "detections", lambda image: [found, empty])
    scores = network(torch.zeros(2, 3, 1, 2))
    assert scores.argmax(dim=1).tolist() == [[[2, 0]], [[0, 0]]]
    torch.testing.assert_close(torch.sigmoid(scores[0, 2]), torch.tensor([[0.9, 0.45]]))
    assert bool(torch.isfinite(scores).all())


def test_slices_without_any_piece_can_be_learned_from() -> None:
    network, image = first_network(PLAN).train(), torch.randn(2, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    with drawing(0):
        loss = network.loss(image, torch.zeros(2, 24, 24, dtype=torch.int64), CRITERIA[PLAN.loss])
    loss.backward()
    assert float(loss.detach()) > 0


@pytest.mark.parametrize("anchors", [(8, 4, 12, 16, 20), (4, 8), (), (0, 4, 8, 12, 16)])
def test_anchors_that_do_not_fit_the_encoder_are_refused(anchors: tuple[int, ...]) -> None:
    with pytest.raises(ImageRefusal, match="anchors") as refused:
        first_network(replace(PLAN, options={**PLAN.options, "anchors": anchors}))
    assert "[2, 4, 8, 16, 32]" in (refused.value.expected or "")


def test_a_loss_that_it_would_not_listen_to_is_refused() -> None:
    with pytest.raises(ImageRefusal, match="loss or class_weights"):
        replace(PLAN, loss="focal")
    with pytest.raises(ImageRefusal, match="heads"):
        replace(PLAN, regions={"kidney": 1, "tumor": 2}, heads={"all": ("kidney", "tumor"), "tumor": ("tumor",)})


def test_the_same_seed_gives_the_same_file_on_one_core_and_on_two(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases, plan = write_cases(tmp_path_factory.mktemp("study"), range(2)), replace(PLAN, steps=2, batch=5)
    files = []
    for number in (1, 2):
        monkeypatch.setattr("segmentation.learning.trainer.cores", lambda number=number: number)
        files.append(train_segmenter(cases, plan).to_bytes())
    assert files[0] == files[1]
    assert train_segmenter(cases, replace(plan, seed=9)).to_bytes() != files[0]
