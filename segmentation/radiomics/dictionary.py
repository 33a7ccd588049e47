"""Every feature that `measure_with` can offer: tag, IBSI code, meaning, unit. Makes `data_dictionary/radiomics.csv`.

Symbols: X_k intensities of the intensity mask, N its voxels, mu their mean; i grey levels, n_i voxels of a level,
p_i = n_i / N; V and A volume and area of the surface mesh. Definitions: arXiv:1612.07003, 3.1 to 3.5.
"""

from __future__ import annotations

import difflib

from segmentation.errors import ImageRefusal
from segmentation.radiomics.catalogue import CATALOGUE, Feature
from segmentation.radiomics.catalogue import as_csv as _as_csv
from segmentation.radiomics.placement.catalogue import PLACEMENT_FEATURES
from segmentation.radiomics.pyradiomics.names import names_in
from segmentation.radiomics.settings import TEXTURES, RadiomicsSettings
from segmentation.radiomics.texture.catalogue import CATALOGUE as TEXTURE_CATALOGUE


def _rows(family: str, needs_spacing: bool, *rows: tuple[str, str, str, str]) -> tuple[Feature, ...]:
    return tuple(Feature(tag, code, family, unit, text, needs_spacing) for tag, code, unit, text in rows)


_ENCLOSING = _rows(
    "enclosing",
    True,
    ("morph_vol_dens_ombb", "ZH1A", "1", "V / (a b c), edges of the smallest turned box with a face on the hull"),
    ("morph_area_dens_ombb", "IQYR", "1", "A / (2 a b + 2 b c + 2 a c) of that box"),
    ("morph_vol_dens_mvee", "SWZ1", "1", "V / (4/3 pi a b c), half axes of the smallest ellipsoid around the mesh"),
    ("morph_area_dens_mvee", "BRI8", "1", "A over the surface of that ellipsoid"),
)
_AUTOCORRELATION = _rows(
    "autocorrelation",
    True,
    (
        "morph_moran_i",
        "N365",
        "1",
        "Moran's I: N / sum w * sum w (X_k - mu)(X_l - mu) / sum (X_k - mu)^2, w = 1 / distance",
    ),
    ("morph_geary_c", "NPT7", "1", "Geary's C: (N - 1) / (2 sum w) * sum w (X_k - X_l)^2 / sum (X_k - mu)^2"),
)
_LOCAL = _rows(
    "local_intensity",
    True,
    ("loc_peak_loc", "VJGA", "u", "mean over the ball of 1 cm3 about the highest voxel; of several the highest mean"),
    ("loc_peak_glob", "0F91", "u", "highest mean over a ball of 1 cm3 about any voxel of the region"),
)
_HISTOGRAM = _rows(
    "histogram",
    False,
    ("ih_mean", "X6K6", "1", "mean grey level: sum p_i i"),
    ("ih_var", "CH89", "1", "variance: sum p_i (i - mean)^2"),
    ("ih_skew", "88K1", "1", "skewness: sum p_i (i - mean)^3 / variance^1.5"),
    ("ih_kurt", "C3I7", "1", "excess kurtosis: sum p_i (i - mean)^4 / variance^2 - 3"),
    ("ih_median", "WIFQ", "1", "median grey level"),
    ("ih_min", "1PR8", "1", "lowest grey level"),
    ("ih_p10", "GPMT", "1", "10th percentile"),
    ("ih_p90", "OZ0C", "1", "90th percentile"),
    ("ih_max", "3NCY", "1", "highest grey level"),
    ("ih_mode", "AMMC", "1", "level with most voxels; of several the nearest to the mean"),
    ("ih_iqr", "WR0O", "1", "75th minus 25th percentile"),
    ("ih_range", "5Z3W", "1", "highest minus lowest level"),
    ("ih_mad", "D2ZX", "1", "mean absolute deviation: sum p_i |i - mean|"),
    ("ih_rmad", "WRZB", "1", "the same over the voxels from the 10th to the 90th percentile"),
    ("ih_medad", "4RNL", "1", "mean absolute deviation from the median"),
    ("ih_cov", "CWYJ", "1", "standard deviation over mean"),
    ("ih_qcod", "SLWD", "1", "(75th - 25th) over (75th + 25th percentile)"),
    ("ih_entropy", "TLU2", "1", "- sum p_i log2 p_i"),
    ("ih_uniformity", "BJ5W", "1", "sum p_i^2"),
    ("ih_max_grad", "12CE", "1", "largest (n_(i+1) - n_(i-1)) / 2, one-sided at both ends"),
    ("ih_max_grad_g", "8E6O", "1", "the level where that is"),
    ("ih_min_grad", "VQB3", "1", "least (n_(i+1) - n_(i-1)) / 2, one-sided at both ends"),
    ("ih_min_grad_g", "RHQZ", "1", "the level where that is"),
)
_VOLUME_HISTOGRAM = _rows(
    "volume_histogram",
    False,
    ("ivh_v10", "BC2M", "1", "fraction of the region at or above 10 % of the intensity range"),
    ("ivh_v90", "BC2M", "1", "the same at 90 % of the range"),
    ("ivh_i10", "GBPN", "u", "lowest intensity that at most 10 % of the region reach"),
    ("ivh_i90", "GBPN", "u", "the same for 90 % of the region"),
    ("ivh_diff_v10_v90", "DDTU", "1", "ivh_v10 - ivh_v90"),
    ("ivh_diff_i10_i90", "CNV2", "u", "ivh_i10 - ivh_i90"),
    ("ivh_auc", "9CMM", "1", "area under the volume fraction over the intensity fraction, by trapezoids"),
)

