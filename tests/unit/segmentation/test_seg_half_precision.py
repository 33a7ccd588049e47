"""Training in bf16 on a processor: where a kernel reaches beyond its map, the gradient is the true one all the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from segmentation.learning.beginning import Beginning
from segmentation.learning.half_precision import guard_small_maps
from segmentation.learning.sources import read_sources
from segmentation.learning.trainer import trainer_of
from tests.segmenter_studies import BLOCKS, write_cases

_LEFT_BEHIND = 1e30


@pytest.mark.parametrize(("size", "kernel", "stride"), [(2, 3, 1), (4, 5, 1), (3, 5, 2), (1, 3, 2), (1, 5, 1)])
def test_no_part_of_a_gradient_is_what_stood_in_the_memory(size: int, kernel: int, stride: int) -> None:
    torch.manual_seed(0)
    convolution = nn.Conv3d(20, 48, kernel, stride, kernel // 2)
    guard_small_maps(convolution)
    image = torch.randn(2, 20, size, size, size)
    expected = _weights_gradient(convolution, image, half=False)
    for _ in range(3):
        for count in (300, 700, 1_000, 5_000, 50_000, 200_000, 1_000_000):
            torch.full((count,), _LEFT_BEHIND)
        found = _weights_gradient(convolution, image, half=True)
        torch.testing.assert_close(found, expected, rtol=0, atol=0.02 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("size", "kernel", "dilation", "expected"),
    [(2, 3, 1, torch.float32), (3, 3, 1, torch.bfloat16), (4, 3, 2, torch.float32), (5, 3, 2, torch.bfloat16)],
)
def test_only_maps_that_a_kernel_reaches_beyond_are_kept_in_full(
    size: int, kernel: int, dilation: int, expected: torch.dtype
) -> None:
    for convolution in (nn.Conv3d(4, 4, kernel, 1, dilation, dilation), nn.Conv2d(4, 4, kernel, 1, dilation, dilation)):
        guard_small_maps(convolution)
        axes = 3 if isinstance(convolution, nn.Conv3d) else 2
        with torch.autocast("cpu", torch.bfloat16):
            assert convolution(torch.randn(1, 4, *[size] * axes)).dtype == expected
            assert convolution(torch.randn(1, 4, 9, *[size] * (axes - 1))).dtype == expected


def test_a_training_in_bf16_takes_the_gradients_of_full_precision_at_its_deepest_level(tmp_path: Path) -> None:
    cases = write_cases(tmp_path, range(2))
    plan = replace(BLOCKS, patch=(8, 8, 8), channels=(4, 8, 16), batch=1)
    found: dict[str, torch.Tensor] = {}
    for precision in ("full", "bf16"):
        its_own = replace(plan, precision=precision)
        with trainer_of(its_own, Beginning(read_sources(cases, its_own)), "cpu") as trainer:
            trainer.step(0)
            found[precision] = torch.cat(
                [weight.grad.flatten() for weight in trainer.parameters if weight.grad is not None]
            )
    assert torch.cosine_similarity(found["full"], found["bf16"], dim=0) > 0.9


def _weights_gradient(convolution: nn.Conv3d, image: torch.Tensor, *, half: bool) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        out = convolution(image)
    (gradient,) = torch.autograd.grad(out.float().square().mean(), [convolution.weight])
    return gradient
