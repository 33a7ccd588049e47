"""Laws of the Cox head's memory: whole, it is the partial likelihood of all cases, in value and in gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from outcome.models.network.batches import dealt_batches
from outcome.models.network.cox_memory import CoxMemory
from outcome.models.network.heads import CoxHead
from outcome.models.network.joint import JointLoss
from outcome.models.network.outcomes import Outcomes
from outcome.models.network.tasks import Task
from outcome.models.network.tokens import WIDTH
from outcome.types import EndpointKind, Target

N = 40
NO_TOKENS = torch.zeros(N, WIDTH, dtype=torch.float64)


def cases(seed: int) -> tuple[Outcomes, Tensor]:
    """Times with many ties, censored and competing events among them, and scores (N, 1)."""
    rng = np.random.default_rng(seed)
    target = Target.survival("e", rng.integers(1, 12, N).astype(float), rng.choice([0.0, 1.0, 2.0], N))
    found = Outcomes.of(target)
    return Outcomes(found.value.double(), found.time.double(), found.cause), torch.from_numpy(rng.normal(size=(N, 1)))


def loss_with(outcomes: Outcomes, memory: int | None) -> JointLoss:
    task = Task("e", EndpointKind.TIME_TO_EVENT, CoxHead(), outcomes, torch.ones(N, dtype=torch.bool))
    return JointLoss(task, memory=memory)


@pytest.mark.parametrize("batch", [1, 3, 7, N])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_memory_of_all_cases_gives_the_partial_likelihood_of_all(batch: int, seed: int) -> None:
    """With scores that stand still: after one epoch each batch's loss, and the gradients of an epoch summed up."""
    outcomes, scores = cases(seed)
    whole = scores.clone().requires_grad_()
    full = CoxHead().loss(whole, outcomes)
    full.backward()
    loss, summed = loss_with(outcomes, N), torch.zeros_like(scores)
    for epoch in range(2):
        for rows in torch.randperm(N, generator=torch.Generator().manual_seed(epoch)).split(batch):
            raw = scores[rows].requires_grad_()
            found = loss(raw, NO_TOKENS[rows], rows)
            if epoch:
                torch.testing.assert_close(found.detach(), full.detach(), rtol=1e-6, atol=1e-6)
                found.backward()
                assert raw.grad is not None
                summed[rows] += raw.grad * len(rows) / N
    assert whole.grad is not None
    torch.testing.assert_close(summed, whole.grad, rtol=1e-6, atol=1e-6)
    assert whole.grad.abs().max() > 0.01


def test_without_a_memory_small_batches_are_another_likelihood() -> None:
    outcomes, scores = cases(0)
    loss = loss_with(outcomes, None)
    found = [loss(scores[rows], NO_TOKENS[rows], rows).item() for rows in torch.arange(N).split(4)]
    assert np.mean(found) < 0.7 * CoxHead().loss(scores, outcomes).item()


def test_a_memory_holds_the_last_score_of_the_cases_seen_most_recently() -> None:
    memory = CoxMemory(3)
    for rows, scores in (([0, 1], [0.0, 1.0]), ([2, 0], [2.0, 9.0])):
        memory.keep(torch.tensor(scores)[:, None], torch.tensor(rows))
    raw, rows = memory.beside(torch.tensor([[5.0]]), torch.tensor([7]))
    assert rows.tolist() == [1, 2, 0, 7]
    assert raw[:, 0].tolist() == [1.0, 2.0, 9.0, 5.0]
    raw, rows = memory.beside(torch.tensor([[5.0]]), torch.tensor([2]))
    assert rows.tolist() == [1, 0, 2]  # a case is in its own batch and not remembered beside it
    memory.keep(torch.tensor([[4.0], [4.0]]), torch.tensor([8, 9]))
    assert memory.beside(torch.tensor([[5.0]]), torch.tensor([7]))[1].tolist() == [0, 8, 9, 7]


def test_remembered_scores_have_no_gradient_and_a_batch_without_an_event_learns_from_theirs() -> None:
    outcomes = Outcomes(torch.zeros(2), torch.tensor([1.0, 2.0]), torch.tensor([1, 0]))
    task = Task("e", EndpointKind.TIME_TO_EVENT, CoxHead(), outcomes, torch.ones(2, dtype=torch.bool))
    loss = JointLoss(task, memory=2)
    first, second = (torch.zeros(1, 1, requires_grad=True) for _ in range(2))
    loss(first, torch.zeros(1, WIDTH), torch.tensor([0]))
    loss(second, torch.zeros(1, WIDTH), torch.tensor([1])).backward()
    assert first.grad is None
    assert second.grad is not None
    assert second.grad.item() == pytest.approx(1.0)  # half of the risk set, times two cases over one
    assert loss.record({}).without_event == {}


def test_with_a_memory_batches_stay_as_small_as_asked() -> None:
    event = np.arange(40) < 3
    plans = [list(dealt_batches(event, 4, 1, np.random.default_rng(0), enlarge=large)) for large in (True, False)]
    assert [len(plan) for plan in plans] == [3, 10]
    assert all(event[rows].sum() == 1 for rows in plans[0])
    assert sorted(event[rows].sum() for rows in plans[1]) == [0] * 7 + [1] * 3
    assert sorted(np.concatenate(plans[1])) == list(range(40))


def test_a_memory_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one case"):
        CoxMemory(0)
