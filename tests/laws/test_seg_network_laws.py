"""A patient is outlined alike however the file stores the axes."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.learning.training import first_network
from segmentation.outlining.inference import Segmenter
from segmentation.types import Volume
from tests.segmenter_studies import PLANS, patient

ORDERS = [(order, flips) for order in permutations(range(3)) for flips in product((1, -1), repeat=3)]


def _stored(volume: Volume, order: tuple[int, ...], flips: tuple[int, ...]) -> Volume:
    """The same patient with array axes in another order and direction."""
    affine = np.eye(4)
    affine[:3, :3] = volume.affine[:3, :3][:, order] * flips
    last = np.array(volume.array.shape)[list(order)] - 1
    affine[:3, 3] = volume.affine[:3, 3] - affine[:3, :3] @ np.where(np.array(flips) < 0, last, 0)
    turned = tuple(slice(None, None, flip) for flip in flips)
    return Volume(volume.array.transpose(order)[turned], affine)


@pytest.mark.parametrize("name", ["unet_2d", "unet_3d"])
@settings(deadline=None, max_examples=6)
@given(way=st.sampled_from(ORDERS))
def test_axis_order_and_direction_change_no_voxel(name: str, way: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    plan = replace(PLANS[name], voxel=(6.0, 7.0, 9.0))
    segmenter, (volume, _) = Segmenter(plan, first_network(plan)), patient(2)
    order, flips = way
    plain = segmenter.segment(volume).labels
    turned = tuple(slice(None, None, flip) for flip in flips)
    np.testing.assert_array_equal(
        segmenter.segment(_stored(volume, order, flips)).labels, plain.transpose(order)[turned]
    )
    assert len(np.unique(plain)) > 1
