"""Laws of the fusion network's families: every fusion with absent blocks, every head with any numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from outcome.models.network.amount_heads import CumulativeHead, QuantileHead
from outcome.models.network.data import Batch
from outcome.models.network.embedded_table import TABLES as KINDS_OF_TABLES
from outcome.models.network.fusion import FUSIONS, RANK, LowRankTensor
from outcome.models.network.head_choice import HEADS_OF, head_numbers, in_units
from outcome.models.network.heads import HEADS, DiscreteTimeHead
from outcome.models.network.model import Design, FusionNetwork
from outcome.models.network.outcomes import Head, Outcomes
from outcome.types import EndpointKind, Target

SHAPE = (2, 8, 8, 8)
TABLES = {"clinical": (0, 1), "plan": (2,)}
KIND_OF = {head: kind for kind, heads in HEADS_OF.items() for head in heads}
MODULATED = [name for name, fusion in FUSIONS.items() if fusion.modulation is not None]
CATEGORIES = {"clinical": ((0, 1),), "plan": ()}  # of embedded tables; plan has no categorical variable
MASKED = [name for name, fusion in FUSIONS.items() if not fusion.join(2, 16).reads_absent]


def network(fusion: str, tables: str = "linear") -> FusionNetwork:
    """Every weight is drawn, so that no path is silent."""
    torch.manual_seed(1)
    categories = CATEGORIES if tables == "embedded" else None
    module = FusionNetwork(Design(TABLES, {"image:ct": SHAPE}, "resnet_3d", fusion, "binary", categories=categories))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return module.eval()


def batch(n: int = 4) -> Batch:
    torch.manual_seed(2)
    crops = torch.randn(n, *SHAPE)
    crops[:, 1:] = (crops[:, 1:] > 0).float()
    return Batch(torch.randn(n, 3), torch.ones(n, 3, dtype=torch.bool), {"image:ct": crops})


def joined(module: FusionNetwork, cases: Batch, kept: Tensor | None = None) -> Tensor:
    with torch.no_grad():
        return module.joined(cases, kept)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("tables", KINDS_OF_TABLES)
@pytest.mark.parametrize("block", range(3))
def test_a_hidden_block_is_as_one_that_is_missing_whatever_it_holds(fusion: str, tables: str, block: int) -> None:
    """Hidden in training, absent at prediction, or filled in with anything: the joined path sees the same."""
    module, cases = network(fusion, tables), batch()
    kept = torch.ones(4, 3, dtype=torch.bool)
    kept[:, block] = False
    hidden = joined(module, cases, kept)
    images = {"image:ct": cases.images["image:ct"][:0]} if block == 2 else cases.images
    missing = joined(module, Batch(cases.table, kept, images))
    table = cases.table.clone()
    table[:, [*TABLES.values(), ()][block]] = 9.0
    filled = joined(module, Batch(table, kept, images))
    torch.testing.assert_close(hidden, missing, rtol=1e-6, atol=1e-6)
    assert torch.equal(missing, filled)
    assert not torch.allclose(hidden, joined(module, cases))


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("tables", KINDS_OF_TABLES)
def test_cases_do_not_touch_each_other(fusion: str, tables: str) -> None:
    module, cases = network(fusion, tables), batch()
    together = joined(module, cases)
    order = torch.tensor([2, 0, 3, 1])
    turned = Batch(cases.table[order], cases.present, {"image:ct": cases.images["image:ct"][order]})
    torch.testing.assert_close(joined(module, turned), together[order], rtol=1e-4, atol=1e-5)
    for i in range(4):
        alone = Batch(cases.table[[i]], cases.present[[i]], {"image:ct": cases.images["image:ct"][[i]]})
        torch.testing.assert_close(joined(module, alone)[0], together[i], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_order_of_levels_is_irrelevant(fusion: str) -> None:
    """Columns of a category in another order, and its learned numbers with them: the same outputs."""
    torch.manual_seed(3)
    first = torch.eye(4)[:, 1:].repeat(2, 1)  # a level without a column, and three with one, twice
    table, order = torch.cat([first, torch.randn(8, 1)], dim=1), [2, 0, 1]
    design = Design(
        {"clinical": (0, 1, 2, 3)}, {}, "resnet_3d", fusion, "binary", categories={"clinical": ((0, 1, 2),)}
    )
    module, turned = FusionNetwork(design), FusionNetwork(design)
    torch.nn.init.normal_(module.output.weight)
    state = module.state_dict()
    others = Batch(torch.cat([first[:, order], table[:, 3:]], dim=1), torch.ones(8, 1, dtype=torch.bool), {})
    turned.load_state_dict(state)
    cases = Batch(table, others.present, {})
    assert not torch.allclose(joined(turned, others), joined(module, cases))
    levels = "tables.0.embeddings.0.levels"
    turned.load_state_dict({**state, levels: state[levels][order]})
    torch.testing.assert_close(joined(turned, others), joined(module, cases), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fusion", MASKED)
def test_a_block_that_is_missing_is_as_a_block_that_never_was(fusion: str) -> None:
    """The same weights without the block's own give the same token."""
    torch.manual_seed(3)
    full, less = FUSIONS[fusion].join(3, 16), FUSIONS[fusion].join(2, 16)
    state = full.state_dict()
    for place, name in enumerate(["factors.0", "factors.2"]):
        for part in ("weight", "bias"):
            if f"{name}.{part}" in state:
                state[f"factors.{place}.{part}"] = state[f"{name}.{part}"]
    if "mark" in state:
        state["mark"] = state["mark"][:, [0, 2]]
    less.load_state_dict({name: state[name] for name in less.state_dict()})
    tokens, present = torch.randn(5, 3, 16), torch.tensor([[True, False, True]] * 5)
    dropped = less(tokens[:, [0, 2]], present[:, [0, 2]])
    torch.testing.assert_close(full(tokens, present), dropped, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(full(tokens, torch.ones_like(present)), dropped)


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_the_low_rank_tensor_is_the_whole_tensor(blocks: int) -> None:
    """The weight tensor written out over all products of (1, token) meets their outer product."""
    torch.manual_seed(4)
    width = 3
    join = LowRankTensor(blocks, width).double()
    with torch.no_grad():
        for parameter in join.parameters():
            parameter.normal_()
    tokens = torch.randn(blocks, width, dtype=torch.float64)
    factors = [  # each (rank, width out, 1 + width in)
        torch.cat([factor.bias[:, None], factor.weight], dim=1).unflatten(0, (RANK, width)).detach()
        for factor in join.factors
    ]
    sides = [torch.cat([torch.ones(1, dtype=torch.float64), token]) for token in tokens]
    expected = join.level.detach().clone()
    for places in itertools.product(range(1 + width), repeat=blocks):
        weight, product = join.weight.detach()[:, None], 1.0
        for factor, side, place in zip(factors, sides, places, strict=True):
            weight, product = weight * factor[:, :, place], product * float(side[place])
        expected = expected + weight.sum(dim=0) * product
    made = join(tokens[None], torch.ones(1, blocks, dtype=torch.bool))[0].detach()
    torch.testing.assert_close(made, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("fusion", MODULATED)
def test_a_modulation_begins_by_changing_nothing_and_then_scales_and_shifts_each_map(fusion: str) -> None:
    make = FUSIONS[fusion].modulation
    assert make is not None
    change, maps, record = make(5, 2), torch.rand(3, 2, 7), torch.randn(3, 5)
    assert torch.equal(change(maps, record), maps)
    with torch.no_grad():
        change.layer[2].bias.copy_(torch.tensor([1.0, -0.5, 0.25, -2.0]))  # scales of both maps, then shifts
    changed = change(maps, record)
    torch.testing.assert_close(changed[:, 0], 2 * maps[:, 0] + 0.25)
    torch.testing.assert_close(changed[:, 1], 0.5 * maps[:, 1] - 2)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_record_changes_what_an_image_says_where_it_modulates_and_nowhere_else(fusion: str) -> None:
    module, cases = network(fusion), batch(1)
    image = module.image_tokens()[0]
    records = torch.randn(2, 1, 32)
    with torch.no_grad():
        one, two = (image(cases.images["image:ct"], record) for record in records)
    assert torch.equal(one.direct, two.direct) == (fusion not in MODULATED)
    assert torch.equal(one.linear, two.linear)


@pytest.mark.parametrize("fusion", MODULATED)
def test_a_modulation_learns_what_no_sum_of_record_and_image_tells(fusion: str) -> None:
    """Bright is bad for half of the cases and good for the others, as the record says: neither tells anything alone."""
    torch.manual_seed(6)
    bright, told = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]).repeat(8, 1).T
    make = FUSIONS[fusion].modulation
    assert make is not None
    change, readout = make(1, 2), torch.nn.Linear(2, 1)
    maps = (2 + bright[:, None, None]) * torch.tensor([1.0, 0.5])[None, :, None].expand(32, 2, 3)
    learned = [*change.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(learned, 0.05)
    for _ in range(300):
        logits = readout(change(maps, told[:, None]).mean(dim=2))[:, 0]
        loss = torch.nn.functional.softplus(-logits * bright * told).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1, "a sum can do no better than ln 2"


def target_of(head: str, n: int = 40) -> Target:
    rng, kind, empty = np.random.default_rng(0), KIND_OF[head], np.full(n, np.nan)
    if kind is EndpointKind.TIME_TO_EVENT:
        return Target.survival("e", rng.permutation(np.arange(1.0, n + 1)), rng.integers(0, 3, n).astype(float))
    value = rng.integers(0, 2 if kind is EndpointKind.BINARY else 4, n).astype(float)
    return Target("e", kind, value, empty, empty)


def head_of(name: str) -> tuple[Head, Outcomes]:
    target = target_of(name)
    numbers = head_numbers(name, target)
    return HEADS[name](numbers), Outcomes.of(in_units(name, numbers, target))


@pytest.mark.parametrize("name", HEADS)
def test_a_score_rises_with_the_linear_path(name: str) -> None:
    head, _ = head_of(name)
    raw = torch.randn(50, head.outputs)
    more = raw.clone()
    more[:, : head.event_outputs] += 0.1
    assert (head.score(more) > head.score(raw)).all()


@pytest.mark.parametrize("name", [name for name in HEADS if name != "cox"])
def test_the_loss_of_a_batch_is_the_mean_of_its_cases(name: str) -> None:
    head, outcomes = head_of(name)
    raw = torch.randn(40, head.outputs)
    alone = torch.stack([head.loss(raw[[i]], outcomes.take(torch.tensor([i]))) for i in range(40)])
    torch.testing.assert_close(head.loss(raw, outcomes), alone.mean())
    torch.testing.assert_close(head.total_loss(raw, outcomes), alone.sum(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["cumulative", "quantiles", "gaussian"])
def test_no_level_nearby_is_better_than_the_one_begun_with(name: str) -> None:
    head, outcomes = head_of(name)
    linear = torch.linspace(-1, 1, 40)
    level = head.level(outcomes, linear)

    def loss(of: Tensor) -> float:
        raw = of.double().repeat(40, 1)
        raw[:, 0] += linear
        return float(head.loss(raw, outcomes))

    for step in 0.05 * torch.cat([torch.eye(head.outputs), -torch.eye(head.outputs)]):
        assert loss(level + step) >= loss(level) - 1e-6


@pytest.mark.parametrize("size", [0.1, 3.0, 30.0])
def test_chances_sum_to_one_and_quantiles_and_incidences_are_ordered(size: float) -> None:
    torch.manual_seed(5)
    grades, stay = CumulativeHead((0.0, 1.0, 2.0, 5.0)), QuantileHead((2.0, 0.5))
    chances = grades.chances(size * torch.randn(200, 3))
    torch.testing.assert_close(chances.sum(dim=1), torch.ones(200))
    assert (chances >= 0).all()
    assert (torch.diff(grades.reached(size * torch.randn(200, 3).double()), dim=1) < 0).all()
    assert (torch.diff(stay.quantiles(size * torch.randn(200, 5).double()), dim=1) > 0).all()
    incidence = DiscreteTimeHead((1.0, 2.0, 3.0)).incidence(size * torch.randn(200, 6))
    assert (torch.diff(incidence, dim=1) >= 0).all()
    total = incidence.sum(dim=2)
    assert (total <= 1 + 1e-12).all()


def test_incidences_and_survival_sum_to_one() -> None:
    """Survival by the product of the chances of neither, as the loss counts it for a case that outlives all."""
    head, raw = DiscreteTimeHead((1.0, 2.0, 3.0)), torch.randn(20, 6).double()
    outlived = Outcomes(torch.zeros(1), torch.tensor([4.0]), torch.tensor([0]))
    survival = torch.stack([torch.exp(-head.loss(case[None], outlived)) for case in raw])
    torch.testing.assert_close(head.incidence(raw)[:, -1].sum(dim=1) + survival, torch.ones(20).double())