EVERY_FEATURE = (
    *CATALOGUE,
    *_ENCLOSING,
    *_AUTOCORRELATION,
    *_LOCAL,
    *_HISTOGRAM,
    *_VOLUME_HISTOGRAM,
    *TEXTURE_CATALOGUE,
    *PLACEMENT_FEATURES,
)

NEEDS_SPACING = frozenset(feature.tag for feature in EVERY_FEATURE if feature.needs_spacing)


def tags_of(family: str, settings: RadiomicsSettings) -> tuple[str, ...]:
    """The tags of a family that these settings ask for; PyRadiomics' names in that profile."""
    if settings.profile == "pyradiomics":
        return names_in((family,))
    families = (family, "autocorrelation") if family == "intensity" and settings.spatial_autocorrelation else (family,)
    tags = (feature.tag for feature in EVERY_FEATURE if feature.family in families)
    if family not in TEXTURES:
        return tuple(tags)
    endings = tuple(f"_{name.replace('.', '_')}" for name in settings.texture.dimensions)
    return tuple(tag for tag in tags if any(ending in tag for ending in endings) and direction_asked(tag, settings))


def direction_asked(tag: str, settings: RadiomicsSettings) -> bool:
    """Whether a texture tag has a way of treating directions that these settings ask for, or none."""
    ends = {"averaged": "_avg", "merged": "_comb"}
    return not any(tag.endswith(end) for way, end in ends.items() if way not in settings.texture.directions)


def all_tags_of(settings: RadiomicsSettings) -> tuple[str, ...]:
    """Every tag that these settings ask for, family by family."""
    return tuple(tag for family in settings.families for tag in tags_of(family, settings))


def explain(tag: str = "") -> tuple[Feature, ...]:
    """What a feature means: tag, IBSI code, family, unit and formula. A tag's beginning names all that go on with it.

    Units: `u` is the image's, `1` a pure number. Raises ImageRefusal (`unknown_feature`) naming the nearest tag.
    """
    exact = tuple(feature for feature in EVERY_FEATURE if feature.tag == tag)
    found = exact or tuple(feature for feature in EVERY_FEATURE if feature.tag.startswith(tag))
    if not found:
        near = difflib.get_close_matches(tag, [feature.tag for feature in EVERY_FEATURE], n=1, cutoff=0.3)
        raise ImageRefusal(
            "unknown_feature",
            "No feature has that tag.",
            expected=f"{near[0]} (the nearest tag)" if near else "a tag of data_dictionary/radiomics.csv",
            found=tag,
            next_step="`segmentation features` lists them all",
        )
    return found


def as_csv() -> str:
    """All of them as the CSV that `data_dictionary/radiomics.csv` holds."""
    return _as_csv(EVERY_FEATURE)
