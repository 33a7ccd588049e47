"""Blocks first, then the inputs inside each: hand-worked games, brute force over orders, and what never changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations, product

import numpy as np
import pytest

from outcome.explain import shapley
from outcome.explain.players import Game, Player
from outcome.explain.shapley import linear_contributions, shapley_contributions
from outcome.models.inputs import Inputs
from outcome.types import FloatArray


def game(case: Sequence[float], blocks: Sequence[str]) -> Game:
    """One player a column, each in its block, against nothing."""
    row = np.array([case], dtype=float)
    players = tuple(Player(f"x{j}", "", "", "", (j,), modality=block) for j, block in enumerate(blocks))
    return Game(Inputs(row, case_ids=("a",)), Inputs(np.zeros_like(row), case_ids=("a",)), players)


def crooked(X: Inputs) -> FloatArray:
    a = X.matrix
    return np.maximum(a[:, 0], a[:, 3]) * np.sin(a[:, 2] + a[:, 4]) + a[:, 1] * a[:, 3] * a[:, 0] - a[:, 5] ** 2


CASE, BLOCKS = [1.0, 2.0, 0.7, -1.5, 0.4, 1.1], ["record", "record", "plan", "image", "plan", "record"]


def brute_force(given: Game, score: Callable[[Inputs], FloatArray]) -> list[float]:
    """The mean over all orders in which blocks come whole, one after the other, in any order inside."""
    names = list(dict.fromkeys(player.modality for player in given.players))
    members = {name: [j for j, p in enumerate(given.players) if p.modality == name] for name in names}
    orders = [
        [j for part in inside for j in part]
        for outer in permutations(names)
        for inside in product(*(permutations(members[name]) for name in outer))
    ]
    total = np.zeros(len(given.players))
    for order in orders:
        chosen = np.zeros((1, len(total)), dtype=bool)
        before = float(score(given.mixed(chosen))[0])
        for player in order:
            chosen[0, player] = True
            after = float(score(given.mixed(chosen))[0])
            total[player] += after - before
            before = after
    return (total / len(orders)).tolist()


def shares(given: Game, *, evaluations: int, seed: int = 1) -> tuple[list[float], dict[str, float]]:
    found = shapley_contributions(given, crooked, seed=seed, evaluations=evaluations)
    rows = {row.name: row.contribution for row in found.rows}
    return [rows[p.name] for p in given.players], {block.name: block.contribution for block in found.blocks}


def test_a_product_of_three_is_halved_between_two_blocks() -> None:
    # plain Shapley values would be a third each; two of the three stand in one block, which gets a half as a whole
    given = game([2, 5, 3], ["record", "record", "image"])
    found = shapley_contributions(given, lambda X: X.matrix.prod(axis=1), seed=1, evaluations=100)
    assert {row.name: row.contribution for row in found.rows} == pytest.approx({"x0": 7.5, "x1": 7.5, "x2": 15.0})
    assert {block.name: block.contribution for block in found.blocks} == pytest.approx({"record": 15.0, "image": 15.0})


def test_all_that_may_be_asked_about_equals_brute_force() -> None:
    given = game(CASE, BLOCKS)
    found, _ = shares(given, evaluations=1000)
    assert found == pytest.approx(brute_force(given, crooked), abs=1e-9)


@pytest.mark.parametrize("evaluations", [1, 20, 60])
def test_few_evaluations_leave_blocks_exact_and_come_close_inside(evaluations: int) -> None:
    given = game(CASE, BLOCKS)
    exact = brute_force(given, crooked)
    found, blocks = shares(given, evaluations=evaluations)
    for block, value in blocks.items():
        members = [j for j, name in enumerate(BLOCKS) if name == block]
        assert value == pytest.approx(sum(exact[j] for j in members), abs=1e-9)
        assert value == pytest.approx(sum(found[j] for j in members), abs=1e-9)
    assert found == pytest.approx(exact, abs=1.0)


def test_drawn_sets_of_other_blocks_meet_brute_force_in_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapley, "MOST_SETS", 2)
    given = game(CASE, BLOCKS)
    drawn = [shares(given, evaluations=30, seed=seed)[0] for seed in range(400)]
    away = np.mean(drawn, axis=0) - brute_force(given, crooked)
    error = np.std(drawn, axis=0) / np.sqrt(len(drawn))
    assert error.max() > 0.01, "were all sets asked about, this test would show nothing"
    assert (np.abs(away) <= 4 * error + 1e-9).all()


def test_a_weighted_sum_has_blocks_too() -> None:
    given, weights = game([1.0, -2.0, 3.0], ["record", "image", "record"]), np.array([2.0, 1.0, 9.0])
    found = linear_contributions(given, weights, lambda X: X.matrix @ weights)
    assert [(block.name, block.contribution) for block in found.blocks] == [("record", 29.0), ("image", -2.0)]


def test_more_blocks_than_every_set_of_them_can_be_asked_about_still_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapley, "MOST_BLOCKS", 2)
    given = game(CASE, BLOCKS)
    found = shapley_contributions(given, crooked, seed=1, evaluations=20)
    assert found.reference_score + sum(b.contribution for b in found.blocks) == pytest.approx(found.score, abs=1e-12)
