"""How each synthetic hospital writes its table: its own column names, spellings and signs for "not recorded".

Units are the same everywhere: a dictionary in another unit is refused by `outcome validate`, so site B hands over its
creatinine converted from µmol/L. Names, labels and missing codes may differ; the dictionary says how.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from outcome.dictionary import Choice, Variable

PLAIN_TABLE = "{format: csv, path: table.csv}"
TABLES = {"C": '{format: csv, path: table.csv, separator: ";", decimal: ","}'}
NOTE = "made-up patients; the mechanism is known, and truth.json holds it"
NOTES = {"B": f"{NOTE}; creatinine was converted from µmol/L by the hospital before hand-over"}


@dataclass(frozen=True)
class Spelling:
    """One column as a hospital writes it: `labels` are its words for the codes, `missing` its sign for a gap."""

    source: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""
    unit: str = ""


SPELLINGS: Mapping[str, Mapping[str, Spelling]] = {
    "B": {
        "sex": Spelling("gender", {"male": "M", "female": "F"}),
        "diabetes": Spelling("dm", {"yes": "1", "no": "0"}),
        "creatinine_mg_dl": Spelling("crea_converted", missing="-9", unit="mg/dl"),
        "smoking": Spelling(missing="unknown"),
    },
    "C": {
        "age_years": Spelling("alter"),
        "sex": Spelling("geschlecht", {"male": "männlich", "female": "weiblich"}),
        "asa_class": Spelling("asa", {"1": "ASA I", "2": "ASA II", "3": "ASA III", "4": "ASA IV"}),
        "diabetes": Spelling(labels={"yes": "Y", "no": "N"}),
        "haemoglobin_g_dl": Spelling(missing="n.d."),
        "smoking": Spelling(missing="k.A."),
    },
}


def as_described(variables: Iterable[Variable], site: str) -> tuple[Variable, ...]:
    """The dictionary of a site: the same variables, with its names, labels, unit spellings and missing codes."""
    known = SPELLINGS.get(site, {})
    return tuple(_described(variable, known.get(variable.name)) for variable in variables)


def as_written(table: pd.DataFrame, site: str) -> bytes:
    """A site's table file. `table` has one column a variable; the gaps become what the site writes for them."""
    written, comma = table.copy(), site in TABLES
    for name, spelling in SPELLINGS.get(site, {}).items():
        if spelling.labels:
            written[name] = written[name].map(dict(spelling.labels))
        if spelling.missing:
            written[name] = [_cell(value, spelling.missing, comma=comma) for value in written[name]]
    written = written.rename(columns={name: s.source for name, s in SPELLINGS.get(site, {}).items() if s.source})
    text = written.to_csv(index=False, sep=";" if comma else ",", decimal="," if comma else ".", lineterminator="\n")
    return text.encode()


def _cell(value: object, missing: str, *, comma: bool) -> str:
    text = missing if pd.isna(value) else str(value)  # type: ignore[call-overload]
    return text.replace(".", ",") if comma and isinstance(value, float) and text != missing else text


def _described(variable: Variable, spelling: Spelling | None) -> Variable:
    if spelling is None:
        return variable
    choices = tuple(Choice(c.code, spelling.labels.get(c.code, c.label)) for c in variable.choices)
    missing = (spelling.missing,) if spelling.missing else ()
    unit = spelling.unit or variable.unit
    return replace(variable, source=spelling.source, choices=choices, missing_codes=missing, unit=unit)
