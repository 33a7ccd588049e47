"""A case's images are read once for all rows about it, and no bit of a score changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from outcome.features.crops import Crops
from outcome.models.inputs import Inputs
from outcome.models.network.model import Design, FusionNetwork, NetworkScorer
from outcome.models.network.seed_ensemble import SeedEnsembleScorer

SIZE = (8, 8, 8)


def crops() -> Crops:
    rng = np.random.default_rng(3)
    mask = np.zeros(SIZE)
    mask[2:6, 2:6, 2:6] = 1
    return Crops(held={c: {"ct": np.stack([rng.normal(size=SIZE), mask]).astype(np.float32)} for c in "ab"})


def rows() -> Inputs:
    """Two cases, each asked about several times: with other numbers, and without the image."""
    rng = np.random.default_rng(4)
    there = np.array([True, False, True, True, True, True, False])
    present = {"clinical": np.ones(7, dtype=bool), "image:ct": there}
    return Inputs(rng.normal(size=(7, 2)), ("clinical",) * 2, present, tuple("aaabbab"), crops())


def scorer(fusion: str, seed: int = 1) -> NetworkScorer:
    torch.manual_seed(seed)
    design = Design({"clinical": (0, 1)}, {"image:ct": (2, *SIZE)}, "resnet_3d", fusion, "binary")
    module = FusionNetwork(design)
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return NetworkScorer(design, module.eval())


def calls(network: NetworkScorer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    encoder, made = network.module.image_tokens()[0].encoder, []
    plain = encoder.forward

    def counted(*given: object) -> object:
        made.append(1)
        return plain(*given)

    monkeypatch.setattr(encoder, "forward", counted)
    return made


def test_an_image_is_read_once_for_rows_in_a_row_and_scores_are_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    network = scorer("gated")
    alone = [network.score(rows().rows([i]))[0] for i in range(7)]
    made = calls(network, monkeypatch)
    assert network.score(rows()).tolist() == alone
    assert len(made) == 3, "a, b, and a anew: nothing is kept longer than a case goes on"
    assert len(set(alone)) == 7


def test_what_depends_on_the_record_is_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    network = scorer("film")
    alone = [network.score(rows().rows([i]))[0] for i in range(7)]
    made = calls(network, monkeypatch)
    assert network.score(rows()).tolist() == alone
    assert len(made) == 5, "every row that has the image"


def test_each_of_several_networks_reads_with_its_own_encoder() -> None:
    members = (scorer("gated", 1), scorer("gated", 2))
    together = SeedEnsembleScorer(members)
    alone = np.mean([member.score(rows()) for member in members], axis=0)
    assert together.score(rows()).tolist() == pytest.approx(alone.tolist(), abs=1e-6)
    assert together.outputs(rows())[:, 0].tolist() == pytest.approx(alone.tolist(), abs=1e-6)
