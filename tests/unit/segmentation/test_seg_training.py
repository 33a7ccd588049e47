"""Training: it learns, repeats itself to the bit, goes on after a kill, and refuses what it cannot learn from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segmentation.errors import ImageRefusal
from segmentation.images.writing import write_mask
from segmentation.learning import trainer, training
from segmentation.learning.losses import CRITERIA
from segmentation.learning.sources import hold_out, read_sources
from segmentation.learning.trainer import Trainer
from segmentation.learning.training import learning_rate, train_segmenter
from segmentation.learning.training_case import TrainingCase
from segmentation.metrics import dice_by_region
from segmentation.outlining.inference import Segmenter
from segmentation.planning.plan import SegmenterPlan
from segmentation.types import Mask
from tests.segmenter_studies import BLOCKS, LEARNING, PLANS, patient, write_cases

one_of_each_kind = pytest.mark.parametrize("name", ["unet_2d", "unet_3d"])


class _KilledError(Exception):
    pass


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingCase]:
    return write_cases(tmp_path_factory.mktemp("study"), range(8))


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "LEAST_STEPS", 2)


@one_of_each_kind
def test_it_learns_phantoms(name: str, cases: list[TrainingCase]) -> None:
    segmenter = train_segmenter(cases, LEARNING[name])
    for number in (20, 21):
        volume, mask = patient(number)
        drawn = segmenter.segment(volume)
        assert min(dice_by_region(mask, drawn).values()) > 0.8
        assert drawn.grid.shape == volume.grid.shape


@one_of_each_kind
def test_the_same_seed_gives_the_same_bytes_in_any_order_of_cases_and_on_any_number_of_cores(
    name: str, cases: list[TrainingCase], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train_segmenter(cases, PLANS[name])
    monkeypatch.setattr(trainer, "cores", lambda: 1)
    second = train_segmenter(cases[::-1], PLANS[name])
    assert first.to_bytes() == second.to_bytes()
    assert first.name == second.name == f"{name}:{first.id}"
    other = train_segmenter(cases, replace(PLANS[name], seed=4))
    assert other.to_bytes() != first.to_bytes()


@one_of_each_kind
@pytest.mark.parametrize("killed_at", [3, 4, 5])
@pytest.mark.usefixtures("few_steps")
def test_a_killed_training_goes_on_to_the_same_bytes(
    name: str, killed_at: int, cases: list[TrainingCase], tmp_path: Path
) -> None:
    plan, checkpoint, seen = replace(PLANS[name], steps=6), tmp_path / "state", []

    def kill(done: int, _: int) -> None:
        if done == killed_at:
            raise _KilledError

    with pytest.raises(_KilledError):
        train_segmenter(cases, plan, checkpoint=checkpoint, progress=kill)
    resumed = train_segmenter(cases, plan, checkpoint=checkpoint, progress=lambda done, _: seen.append(done))
    assert seen[0] in (3, 5)
    assert resumed.to_bytes() == train_segmenter(cases, plan).to_bytes()
    again = train_segmenter(cases, plan, checkpoint=checkpoint, progress=lambda *_: pytest.fail("trained again"))
    assert again.to_bytes() == resumed.to_bytes()


@pytest.mark.usefixtures("few_steps")
def test_a_checkpoint_of_another_training_or_a_damaged_one_is_refused(
    cases: list[TrainingCase], tmp_path: Path
) -> None:
    checkpoint = tmp_path / "state"
    train_segmenter(cases[:4], BLOCKS, checkpoint=checkpoint)
    for changed in ((cases[:3], BLOCKS), (cases[:4], replace(BLOCKS, seed=9))):
        with pytest.raises(ImageRefusal) as refused:
            train_segmenter(*changed, checkpoint=checkpoint)
        assert refused.value.code == "checkpoint_mismatch"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    with pytest.raises(ImageRefusal) as refused:
        train_segmenter(cases[:4], BLOCKS, checkpoint=checkpoint)
    assert refused.value.code == "checkpoint_damaged"


@pytest.mark.usefixtures("few_steps")
def test_the_best_weights_on_the_held_out_cases_are_kept_and_patience_ends(
    cases: list[TrainingCase], monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, steps, states = iter([0.1, 0.5, 0.4, 0.5, 0.3]), [], []

    def score(running: Trainer, _: object) -> float:
        states.append({name: value.clone() for name, value in running.network.state_dict().items()})
        return next(scores)

    monkeypatch.setattr(training, "_score", score)
    segmenter = train_segmenter(
        cases[:3], replace(BLOCKS, steps=20, patience=3), progress=lambda done, _: steps.append(done)
    )
    assert steps[-1] == 10
    kept = segmenter.network.state_dict()
    assert all(torch.equal(kept[name], states[1][name]) for name in kept)


def test_patients_are_held_out_whole_and_by_their_ids_alone(cases: list[TrainingCase]) -> None:
    twice = [replace(case, patient_id=f"p{number // 2}") for number, case in enumerate(cases)]
    sources = read_sources(twice, BLOCKS)
    learned, held = hold_out(sources, 0)
    assert len(held) == 2
    assert {one.patient_id for one in held}.isdisjoint(one.patient_id for one in learned)
    assert [one.case_id for one in hold_out(sources[::-1], 0)[1]][::-1] == [one.case_id for one in held]
    assert hold_out(sources[:2], 0)[1] == []


def test_one_case_is_enough(cases: list[TrainingCase]) -> None:
    assert train_segmenter(cases[:1], BLOCKS).plan == BLOCKS


def test_the_learning_rate_rises_and_falls() -> None:
    plan = replace(BLOCKS, steps=100)
    rates = [learning_rate(plan, step) for step in range(100)]
    assert max(rates) == plan.learning_rate
    assert np.argmax(rates) in (9, 10)
    assert rates[0] < 0.2 * plan.learning_rate
    assert rates[-1] < 0.02 * plan.learning_rate


def test_process_settings_are_put_back(cases: list[TrainingCase]) -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    train_segmenter(cases[:2], replace(BLOCKS, steps=1))
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def _refusal(cases: list[TrainingCase], plan: SegmenterPlan = BLOCKS) -> ImageRefusal:
    with pytest.raises(ImageRefusal) as refused:
        train_segmenter(cases, plan)
    return refused.value


def test_what_cannot_be_learned_from_is_refused_by_name(cases: list[TrainingCase], tmp_path: Path) -> None:
    assert _refusal([]).code == "no_cases"
    assert _refusal([cases[0], cases[0]]).code == "duplicate_case"
    assert _refusal(cases[:2], replace(BLOCKS, regions={"spleen": 9})).code == "nothing_to_learn"
    torn = tmp_path / "torn.nii.gz"
    torn.write_bytes(cases[0].images[0].read_bytes()[:300])
    error = _refusal([cases[1], replace(cases[0], images=(torn,))])
    assert "case_00" in str(error)
    moved = tmp_path / "moved.nii.gz"
    _, mask = patient(0)
    affine = mask.affine.copy()
    affine[:3, 3] += 200
    write_mask(Mask(mask.labels, affine, mask.regions), moved)
    assert _refusal([replace(cases[0], mask=moved)]).code == "grid_mismatch"


def test_too_little_memory_is_told_before_anything_is_read(cases: list[TrainingCase]) -> None:
    with pytest.raises(ImageRefusal) as refused:
        read_sources(cases, BLOCKS, limit_bytes=1000)
    assert refused.value.code == "too_large"
    assert "coarser" in refused.value.next_step


def test_a_training_that_runs_away_is_refused(cases: list[TrainingCase], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CRITERIA, BLOCKS.loss, lambda scores, _: (scores * float("inf")).sum())
    assert _refusal(cases[:2]).code == "training_diverged"


def test_the_network_comes_back_from_its_bytes(cases: list[TrainingCase]) -> None:
    segmenter = train_segmenter(cases[:2], BLOCKS)
    volume, _ = patient(9)
    again = Segmenter.from_bytes(segmenter.to_bytes())
    assert again.name == segmenter.name
    np.testing.assert_array_equal(again.segment(volume).labels, segmenter.segment(volume).labels)
