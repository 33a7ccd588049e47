"""The 107 default features of PyRadiomics 3.0.1: what each is called there, and the IBSI feature it answers to.

Reference: van Griethuysen et al., Cancer Research 2017, doi:10.1158/0008-5472.CAN-17-0339.
"""

from __future__ import annotations

from collections.abc import Sequence

# Feature and IBSI tag (None where IBSI has none); tags of texture without their aggregation.
_SHAPE: dict[str, str | None] = {
    "Elongation": "morph_pca_elongation",
    "Flatness": "morph_pca_flatness",
    "LeastAxisLength": "morph_pca_least_axis",
    "MajorAxisLength": "morph_pca_maj_axis",
    "Maximum2DDiameterColumn": None,
    "Maximum2DDiameterRow": None,
    "Maximum2DDiameterSlice": None,
    "Maximum3DDiameter": "morph_diam",
    "MeshVolume": "morph_volume",
    "MinorAxisLength": "morph_pca_min_axis",
    "Sphericity": "morph_sphericity",
    "SurfaceArea": "morph_area_mesh",
    "SurfaceVolumeRatio": "morph_av",
    "VoxelVolume": "morph_vol_approx",
}
_FIRST_ORDER: dict[str, str | None] = {
    "10Percentile": "stat_p10",
    "90Percentile": "stat_p90",
    "Energy": "stat_energy",
    "Entropy": "ih_entropy",
    "InterquartileRange": "stat_iqr",
    "Kurtosis": "stat_kurt",
    "Maximum": "stat_max",
    "MeanAbsoluteDeviation": "stat_mad",
    "Mean": "stat_mean",
    "Median": "stat_median",
    "Minimum": "stat_min",
    "Range": "stat_range",
    "RobustMeanAbsoluteDeviation": "stat_rmad",
    "RootMeanSquared": "stat_rms",
    "Skewness": "stat_skew",
    "TotalEnergy": None,
    "Uniformity": "ih_uniformity",
    "Variance": "stat_var",
}
_GLCM: dict[str, str | None] = {
    "Autocorrelation": "cm_auto_corr",
    "ClusterProminence": "cm_clust_prom",
    "ClusterShade": "cm_clust_shade",
    "ClusterTendency": "cm_clust_tend",
    "Contrast": "cm_contrast",
    "Correlation": "cm_corr",
    "DifferenceAverage": "cm_diff_avg",
    "DifferenceEntropy": "cm_diff_entr",
    "DifferenceVariance": "cm_diff_var",
    "Id": "cm_inv_diff",
    "Idm": "cm_inv_diff_mom",
    "Idmn": "cm_inv_diff_mom_norm",
    "Idn": "cm_inv_diff_norm",
    "Imc1": "cm_info_corr1",
    "Imc2": "cm_info_corr2",
    "InverseVariance": "cm_inv_var",
    "JointAverage": "cm_joint_avg",
    "JointEnergy": "cm_energy",
    "JointEntropy": "cm_joint_entr",
    "MCC": None,
    "MaximumProbability": "cm_joint_max",
    "SumAverage": "cm_sum_avg",
    "SumEntropy": "cm_sum_entr",
    "SumSquares": "cm_joint_var",
}
_GLDM: dict[str, str | None] = {
    "DependenceEntropy": "ngl_dc_entr",
    "DependenceNonUniformity": "ngl_dcnu",
    "DependenceNonUniformityNormalized": "ngl_dcnu_norm",
    "DependenceVariance": "ngl_dc_var",
    "GrayLevelNonUniformity": "ngl_glnu",
    "GrayLevelVariance": "ngl_gl_var",
    "HighGrayLevelEmphasis": "ngl_hgce",
    "LargeDependenceEmphasis": "ngl_hde",
    "LargeDependenceHighGrayLevelEmphasis": "ngl_hdhge",
    "LargeDependenceLowGrayLevelEmphasis": "ngl_hdlge",
    "LowGrayLevelEmphasis": "ngl_lgce",
    "SmallDependenceEmphasis": "ngl_lde",
    "SmallDependenceHighGrayLevelEmphasis": "ngl_ldhge",
    "SmallDependenceLowGrayLevelEmphasis": "ngl_ldlge",
}
_GLRLM: dict[str, str | None] = {
    "GrayLevelNonUniformity": "rlm_glnu",
    "GrayLevelNonUniformityNormalized": "rlm_glnu_norm",
    "GrayLevelVariance": "rlm_gl_var",
    "HighGrayLevelRunEmphasis": "rlm_hgre",
    "LongRunEmphasis": "rlm_lre",
    "LongRunHighGrayLevelEmphasis": "rlm_lrhge",
    "LongRunLowGrayLevelEmphasis": "rlm_lrlge",
    "LowGrayLevelRunEmphasis": "rlm_lgre",
    "RunEntropy": "rlm_rl_entr",
    "RunLengthNonUniformity": "rlm_rlnu",
    "RunLengthNonUniformityNormalized": "rlm_rlnu_norm",
    "RunPercentage": "rlm_r_perc",
    "RunVariance": "rlm_rl_var",
    "ShortRunEmphasis": "rlm_sre",
    "ShortRunHighGrayLevelEmphasis": "rlm_srhge",
    "ShortRunLowGrayLevelEmphasis": "rlm_srlge",
}
_GLSZM: dict[str, str | None] = {
    "GrayLevelNonUniformity": "szm_glnu",
    "GrayLevelNonUniformityNormalized": "szm_glnu_norm",
    "GrayLevelVariance": "szm_gl_var",
    "HighGrayLevelZoneEmphasis": "szm_hgze",
    "LargeAreaEmphasis": "szm_lze",
    "LargeAreaHighGrayLevelEmphasis": "szm_lzhge",
    "LargeAreaLowGrayLevelEmphasis": "szm_lzlge",
    "LowGrayLevelZoneEmphasis": "szm_lgze",
    "SizeZoneNonUniformity": "szm_zsnu",
    "SizeZoneNonUniformityNormalized": "szm_zsnu_norm",
    "SmallAreaEmphasis": "szm_sze",
    "SmallAreaHighGrayLevelEmphasis": "szm_szhge",
    "SmallAreaLowGrayLevelEmphasis": "szm_szlge",
    "ZoneEntropy": "szm_zs_entr",
    "ZonePercentage": "szm_z_perc",
    "ZoneVariance": "szm_zs_var",
}
_NGTDM: dict[str, str | None] = {
    "Busyness": "ngt_busyness",
    "Coarseness": "ngt_coarseness",
    "Complexity": "ngt_complexity",
    "Contrast": "ngt_contrast",
    "Strength": "ngt_strength",
}
_CLASSES = {
    "shape": _SHAPE,
    "firstorder": _FIRST_ORDER,
    "glcm": _GLCM,
    "gldm": _GLDM,
    "glrlm": _GLRLM,
    "glszm": _GLSZM,
    "ngtdm": _NGTDM,
}
# Aggregations of IBSI in which a class has a counterpart; the first is the one that PyRadiomics uses.
_WAYS = {"glcm": ("_3D_avg", "_3D_comb"), "glrlm": ("_3D_avg", "_3D_comb")} | dict.fromkeys(
    ("gldm", "glszm", "ngtdm"), ("_3D",)
)

