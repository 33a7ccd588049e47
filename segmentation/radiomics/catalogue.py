"""The features that need no processing: tag, IBSI code, meaning and unit; `dictionary` lists those of the settings too.

Tags are those of the IBSI reference values. Reference: Zwanenburg et al., The Image Biomarker Standardization
Initiative, Radiology 2020, doi:10.1148/radiol.2020191145; definitions: arXiv:1612.07003.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

FAMILIES = ("shape", "intensity")


@dataclass(frozen=True)
class Feature:
    """One feature. `ibsi` is empty where IBSI defines none; `unit` is '1' for pure numbers, 'u' for image units.

    `needs_spacing`: stretching the voxels along an axis changes the value, so that it means nothing where no voxel
    spacing was published. Most ratios are among them: a ball cut into thick slices is a flat block of voxels. What
    stays: how intensities are distributed, the number of pieces, and a volume over another volume, for both grow alike.
    """

    tag: str
    ibsi: str
    family: str
    unit: str
    definition: str
    needs_spacing: bool


_STRETCH_ALIKE = ("morph_vol_dens_aabb", "morph_vol_dens_aee", "morph_vol_dens_conv_hull", "n_components")
_SUMS_OVER_SPACE = ("morph_com", "morph_integ_int", "stat_energy")  # energy counts voxels, whatever their size


def _shape(tag: str, ibsi: str, unit: str, definition: str) -> Feature:
    return Feature(tag, ibsi, "shape", unit, definition, tag not in _STRETCH_ALIKE)


def _intensity(tag: str, ibsi: str, unit: str, definition: str) -> Feature:
    return Feature(tag, ibsi, "intensity", unit, definition, tag in _SUMS_OVER_SPACE)


CATALOGUE = (
    _shape("morph_volume", "RNU0", "mm3", "volume inside the surface mesh"),
    _shape("morph_vol_approx", "YEKZ", "mm3", "number of voxels times the volume of one"),
    _shape("morph_area_mesh", "C0JK", "mm2", "area of the surface mesh"),
    _shape("morph_av", "2PR5", "1/mm", "surface area over volume; smaller is rounder or larger"),
    _shape("morph_comp_1", "SKGS", "1", "compactness 1: V / (sqrt(pi) A^1.5); a ball has 0.0531"),
    _shape("morph_comp_2", "BQWJ", "1", "compactness 2: 36 pi V^2 / A^3; a ball has 1"),
    _shape("morph_sph_dispr", "KRCK", "1", "spherical disproportion: area over that of a ball of equal volume"),
    _shape("morph_sphericity", "QCFX", "1", "area of a ball of equal volume over the area; a ball has 1"),
    _shape("morph_asphericity", "25C7", "1", "spherical disproportion minus 1; a ball has 0"),
    _shape("morph_diam", "L0JK", "mm", "largest distance between two points of the surface mesh"),
    _shape("morph_pca_maj_axis", "TDIC", "mm", "4 sqrt of the largest eigenvalue of the voxel centres' covariance"),
    _shape("morph_pca_min_axis", "P9VJ", "mm", "4 sqrt of the middle eigenvalue"),
    _shape("morph_pca_least_axis", "7J51", "mm", "4 sqrt of the smallest eigenvalue"),
    _shape("morph_pca_elongation", "Q3CK", "1", "minor over major axis; 1 is not elongated"),
    _shape("morph_pca_flatness", "N17B", "1", "least over major axis; 1 is not flat"),
    _shape("morph_vol_dens_aabb", "PBX1", "1", "volume over that of the box along the image axes"),
    _shape("morph_area_dens_aabb", "R59B", "1", "area over that of the box along the image axes"),
    _shape("morph_vol_dens_aee", "6BDE", "1", "volume over that of the ellipsoid with the principal axes"),
    _shape("morph_area_dens_aee", "RDD2", "1", "area over that of the ellipsoid with the principal axes"),
    _shape("morph_vol_dens_conv_hull", "R3ER", "1", "volume over that of the convex hull; 1 is convex"),
    _shape("morph_area_dens_conv_hull", "7T7F", "1", "area over that of the convex hull"),
    _shape("n_components", "", "1", "number of separate pieces (voxels that share a corner belong together)"),
    _intensity("morph_com", "KLMA", "mm", "distance from the centre of the region to its centre weighted by intensity"),
    _intensity("morph_integ_int", "99N0", "u mm3", "mean intensity times mesh volume"),
    _intensity("stat_mean", "Q4LE", "u", "mean: sum X_k / N over the voxels k of the intensity mask"),
    _intensity("stat_var", "ECT3", "u2", "variance: sum (X_k - mean)^2 / N"),
    _intensity("stat_skew", "KE2A", "1", "skewness: sum (X_k - mean)^3 / N over variance^1.5"),
    _intensity(
        "stat_kurt",
        "IPH6",
        "1",
        "excess kurtosis: sum (X_k - mean)^4 / N over variance^2, minus 3; a normal distribution has 0",
    ),
    _intensity("stat_median", "Y12H", "u", "median"),
    _intensity("stat_min", "1GSF", "u", "minimum"),
    _intensity("stat_p10", "QG58", "u", "10th percentile, linear between the voxels next to rank 0.1 (N - 1)"),
    _intensity("stat_p90", "8DWT", "u", "90th percentile, linear between the voxels next to rank 0.9 (N - 1)"),
    _intensity("stat_max", "84IY", "u", "maximum"),
    _intensity("stat_iqr", "SALO", "u", "75th minus 25th percentile"),
    _intensity("stat_range", "2OJQ", "u", "maximum minus minimum"),
    _intensity("stat_mad", "4FUA", "u", "mean absolute deviation from the mean: sum |X_k - mean| / N"),
    _intensity("stat_rmad", "1128", "u", "the same over the voxels from the 10th to the 90th percentile"),
    _intensity("stat_medad", "N72L", "u", "mean absolute deviation from the median: sum |X_k - median| / N"),
    _intensity("stat_cov", "7TET", "1", "coefficient of variation: standard deviation over mean"),
    _intensity(
        "stat_qcod", "9S40", "1", "quartile coefficient of dispersion: (75th - 25th) over (75th + 25th percentile)"
    ),
    _intensity("stat_energy", "N8CA", "u2", "energy: sum X_k^2"),
    _intensity("stat_rms", "5ZWQ", "u", "root of the mean square: sqrt(sum X_k^2 / N)"),
)


def of_family(family: str) -> tuple[Feature, ...]:
    """The features of one family, in the order of the catalogue."""
    return tuple(feature for feature in CATALOGUE if feature.family == family)


def as_csv(features: Sequence[Feature] = CATALOGUE) -> str:
    """Features as CSV, one a row; `dictionary.as_csv` lists all of them."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("tag", "ibsi_code", "family", "unit", "needs_spacing", "definition"))
    for f in features:
        writer.writerow((f.tag, f.ibsi, f.family, f.unit, "yes" if f.needs_spacing else "no", f.definition))
    return out.getvalue()
