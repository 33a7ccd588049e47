"""Is a heat map worth looking at? How much of it lies in a region, and does the score fall when what is hot is taken?

Deletion and insertion (Petsiuk, Das & Saenko 2018, arXiv:1806.07421): voxels become plain, or appear in a plain image,
the hottest first, and the score is asked on the way. A map that found what matters makes the score fall, or rise,
sooner than the same number of voxels in an order drawn by chance. Plain is 0: the middle of the soft-tissue window, or
the mean of the image. Regions stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation

from outcome.types import BoolArray, FloatArray

STEPS = 16
ORDERS = 3  # drawn by chance, whose mean is compared with
ScoreOfCrop = Callable[[FloatArray], float]  # (1 + regions, X, Y, Z) to a number that rises with the event


def share_inside(heat: FloatArray, region: BoolArray) -> float:
    """The share of the heat (X, Y, Z) that lies in the region; 0 where there is no heat."""
    total = float(heat.sum())
    return float(heat[region].sum()) / total if total > 0 else 0.0


def points_inside(heat: FloatArray, region: BoolArray, voxels: int = 1) -> bool:
    """Whether the hottest voxel lies in the region, or so many voxels from it: one round of the pointing game.

    Zhang et al. 2018, doi:10.1007/s11263-017-1059-x, who allow 15 pixels of a photograph.
    """
    near = binary_dilation(region, iterations=voxels) if voxels else region
    return bool(near[np.unravel_index(int(heat.argmax()), heat.shape)])


@dataclass(frozen=True, eq=False)
class Curves:
    """Scores (k,) after `shares` of the voxels, the hottest first; and the mean of orders drawn by chance."""

    shares: FloatArray
    deletion: FloatArray
    insertion: FloatArray
    deletion_by_chance: FloatArray
    insertion_by_chance: FloatArray

    @property
    def deletion_gain(self) -> float:
        """How far deletion runs below chance in the mean, in units of the whole change of score; above 0 is good."""
        return self._gain(self.deletion_by_chance - self.deletion)

    @property
    def insertion_gain(self) -> float:
        """How far insertion runs above chance, likewise."""
        return self._gain(self.insertion - self.insertion_by_chance)

    def _gain(self, above: FloatArray) -> float:
        whole = abs(float(self.deletion[0] - self.deletion[-1]))
        return float(np.trapezoid(above, self.shares)) / whole if whole > 0 else 0.0


def deletion_and_insertion(
    score: ScoreOfCrop, crop: FloatArray, heat: FloatArray, *, steps: int = STEPS, orders: int = ORDERS, seed: int = 0
) -> Curves:
    """The curves of a case's crop (1 + regions, X, Y, Z) by the order of its heat (X, Y, Z).

    Voxels of equal heat come in an order drawn by chance; `orders` drawn likewise are compared with.
    """
    rng = np.random.default_rng(seed)
    shares = np.linspace(0.0, 1.0, steps + 1)
    tie = rng.random(heat.size)
    hottest = np.lexsort((tie, -heat.ravel()))
    drawn = [rng.permutation(heat.size) for _ in range(orders)]

    def along(order: np.ndarray, *, keep: bool) -> FloatArray:
        return np.array([score(_partly(crop, order[: round(share * heat.size)], keep=keep)) for share in shares])

    return Curves(
        shares,
        along(hottest, keep=False),
        along(hottest, keep=True),
        np.mean([along(order, keep=False) for order in drawn], axis=0),
        np.mean([along(order, keep=True) for order in drawn], axis=0),
    )


def _partly(crop: FloatArray, voxels: np.ndarray, *, keep: bool) -> FloatArray:
    """The crop with these voxels of its image plain, or with all others plain."""
    made = crop.copy()
    image = made[0].reshape(-1)
    if keep:
        kept = image[voxels].copy()
        image[:] = 0.0
        image[voxels] = kept
    else:
        image[voxels] = 0.0
    made[0] = image.reshape(crop.shape[1:])
    return made