# The family of the settings that asks for a class.
_FAMILIES = {
    "shape": "shape",
    "intensity": "firstorder",
    "cm": "glcm",
    "ngl": "gldm",
    "rlm": "glrlm",
    "szm": "glszm",
    "ngt": "ngtdm",
}

NAMES = tuple(f"original_{kind}_{feature}" for kind, features in _CLASSES.items() for feature in features)


def stems_of(kind: str) -> dict[str, str]:
    """The features of a class (`glcm`) by the IBSI tag they answer to, without aggregation: full names."""
    return {tag: f"original_{kind}_{feature}" for feature, tag in _CLASSES[kind].items() if tag is not None}


def names_of(kind: str) -> tuple[str, ...]:
    """Full names of the features of a class."""
    return tuple(f"original_{kind}_{feature}" for feature in _CLASSES[kind])


def names_in(families: Sequence[str]) -> tuple[str, ...]:
    """Full names of the features that some families of the settings ask for; a family without a class has none."""
    return tuple(name for family in families if family in _FAMILIES for name in names_of(_FAMILIES[family]))


def counterparts() -> list[tuple[str, str]]:
    """Pairs of IBSI tag and name; a directed texture feature stands once for each aggregation in space."""
    return [
        (f"{stem}{way}", name)
        for kind in _CLASSES
        for stem, name in stems_of(kind).items()
        for way in _WAYS.get(kind, ("",))
    ]
