"""What is one column of an undescribed table, as far as its name and values tell?"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from outcome.cohort.coding import BOOLEAN_SPELLINGS, STANDARD_MISSING
from outcome.dictionary import Choice, Role, Variable, VariableKind
from outcome.dictionary.variable import PREDICTOR_KINDS

MOST_CODES = 20  # more different texts than this are free text
MOST_NUMBER_CODES = 6  # as many or fewer different whole numbers look like codes

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2})?)?")
_CASE = re.compile(r"(^|_)(case|caseid|id|pid|record|accession)(_|$)|(case|patient|subject|record)_?(id|no|nr|number)$")
_PATIENT = re.compile(r"patient|subject|(^|_)(pid|mrn)(_|$)")
_SITE = re.compile(r"(^|_)(site|hospital|cent(er|re)|institution|clinic)(_|$)")
_OUTCOME = re.compile(
    r"death|dead|died|surviv|status|outcome|event|complic|clavien|readmi|stay|(^|_)los(_|$)|(^|_)time(_|$)|recur|"
    r"follow|(^|_)cens|mortal|relapse|(^|_)[dr]time(_|$)"
)
_NAME = re.compile(r"(^|_)(name|surname|birth|dob|address|phone|email|mrn)(_|$)|(first|last)_?name")
_UNITS = {
    "mg_dl": "mg/dL", "g_dl": "g/dL", "mmol_l": "mmol/L", "umol_l": "µmol/L", "kg_m2": "kg/m²", "days": "days",
    "years": "years", "months": "months", "min": "min", "ml": "mL", "cm": "cm", "mm": "mm", "kg": "kg",
}  # fmt: skip
_GUESSED_CODES = "Drafted: the codes' order and meaning are to be checked."


@dataclass(frozen=True)
class ColumnGuess:
    """The drafted variable of a raw column; its availability is not known."""

    variable: Variable
    names_cases: bool = False
    names_patients: bool = False
    decimal_comma: bool = False

    def renamed(self, name: str) -> ColumnGuess:
        """The same guess under another variable name; the raw column stays the source."""
        return replace(self, variable=replace(self.variable, name=name, source=self.variable.column))


def guess_column(header: str, cells: list[str | None]) -> ColumnGuess:
    """The likely variable of a raw column from its header and its raw text (None where empty)."""
    name, unit = _name_and_unit(header)
    known = [cell for cell in cells if cell is not None and cell not in STANDARD_MISSING]
    identifies = _identifies(name, cells, known)
    comma = not identifies and _is_decimal_comma(known)
    kind, codes = (
        (VariableKind.TEXT, ()) if identifies else _kind([c.replace(",", ".") for c in known] if comma else known)
    )
    roles = {Role.IDENTIFIER} if identifies else _roles(name, kind)
    numeric = kind is VariableKind.NUMERIC
    variable = Variable(
        name=name,
        kind=kind,
        label=header,
        unit=unit if numeric else "",
        choices=tuple(Choice(code, code) for code in codes),
        roles=frozenset(roles),
        source=header if header != name else "",
        note=_GUESSED_CODES if codes else "",
    )
    alone = len(known) == len(cells) == len(set(known))
    return ColumnGuess(variable, identifies and alone, identifies and bool(_PATIENT.search(name)), comma)


def _name_and_unit(header: str) -> tuple[str, str]:
    bracket = re.search(r"[(\[]([^)\]]+)[)\]]\s*$", header)
    plain = header[: bracket.start()] if bracket else header
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain)
    name = re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_") or "column"
    name = name if name[0].isalpha() else f"v_{name}"
    if bracket:
        return name, bracket.group(1).strip()
    return name, next((unit for ending, unit in _UNITS.items() if name.endswith(f"_{ending}")), "")


def _identifies(name: str, cells: list[str | None], known: list[str]) -> bool:
    """Whether a column may name a patient: by its name, or a case column without gaps and fractions."""
    whole = bool(known) and not any("." in cell for cell in known)
    return bool(_NAME.search(name)) or (
        bool(_CASE.search(name) or _PATIENT.search(name))
        and whole
        and len(known) > 0.5 * len(cells)
        and len(set(known)) > MOST_CODES / 4
    )


def _is_decimal_comma(known: list[str]) -> bool:
    numbers = [cell.replace(",", ".") for cell in known]
    return (
        any("," in cell for cell in known)
        and all("." not in c and c.count(",") <= 1 for c in known)
        and all(map(_NUMBER.fullmatch, numbers))
    )


def _kind(known: list[str]) -> tuple[VariableKind, tuple[str, ...]]:
    different = sorted(set(known))
    if not different:
        return VariableKind.TEXT, ()
    if len(different) <= 2 and all(cell.lower() in BOOLEAN_SPELLINGS for cell in different):
        return VariableKind.BOOLEAN, ()
    if all(map(_NUMBER.fullmatch, different)):
        few = len(different) <= MOST_NUMBER_CODES < len(known) and all(
            re.fullmatch(r"-?[0-9]+(\.0+)?", c) for c in different
        )
        codes = sorted({str(int(float(cell))) for cell in different}, key=int) if few else []
        return (VariableKind.CATEGORICAL, tuple(codes)) if few else (VariableKind.NUMERIC, ())
    if all(map(_DATE.fullmatch, different)):
        return VariableKind.DATE, ()
    writable = not any("|" in cell or "," in cell for cell in different)
    if writable and len(different) <= min(MOST_CODES, max(2, len(known) // 2)):
        return VariableKind.CATEGORICAL, tuple(different)
    return VariableKind.TEXT, ()


def _roles(name: str, kind: VariableKind) -> set[Role]:
    if _SITE.search(name) and kind in (VariableKind.CATEGORICAL, VariableKind.TEXT):
        return {Role.SITE}
    return {Role.ENDPOINT} if _OUTCOME.search(name) and kind in PREDICTOR_KINDS else set()
