"""The loss of several endpoints at once, worked by hand: weights, unknown outcomes, batches without an event."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from outcome.models.network.fit_record import FitRecord
from outcome.models.network.heads import BinaryHead, CoxHead
from outcome.models.network.joint import LARGEST, JointLoss, weighted_total
from outcome.models.network.outcomes import Outcomes
from outcome.models.network.tasks import Task, auxiliary_tasks
from outcome.models.network.tokens import WIDTH
from outcome.types import EndpointKind, Target

EVERYONE = np.ones(4, dtype=bool)
ALL = torch.arange(4)


def own(value: list[float]) -> Task:
    outcomes = Outcomes.of(Target.binary("own", value))
    return Task("own", EndpointKind.BINARY, BinaryHead(), outcomes, torch.ones(len(value), dtype=torch.bool))


def tasks(target: Target) -> tuple[Task, ...]:
    return auxiliary_tasks([target], {}, EVERYONE)[0]


def test_each_loss_counts_by_its_weight_and_pays_for_it() -> None:
    """exp(-log 2) 2 + log 2, and exp(0) 0.5 + 0."""
    total = weighted_total(torch.tensor([2.0, 0.5]), torch.tensor([math.log(2.0), 0.0]))
    assert float(total) == pytest.approx(1 + math.log(2) + 0.5)


def test_the_weight_of_least_loss_is_one_over_the_loss() -> None:
    log_variances = torch.tensor([math.log(2.0), 0.0], requires_grad=True)
    weighted_total(torch.tensor([2.0, 0.5]), log_variances).backward()
    assert log_variances.grad is not None
    assert log_variances.grad.tolist() == pytest.approx([0.0, 0.5])  # 1 - L exp(-s)


def test_a_negative_loss_cannot_raise_its_weight_without_end() -> None:
    log_variances = torch.tensor([-LARGEST - 1.0], requires_grad=True)
    weighted_total(torch.tensor([-1.0]), log_variances).backward()
    assert log_variances.grad is not None
    assert log_variances.grad.item() == 0.0


def test_cases_of_unknown_outcome_leave_their_loss_untouched() -> None:
    """Log odds 0 cost log 2 in the own head; in the other the known cases are 0, 1, 1: log odds log 2 at the start."""
    loss = JointLoss(own([0, 1, 0, 1]), tasks(Target.binary("other", [0, 1, 1, np.nan])))
    total = loss(torch.zeros(4, 1), torch.zeros(4, WIDTH), ALL).item()
    other = -(math.log(1 / 3) + 2 * math.log(2 / 3)) / 3
    assert total == pytest.approx(math.log(2) + other)


def test_a_batch_of_unknown_outcomes_moves_neither_head_nor_weight() -> None:
    loss = JointLoss(own([0, 1, 0, 1]), tasks(Target.binary("other", [0, 1, np.nan, np.nan])))
    loss(torch.zeros(2, 1, requires_grad=True), torch.ones(2, WIDTH), torch.tensor([2, 3])).backward()
    assert all(weight.grad is None for weight in loss.heads.parameters())
    assert loss.log_variances is not None
    assert loss.log_variances.grad is not None
    assert loss.log_variances.grad.tolist() == pytest.approx([1 - math.log(2), 0.0])


def test_a_batch_without_an_event_is_counted_and_teaches_its_cox_head_nothing() -> None:
    timed = Target.survival("timed", [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 0.0, 0.0])
    loss = JointLoss(own([0, 1, 0, 1]), tasks(timed))
    with_event = loss(torch.zeros(4, 1), torch.zeros(4, WIDTH), ALL).item()
    assert with_event == pytest.approx(math.log(2) + math.log(4))  # four at risk, all alike
    without = loss(torch.zeros(3, 1), torch.zeros(3, WIDTH), torch.tensor([1, 2, 3])).item()
    assert without == pytest.approx(math.log(2))
    record = loss.record({})
    assert record.without_event == {"timed": 1}
    assert record.warnings() == (
        "In 1 of 2 batches of the network's training no case had the event of timed: "
        "such a batch teaches its Cox head nothing.",
    )


def test_an_own_cox_head_without_an_event_has_no_gradient() -> None:
    outcomes = Outcomes.of(Target.survival("own", [1.0, 2.0], [0.0, 2.0]))
    raw = torch.zeros(2, 1, requires_grad=True)
    task = Task("own", EndpointKind.TIME_TO_EVENT, CoxHead(), outcomes, torch.ones(2, dtype=torch.bool))
    loss = JointLoss(task)
    loss(raw, torch.zeros(2, WIDTH), torch.arange(2)).backward()
    assert raw.grad is not None
    assert raw.grad.tolist() == [[0.0], [0.0]]
    assert loss.record({}).without_event == {"own": 1}


def test_what_cannot_be_learned_is_left_out_by_name_and_by_the_rows_learned_from() -> None:
    rows = np.array([True, True, True, False])
    empty = np.full(4, np.nan)
    grades = Target("grade", EndpointKind.ORDINAL, np.array([1.0, 1.0, 1.0, 2.0]), empty, empty)
    timed = Target.survival("timed", [1.0, 2.0, 3.0, 4.0], [2.0, 0.0, 0.0, 1.0])
    unknown = Target.binary("unknown", [np.nan, np.nan, np.nan, 1.0])
    found, left_out = auxiliary_tasks([grades, timed, unknown], {"ordinal_head": "cumulative"}, rows)
    assert found == ()
    assert left_out == {
        "grade": "one outcome in all cases learned from",
        "timed": "no event among the cases learned from",
        "unknown": "no known outcome among the cases learned from",
    }


def test_the_record_says_who_was_learned_and_how_much_each_loss_counted() -> None:
    record = FitRecord(12, {"own": 1.236, "other": 0.5}, {"third": "one outcome in all cases learned from"})
    assert record.sentences() == (
        "Learned jointly, the losses weighed by: own 1.2, other 0.5.",
        "third was not learned beside it: one outcome in all cases learned from.",
    )
    assert FitRecord.from_json(record.to_json()) == record
    assert not FitRecord(12).says_something
