"""The same region, seen once more: shifted, turned, noisier, grown or shrunk, or outlined by another hand.

Each change follows Zwanenburg et al., Sci Rep 2019, doi:10.1038/s41598-018-36938-4, with two departures: contours vary
by a smooth random field on the distance to the outline instead of supervoxels (no image is needed, and the size is
in mm), and noise is estimated with second differences instead of a wavelet (Immerkaer, Comput Vis Image Underst 1996,
doi:10.1006/cviu.1996.0060, with a median in place of the mean).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from segmentation.errors import ImageRefusal
from segmentation.radiomics.robustness.motion import moved
from segmentation.radiomics.robustness.scene import Floats, Margin, Scene, cut_scene, noise_level, redrawn
from segmentation.types import Mask, Volume


@dataclass(frozen=True)
class Perturbation:
    """One change of image and mask; the default changes nothing. Applied in this order: contour, growth, noise, motion.

    `contour_mm`: spread of the outline's random displacement; `growth`: share of the volume added, or taken away where
    negative; `noise`: spread of the added noise in multiples of the image's own; `turn_degrees`: about the patient's z
    through the region's centre; `shift`: part of a voxel along each array axis. Raises ImageRefusal for a growth of -1
    or less, negative spreads and anything that is not finite.
    """

    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)  # voxels along I, J, K
    turn_degrees: float = 0.0
    noise: float = 0.0
    growth: float = 0.0
    contour_mm: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        numbers = np.array([*self.shift, self.turn_degrees, self.noise, self.growth, self.contour_mm], dtype=float)
        usable = len(self.shift) == 3 and bool(np.isfinite(numbers).all())
        if not usable or self.growth <= -1 or min(self.noise, self.contour_mm) < 0 or self.seed < 0:
            raise ImageRefusal(
                "bad_perturbation",
                "The perturbation cannot be applied.",
                expected="finite numbers, growth > -1, noise, contour_mm and seed >= 0",
                found=repr(self),
            )

    @property
    def moves(self) -> bool:
        """Must image and mask be interpolated?"""
        return self.turn_degrees != 0 or any(self.shift)


@dataclass(frozen=True)
class Ranges:
    """How large drawn perturbations may be: evenly from -limit to +limit; `noise` and `contour_mm` are used as is."""

    shift: float = 0.5  # voxels
    turn_degrees: float = 6.0
    noise: float = 1.0  # times the image's own noise
    growth: float = 0.1  # share of the volume
    contour_mm: float = 0.5


def draw_perturbations(count: int, seed: int, ranges: Ranges | None = None) -> tuple[Perturbation, ...]:
    """`count` perturbations, each of all kinds at once; the same `seed` gives the same ones, the first first.

    A longer list begins with the shorter one. Use one list for all cases: repeat r is then alike in every case.
    """
    limits = ranges or Ranges()
    drawn = []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        i, j, k = (float(x) for x in rng.uniform(-limits.shift, limits.shift, 3))
        turn, growth = (float(rng.uniform(-limit, limit)) for limit in (limits.turn_degrees, limits.growth))
        drawn.append(Perturbation((i, j, k), turn, limits.noise, growth, limits.contour_mm, int(rng.integers(2**31))))
    return tuple(drawn)


def perturbed(
    image: Volume | None, mask: Mask, region: str, perturbations: Sequence[Perturbation], around_mm: float = 0.0
) -> Iterator[tuple[Volume | None, Mask]]:
    """For each perturbation the changed image and the mask of one region, both cropped around the region.

    `image` must hold the mask's grid; without it only masks are made, and noise is left out. `around_mm`: how much
    tissue the measuring function reads beyond the region (filters). Where the crop sticks out of the image its
    outermost voxels are repeated, and no region grows into them. The region keeps at least one voxel. Voxels are
    float32, whole numbers for CT. Raises ImageRefusal for an unknown or empty region, another grid, voxels that are
    not finite, and noise on an image that is too thin to tell its noise.
    """
    scene = cut_scene(image, mask, region, _margin(perturbations, around_mm))
    level = noise_level(scene) if any(p.noise for p in perturbations) else 0.0
    for perturbation in perturbations:
        yield _apply(scene, perturbation, level)


def _apply(scene: Scene, change: Perturbation, level: float) -> tuple[Volume | None, Mask]:
    outline_rng, noise_rng = (np.random.default_rng((change.seed, part)) for part in range(2))
    inside = redrawn(scene, change.contour_mm, change.growth, outline_rng)
    voxels: Floats | None = scene.voxels
    if voxels is not None and change.noise and level:
        noise = noise_rng.standard_normal(voxels.shape, dtype=np.float32)
        voxels = voxels + np.float32(change.noise * level) * noise
    if change.moves:
        voxels, inside = moved(scene, voxels, inside, np.array(change.shift), np.deg2rad(change.turn_degrees))
    return scene.as_pair(voxels, inside)


def _margin(perturbations: Sequence[Perturbation], around_mm: float) -> Margin:
    """The largest of each change; contours are cut off at three spreads."""
    turn = max((abs(p.turn_degrees) for p in perturbations), default=0.0)
    return Margin(
        mm=around_mm + 3 * max((p.contour_mm for p in perturbations), default=0.0),
        voxels=max((abs(step) for p in perturbations for step in p.shift), default=0.0),
        turn=float(np.deg2rad(min(turn, 180.0))),
        growth=max((p.growth for p in perturbations), default=0.0),
    )
