"""Does a heat map show what was learned? If not it is not shown.

Two questions of Adebayo et al. 2018 (arXiv:1810.03292). A network with the same layers and weights drawn anew knows
nothing; so does one that learned from outcomes dealt out by chance. A map that looks the same for those shows edges of
the image or the layout of the network, not what this network learned. Likeness is Spearman's rank correlation over the
voxels of the crop, its size without its sign, in the mean over cases; a case where either network shows no heat counts
as unlike. Adebayo et al. state no limit; ours is LIKENESS.

Imports torch: load it only where there is a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata

from outcome.explain.gradcam import ImageNetwork, heat_map
from outcome.models.inputs import Inputs
from outcome.types import FloatArray

LIKENESS = 0.5
MOST_CASES = 12
DRAWS = 5  # networks with weights drawn anew


@dataclass(frozen=True)
class MapCheck:
    """What became of the heat maps of one network on one sequence.

    `cases`: in which the network shows heat. `weights` and `labels`: mean likeness to networks with weights drawn anew,
    and to one that learned from shuffled outcomes; None where there is none.
    """

    cases: int
    weights: float | None
    labels: float | None
    limit: float = LIKENESS

    @property
    def passed(self) -> bool:
        """Whether there was heat, and it was unlike that of networks that know nothing."""
        asked = [value for value in (self.weights, self.labels) if value is not None]
        return self.cases > 0 and bool(asked) and all(value <= self.limit for value in asked)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> MapCheck:
        """Raises ValueError where `passed` is not what the numbers say."""
        made = cls(int(told["cases"]), _number(told["weights"]), _number(told["labels"]), float(told["limit"]))
        if told["passed"] is not made.passed:
            raise ValueError("a check of heat maps that contradicts itself")
        return made


def check_maps(
    network: ImageNetwork, inputs: Inputs, sequence: str, shuffled: ImageNetwork | None = None, *, seed: int = 0
) -> MapCheck:
    """The check over the cases of `inputs` that have a crop of the sequence, at most MOST_CASES of them.

    `shuffled` is the same network fitted to outcomes dealt out by chance.
    """
    cases = [one for one in _each(inputs) if inputs.crops.get(one.case_ids[0], sequence) is not None][:MOST_CASES]
    own = [heat_map(network, case, sequence) for case in cases]
    drawn = [drawn_anew(network, seed + draw) for draw in range(DRAWS)]
    weights = [_mean_likeness(own, other, cases, sequence) for other in drawn]
    labels = None if shuffled is None else _mean_likeness(own, shuffled, cases, sequence)
    known = [value for value in weights if value is not None]
    return MapCheck(sum(heat is not None for heat in own), float(np.mean(known)) if known else None, labels)


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


def _mean_likeness(
    own: Sequence[FloatArray | None], other: ImageNetwork, cases: Sequence[Inputs], sequence: str
) -> float | None:
    """Over the cases where the network shows heat; None where it never does."""
    found = []
    for heat, case in zip(own, cases, strict=True):
        if heat is not None:
            theirs = heat_map(other, case, sequence)
            found.append(0.0 if theirs is None else likeness(heat, theirs))
    return float(np.mean(found)) if found else None


def _each(inputs: Inputs) -> list[Inputs]:
    return [inputs.rows([i]) for i in range(len(inputs))]


def _modules(network: Any) -> list[torch.nn.Module]:
    """The networks that make up the score."""
    return [member.module for member in getattr(network, "members", (network,))]


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
