"""From one unit to another, in the manner of UCUM (https://ucum.org); never between what does not compare.

ucumvert reads the codes and pint converts. They take an international unit and other arbitrary units for plain
numbers, and an equivalent and an osmole for a mole; UCUM's section on arbitrary units, and a patient's calcium, forbid
it, so that here each of them is a dimension of its own.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from outcome.dictionary import nearest
from outcome.sources.substances import SUBSTANCES

# Spellings that records and dictionaries use in place of UCUM's code
SPELLINGS: Mapping[str, str] = {
    "years": "a", "year": "a", "yr": "a", "months": "mo", "month": "mo", "weeks": "wk", "week": "wk", "days": "d",
    "day": "d", "hours": "h", "hour": "h", "minutes": "min", "minute": "min", "seconds": "s", "sec": "s",
    "mmHg": "mm[Hg]", "mm Hg": "mm[Hg]", "cmH2O": "cm[H2O]", "°C": "Cel", "°F": "[degF]", "lb": "[lb_av]",
    "lbs": "[lb_av]", "in": "[in_i]", "inches": "[in_i]", "percent": "%", "beats/min": "/min", "breaths/min": "/min",
    "bpm": "/min",
}  # fmt: skip
_PARTS: tuple[tuple[str, str], ...] = (
    (r"(?<![A-Za-z])mcg(?![A-Za-z])", "ug"),
    (r"(?<![A-Za-z\[])([mkuM]?)IU(?![A-Za-z\]])", r"\1[iU]"),
    (r"(?<![\d.])10\^(?=\d)", "10*"),
    (r"(?<![\d.])x ?10(?=[*E])", "10"),
    (r"(?<![\d.])10E(?=\d)", "10*"),
)
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_INCOMPARABLE = re.compile(r"^(\w+) = +(?:1(?: \* 1)?|(?<=equivalents = )mol|(?<=osmole = )mol)(?= =|\s*$)")

Change = Callable[[float], float]


class UnitProblem(ValueError):
    """Why a value cannot be had in the unit that is wanted."""


@functools.cache
def conversion(unit: str, target: str, substance: str = "") -> Change:
    """How a number in `unit` becomes one in `target`; both UCUM, or one of the spellings above; "" is a plain number.

    `substance` (a key of SUBSTANCES) lets mass and amount of substance, and equivalents and moles, turn into one
    another. Raises UnitProblem for an unknown unit, for units of different dimension, and for a value without a unit
    where one is needed.
    """
    if substance and substance not in SUBSTANCES:
        raise UnitProblem(f"unknown substance {substance!r}, {nearest(substance, SUBSTANCES)}")
    start, end = ucum(unit), ucum(target)
    if start == end and _numbers_in_braces(unit) == _numbers_in_braces(target):
        return float
    if _numbers_in_braces(unit) != _numbers_in_braces(target):
        raise UnitProblem(f"{unit} is no {target or 'plain number'}: one of them is per {{1.73_m2}} or the like")
    if not unit:
        raise UnitProblem(f"no unit is stated, and {target} is wanted")
    return _linear(
        _quantity(start, unit), _quantity(end, target), f"{unit} is no {target or 'plain number'}", substance
    )


def is_unit(unit: str) -> bool:
    """Whether UCUM knows it, or one of the spellings above."""
    try:
        _quantity(ucum(unit), unit)
    except UnitProblem:
        return False
    return True


def ucum(unit: str) -> str:
    """A unit in UCUM's spelling as far as its usual other spellings are concerned; "1" for none.

    An annotation in braces counts nothing, as UCUM says, so that {score} is a plain number; `conversion` still tells
    apart what is per {1.73_m2} from what is not.
    """
    plain = unicodedata.normalize("NFKC", unit.strip().replace("²", "2").replace("³", "3")).replace("μ", "u")
    plain = SPELLINGS.get(plain, plain)
    for pattern, code in _PARTS:
        plain = re.sub(pattern, code, plain)
    plain = _ANNOTATION.sub("", plain).strip()
    return plain.rstrip("/.") or "1"


def _numbers_in_braces(unit: str) -> list[str]:
    return [note for note in _ANNOTATION.findall(unit) if any(sign.isdigit() for sign in note)]


def _linear(start: Any, end: Any, no_way: str, substance: str) -> Change:
    """The conversion as scale and offset (temperatures have one), worked out once at 0 and at 1."""
    for factor in _bridges(substance):
        source = start * factor if factor is not None else start
        if source.is_compatible_with(end.units):
            zero, one = (_at(number, source, end) for number in (0.0, 1.0))
            return lambda number: zero + number * (one - zero)
    raise UnitProblem(no_way + ("" if substance else _hint(start, end)))


def _at(number: float, source: Any, end: Any) -> float:
    quantity = _reader().registry.Quantity(number * source.magnitude, source.units)
    return float(quantity.to(end.units).magnitude / end.magnitude)


def _bridges(substance: str) -> list[Any]:
    """Nothing, and what a mole of the substance weighs and how many equivalents it has, each way."""
    if not substance:
        return [None]
    known, registry = SUBSTANCES[substance], _reader().registry
    mass = registry.Quantity(known.molar_mass, "g/mol")
    bridges = [None, mass, 1 / mass]
    if known.charge:
        charge = registry.Quantity(known.charge, "equivalents/mol")
        bridges += [charge, 1 / charge, mass / charge, charge / mass]
    return bridges


def _hint(start: Any, end: Any) -> str:
    sides = {bool({"[substance]", "[equivalents]"} & set(side.dimensionality)) for side in (start, end)}
    return "; name the substance to turn mass into amount" if len(sides) == 2 else ""


def _quantity(code: str, written: str) -> Any:
    """One of a unit, as a quantity."""
    reader = _reader()
    try:
        found = reader.read(code)
    except Exception:  # its grammar, its transformer and pint each raise their own
        raise UnitProblem(f"{written!r} is no unit of UCUM") from None
    return found if isinstance(found, reader.registry.Quantity) else reader.registry.Quantity(1.0, found)


@dataclass(frozen=True)
class _Reader:
    """UCUM's units in pint, and how a code becomes one of them."""

    registry: Any
    read: Callable[[str], Any]


@functools.cache
def _reader() -> _Reader:
    """Built once, for it takes a second; imported here so that only who converts units pays for it."""
    import pint
    from ucumvert import UcumToPintTransformer, get_ucum_parser, parse_ucum

    registry: Any = pint.UnitRegistry()
    text = files("ucumvert").joinpath("pint_ucum_defs.txt").read_text(encoding="utf-8")
    registry.load_definitions([_set_apart(line) for line in text.splitlines()])
    parser, transformer = get_ucum_parser(), UcumToPintTransformer(ureg=registry)
    return _Reader(registry, lambda code: transformer.transform(parse_ucum(code, parser)))


def _set_apart(line: str) -> str:
    """The definition of a unit that compares with nothing else, as a dimension of its own."""
    return _INCOMPARABLE.sub(r"\1 = [\1]", line)
