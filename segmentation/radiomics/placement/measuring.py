"""How a lesion lies in its organ, as numbers; every length in mm, measured on the voxels of the masks alone.

What lies outside the organ's outline (`Scene.outline`) is exophytic, depth is counted from it, and the hollow within it
(the renal sinus of a kidney) is what neither organ nor lesion fills.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segmentation.radiomics.placement.catalogue import PLACEMENT_TAGS
from segmentation.radiomics.placement.nephrometry import NO_SINUS, POINTS, Kidney, renal_points
from segmentation.radiomics.placement.scene import Placement, Scene, scene_of
from segmentation.radiomics.region import RegionVoxels
from segmentation.types import Mask

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Features = dict[str, float]
Reasons = dict[str, str]

SINUS_DEPTH_MM = 5.0  # hollows nearer to the outline are its dents, not the sinus
ONE_ORGAN = "there is no second organ, so inside and outside cannot be told"
NO_SPACING = "no voxel spacing was published"


def placement_features(mask: Mask, asked: Placement, units_mm: bool = True) -> tuple[Features, Reasons]:
    """The features of the lesion by tag, and the reason for each that cannot be had.

    Definition and unit of each: `dictionary.explain("place_")` and `explain("renal_")`. Without spacing (`units_mm`
    False) there are none.
    """
    scene = scene_of(mask, asked) if units_mm else NO_SPACING
    if isinstance(scene, str):
        return {}, dict.fromkeys(PLACEMENT_TAGS, scene)
    measures = _Measures(scene)
    found = {**measures.features(), **_points(measures)}
    features = {tag: value for tag, value in found.items() if not isinstance(value, str)}
    return features, {tag: reason for tag, reason in found.items() if isinstance(reason, str)}


@dataclass(frozen=True, eq=False)
class _Measures:
    """What is measured of a scene, each once."""

    scene: Scene

    def features(self) -> dict[str, float | str]:
        scene = self.scene
        across = scene.centre(scene.lesion) - scene.centre(scene.outline)
        along = self._along(scene.millimetres(scene.lesion)).mean()
        share, area = self._contact()
        volume = np.count_nonzero(scene.lesion) * float(np.prod(scene.spacing))
        return {
            "place_exophytic": self.exophytic,
            "place_depth": float(self._below_outline[scene.lesion].max()),
            "place_contact_share": share,
            "place_contact_area": share * area,
            "place_along": float(along),
            "place_polar": float(abs(along)),
            "place_anterior": float(across[1]),
            "place_lateral": ONE_ORGAN if scene.outward is None else float(scene.outward * across[0]),
            "place_centrality": float(np.linalg.norm(across)) / (3 * volume / (4 * np.pi)) ** (1 / 3),
            "place_sinus": NO_SINUS if self.to_sinus is None else self.to_sinus,
        }

    @cached_property
    def region(self) -> RegionVoxels:
        """The lesion as shape features take it."""
        lesion = self.scene.lesion
        block = np.pad(np.ascontiguousarray(lesion.T, dtype=np.uint8), 1)
        i, j, k = (slice(0, n) for n in lesion.shape)
        return RegionVoxels(block, self.scene.spacing[::-1], (i, j, k), int(np.count_nonzero(lesion)))

    @cached_property
    def exophytic(self) -> float:
        """The share of the lesion outside the outline."""
        return float(np.mean(~self.scene.outline[self.scene.lesion]))

    @cached_property
    def sinus(self) -> Bools | None:
        """The largest hollow deep within the outline; None where there is none."""
        scene = self.scene
        hollow = scene.outline & ~(scene.organ | scene.lesion | scene.others) & (self._below_outline > SINUS_DEPTH_MM)
        pieces, n = ndimage.label(hollow)
        return np.asarray(pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))) if n else None

    @cached_property
    def to_sinus(self) -> float | None:
        """From the lesion to the sinus, between the nearest voxel centres, mm."""
        if self.sinus is None:
            return None
        away = ndimage.distance_transform_edt(~self.sinus, sampling=self.scene.spacing)
        return float(away[self.scene.lesion].min())

    def heights(self, voxels: Bools) -> Floats:
        """Where these voxels lie along the organ's long axis: -1 its lower pole, 1 its upper."""
        return self._along(self.scene.millimetres(voxels))

    @cached_property
    def _below_outline(self) -> Floats:
        return np.asarray(ndimage.distance_transform_edt(np.pad(self.scene.outline, 1), sampling=self.scene.spacing))[
            1:-1, 1:-1, 1:-1
        ]

    @cached_property
    def _axis(self) -> tuple[Floats, float, float]:
        """The outline's long axis upwards, and the middle and half the length of the organ on it."""
        points = self.scene.millimetres(self.scene.outline)
        _, vectors = np.linalg.eigh(np.cov(points.T))
        axis = vectors[:, -1] if vectors[2, -1] >= 0 else -vectors[:, -1]
        reach = points @ axis
        return axis, float(reach.max() + reach.min()) / 2, max(float(reach.max() - reach.min()) / 2, 1e-9)

    def _along(self, points: Floats) -> Floats:
        axis, middle, half = self._axis
        return np.asarray((points @ axis - middle) / half)

    def _contact(self) -> tuple[float, float]:
        """The share of the lesion's surface that the organ covers, by faces of voxels; that share of its mesh, mm²."""
        lesion, organ = (np.pad(part, 1) for part in (self.scene.lesion, self.scene.organ))
        covered = whole = 0.0
        for axis, spacing in enumerate(self.scene.spacing):
            face = float(np.prod(self.scene.spacing)) / float(spacing)
            for step in (1, -1):
                beside = np.roll(lesion, step, axis) & ~lesion
                whole += face * np.count_nonzero(beside)
                covered += face * np.count_nonzero(beside & organ)
        return covered / whole, self.region.mesh[1]


def _points(measures: _Measures) -> dict[str, float | str]:
    """The R.E.N.A.L. points, where the sinus that they lean on can be told."""
    if measures.sinus is None or measures.to_sinus is None:
        return dict.fromkeys(POINTS, NO_SINUS)
    scene = measures.scene
    return dict(
        renal_points(
            Kidney(
                diameter_mm=measures.region.hull.diameter,
                exophytic=measures.exophytic,
                to_sinus_mm=measures.to_sinus,
                lesion=measures.heights(scene.lesion),
                sinus=measures.heights(measures.sinus),
            )
        )
    )
