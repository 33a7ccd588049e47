"""Is a variable recorded in another unit here? Told by its size alone, named, and never corrected.

A number counts as being in another unit where its middle half here lies beyond nearly all development values, its
median is a known conversion factor away, and divided by that factor it would lie among them again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

NEAR = math.log(1.2)
NEAR_BY_NAME = math.log(1.35)  # medians of like groups in one unit are seldom further apart


@dataclass(frozen=True)
class Conversion:
    """Two units in use: a value in `larger` is `factor` times that in `smaller`.

    `names` are parts of variable names that go with the quantity.
    """

    factor: float
    quantity: str
    larger: str
    smaller: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suspicion:
    """The likely factor: values here are `factor` times what they would be in development's unit."""

    factor: float
    ratio: float
    words: str


def suspected_conversion(name: str, here: Mapping[str, float], development: Mapping[str, float]) -> Suspicion | None:
    """The likely conversion between quantiles here and in development ("0.05" to "0.95"), or None.

    Of several factors that fit, one that goes with the variable's name is taken, else the nearest; a name lets the
    medians be 35 % off the factor, others 20 %. Medians must be positive: a difference of units that moves zero
    (temperature) is not found.
    """
    middle, usual = here["0.5"], development["0.5"]
    apart = here["0.25"] > development["0.95"] or here["0.75"] < development["0.05"]
    if not apart or middle <= 0 or usual <= 0:
        return None
    found = [one for known in KNOWN for one in _fitting(known, name, middle, development)]
    return min(found, key=lambda one: one.rank).suspicion if found else None


def fitting_unit(name: str, value: float, development: Mapping[str, float]) -> str:
    """In which other unit one value would be a common one ("creatinine in µmol/L instead of mg/dL"), or "".

    Only conversions that go with the variable's name are tried; `development` as above.
    """
    for known in KNOWN:
        if any(part in name.lower() for part in known.names):
            for factor, units in ((known.factor, (known.larger, known.smaller)),
                                  (1 / known.factor, (known.smaller, known.larger))):  # fmt: skip
                if development["0.05"] <= value / factor <= development["0.95"]:
                    return f"{known.quantity} in {units[0]} instead of {units[1]}"
    return ""


@dataclass(frozen=True)
class _Fit:
    suspicion: Suspicion
    rank: tuple[bool, float]  # factors that go with the name first, then the nearest


def _fitting(known: Conversion, name: str, middle: float, development: Mapping[str, float]) -> Iterator[_Fit]:
    named = any(part in name.lower() for part in known.names)
    ratio = middle / development["0.5"]
    for factor, units in (
        (known.factor, (known.larger, known.smaller)),
        (1 / known.factor, (known.smaller, known.larger)),
    ):
        off = abs(math.log(ratio / factor))
        among = development["0.05"] <= middle / factor <= development["0.95"]
        if among and off < (NEAR_BY_NAME if named else NEAR):
            words = f"{known.quantity} in {units[0]} instead of {units[1]}"
            yield _Fit(Suspicion(factor, ratio, words), (not named, off))


TIMES = ("time", "duration", "interval")
LENGTHS = ("height", "length", "size", "diameter", "waist")
KNOWN = (
    Conversion(88.42, "creatinine", "µmol/L", "mg/dL", ("creat", "crea", "scr")),
    Conversion(18.016, "glucose", "mg/dL", "mmol/L", ("gluc",)),
    Conversion(17.1, "bilirubin", "µmol/L", "mg/dL", ("bili",)),
    Conversion(38.67, "cholesterol", "mg/dL", "mmol/L", ("chol", "ldl", "hdl")),
    Conversion(88.57, "triglycerides", "mg/dL", "mmol/L", ("trigly",)),
    Conversion(2.801, "urea nitrogen", "mg/dL", "mmol/L of urea", ("bun", "urea")),
    Conversion(59.48, "uric acid", "µmol/L", "mg/dL", ("uric",)),
    Conversion(4.008, "calcium", "mg/dL", "mmol/L", ("calcium",)),
    Conversion(1.611, "haemoglobin", "g/dL", "mmol/L", ("haemoglobin", "hemoglobin", "hb", "hgb")),
    Conversion(7.5006, "pressure", "mmHg", "kPa", ("pressure", "bp", "pao2", "paco2")),
    Conversion(4.184, "energy", "kJ", "kcal", ("energy", "kcal")),
    Conversion(2.54, "a length", "cm", "inches", LENGTHS),
    Conversion(30.48, "a height", "cm", "feet", ("height",)),
    Conversion(2.2046, "a weight", "pounds", "kg", ("weight",)),
    Conversion(30.44, "a time", "days", "months", ("day", "month", *TIMES)),
    Conversion(365.25, "a time", "days", "years", ("age", "year", *TIMES)),
    Conversion(12.0, "a time", "months", "years", ("age", "year", "month", *TIMES)),
    Conversion(7.0, "a time", "days", "weeks", ("week", "day", *TIMES)),
    Conversion(60.0, "a time", "minutes", "hours", ("minute", "hour", *TIMES)),
    Conversion(10.0, "a length or concentration", "mm or g/L", "cm or g/dL"),
    Conversion(100.0, "a share or area", "per cent or mm²", "shares or cm²"),
    Conversion(1000.0, "a mass or volume", "mg or mm³", "g or ml"),
)
