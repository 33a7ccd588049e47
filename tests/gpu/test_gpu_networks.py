"""Fusion networks trained on a CUDA device: the signal is found, and scores are the CPU's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from outcome.features.crops import Crops
from outcome.models.inputs import Inputs
from outcome.models.network.learning import fit_network
from outcome.models.network.model import NetworkScorer
from outcome.types import Target

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device at hand"),
]


@pytest.mark.parametrize("encoder", ["resnet_3d", "timm:test_resnet"])
def test_a_network_learned_on_the_gpu_scores_on_the_cpu(encoder: str) -> None:
    rng = np.random.default_rng(0)
    n, size = 96, 16
    bright = rng.choice([-1.0, 1.0], n)
    held = {}
    for i in range(n):
        crop = np.zeros((2, size, size, size), dtype=np.float32)
        crop[0] = rng.normal(size=(size,) * 3) + bright[i]
        crop[1, 4:12, 4:12, 4:12] = 1
        held[str(i)] = {"ct": crop}
    present = {"image:ct": np.ones(n, dtype=bool)}
    inputs = Inputs(rng.normal(size=(n, 1)), ("clinical",), present, tuple(map(str, range(n))), Crops(held=held))
    target = Target.binary("e", (bright + 0.5 * rng.logistic(size=n) > 0).astype(float))
    scorer = fit_network(inputs, target, {"encoder": encoder, "epochs": 4}, 1, "cuda")
    assert {parameter.device.type for parameter in scorer.module.parameters()} == {"cpu"}
    assert np.corrcoef(scorer.score(inputs), bright)[0, 1] > 0.5
    again = NetworkScorer.from_state(scorer.to_state())
    assert again.score(inputs).tobytes() == scorer.score(inputs).tobytes()
