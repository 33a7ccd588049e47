"""Clusters of intensities, fitted to each image: k-means and a Gaussian mixture. All channels are read.

References: Lloyd SP. IEEE Trans Inf Theory 1982;28:129-137. doi:10.1109/TIT.1982.1056489; Dempster AP et al. J R Stat
Soc B 1977;39:1-22. doi:10.1111/j.2517-6161.1977.tb01600.x
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from segmentation.classical.layers import by_levels
from segmentation.classical.rule import Levels, Numbers
from segmentation.classical.scene import Scene
from segmentation.classical.settings import ClassicalSettings, option

MOST_CLUSTERS, FITTED_VOXELS = 16, 10000
Values = npt.NDArray[np.float64]
Fitted = tuple[Values, Callable[[Values], npt.NDArray[np.int64]]]
Fit = Callable[[Values, Values], Fitted]


def clusters_of(name: str) -> Callable[[ClassicalSettings], int]:
    """How many clusters a method's settings ask for, from 2 to 16."""
    return lambda settings: min(MOST_CLUSTERS, max(2, int(option(name, settings, "clusters"))))


def by_brightness(scene: Scene, settings: ClassicalSettings, fit: Fit, count: int) -> Levels:
    """The cluster of every voxel, the darkest (in the settings' channel) first. `fit` gets the values of some voxels
    (n, channels) and the first centres, and gives the centres found and what assigns values to them."""
    values = scene.image.reshape(len(scene.image), -1).T.astype(np.float64)
    some = values[:: max(1, len(values) // FITTED_VOXELS)]
    channel = settings.channel_number
    order = np.argsort(some[:, channel], kind="stable")
    start = some[order[((np.arange(count) + 0.5) / count * len(some)).astype(int)]]
    if len(np.unique(some[:, channel])) < count:
        return np.zeros(scene.shape, dtype=np.uint8)
    centres, assign = fit(some, start)
    rank = np.argsort(np.argsort(centres[:, channel], kind="stable"))
    return rank[assign(values)].reshape(scene.shape).astype(np.uint8)


def _k_means(values: Values, start: Values) -> Fitted:
    model = KMeans(len(start), init=start, n_init=1, random_state=0).fit(values)
    return model.cluster_centers_, model.predict


def _mixture(values: Values, start: Values) -> Fitted:
    model = GaussianMixture(len(start), means_init=start, reg_covar=1e-4, max_iter=60, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # sixty rounds are near enough for a label
        model.fit(values)
    return model.means_, model.predict


def _by_k_means(scene: Scene, _: Numbers, settings: ClassicalSettings) -> Levels:
    return by_brightness(scene, settings, _k_means, clusters_of("k_means")(settings))


def _by_mixture(scene: Scene, _: Numbers, settings: ClassicalSettings) -> Levels:
    return by_brightness(scene, settings, _mixture, clusters_of("gaussian_mixture")(settings))


K_MEANS = by_levels(_by_k_means, count=clusters_of("k_means"))
MIXTURE = by_levels(_by_mixture, count=clusters_of("gaussian_mixture"))
