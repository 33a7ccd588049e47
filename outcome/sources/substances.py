"""How much does a mole weigh? The substances whose mass and amount laboratories give in turn.

Molar masses in g/mol follow from the molecular formula and IUPAC's standard atomic weights, abridged to four to five
digits (Prohaska et al. 2022, doi:10.1515/pac-2019-0603): C 12.011, H 1.008, N 14.007, O 15.999, S 32.06, Na 22.990,
Cl 35.45, K 39.098, Ca 40.078, Mg 24.305, P 30.974, Fe 55.845. Those of proteins come from the sequence or from the
conversion that laboratories agreed on; each says where it is from. Charges turn equivalents into moles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Substance:
    """A substance's molar mass in g/mol, where that is from, and its charge (equivalents a mole; 0: none)."""

    molar_mass: float
    source: str
    charge: int = 0


SUBSTANCES: Mapping[str, Substance] = {
    "creatinine": Substance(113.120, "C4H7N3O"),
    "glucose": Substance(180.156, "C6H12O6"),
    "bilirubin": Substance(584.673, "C33H36N4O6"),
    "urea": Substance(60.056, "CH4N2O"),
    "urea_nitrogen": Substance(28.014, "the two N of CH4N2O: BUN in mg/dL is the nitrogen of urea in mmol/L"),
    "uric_acid": Substance(168.112, "C5H4N4O3"),
    "cholesterol": Substance(386.664, "C27H46O"),
    "triglycerides": Substance(885.45, "as triolein, C57H104O6"),
    "lactate": Substance(90.078, "as lactic acid, C3H6O3", 1),
    "ammonia": Substance(17.031, "NH3"),
    "phosphate": Substance(30.974, "as phosphorus, P: laboratories report inorganic phosphate so"),
    "calcium": Substance(40.078, "Ca", 2),
    "magnesium": Substance(24.305, "Mg", 2),
    "sodium": Substance(22.990, "Na", 1),
    "potassium": Substance(39.098, "K", 1),
    "chloride": Substance(35.45, "Cl", 1),
    "bicarbonate": Substance(61.016, "CHO3", 1),
    "iron": Substance(55.845, "Fe"),
    "haemoglobin": Substance(
        16114.0,
        "the monomer, one haem: the tetramer of 64456 g/mol is four of them (ICSH 1996, doi:10.1136/jcp.49.4.271)",
    ),
    "albumin": Substance(66438.0, "human serum albumin, the mature chain's sequence (UniProt P02768)"),
    "crp": Substance(115135.0, "C-reactive protein, five chains of 23027 g/mol (UniProt P02741)"),
}
