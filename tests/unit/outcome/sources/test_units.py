"""Units: worked conversions, and no way between what does not compare."""

from __future__ import annotations

import pytest

from outcome.sources.substances import SUBSTANCES
from outcome.sources.units import UnitProblem, conversion, ucum

# worked by hand from molar mass; the usual tables of clinical chemistry print the same factors to three digits
FACTORS = [
    ("mg/dL", "umol/L", "creatinine", 88.4), ("mg/dL", "mmol/L", "glucose", 0.0555),
    ("mg/dL", "umol/L", "bilirubin", 17.1), ("g/dL", "mmol/L", "haemoglobin", 0.621),
    ("g/L", "umol/L", "albumin", 15.1),
    ("mg/dL", "mmol/L", "urea_nitrogen", 0.357), ("mg/dL", "mmol/L", "urea", 0.167),
    ("mg/dL", "mmol/L", "cholesterol", 0.0259), ("mg/dL", "mmol/L", "triglycerides", 0.0113),
    ("mg/dL", "mmol/L", "calcium", 0.250), ("mg/dL", "umol/L", "uric_acid", 59.5),
    ("mg/L", "nmol/L", "crp", 8.69), ("ug/dL", "umol/L", "iron", 0.179),
]  # fmt: skip


@pytest.mark.parametrize(("unit", "target", "substance", "factor"), FACTORS)
def test_mass_and_amount_of_a_substance(unit: str, target: str, substance: str, factor: float) -> None:
    assert conversion(unit, target, substance)(1.0) == pytest.approx(factor, rel=5e-3)
    there, back = conversion(unit, target, substance), conversion(target, unit, substance)
    assert back(there(7.3)) == pytest.approx(7.3, rel=1e-12)


@pytest.mark.parametrize(
    ("unit", "target", "value", "wanted"),
    [
        ("g/L", "g/dL", 134, 13.4), ("10*3/uL", "10*9/L", 7.2, 7.2), ("10^9/L", "10*3/uL", 7.2, 7.2),
        ("kPa", "mm[Hg]", 16, 120.01), ("[degF]", "Cel", 98.6, 37.0), ("Cel", "[degF]", 37.0, 98.6),
        ("[in_i]", "cm", 70, 177.8), ("[lb_av]", "kg", 150, 68.039), ("u[iU]/mL", "m[iU]/L", 2.5, 2.5),
        ("mcg/L", "ng/mL", 3, 3), ("µmol/L", "umol/L", 90, 90), ("mmHg", "mm[Hg]", 120, 120), ("wk", "d", 2, 14),
        ("{score}", "", 3, 3), ("", "1", 3, 3), ("kg/m²", "kg/m2", 24, 24),
    ],
)  # fmt: skip
def test_units_of_one_dimension(unit: str, target: str, value: float, wanted: float) -> None:
    assert conversion(unit, target)(value) == pytest.approx(wanted, rel=1e-4)


def test_equivalents_follow_the_charge() -> None:
    assert conversion("meq/L", "mmol/L", "sodium")(140) == pytest.approx(140)
    assert conversion("meq/L", "mmol/L", "calcium")(5) == pytest.approx(2.5)
    assert conversion("meq/L", "mg/dL", "magnesium")(2) == pytest.approx(2.4305)


@pytest.mark.parametrize(
    ("unit", "target", "substance", "words"),
    [
        ("mg/dL", "umol/L", "", "name the substance"), ("mg/dL", "mm[Hg]", "creatinine", "mg/dL is no mm"),
        ("[iU]/L", "10*9/L", "", "is no"), ("[iU]/L", "U/L", "", "is no"), ("meq/L", "mmol/L", "", "is no"),
        ("mosm/kg", "mmol/kg", "", "is no"), ("blob", "mg/dL", "", "'blob' is no unit of UCUM"),
        ("", "mg/dL", "creatinine", "no unit is stated"),
        ("mg/dL", "mmol/L", "cholestrol", "did you mean 'cholesterol'"),
        ("mL/min", "mL/min/{1.73_m2}", "", "per {1.73_m2}"), ("mg/dL", "", "", "plain number"),
    ],
)  # fmt: skip
def test_what_does_not_compare_is_refused(unit: str, target: str, substance: str, words: str) -> None:
    with pytest.raises(UnitProblem) as caught:
        conversion(unit, target, substance)
    assert words in str(caught.value)


def test_an_annotation_counts_nothing_but_keeps_its_numbers() -> None:
    assert ucum("mg{creat}/dL") == "mg/dL"
    assert conversion("mL/min/{1.73_m2}", "mL/min/{1.73_m2}")(60) == 60


def test_every_substance_says_where_its_mass_is_from() -> None:
    assert all(substance.source and substance.molar_mass > 0 for substance in SUBSTANCES.values())
    wanted = {"creatinine", "glucose", "bilirubin", "haemoglobin", "albumin", "urea", "urea_nitrogen", "crp"}
    assert wanted <= set(SUBSTANCES)
