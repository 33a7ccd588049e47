"""Agreement of several readers, counted on paper."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.assessment.agreement import fleiss_kappa, majority, mean_over_pairs, pairwise, staple
from segmentation.errors import ImageRefusal
from segmentation.images.writing import crop_to_regions
from segmentation.metrics import Settings
from segmentation.types import Mask

REGIONS = {"a": 1, "b": 2}


def _mask(values: list[int]) -> Mask:
    return Mask(np.array(values, dtype=np.uint8).reshape(-1, 1, 1), np.eye(4), REGIONS)


READERS = [_mask([0, 1, 1, 1, 0, 0]), _mask([0, 1, 1, 0, 2, 0]), _mask([0, 0, 1, 1, 2, 0])]


def test_pairs_and_their_mean() -> None:
    """Label 1: pairs share 2 of 3 + 2, 2 of 3 + 2 and 1 of 2 + 2."""
    pairs = pairwise(dict(zip("xyz", READERS, strict=True)), [1], Settings())
    assert {name: one["dice"].value for name, one in pairs.items()} == {
        "x / y": pytest.approx(4 / 5), "x / z": pytest.approx(4 / 5), "y / z": pytest.approx(2 / 4),
    }  # fmt: skip
    assert mean_over_pairs(pairs)["dice"].value == pytest.approx((0.8 + 0.8 + 0.5) / 3)


def test_kappa_by_hand() -> None:
    """The box has 3 voxels with 2, 3, 2 votes of 3: agreement (1/3 + 1 + 1/3) / 3 = 5/9; 7 of 9 votes inside, chance
    (49 + 4) / 81 = 53/81; kappa (45 - 53) / (81 - 53) = -2/7."""
    assert fleiss_kappa(READERS, [1]).value == pytest.approx(-2 / 7)
    assert fleiss_kappa([crop_to_regions(one) for one in READERS], [1]).value == pytest.approx(-2 / 7)


def test_kappa_of_full_agreement_and_of_nothing() -> None:
    both = [Mask(np.eye(4, dtype=np.uint8)[:, :, None], np.eye(4), REGIONS)] * 2
    assert fleiss_kappa(both, [1]).value == pytest.approx(1)
    assert fleiss_kappa(READERS[:1] * 2, [2]).reason == "no mask holds the region"
    assert "chance" in fleiss_kappa([_mask([1, 1])] * 3, [1]).reason


def test_the_majority_needs_more_than_half() -> None:
    """Voxels 1, 2, 3 have 2, 3, 2 votes for label 1, voxel 4 has 2 for label 2; of two readers both are needed."""
    agreed = majority([crop_to_regions(one) for one in READERS])
    assert agreed.labels.ravel().tolist() == [0, 1, 1, 1, 2, 0]
    assert majority(READERS[:2]).labels.ravel().tolist() == [0, 1, 1, 0, 0, 0]


def _noisy(truth: np.ndarray, rng: np.random.Generator, missed: float, added: float) -> Mask:
    flips = np.where(truth > 0, rng.random(truth.shape) < missed, rng.random(truth.shape) < added)
    return Mask(np.where(flips, 1 - truth, truth).astype(np.uint8), np.eye(4), {"a": 1})


def test_staple_finds_the_careless_reader() -> None:
    """Two careful readers (2 % wrong) outvote three that miss half: the majority misses, STAPLE does not."""
    rng = np.random.default_rng(0)
    truth = np.zeros((16, 16, 16), dtype=np.uint8)
    truth[3:13, 3:13, 3:13] = 1
    readers = [_noisy(truth, rng, m, a) for m, a in ((0.02, 0.02), (0.02, 0.02), (0.5, 0.0), (0.5, 0.0), (0.5, 0.0))]
    agreed, quality = staple(readers)
    missed = [int(((mask.labels == 0) & (truth > 0)).sum()) for mask in (agreed, majority(readers))]
    assert missed[0] < missed[1] / 3
    sensitivity = [one[0] for one in quality["a"]]
    assert sensitivity[:2] == [pytest.approx(0.98, abs=0.02)] * 2
    assert sensitivity[2:] == [pytest.approx(0.5, abs=0.06)] * 3


def test_staple_of_equal_masks_and_of_absent_regions() -> None:
    agreed, quality = staple([READERS[1]] * 2)
    assert agreed.labels.ravel().tolist() == [0, 1, 1, 0, 2, 0]
    assert quality == {"a": [(1.0, 1.0)] * 2, "b": [(1.0, 1.0)] * 2}
    assert list(staple([READERS[0]] * 2)[1]) == ["a"]


def test_masks_of_other_images_have_no_consensus() -> None:
    for method in (majority, staple):
        with pytest.raises(ImageRefusal) as refused:
            method([_mask([1, 1]), _mask([1, 1, 0])])  # type: ignore[operator]
        assert refused.value.code == "grid_mismatch"
