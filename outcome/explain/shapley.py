"""How much did each block of inputs, and each input in it, move this case's score against the average development case?

Contributions have two levels. A modality block's is its Shapley value among the blocks (Shapley 1953; Lundberg & Lee
2017, arXiv:1705.07874): its mean effect over the orders in which whole blocks change from the reference to the case. An
input's is its Owen value (Owen 1977, doi:10.1007/978-3-642-45494-3_7): the same, over the orders in which the inputs of
a block change one after the other. So inputs add up to their block, and blocks to the score, which is checked; with one
block alone these are plain Shapley values. They describe the model, not what causes the outcome.

The package `shap` gives the same numbers (see the tests). It is not called: compiling it took up to 20 s of the first
page, and it draws from numpy's one global generator, which pages opened at the same time would share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

from outcome.errors import DataRefusal
from outcome.explain.players import Game, Player, block_label
from outcome.models.inputs import Inputs
from outcome.types import BoolArray, FloatArray

Score = Callable[[Inputs], FloatArray]
Worth = Callable[[BoolArray], FloatArray]  # (m, players) of which have changed to the case, to the scores (m,)
SMALLEST_GAP = 1e-6  # of the score, or absolute below 1: rounding, not disagreement
MOST_PAIRS = 10  # of an order and its reverse
MOST_BLOCKS = 10  # whose every set is asked about
MOST_SETS = 32  # of other blocks, before which the inputs of a block change


@dataclass(frozen=True)
class Contribution:
    """One input's share in the score; above 0 it raises the score, below 0 it lowers it."""

    name: str
    label: str
    value: str
    reference: str
    contribution: float
    modality: str = ""  # the block it belongs to


@dataclass(frozen=True)
class BlockContribution:
    """A modality block's share in the score: the sum of its inputs'."""

    name: str
    label: str
    contribution: float


@dataclass(frozen=True)
class Contributions:
    """Every input's contribution and every block's, the largest first, with the scores at both ends."""

    rows: tuple[Contribution, ...]
    reference_score: float
    score: float
    blocks: tuple[BlockContribution, ...] = ()


def linear_contributions(game: Game, coefficients: FloatArray, score: Score) -> Contributions:
    """The exact contributions where the score is a weighted sum: coefficient times deviation, shape (p,)."""
    moved = (game.case.matrix[0] - game.reference.matrix[0]) * coefficients
    return _checked(game, np.array([moved[list(player.columns)].sum() for player in game.players]), score)


def shapley_contributions(game: Game, score: Score, *, seed: int, evaluations: int) -> Contributions:
    """Contributions for any score. Blocks are exact up to MOST_BLOCKS of them. The inputs of a block are exact where
    `evaluations` allow all subsets, else over drawn orders and their reverses (Mitchell et al. 2022, arXiv:2104.12199),
    at least one pair.

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

    def worth(chosen: BoolArray) -> FloatArray:
        everyone = np.zeros((len(chosen), len(game.players)), dtype=bool)
        everyone[:, playing] = chosen
        return np.asarray(score(game.mixed(everyone)), dtype=float)

    rng = np.random.default_rng(seed)
    names = [game.players[j].modality for j in playing]
    blocks = [np.flatnonzero([name == block for name in names]) for block in dict.fromkeys(names)]
    if not 1 < len(blocks) <= MOST_BLOCKS:
        return _shared(worth, len(playing), evaluations, rng)
    found, count = np.zeros(len(playing)), len(blocks)
    of_block = np.zeros((count, len(playing)), dtype=bool)
    for k, members in enumerate(blocks):
        of_block[k, members] = True
    found[[members[0] for members in blocks]] = _over_subsets(lambda chosen: worth(chosen @ of_block), count)
    several = [k for k, members in enumerate(blocks) if len(members) > 1]
    for k in several:
        whole, size = found[blocks[k][0]], len(blocks[k])
        budget = evaluations // len(several)
        sets, weights = _sets_of_others(count, k, rng)
        inside = _mean_over(worth, sets @ of_block, weights, blocks[k])
        shares = _shared(inside, size, budget // len(sets), rng)
        found[blocks[k]] = shares + (whole - shares.sum()) / size  # nothing but rounding where no sets were drawn
    return found


def _shared(worth: Worth, count: int, evaluations: int, rng: np.random.Generator) -> FloatArray:
    """What each of `count` players adds, (count,): exact where all subsets may be asked about, else over orders."""
    if 2**count <= evaluations:
        return _over_subsets(worth, count)
    pairs = int(np.clip(evaluations // (2 * (count + 1)), 1, MOST_PAIRS))
    return _over_orders(worth, count, pairs, rng)


def _sets_of_others(count: int, own: int, rng: np.random.Generator) -> tuple[BoolArray, FloatArray]:
    """The sets of other blocks that may have changed before block `own`, (m, count), and their chances, (m,).

    All of them, or MOST_SETS drawn by chance where there are more.
    """
    numbers = np.arange(2**count)
    sets = (numbers[:, None] >> np.arange(count)) & 1 > 0
    sets = sets[~sets[:, own]]
    chances = np.array([1.0 / (count * comb(count - 1, size)) for size in sets.sum(axis=1)])
    if len(sets) <= MOST_SETS:
        return sets, chances
    return sets[rng.choice(len(sets), MOST_SETS, p=chances)], np.full(MOST_SETS, 1.0 / MOST_SETS)


def _mean_over(worth: Worth, before: BoolArray, weights: FloatArray, members: npt.NDArray[np.intp]) -> Worth:
    """The worth of sets of a block's members, (m, members) to (m,): its mean over what may have changed before them."""

    def mean(chosen: BoolArray) -> FloatArray:
        together = np.repeat(before, len(chosen), axis=0)
        together[:, members] = np.tile(chosen, (len(before), 1))
        return weights @ worth(together).reshape(len(before), len(chosen))

    return mean


def _over_subsets(of_subsets: Worth, count: int) -> FloatArray:
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


def _over_orders(of_subsets: Worth, count: int, pairs: int, rng: np.random.Generator) -> FloatArray:
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
        Contribution(player.name, player.label, player.value, player.reference, float(value), player.modality)
        for player, value in zip(game.players, values, strict=True)
    ]
    rows.sort(key=lambda row: -abs(row.contribution))
    return Contributions(tuple(rows), reference_score, case_score, _blocks(rows))


def _blocks(rows: list[Contribution]) -> tuple[BlockContribution, ...]:
    sums: dict[str, float] = {}
    for row in rows:
        sums[row.modality] = sums.get(row.modality, 0.0) + row.contribution
    found = [BlockContribution(name, block_label(name), value) for name, value in sums.items()]
    return tuple(sorted(found, key=lambda block: -abs(block.contribution)))
