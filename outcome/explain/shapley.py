"""How much did each input move this case's score, against the average development case?

Shapley values (Shapley 1953; Lundberg & Lee 2017, arXiv:1705.07874) with one reference case: an input's contribution
is its mean effect over the orders in which inputs change from the reference to the case. It describes the model, not
what causes the outcome. Contributions and the reference's score add up to the case's score, which is checked.

The package `shap` gives the same numbers (see the tests). It is not called: compiling it took up to 20 s of the first
page, and it draws from numpy's one global generator, which pages opened at the same time would share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np

from outcome.errors import DataRefusal
from outcome.explain.players import Game, Player
from outcome.models.inputs import Inputs
from outcome.types import BoolArray, FloatArray

Score = Callable[[Inputs], FloatArray]
SMALLEST_GAP = 1e-6  # of the score, or absolute below 1: rounding, not disagreement
MOST_PAIRS = 10  # of an order and its reverse


@dataclass(frozen=True)
class Contribution:
    """One input's share in the score; above 0 it raises the score, below 0 it lowers it."""

    name: str
    label: str
    value: str
    reference: str
    contribution: float


@dataclass(frozen=True)
class Contributions:
    """Every input's contribution, the largest first, with the scores at both ends."""

    rows: tuple[Contribution, ...]
    reference_score: float
    score: float


def linear_contributions(game: Game, coefficients: FloatArray, score: Score) -> Contributions:
    """The exact contributions where the score is a weighted sum: coefficient times deviation, shape (p,)."""
    moved = (game.case.matrix[0] - game.reference.matrix[0]) * coefficients
    return _checked(game, np.array([moved[list(player.columns)].sum() for player in game.players]), score)


def shapley_contributions(game: Game, score: Score, *, seed: int, evaluations: int) -> Contributions:
    """Contributions for any score: exact where `evaluations` allow all subsets, else over drawn orders and their
    reverses (Mitchell et al. 2022, arXiv:2104.12199), at least one pair.

    Raises DataRefusal where the contributions do not add up, as with a score that depends on more than its row.
    """
    playing = [j for j, player in enumerate(game.players) if _differs(game, player)]
    values = np.zeros(len(game.players))
    if playing:
        values[playing] = _values(game, playing, score, seed, evaluations)
    return _checked(game, values, score)


def _differs(game: Game, player: Player) -> bool:
    """An input at its reference value moves nothing, in whatever order."""
    columns = list(player.columns)
    there = [bool(side.present[player.block][0]) for side in (game.case, game.reference)] if player.block else [0, 0]
    return there[0] != there[1] or bool((game.case.matrix[:, columns] != game.reference.matrix[:, columns]).any())


def _values(game: Game, playing: list[int], score: Score, seed: int, evaluations: int) -> FloatArray:
    """The contribution of each of the `playing`, shape (playing,)."""
    count = len(playing)

    def of_subsets(chosen: BoolArray) -> FloatArray:
        everyone = np.zeros((len(chosen), len(game.players)), dtype=bool)
        everyone[:, playing] = chosen
        return np.asarray(score(game.mixed(everyone)), dtype=float)

    if 2**count <= evaluations:
        return _over_subsets(of_subsets, count)
    pairs = int(np.clip(evaluations // (2 * (count + 1)), 1, MOST_PAIRS))
    return _over_orders(of_subsets, count, pairs, np.random.default_rng(seed))


def _over_subsets(of_subsets: Callable[[BoolArray], FloatArray], count: int) -> FloatArray:
    """Exact: what each player adds to every set of the others, by the share of orders in which they come first."""
    subsets = np.arange(2**count)
    chosen = (subsets[:, None] >> np.arange(count)) & 1 > 0
    value, others = of_subsets(chosen), chosen.sum(axis=1)
    share = np.array([1.0 / (count * comb(count - 1, size)) for size in range(count)])
    found = np.zeros(count)
    for j in range(count):
        without = subsets[~chosen[:, j]]
        found[j] = share[others[without]] @ (value[without | 1 << j] - value[without])
    return found


def _over_orders(
    of_subsets: Callable[[BoolArray], FloatArray], count: int, pairs: int, rng: np.random.Generator
) -> FloatArray:
    """What each player adds when its turn comes, over drawn orders and their reverses."""
    found = np.zeros(count)
    for _ in range(pairs):
        drawn = rng.permutation(count)
        for order in (drawn, drawn[::-1]):
            turn = np.argsort(order)
            steps = of_subsets(turn[None, :] < np.arange(count + 1)[:, None])
            found[order] += np.diff(steps)
    return found / (2 * pairs)


def _checked(game: Game, values: FloatArray, score: Score) -> Contributions:
    """The contributions, the largest first. Refuses those that do not lead from the reference to the case."""
    ends = (float(score(side)[0]) for side in (game.reference, game.case))
    reference_score, case_score = ends
    gap = abs(reference_score + float(values.sum()) - case_score)
    if not gap <= SMALLEST_GAP * max(1.0, abs(case_score)):
        raise DataRefusal(
            "the contributions of the inputs do not add up to the score, so they are not shown",
            expected=f"a gap of at most {SMALLEST_GAP:g} of the score",
            found=f"{gap:.3g}",
            next_step="report this with the bundle's id; the risk itself is not affected",
        )
    rows = [
        Contribution(player.name, player.label, player.value, player.reference, float(value))
        for player, value in zip(game.players, values, strict=True)
    ]
    rows.sort(key=lambda row: -abs(row.contribution))
    return Contributions(tuple(rows), reference_score, case_score)
