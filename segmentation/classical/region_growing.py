"""Regions grown from a seed through intensities like the region's.

Reference: Adams R, Bischof L. IEEE Trans Pattern Anal Mach Intell 1994;16:641-647. doi:10.1109/34.295913
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segmentation.classical.layers import by_levels
from segmentation.classical.place import likeliness, squared_distances
from segmentation.classical.rule import Levels, Numbers
from segmentation.classical.scene import Floats, Scene
from segmentation.classical.settings import ClassicalSettings, option

_REACH = 9.0  # squared standard deviations from the region's place, where seeds are looked for


def _grown(scene: Scene, numbers: Numbers, settings: ClassicalSettings) -> Levels:
    """Level n for what grew from the seed of the n-th region; what two regions reach is the likelier one's."""
    channel = settings.channel_number
    image = ndimage.gaussian_filter(scene.flat(scene.image[channel]), 0.5).reshape(scene.shape)
    speaks, levels = likeliness(scene, numbers, channel), np.zeros(scene.shape, dtype=np.uint8)
    best = np.full(scene.shape, -np.inf, dtype=np.float32)
    tolerance = float(option("region_growing", settings, "tolerance"))
    for row in np.flatnonzero(numbers["place/known"]):
        mean, spread = numbers["place/intensity"][row, channel], numbers["place/deviation"][row, channel]
        near = squared_distances(scene, numbers)[row] <= _REACH
        like = (np.abs(image - mean) <= tolerance * spread) & near
        seed = _seed(like, image, speaks[row], squared_distances(scene, numbers)[row], settings)
        grown = grow(scene.flat(like), scene.flat(seed)).reshape(scene.shape) & (speaks[row] > best)
        levels[grown], best[grown] = row + 1, speaks[row][grown]
    return levels


def grow(allowed: npt.NDArray[np.bool_], seeds: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The allowed voxels that are joined with an allowed seed by faces."""
    pieces, _ = ndimage.label(allowed)
    found = np.unique(pieces[seeds & allowed])
    return np.isin(pieces, found[found > 0])


def _seed(
    like: npt.NDArray[np.bool_], image: Floats, speaks: Floats, squared: Floats, settings: ClassicalSettings
) -> npt.NDArray[np.bool_]:
    """The one voxel to grow from: the likeliest, the brightest or the nearest to the centre of those that are alike."""
    kind = option("region_growing", settings, "seed")
    score = {"likeliest": speaks, "brightest": image, "centre": -squared}[kind]
    seed = np.zeros(like.shape, dtype=bool)
    if like.any():
        seed.flat[np.where(like, score, -np.inf).argmax()] = True
    return seed


def _kept(settings: ClassicalSettings) -> tuple[int, ...]:
    return tuple(range(1, 1 + len(settings.regions)))


GROWING = by_levels(_grown, count=lambda settings: 1 + len(settings.regions), kept=_kept)
