"""Optimizers, averages, weights, precision, stopping: each does what it says and survives a kill to the bit."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from segmentation.device import choose_precision
from segmentation.errors import ImageRefusal
from segmentation.learning import training
from segmentation.learning.averaging import WeightAverage
from segmentation.learning.class_weights import class_weights
from segmentation.learning.sources import read_sources
from segmentation.learning.training import TrainingSetup, first_network, train, train_segmenter
from segmentation.learning.training_case import TrainingCase
from segmentation.planning.choices import OPTIMIZERS, SCHEDULES
from tests.segmenter_studies import BLOCKS, write_cases

SMALL = replace(BLOCKS, patch=(16, 16, 16), channels=(4, 8), steps=6)
VARIANTS: list[dict[str, Any]] = [
    *({"optimizer": name, "ema": 0.9} for name in OPTIMIZERS),
    *({"schedule": name} for name in SCHEDULES),
    {"optimizer": "sgd", "momentum": 0.0, "class_weights": "balanced", "stopping": "loss"},
    {"optimizer": "rmsprop", "momentum": 0.0, "channels_last": True, "ema": 0.99, "precision": "full"},
]


class _KilledError(Exception):
    pass


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingCase]:
    return write_cases(tmp_path_factory.mktemp("study"), range(4))


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_whatever_the_options_a_killed_training_ends_in_the_same_bytes(
    changes: dict[str, Any], cases: list[TrainingCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LEAST_STEPS", 2)
    plan, whole = replace(SMALL, **changes), None
    for killed_at in (3, 5):

        def kill(done: int, _: int, at: int = killed_at) -> None:
            if done == at:
                raise _KilledError

        checkpoint = tmp_path / f"state{killed_at}"
        with pytest.raises(_KilledError):
            train_segmenter(cases, plan, checkpoint=checkpoint, progress=kill)
        whole = whole or train_segmenter(cases, plan).to_bytes()
        assert train_segmenter(cases, plan, checkpoint=checkpoint).to_bytes() == whole


def test_every_optimizer_and_schedule_learns_something_else(cases: list[TrainingCase]) -> None:
    plans = [replace(SMALL, optimizer=name) for name in OPTIMIZERS] + [replace(SMALL, schedule=n) for n in SCHEDULES]
    found = {train_segmenter(cases, plan).network.state_dict()["head.weight"].numpy().tobytes() for plan in plans}
    assert len(found) == len(OPTIMIZERS) + len(SCHEDULES) - 1  # AdamW with a cosine stands in both


def test_the_average_follows_by_hand() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(0.0)
        average = WeightAverage.of(network, 0.5)
        network.weight.fill_(1.0)
        average.follow(network, 0)  # keeps 1 of 10
        assert float(average.network.weight.detach()) == pytest.approx(0.9)
        network.weight.fill_(0.0)
        average.follow(network, 1000)  # keeps a half
    assert float(average.network.weight.detach()) == pytest.approx(0.45)
    assert float(network.weight.detach()) == 0.0


def test_balanced_weights_are_scikit_learns_and_come_from_the_cases_learned_from(cases: list[TrainingCase]) -> None:
    plan = replace(SMALL, class_weights="balanced")
    sources = read_sources(cases, plan)
    found = class_weights(plan, sources[:2])
    seen = np.concatenate([source.classes.numpy().ravel() for source in sources[:2]])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=seen)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert not torch.equal(found, class_weights(plan, sources))
    absent = replace(plan, regions={**plan.regions, "spleen": 9})
    assert float(class_weights(absent, read_sources(cases[:2], absent))[3]) == 1.0
    assert class_weights(replace(plan, class_weights="equal"), sources) is None


def test_precision_is_what_the_plan_says() -> None:
    assert choose_precision("cpu", "full") == choose_precision("cuda", "full") == "32-true"
    assert choose_precision("cpu", "bf16") == "bf16-mixed"
    assert choose_precision("cpu", "auto") == choose_precision("cpu")


def test_channels_last_changes_no_more_than_rounding(cases: list[TrainingCase]) -> None:
    plan = replace(SMALL, steps=2, precision="full", optimizer="sgd")  # Adam would enlarge rounding
    plain, laid_out = (
        train_segmenter(cases, replace(plan, channels_last=flag)).network.state_dict() for flag in (False, True)
    )
    for name, value in plain.items():
        torch.testing.assert_close(laid_out[name], value, rtol=1e-3, atol=1e-4)


def test_cases_kept_apart_by_hand_judge_and_are_not_learned_from(
    cases: list[TrainingCase], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LEAST_STEPS", 2)
    seen: list[tuple[int, float]] = []
    setup = TrainingSetup(held=(cases[3],), judged=lambda step, score: seen.append((step, score)))
    done = train(cases[:3], replace(SMALL, patience=0), setup)
    assert [step for step, _ in seen] == [2, 4, 6]
    assert done.score == max(score for _, score in seen)
    assert done.steps == 6
    assert math.isnan(train(cases[:3], SMALL, TrainingSetup(held=())).score)
    with pytest.raises(ImageRefusal) as refused:
        train([replace(cases[0], patient_id="p")], SMALL, TrainingSetup(held=(replace(cases[1], patient_id="p"),)))
    assert refused.value.code == "patient_shared"
    with pytest.raises(ImageRefusal) as refused:
        train([], SMALL, TrainingSetup(held=(cases[1],)))
    assert refused.value.code == "nothing_to_learn"


def test_a_training_may_stop_by_its_loss(cases: list[TrainingCase]) -> None:
    done = train(cases[:2], replace(SMALL, stopping="loss", loss="jaccard"), TrainingSetup(held=tuple(cases[2:])))
    assert -1 < done.score < 0


def test_without_a_compiler_compiling_is_refused(cases: list[TrainingCase], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segmentation.learning.trainer.which", lambda _: None)
    with pytest.raises(ImageRefusal) as refused:
        train_segmenter(cases[:2], replace(SMALL, compile=True))
    assert refused.value.code == "no_compiler"


def test_first_weights_are_the_seeds() -> None:
    assert torch.equal(first_network(SMALL).head.weight, first_network(replace(SMALL, ema=0.9)).head.weight)
