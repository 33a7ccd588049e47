"""The classical methods by name. Their code is imported when one is used: naming one costs nothing.

Each learns a few numbers from training cases (where regions lie, how large and how bright they are, which side of a
threshold or which cluster is theirs) and outlines new images without any network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segmentation.classical.rule import Rule


@dataclass(frozen=True)
class Method:
    """One method: what it does, which channels it reads, and its options with defaults.

    `place` is "module:rule" below this package. `reads_all` is true where every channel is read, false where only the
    settings' `channel` is. `choices` are the values of an option that is a word.
    """

    place: str
    words: str
    options: tuple[tuple[str, Any], ...] = ()
    reads_all: bool = False
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def rule(self) -> Rule:
        """How it learns and outlines."""
        module, _, name = self.place.partition(":")
        found: Rule = getattr(import_module(f"{__name__}.{module}"), name)
        return found


_SCALES = (1.0, 2.0, 4.0)
METHODS: dict[str, Method] = {
    "place": Method("layers:PLACE", "where regions lay in training, whatever the image shows: the yardstick"),
    "threshold": Method("threshold:FIXED", "one range of intensity, learned"),
    "otsu": Method("threshold:OTSU", "Otsu's threshold of each image; the side is learned"),
    "multi_otsu": Method("threshold:MULTI_OTSU", "several Otsu thresholds; the layers are learned", (("classes", 4),)),
    "region_growing": Method(
        "region_growing:GROWING",
        "grows from each region's seed through intensities like the region's",
        (("seed", "likeliest"), ("tolerance", 2.0)),
        choices={"seed": ("likeliest", "brightest", "centre")},
    ),
    "watershed": Method(
        "watershed:WATERSHED",
        "floods the gradient, or the distance within a range of intensity, from markers",
        (("markers", "gradient"), ("smoothing", 1.0)),
        choices={"markers": ("gradient", "distance")},
    ),
    "edges": Method(
        "edges:EDGES", "Canny's edges, closed and filled", (("smoothing", 0.7), ("sharpest", 0.6), ("closing", 1))
    ),
    "active_contour": Method(
        "active_contour:CONTOUR",
        "a contour that starts at the learned place and moves",
        (("kind", "chan_vese"), ("steps", 10), ("smoothing", 1)),
        choices={"kind": ("chan_vese", "geodesic")},
    ),
    "morphology": Method(
        "morphology:MORPHOLOGY", "a range of intensity, opened, closed and filled", (("opening", 1), ("closing", 1))
    ),
    "k_means": Method("clustering:K_MEANS", "k-means of the intensities", (("clusters", 4),), reads_all=True),
    "gaussian_mixture": Method(
        "clustering:MIXTURE", "a Gaussian mixture of the intensities", (("clusters", 4),), reads_all=True
    ),
    "fuzzy_c_means": Method(
        "fuzzy:FUZZY", "fuzzy c-means of the intensities", (("clusters", 4), ("fuzziness", 2.0)), reads_all=True
    ),
    "pixel_svm": Method(
        "support_vectors:SVM",
        "a support vector machine a voxel, on features at several scales",
        (
            ("scales_mm", _SCALES),
            ("position", True),
            ("voxels", 300),
            ("most", 30000),
            ("landmarks", 300),
            ("penalty", 1.0),
        ),
        reads_all=True,
    ),
    "random_forest": Method(
        "forest:FOREST",
        "a random forest a voxel, on features at several scales",
        (
            ("scales_mm", _SCALES),
            ("position", True),
            ("voxels", 600),
            ("most", 60000),
            ("trees", 40),
            ("depth", 14),
        ),
        reads_all=True,
    ),
}
