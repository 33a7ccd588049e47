"""The dense random field against a sum over all pairs, and against marginals by enumeration."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from segmentation.refinement.crf import refine_scores, widths_mm, window
from segmentation.refinement.mask_field import refine_mask
from segmentation.refinement.settings import CrfSettings
from segmentation.types import Mask, Volume

Array = npt.NDArray[np.float64]


def _kernel(image: Array, spacing: tuple[float, ...], settings: CrfSettings) -> Array:
    """k(i, j) for every pair of voxels, from the definition."""
    shape = image.shape[1:]
    smooth, alike = widths_mm(spacing, shape, settings)
    reach = settings.reach * max(smooth, alike)
    steps = [range(-20, 21) if n > 1 else range(1) for n in shape]
    far = [math.hypot(*np.multiply(o, spacing)) for o in itertools.product(*steps)]
    near = [d for d in far if 0 < d <= reach * (1 + 1e-9)]
    totals = [sum(math.exp(-(d**2) / (2 * width**2)) for d in near) for width in (smooth, alike)]
    places = list(np.ndindex(*shape))
    k = np.zeros((len(places), len(places)))
    for (i, a), (j, b) in itertools.permutations(enumerate(places), 2):
        d = math.hypot(*(np.subtract(a, b) * spacing))
        if d <= reach * (1 + 1e-9):
            unlike = sum((channel[a] - channel[b]) ** 2 for channel in image)
            k[i, j] = settings.smoothness * math.exp(-(d**2) / (2 * smooth**2)) / totals[0]
            k[i, j] += (
                settings.appearance
                * math.exp(-(d**2) / (2 * alike**2) - unlike / (2 * settings.contrast**2))
                / totals[1]
            )
    return k


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=0))
    return np.asarray(e / e.sum(axis=0))


def _brute(scores: Array, image: Array, spacing: tuple[float, ...], settings: CrfSettings) -> Array:
    unary = np.log(_softmax(scores.reshape(len(scores), -1)))
    k, q = _kernel(image, spacing, settings), _softmax(unary)
    for _ in range(settings.steps):
        # Potts: the cost of class c is what the neighbours give to all others.
        cost = np.stack([sum(k @ q[other] for other in range(len(q)) if other != c) for c in range(len(q))])
        q = _softmax(unary - cost)
    return q.reshape(scores.shape)


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((4, 3, 3), (1.0, 1.5, 2.0)), ((5, 6), (0.7, 1.0)), ((4, 5, 1), (1.0, 1.0, 5.0)), ((1, 1), (1.0, 1.0))],
)
@pytest.mark.parametrize("reach", [1.0, 5.0])
def test_mean_field_is_that_of_all_pairs(shape: tuple[int, ...], spacing: tuple[float, ...], reach: float) -> None:
    rng = np.random.default_rng(3)
    scores, image = rng.normal(size=(3, *shape)), rng.normal(size=(2, *shape))
    settings = CrfSettings(reach=reach, appearance_mm=1.3, contrast=0.8)
    ours = refine_scores(scores.astype(np.float32), image.astype(np.float32), spacing, settings)
    np.testing.assert_allclose(np.exp(ours), _brute(scores, image, spacing, settings), atol=2e-5)


def test_weak_pairs_give_the_exact_marginals() -> None:
    """Over all 2^9 labellings of 3 x 3 voxels; mean field is exact to first order in the weights."""
    rng = np.random.default_rng(0)
    scores, image = rng.normal(size=(2, 3, 3)), rng.normal(size=(1, 3, 3))
    settings = CrfSettings(smoothness=0.3, appearance=0.3, reach=5, steps=50)
    k, log_p = _kernel(image, (1.0, 1.0), settings), np.log(_softmax(scores.reshape(2, 9)))
    total = np.zeros((2, 9))
    for labelling in itertools.product((0, 1), repeat=9):
        y = np.array(labelling)
        pairs = k[y[:, None] != y[None, :]].sum() / 2
        weight = math.exp(log_p[y, np.arange(9)].sum() - pairs)
        total[y, np.arange(9)] += weight
    exact = total / total.sum(axis=0)
    ours = np.exp(refine_scores(scores.astype(np.float32), image.astype(np.float32), (1.0, 1.0), settings))
    np.testing.assert_allclose(ours.reshape(2, 9), exact, atol=6e-3)
    assert np.abs(exact - np.exp(log_p)).max() > 0.02


def test_only_distance_in_mm_counts() -> None:
    rng = np.random.default_rng(1)
    scores, image = rng.normal(size=(2, 5, 5, 4)).astype(np.float32), rng.normal(size=(1, 5, 5, 4)).astype(np.float32)
    settings = CrfSettings(smoothness_mm=2, appearance_mm=3)
    one = refine_scores(scores, image, (1.0, 2.0, 3.0), settings)
    larger = replace(settings, smoothness_mm=4, appearance_mm=6)
    np.testing.assert_allclose(refine_scores(scores, image, (2.0, 4.0, 6.0), larger), one, atol=1e-5)
    turned = refine_scores(scores.swapaxes(1, 3), image.swapaxes(1, 3), (3.0, 2.0, 1.0), settings)
    np.testing.assert_allclose(turned.swapaxes(1, 3), one, atol=1e-4)
    assert np.abs(refine_scores(scores, image, (3.0, 2.0, 1.0), settings) - one).max() > 0.1


def test_weights_sum_to_what_is_asked_for() -> None:
    for spacing in ((1.0, 1.0, 1.0), (0.5, 0.5, 4.0)):
        kernels = window(spacing, (20, 20, 20), CrfSettings())
        assert 2 * sum(near for _, near, _ in kernels) == pytest.approx(1)
        assert 2 * sum(alike for _, _, alike in kernels) == pytest.approx(2)


def test_wrong_voxels_are_put_right_by_the_image_and_nothing_far_away_changes() -> None:
    """A bright block, a seventh of its voxels and of those around it drawn wrong: nearly all become right."""
    rng = np.random.default_rng(0)
    truth = np.zeros((40, 16, 10), dtype=bool)
    truth[4:12, 4:12, 2:8] = True
    image = truth + rng.normal(0, 0.1, truth.shape)
    wrong = rng.random(truth.shape) < 1 / 7
    wrong[16:] = False
    drawn = (truth ^ wrong).astype(np.uint8)
    mask = Mask(drawn, np.eye(4), {"block": 1})
    found = refine_mask(mask, (Volume(image, np.eye(4)),), CrfSettings(smoothness=2, appearance=4, steps=10)).labels
    assert ((found == 1) != truth).mean() < 0.1 * wrong.mean()
    assert not found[26:].any()
    np.testing.assert_array_equal(mask.labels, drawn)
