"""Our measures beside MONAI's, which carries google-deepmind/surface-distance's table of surface elements."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.metrics import (
    compute_average_surface_distance,
    compute_dice,
    compute_hausdorff_distance,
    compute_iou,
    compute_surface_dice,
)
from monai.metrics.utils import get_code_to_measure_table
from scipy.ndimage import gaussian_filter

from segmentation.metrics import Settings, compare
from segmentation.metrics.surfels import VOXEL, element_sizes
from segmentation.types import Mask

SPACING = (1.0, 1.5, 2.75)
# MONAI 1.6 calls itself with an argument that it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")


def _blobs(seed: int) -> tuple[Mask, Mask]:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(2):
        inside = np.zeros((26, 24, 20), dtype=np.uint8)
        inside[3:-3, 3:-3, 3:-3] = gaussian_filter(rng.normal(size=(20, 18, 14)), 1.5) > 0.03
        made.append(Mask(inside, np.diag([*SPACING, 1.0]), {"a": 1}))
    return made[0], made[1]


def _tensor(mask: Mask) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(mask.labels))[None, None]


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 1.3, 5.0), (2.0, 3.0)])
def test_every_surface_element_has_the_published_size(spacing: tuple[float, ...]) -> None:
    """Source: monai.metrics.utils 1.6.1, after surface-distance 0.1; float32 there."""
    table, _ = get_code_to_measure_table(spacing)
    np.testing.assert_allclose(element_sizes(spacing), table.numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_measures_agree_with_monai(seed: int) -> None:
    truth, drawn = _blobs(seed)
    ours, borders = compare(truth, drawn, 1), compare(truth, drawn, 1, Settings(surface=VOXEL))
    y, p = _tensor(truth), _tensor(drawn)
    facts = {"include_background": True, "spacing": SPACING}
    assert ours["dice"].value == pytest.approx(float(compute_dice(p, y)), rel=1e-6)
    assert ours["jaccard"].value == pytest.approx(float(compute_iou(p, y)), rel=1e-6)
    assert borders["hausdorff_mm"].value == pytest.approx(float(compute_hausdorff_distance(p, y, **facts)), rel=1e-6)
    mean = compute_average_surface_distance(p, y, symmetric=True, **facts)
    assert borders["average_surface_distance_mm"].value == pytest.approx(float(mean), rel=1e-6)
    within = compute_surface_dice(p, y, class_thresholds=[2.0], use_subvoxels=False, **facts)
    assert borders["surface_dice"].value == pytest.approx(float(within), rel=1e-6)
    by_area = compute_surface_dice(p, y, class_thresholds=[2.0], use_subvoxels=True, **facts)
    assert ours["surface_dice"].value == pytest.approx(float(by_area), rel=1e-5)
    # MONAI interpolates between voxels, we take the next: never below, and within the next distance
    peer = float(compute_hausdorff_distance(p, y, percentile=95, **facts))
    assert peer <= borders["hausdorff_95_mm"].value + 1e-5
    assert borders["hausdorff_95_mm"].value <= peer + max(SPACING)
