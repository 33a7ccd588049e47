"""Training and outlining on a GPU, and its masks against the CPU's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from segmentation.device import choose_device
from segmentation.learning.training import train_segmenter
from segmentation.metrics import dice_by_region
from segmentation.networks import NETWORKS
from segmentation.outlining.inference import Segmenter
from tests.segmenter_studies import LEARNING, PLANS, patient, write_cases

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device at hand"),
]


def test_auto_takes_the_gpu() -> None:
    assert choose_device("auto") == choose_device("cuda") == "cuda"


@pytest.mark.parametrize("name", LEARNING)
def test_it_learns_on_the_gpu_and_outlines_alike_on_the_cpu(name: str, tmp_path: Path) -> None:
    segmenter = train_segmenter(write_cases(tmp_path, range(8)), LEARNING[name], device="cuda")
    volume, mask = patient(20)
    drawn = segmenter.segment(volume)
    assert min(dice_by_region(mask, drawn).values()) > 0.8
    on_cpu = Segmenter.from_bytes(segmenter.to_bytes()).segment(volume)
    assert min(dice_by_region(on_cpu, drawn).values()) > 0.99


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_seed_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    cases = write_cases(tmp_path, range(4))
    first, second = (train_segmenter(cases, PLANS[name], device="cuda") for _ in range(2))
    assert first.to_bytes() == second.to_bytes()
