"""What is one column of an undescribed table, as far as its name and values tell?"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace

from outcome.cohort.coding import STANDARD_MISSING
from outcome.cohort.column_kind import MOST_CODES, ColumnKind, column_kind
from outcome.dictionary import Choice, Role, Variable, VariableKind
from outcome.dictionary.variable import PREDICTOR_KINDS

_CASE = re.compile(r"(^|_)(case|caseid|id|pid|record|accession)(_|$)|(case|patient|subject|record)_?(id|no|nr|number)$")
_PATIENT = re.compile(r"patient|subject|(^|_)(pid|mrn)(_|$)")
_SITE = re.compile(r"(^|_)(site|hospital|cent(er|re)|institution|clinic)(_|$)")
_OUTCOME = re.compile(
    r"death|dead|died|surviv|outcome|(^|_)events?(_|$)|complic|clavien|readmi|(^|_)re_?op|stay|(^|_)los(_|$)|recur|"
    r"follow|(^|_)cens|mortal|relapse|(^|_)[dr]?time(_|$)|"
    # other statuses (performance, smoking, ASA) are what a patient brings along
    r"^status$|(^|_)(vital|life|last|final|disease|os|rfs|dfs|pfs)_status(_|$)"
)
_NAME = re.compile(r"(^|_)(name|surname|birth|dob|address|phone|email|mrn)(_|$)|(first|last)_?name")
_UNITS = {
    "mg_dl": "mg/dL", "g_dl": "g/dL", "mmol_l": "mmol/L", "umol_l": "µmol/L", "kg_m2": "kg/m²", "days": "days",
    "years": "years", "months": "months", "min": "min", "ml": "mL", "cm": "cm", "mm": "mm", "kg": "kg",
}  # fmt: skip


@dataclass(frozen=True)
class ColumnGuess:
    """The drafted variable of a raw column; its availability is not known."""

    variable: Variable
    names_cases: bool = False
    names_patients: bool = False
    decimal_comma: bool = False
    open_point: str = ""

    def renamed(self, name: str) -> ColumnGuess:
        """The same guess under another variable name; the raw column stays the source."""
        return replace(self, variable=replace(self.variable, name=name, source=self.variable.column))


def guess_column(header: str, cells: list[str | None]) -> ColumnGuess:
    """The likely variable of a raw column from its header and its raw text (None where empty)."""
    name, unit = _name_and_unit(header)
    known = [cell for cell in cells if cell is not None and cell not in STANDARD_MISSING]
    identifies = _identifies(name, cells, known)
    guess = ColumnKind(VariableKind.TEXT) if identifies else column_kind(known)
    numeric = guess.kind is VariableKind.NUMERIC
    variable = Variable(
        name=name,
        kind=guess.kind,
        label=header,
        unit=unit if numeric else "",
        choices=tuple(Choice(code, code) for code in guess.codes),
        roles=frozenset({Role.IDENTIFIER} if identifies else _roles(name, guess.kind)),
        source=header if header != name else "",
        note=guess.remark,
    )
    alone = identifies and len(known) == len(cells) == len(set(known))
    patients = identifies and bool(_PATIENT.search(name))
    return ColumnGuess(
        variable, alone, patients, guess.decimal_comma, f"{guess.open_point} {name}" if guess.open_point else ""
    )


def _name_and_unit(header: str) -> tuple[str, str]:
    bracket = re.search(r"[(\[]([^)\]]+)[)\]]\s*$", header)
    plain = header[: bracket.start()] if bracket else header
    latin = unicodedata.normalize("NFKD", plain.replace("ß", "ss"))
    plain = "".join(sign for sign in latin if not unicodedata.combining(sign))
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


def _roles(name: str, kind: VariableKind) -> set[Role]:
    if _SITE.search(name) and kind in (VariableKind.CATEGORICAL, VariableKind.TEXT):
        return {Role.SITE}
    return {Role.ENDPOINT} if _OUTCOME.search(name) and kind in PREDICTOR_KINDS else set()
