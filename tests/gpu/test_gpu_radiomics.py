"""Features counted on a GPU against those of the processor."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segmentation.radiomics.batched import measure_batch
from segmentation.radiomics.settings import parse_settings
from tests.batched_cases import REGION, check_equal, odd_pairs, one_by_one, random_pair

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device at hand"),
]


@pytest.mark.parametrize("distance", [1, 2])
def test_equal_to_the_processor(distance: int) -> None:
    rng = np.random.default_rng(0)
    pairs = [*odd_pairs().values(), *(random_pair(rng, longest=30) for _ in range(8))]
    how = parse_settings({"texture": {"dimensions": ["2D", "2.5D", "3D"], "distance": distance}})
    for found, expected in zip(measure_batch(how, pairs, REGION, "cuda"), one_by_one(how, pairs), strict=True):
        check_equal(found, expected)
