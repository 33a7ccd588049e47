"""Every texture feature on offer: tag, IBSI code, formula and aggregation. Values are pure numbers in grey levels.

Sums run over grey levels i and j from 1 to N_g (the number of bins) and over lengths, sizes, distances or dependences
j from 1. Reference: arXiv:1612.07003, 3.6 to 3.11.
"""

from __future__ import annotations

from segmentation.radiomics.catalogue import Feature
from segmentation.radiomics.texture.aggregation import DIRECTIONAL, UNDIRECTED

# Formulas shared by run lengths, zones and dependences; {j} is what the columns count, {n} what a count is.
_EMPHASIS = (
    "short {j} emphasis: sum p_ij / j^2",
    "long {j} emphasis: sum p_ij j^2",
    "low grey level emphasis: sum p_ij / i^2",
    "high grey level emphasis: sum p_ij i^2",
    "short {j}, low grey level emphasis: sum p_ij / (i^2 j^2)",
    "short {j}, high grey level emphasis: sum p_ij i^2 / j^2",
    "long {j}, low grey level emphasis: sum p_ij j^2 / i^2",
    "long {j}, high grey level emphasis: sum p_ij i^2 j^2",
    "grey level non-uniformity: sum over i of (sum over j of r_ij)^2 / N_s; low when {n} spread over levels",
    "the same over N_s^2",
    "{j} non-uniformity: sum over j of (sum over i of r_ij)^2 / N_s; low when {n} spread over {j}",
    "the same over N_s^2",
    "percentage: {n} per voxel, N_s / N_v",
    "grey level variance: sum p_ij (i - mean i)^2",
    "{j} variance: sum p_ij (j - mean j)^2",
    "entropy: - sum p_ij log2 p_ij",
    "energy: sum p_ij^2",
)
_SHARED = {
    "rlm": (
        ("run length", "runs"),
        "sre lre lgre hgre srlge srhge lrlge lrhge glnu glnu_norm rlnu rlnu_norm r_perc gl_var rl_var rl_entr",
        "22OV W4KF V3SW G3QZ HTZT GD3A IVPO 3KUM R5YN OVBL W92Y IC23 9ZK5 8CE5 SXLW HJ9O",
    ),
    "szm": (
        ("zone size", "zones"),
        "sze lze lgze hgze szlge szhge lzlge lzhge glnu glnu_norm zsnu zsnu_norm z_perc gl_var zs_var zs_entr",
        "5QRC 48P8 XMSY 5GN9 5RAI HW1V YH51 J17V JNSA Y1RO 4JP3 VB3A P30P BYLV 3NSA GU8N",
    ),
    "dzm": (
        ("zone distance", "zones"),
        "sde lde lgze hgze sdlge sdhge ldlge ldhge glnu glnu_norm zdnu zdnu_norm z_perc gl_var zd_var zd_entr",
        "0GBI MB4I S1RA K26C RUVG DKNJ A7WM KLTH VFT7 7HP3 V294 IATH VIWW QK93 7WT1 GBDU",
    ),
    "ngl": (
        ("dependence", "neighbourhoods"),
        "lde hde lgce hgce ldlge ldhge hdlge hdhge glnu glnu_norm dcnu dcnu_norm dc_perc gl_var dc_var dc_entr "
        "dc_energy",
        "SODN IMOQ TL9H OAE7 EQ3F JA6D NBZI 9QMG FP8K 5SPA Z87G OKJI 6XV8 1PFV DNX2 FCBV CAS9",
    ),
}
_COOCCURRENCE = (
    ("joint_max", "GYBY", "largest p_ij"),
    ("joint_avg", "60VM", "mu = sum i p_ij"),
    ("joint_var", "UR99", "sum (i - mu)^2 p_ij"),
    ("joint_entr", "TU9B", "- sum p_ij log2 p_ij"),
    ("diff_avg", "TF7R", "mean of |i - j|: sum |i - j| p_ij"),
    ("diff_var", "D3YU", "variance of |i - j|"),
    ("diff_entr", "NTRS", "entropy of the distribution of |i - j|, bits"),
    ("sum_avg", "ZGXS", "mean of i + j"),
    ("sum_var", "OEEB", "variance of i + j"),
    ("sum_entr", "P6QZ", "entropy of the distribution of i + j, bits"),
    ("energy", "8ZQL", "angular second moment: sum p_ij^2"),
    ("contrast", "ACUI", "sum (i - j)^2 p_ij"),
    ("dissimilarity", "8S9J", "sum |i - j| p_ij"),
    ("inv_diff", "IB1Z", "sum p_ij / (1 + |i - j|); 1 where neighbours are alike"),
    ("inv_diff_norm", "NDRX", "sum p_ij / (1 + |i - j| / N_g)"),
    ("inv_diff_mom", "WF0Z", "sum p_ij / (1 + (i - j)^2)"),
    ("inv_diff_mom_norm", "1QCO", "sum p_ij / (1 + (i - j)^2 / N_g^2)"),
    ("inv_var", "E8JP", "2 sum over j > i of p_ij / (i - j)^2"),
    ("corr", "NI2N", "sum (i - mu) (j - mu) p_ij / sum (i - mu)^2 p_ij"),
    ("auto_corr", "QWB0", "sum i j p_ij"),
    ("clust_tend", "DG8W", "sum (i + j - 2 mu)^2 p_ij"),
    ("clust_shade", "7NFM", "sum (i + j - 2 mu)^3 p_ij"),
    ("clust_prom", "AE86", "sum (i + j - 2 mu)^4 p_ij"),
    ("info_corr1", "R8DG", "(HXY - HXY1) / HX, with HXY1 = - sum p_ij log2(p_i p_j)"),
    ("info_corr2", "JN9H", "sqrt(1 - exp(-2 (HXY2 - HXY))), with HXY2 = - sum p_i p_j log2(p_i p_j)"),
)
_GREY_TONE = (
    ("coarseness", "QCDE", "1 / sum p_i s_i; 1000000 where that sum is 0"),
    ("contrast", "65HE", "sum p_i p_j (i - j)^2 / (N_gp (N_gp - 1)) x sum s_i / N_vc; 0 with one grey level"),
    ("busyness", "NQ30", "sum p_i s_i / sum |i p_i - j p_j|; 0 with one grey level"),
    ("complexity", "HDEZ", "sum |i - j| (p_i s_i + p_j s_j) / (p_i + p_j) / N_vc"),
    ("strength", "1X9X", "sum (p_i + p_j) (i - j)^2 / sum s_i; 0 where no voxel differs from its neighbours"),
)


