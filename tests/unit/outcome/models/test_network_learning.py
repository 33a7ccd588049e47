"""What the network learns: a planted signal, nothing from noise; and the rules by which it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from outcome.evaluation.discrimination.roc import auroc
from outcome.features.crops import Crops
from outcome.models.inputs import Inputs
from outcome.models.network.augmentation import augmented
from outcome.models.network.batches import dealt_batches, kept_blocks
from outcome.models.network.data import Batch
from outcome.models.network.earned_strength import earned_strength, judges
from outcome.models.network.head_choice import interval_edges
from outcome.models.network.heads import BinaryHead, CoxHead
from outcome.models.network.learning import fit_network
from outcome.models.network.linear_start import fit_linear_start
from outcome.models.network.outcomes import Outcomes
from outcome.models.network.steps import Course
from outcome.types import EndpointKind, Target

SIZE = 12


def study(n: int, seed: int, *, planted: bool) -> tuple[Inputs, Target]:
    """A bright spot in the front or back half of the tumour, which raises the risk where `planted`."""
    rng = np.random.default_rng(seed)
    table, side = rng.normal(size=(n, 2)), rng.choice([-1, 1], n)
    chance = 1 / (1 + np.exp(-(table[:, 0] + (2.5 * side if planted else 0.0))))
    held = {}
    for i in range(n):
        crop = np.zeros((2, SIZE, SIZE, SIZE), dtype=np.float32)
        crop[0] = 0.2 * rng.normal(size=(SIZE,) * 3)
        crop[1, 2:10, 2:10, 2:10] = 1
        middle = 6 + 2 * int(side[i])
        crop[0, 4:8, middle - 1 : middle + 1, 4:8] += 1.5
        held[str(i)] = {"ct": crop}
    present = {"clinical": np.ones(n, dtype=bool), "image:ct": np.ones(n, dtype=bool)}
    inputs = Inputs(table, ("clinical",) * 2, present, tuple(map(str, range(n))), Crops(held=held))
    return inputs, Target.binary("e", (rng.random(n) < chance).astype(float))


def auc_of_table_and_network(*, planted: bool) -> tuple[float, float]:
    inputs, target = study(160, 1, planted=planted)
    new, truth = study(200, 2, planted=planted)
    scorer = fit_network(inputs, target, {"epochs": 10, "batch": 16}, 3)
    coefficients = scorer.module.coefficients.numpy()
    return auroc(truth.value, new.matrix @ coefficients), auroc(truth.value, scorer.score(new))


def test_a_planted_image_signal_is_found() -> None:
    table, network = auc_of_table_and_network(planted=True)
    assert table < 0.75
    assert network > table + 0.1


def test_images_without_a_signal_cost_little() -> None:
    table, network = auc_of_table_and_network(planted=False)
    assert network > table - 0.02


@pytest.mark.parametrize("fusion", ["daft", "attention", "low_rank"])
def test_every_way_to_join_finds_a_grade_in_the_image(fusion: str) -> None:
    """Grades follow the side of the bright spot, which no column of the table knows."""
    inputs, new = (study(120, seed, planted=True)[0] for seed in (1, 2))
    grade, truth = (graded(x, seed) for seed, x in enumerate((inputs, new)))
    told = {"fusion": fusion, "ordinal_head": "cumulative", "epochs": 10}
    scorer = fit_network(inputs, grade, told, 3)
    table = new.matrix @ scorer.module.coefficients.numpy()
    assert spearmanr(table, truth.value).statistic < 0.6
    assert spearmanr(scorer.score(new), truth.value).statistic > spearmanr(table, truth.value).statistic + 0.1


def graded(inputs: Inputs, seed: int) -> Target:
    """Grades 0, 1, 2 by the first column, the side of the spot, and chance."""
    front = np.array([inputs.crops.held[case]["ct"][0, 4:8, :6, 4:8].mean() for case in inputs.case_ids])
    back = np.array([inputs.crops.held[case]["ct"][0, 4:8, 6:, 4:8].mean() for case in inputs.case_ids])
    drive = inputs.matrix[:, 0] + 2 * np.sign(back - front) + np.random.default_rng(seed).logistic(size=len(inputs))
    empty = np.full(len(inputs), np.nan)
    return Target("e", EndpointKind.ORDINAL, np.digitize(drive, [-1.0, 1.5]).astype(float), empty, empty)


def test_a_fusion_that_has_no_record_to_modulate_by_says_so() -> None:
    inputs, target = study(40, 1, planted=True)
    bare = Inputs(np.empty((40, 0)), (), {"image:ct": inputs.present["image:ct"]}, inputs.case_ids, inputs.crops)
    assert "no record" in fit_network(bare, target, {"fusion": "film", "epochs": 1}, 3).notes[-1]
    assert len(fit_network(inputs, target, {"fusion": "film", "epochs": 1}, 3).notes) == 1


def test_judges_are_a_quarter_and_rows_of_a_case_stay_together() -> None:
    event = np.arange(40) % 4 == 0
    cases = [str(i // 2) for i in range(40)]
    aside = judges(cases, event, np.random.default_rng(0))
    assert 0.2 <= aside.mean() <= 0.3
    assert np.array_equal(aside[::2], aside[1::2])
    assert event[aside].any()


def test_additions_stay_where_they_help_and_go_where_they_do_not() -> None:
    value = torch.tensor([0.0, 1.0] * 30)
    outcomes = Outcomes(value, torch.zeros(60), torch.zeros(60, dtype=torch.long))
    nothing, right = torch.zeros(60, 1), (2 * value - 1)[:, None]
    noise = torch.tensor([1.0, 1.0, -1.0, -1.0] * 15)[:, None]
    assert earned_strength(BinaryHead(), nothing, right, outcomes) == 1.0
    assert earned_strength(BinaryHead(), nothing, -right, outcomes) == 0.0
    assert earned_strength(BinaryHead(), nothing, noise, outcomes) == 0.0
    # right in 75 of 100: log odds of +-ln 3 fit best, which is 0.55 times 2
    often = torch.where(torch.arange(60) % 4 < 1, -1.0, 1.0)[:, None] * 2 * right
    assert earned_strength(BinaryHead(), nothing, often, outcomes) == 0.55


def test_judges_without_an_event_keep_nothing() -> None:
    outcomes = Outcomes(torch.zeros(5), torch.arange(5.0), torch.zeros(5, dtype=torch.long))
    assert earned_strength(CoxHead(), torch.zeros(5, 1), torch.randn(5, 1), outcomes) == 0.0


@pytest.mark.parametrize("n_events", [1, 3, 40])
def test_every_batch_has_an_event_and_every_row_comes_once_an_epoch(n_events: int) -> None:
    event = np.arange(100) < n_events
    parts = list(dealt_batches(event, 8, 2, np.random.default_rng(0)))
    assert all(event[part].any() for part in parts)
    half = len(parts) // 2
    for epoch in (parts[:half], parts[half:]):
        assert sorted(np.concatenate(epoch)) == list(range(100))


def test_a_case_never_loses_its_last_block() -> None:
    rng = np.random.default_rng(0)
    present = rng.random((500, 3)) < 0.6
    kept = kept_blocks(present, 0.7, rng) & present
    assert np.array_equal(kept.any(axis=1), present.any(axis=1))
    assert 0.3 < kept.sum() / present.sum() < 0.7
    assert np.array_equal(kept_blocks(present, 0.0, rng) & present, present)


def test_augmentation_changes_a_copy_and_leaves_masks_masks() -> None:
    crops = torch.zeros(4, 2, 6, 6, 6)
    crops[:, :, 2:4, 2:4, 2:4] = 1
    batch = Batch(torch.zeros(4, 1), torch.ones(4, 1, dtype=torch.bool), {"image:ct": crops.clone()})
    changed = augmented(batch, np.random.default_rng(0)).images["image:ct"]
    assert torch.equal(batch.images["image:ct"], crops)
    assert not torch.equal(changed, crops)
    assert set(changed[:, 1].unique().tolist()) == {0.0, 1.0}
    assert torch.equal(changed[:, 1].sum(dim=(1, 2, 3)), crops[:, 1].sum(dim=(1, 2, 3)))


def test_intervals_hold_equally_many_events_and_read_no_censored_time() -> None:
    days = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 999])
    event = np.array([1.0] * 8 + [0.0])
    assert interval_edges(Target.survival("e", days, event), 4) == (2.0, 4.0, 6.0, 8.0)
    assert interval_edges(Target.survival("e", np.array([5.0, 5.0]), np.array([1.0, 1.0]))) == (5.0,)


def test_out_of_fold_scores_never_saw_their_own_case() -> None:
    rng = np.random.default_rng(0)
    table, images = rng.normal(size=(60, 2)), rng.normal(size=(60, 3))
    value = (rng.random(60) < 0.5).astype(float)
    cases = [str(i // 2) for i in range(60)]
    flipped = value.copy()
    flipped[:2] = 1 - flipped[:2]
    one, two = (
        fit_linear_start(table, images, cases, Target.binary("e", y), np.random.default_rng(1))
        for y in (value, flipped)
    )
    assert np.array_equal(one.out_of_fold[:2], two.out_of_fold[:2])
    assert not np.array_equal(one.out_of_fold[2:], two.out_of_fold[2:])


def test_region_numbers_are_read_where_they_say_something_and_not_where_they_are_noise() -> None:
    rng = np.random.default_rng(0)
    table, images = rng.normal(size=(300, 3)), rng.normal(size=(300, 4))
    cases = [str(i) for i in range(300)]
    for weight, read in ((0.0, False), (1.5, True)):
        y = (table[:, 0] + weight * images[:, 1] + rng.logistic(size=300) > 0).astype(float)
        start = fit_linear_start(table, images, cases, Target.binary("e", y), np.random.default_rng(1))
        assert bool(start.images.any()) == read
        assert start.table[0] > 0.3
        assert np.argmax(np.abs(start.images)) == 1 or not read
        scores = start.intercept + table @ start.table + images @ start.images
        assert np.corrcoef(scores, start.out_of_fold)[0, 1] > 0.9
        assert not np.array_equal(scores, start.out_of_fold)


def test_a_start_of_one_outcome_or_without_columns_gives_everyone_the_same_score() -> None:
    nothing, cases = np.empty((40, 0)), [str(i) for i in range(40)]
    y = (np.arange(40) < 10).astype(float)
    start = fit_linear_start(nothing, nothing, cases, Target.binary("e", y), np.random.default_rng(0))
    assert start.intercept == pytest.approx(np.log(10.5 / 30.5))
    timed = Target.survival("e", np.arange(1.0, 41.0), np.zeros(40))
    assert not fit_linear_start(np.ones((40, 1)), nothing, cases, timed, np.random.default_rng(0)).out_of_fold.any()


def test_a_course_reads_the_params_of_its_rung() -> None:
    assert Course.of({"epochs": 3.0, "encoder": "resnet_3d", "learning_rate": 0.1}) == Course(3, learning_rate=0.1)


def test_weights_that_nobody_was_trained_on_stay_out_of_the_score() -> None:
    """Crops of cases outside the training set change nothing that is fitted."""
    inputs, target = study(40, 1, planted=True)
    held = {case: dict(crops) for case, crops in inputs.crops.held.items()}
    held["new"] = {"ct": np.full((2, SIZE, SIZE, SIZE), 9, dtype=np.float32)}
    more = Inputs(inputs.matrix, inputs.blocks, inputs.present, inputs.case_ids, Crops(held=held))
    one, two = (fit_network(x, target, {"epochs": 1}, 3).to_state() for x in (inputs, more))
    assert all(one.arrays[name].tobytes() == two.arrays[name].tobytes() for name in one.arrays)
