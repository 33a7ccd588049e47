"""Does a heat map show what was learned? If not it is not shown.

Two questions of Adebayo et al. 2018 (arXiv:1810.03292). A network with the same layers and weights drawn anew knows
nothing; so does one that learned from outcomes dealt out by chance. A map that looks the same for those shows edges of
the image or the layout of the network, not what this network learned. Likeness is Spearman's rank correlation over the
voxels of the crop, its size without its sign, in the mean over cases; a case where the other network shows no heat
counts as unlike.

And one of Petsiuk et al. (`outcome.explain.heat_measures`): does the score fall sooner as the hottest voxels become
plain, and come back sooner as they appear, than in an order drawn by chance? Told beside it, and failing no map: how
much of the heat lies in each region.

Imports torch: load it only where there is a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata

from outcome.explain.gradcam import ImageNetwork, heat_map
from outcome.explain.heat_measures import Curves, deletion_and_insertion, share_inside
from outcome.explain.map_check import MapCheck
from outcome.models.inputs import Inputs
from outcome.models.one_thread import one_thread
from outcome.types import FloatArray

MOST_CASES = 8
STEPS = 8  # of curves
_HALF = 0.5
DRAWS = 3  # networks with weights drawn anew


def check_maps(
    network: ImageNetwork,
    inputs: Inputs,
    sequence: str,
    shuffled: tuple[ImageNetwork, Inputs] | None = None,
    *,
    regions: Sequence[str] = (),
    seed: int = 0,
) -> MapCheck:
    """The check over the first cases of `inputs` that have a crop of the sequence, at most MOST_CASES of them.

    `shuffled` is the same network fitted to outcomes dealt out by chance, with the same cases as it reads them;
    `regions` names the crop's mask channels.
    """
    there = [i for i, name in enumerate(inputs.case_ids) if inputs.crops.get(name, sequence) is not None][:MOST_CASES]
    found = {i: heat_map(network, inputs.rows([i]), sequence) for i in there}
    heats = {i: heat for i, heat in found.items() if heat is not None}
    if not heats:
        return MapCheck(0, None, None)
    cases = {i: inputs.rows([i]) for i in heats}
    drawn = [_mean_likeness(heats, drawn_anew(network, seed + draw), inputs, sequence) for draw in range(DRAWS)]
    labels = None if shuffled is None else _mean_likeness(heats, *shuffled, sequence)
    curves = [_curves(network, cases[i], sequence, heat, seed) for i, heat in heats.items()]
    crops = {i: _crop(case, sequence) for i, case in cases.items()}
    return MapCheck(
        cases=len(heats),
        weights=_mean(drawn),
        labels=labels,
        inside={
            name: _mean([share_inside(heat, crops[i][channel] > _HALF) for i, heat in heats.items()])
            for channel, name in enumerate(regions, start=1)
        },
        deletion_gain=_mean([each.deletion_gain for each in curves]),
        insertion_gain=_mean([each.insertion_gain for each in curves]),
    )


def drawn_anew(network: ImageNetwork, seed: int) -> Any:
    """A copy of the network with every layer's weights as they might have been before it learned."""
    other: Any = deepcopy(network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in _modules(other):
            for layer in module.modules():
                reset: Any = getattr(layer, "reset_parameters", None)
                if reset is not None:
                    reset()
    return other


def likeness(a: FloatArray, b: FloatArray) -> float:
    """The size of Spearman's rank correlation over voxels; 0 where either is flat."""
    first, second = (rankdata(each.ravel()) for each in (a, b))
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return abs(float(np.corrcoef(first, second)[0, 1]))


def _mean_likeness(heats: Mapping[int, FloatArray], other: ImageNetwork, inputs: Inputs, sequence: str) -> float:
    """To the maps that another network makes of the same cases."""
    found = [(heat, heat_map(other, inputs.rows([i]), sequence)) for i, heat in heats.items()]
    return _mean([0.0 if theirs is None else likeness(heat, theirs) for heat, theirs in found])


def _curves(network: ImageNetwork, case: Inputs, sequence: str, heat: FloatArray, seed: int) -> Curves:
    def score(crop: FloatArray) -> float:
        with torch.no_grad(), one_thread():
            return float(network.forward_case(case, 0, {sequence: torch.from_numpy(crop).float()[None]}))

    return deletion_and_insertion(score, _crop(case, sequence), heat, steps=STEPS, orders=1, seed=seed)


def _crop(case: Inputs, sequence: str) -> FloatArray:
    crop = case.crops.get(case.case_ids[0], sequence)
    if crop is None:
        raise ValueError(f"case {case.case_ids[0]} has no crop of {sequence}")
    return crop.astype(float)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _modules(network: Any) -> list[torch.nn.Module]:
    """The networks that make up the score."""
    return [member.module for member in getattr(network, "members", (network,))]