def stems(family: str) -> tuple[str, ...]:
    """The tags of a family without the aggregation, in the order of the catalogue."""
    return tuple(stem for stem, _, _ in _rows(family))


def _rows(family: str) -> list[tuple[str, str, str]]:
    """Stem, IBSI code and formula of each feature of a family."""
    if family in _SHARED:
        (j, n), names, codes = _SHARED[family]
        rows = zip(names.split(), codes.split(), _EMPHASIS[: len(names.split())], strict=True)
        return [(f"{family}_{name}", code, text.format(j=j, n=n)) for name, code, text in rows]
    rows_of = {"cm": _COOCCURRENCE, "ngt": _GREY_TONE}[family]
    return [(f"{family}_{name}", code, text) for name, code, text in rows_of]


def _family(family: str) -> list[Feature]:
    """The features of one family in each aggregation. Neighbours are voxels: without spacing they mean nothing."""
    asked = DIRECTIONAL if family in ("cm", "rlm") else UNDIRECTED
    return [
        Feature(f"{stem}{way.suffix}", code, family, "1", f"{text} [{way.meaning}, IBSI {way.code}]", True)
        for way in asked
        for stem, code, text in _rows(family)
    ]


CATALOGUE = tuple(feature for family in ("cm", "rlm", "szm", "dzm", "ngt", "ngl") for feature in _family(family))
