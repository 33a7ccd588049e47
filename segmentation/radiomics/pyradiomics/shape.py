"""Shape features of PyRadiomics: its own mesh, principal axes from the covariance over N, widths within grid planes."""

from __future__ import annotations

import math

import numpy as np

from segmentation.radiomics.pyradiomics.diameters import plane_diameter
from segmentation.radiomics.pyradiomics.surface import peer_volume_and_area
from segmentation.radiomics.region import RegionVoxels
from segmentation.radiomics.shape import covariance

Features = dict[str, float]

# Voxel centres in one plane give a smallest eigenvalue of rounding errors only.
_FLAT_RATIO = 1e-12
_PLANES = {"Slice": 0, "Column": 1, "Row": 2}


def peer_shape_features(region: RegionVoxels) -> Features:
    """The 14 features by name: lengths in mm. `region` must have two voxels or more."""
    volume, area = peer_volume_and_area(region.block, region.spacing)
    values = {
        "MeshVolume": volume,
        "VoxelVolume": region.n_voxels * float(np.prod(region.spacing)),
        "SurfaceArea": area,
        "SurfaceVolumeRatio": area / volume,
        "Sphericity": (36 * math.pi * volume**2) ** (1 / 3) / area,
        "Maximum3DDiameter": region.hull.diameter,
        **_axes(region),
    }
    values |= {
        f"Maximum2DDiameter{name}": plane_diameter(region.block, region.spacing, axis) for name, axis in _PLANES.items()
    }
    return {f"original_shape_{name}": value for name, value in values.items()}


def _axes(region: RegionVoxels) -> Features:
    n = region.n_voxels
    values = np.linalg.eigvalsh(covariance(region) * (n - 1) / n)
    least, minor, major = np.where(values > values[-1] * _FLAT_RATIO, values, 0).tolist()
    return {
        "MajorAxisLength": 4 * math.sqrt(major),
        "MinorAxisLength": 4 * math.sqrt(minor),
        "LeastAxisLength": 4 * math.sqrt(least),
        "Elongation": math.sqrt(minor / major),
        "Flatness": math.sqrt(least / major),
    }
