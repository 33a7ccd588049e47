"""REDCap's data dictionary CSV: one row to a `Variable` and back, with the problems of each row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from outcome.dictionary.nearest import nearest
from outcome.dictionary.tags import Annotation, read_annotation, write_annotation
from outcome.dictionary.variable import Availability, Choice, Range, Role, Variable, VariableKind

NAME, FORM, SECTION = "Variable / Field Name", "Form Name", "Section Header"
TYPE, LABEL, CHOICES = "Field Type", "Field Label", "Choices, Calculations, OR Slider Labels"
NOTE, VALIDATION = "Field Note", "Text Validation Type OR Show Slider Number"
MINIMUM, MAXIMUM, IDENTIFIER = "Text Validation Min", "Text Validation Max", "Identifier?"
ANNOTATION = "Field Annotation"
HEADER = (
    NAME, FORM, SECTION, TYPE, LABEL, CHOICES, NOTE, VALIDATION, MINIMUM, MAXIMUM, IDENTIFIER,
    "Branching Logic (Show field only if...)", "Required Field?", "Custom Alignment",
    "Question Number (surveys only)", "Matrix Group Name", "Matrix Ranking?", ANNOTATION,
)  # fmt: skip
TODO = "TODO"

_NUMBER_TYPES = ("calc", "slider")
_TEXT_TYPES = ("notes", "file")
_KINDS: Mapping[str, VariableKind] = {
    "yesno": VariableKind.BOOLEAN,
    "truefalse": VariableKind.BOOLEAN,
    "radio": VariableKind.CATEGORICAL,
    "dropdown": VariableKind.CATEGORICAL,
    **dict.fromkeys(_NUMBER_TYPES, VariableKind.NUMERIC),
    **dict.fromkeys(_TEXT_TYPES, VariableKind.TEXT),
}
_DEFAULT_FORM = "cases"  # REDCap refuses a row without a form
_DEFAULT_TYPES: Mapping[VariableKind, tuple[str, str]] = {
    VariableKind.NUMERIC: ("text", "number"),
    VariableKind.BOOLEAN: ("yesno", ""),
    VariableKind.CATEGORICAL: ("radio", ""),
    VariableKind.TEXT: ("text", ""),
    VariableKind.DATE: ("text", "date_ymd"),
}
E = TypeVar("E", Role, Availability)
_NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")


class RowProblem(ValueError):
    """One dictionary row that cannot be understood; the message says why."""


def read_row(row: Mapping[str, str]) -> Variable:
    """The variable that one row of a REDCap dictionary describes. Raises RowProblem with every problem of the row."""
    annotation = read_annotation(row[ANNOTATION])
    problems = list(annotation.problems)
    if not _NAME_PATTERN.fullmatch(row[NAME]):
        problems.append(f"variable name {row[NAME]!r} must be lower-case letters, digits and underscores")
    try:
        variable = _variable(row, annotation)
    except ValueError as error:
        problems.append(str(error))
    if problems:
        raise RowProblem("; ".join(problems))
    return variable


def write_row(variable: Variable) -> dict[str, str]:
    """The REDCap row of a variable; a row that was read comes back with the same meaning."""
    tags = {
        "UNIT": variable.unit,
        "AVAILABILITY": variable.availability.value,
        "ROLE": ",".join(role.value for role in Role if role in variable.roles),
        "PLAUSIBLE": _range_text(variable.plausible_range),
        "SOURCE": variable.source,
        "MISSING": ",".join(variable.missing_codes),
        "BLOCK": variable.block,
    }
    kept = {name: value for name, value in tags.items() if value}
    flags = {"MODIFIABLE": variable.modifiable, "ORDERED": variable.ordered}
    kept |= {name: "" for name, said in flags.items() if said}
    row = {
        **dict.fromkeys(HEADER, ""),
        FORM: _DEFAULT_FORM,
        **variable.other,
        NAME: variable.name,
        TYPE: variable.field_type or _DEFAULT_TYPES[variable.kind][0],
        LABEL: variable.label,
        NOTE: variable.note,
        VALIDATION: variable.validation or ("" if variable.field_type else _DEFAULT_TYPES[variable.kind][1]),
        IDENTIFIER: "y" if variable.is_identifier else "",
        ANNOTATION: write_annotation(kept, variable.other_annotation),
    }
    if variable.kind is VariableKind.NUMERIC:
        row[MINIMUM], row[MAXIMUM] = (_number_text(end) for end in (variable.hard_range.low, variable.hard_range.high))
    if variable.kind is VariableKind.CATEGORICAL:
        row[CHOICES] = " | ".join(f"{choice.code}, {choice.label}" for choice in variable.choices)
    return {name: row[name] for name in HEADER}


def rows_csv(rows: Iterable[Mapping[str, str]]) -> str:
    """REDCap rows as the text of a dictionary file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, HEADER, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _variable(row: Mapping[str, str], annotation: Annotation) -> Variable:
    tags, kind = annotation.tags, _kind(row[TYPE], row[VALIDATION])
    roles = {_word(Role, word, "role") for word in _list(tags.get("ROLE", ""))}
    if row[IDENTIFIER].strip().lower() in ("y", "yes"):
        roles.add(Role.IDENTIFIER)
    numeric = kind is VariableKind.NUMERIC
    return Variable(
        name=row[NAME],
        kind=kind,
        label=row[LABEL],
        unit=tags.get("UNIT", ""),
        choices=_choices(row[CHOICES]) if kind is VariableKind.CATEGORICAL else (),
        hard_range=Range(_number(row[MINIMUM], MINIMUM), _number(row[MAXIMUM], MAXIMUM)) if numeric else Range(),
        plausible_range=_plausible(tags.get("PLAUSIBLE", "")),
        availability=_word(Availability, tags.get("AVAILABILITY", "postoperative"), "availability"),
        roles=frozenset(roles),
        modifiable="MODIFIABLE" in tags,
        ordered="ORDERED" in tags,
        source=tags.get("SOURCE", ""),
        missing_codes=_list(tags.get("MISSING", "")),
        note=row[NOTE],
        block=tags.get("BLOCK", ""),
        field_type=row[TYPE],
        validation=row[VALIDATION],
        other={name: row[name] for name in HEADER if row[name]},
        other_annotation=annotation.rest,
    )


def _kind(field_type: str, validation: str) -> VariableKind:
    if field_type == "checkbox":
        raise RowProblem(
            "a checkbox is exported as one column a choice; describe each of those columns by a yesno row of its own"
        )
    if field_type != "text":
        if field_type not in _KINDS:
            raise RowProblem(f"unknown field type {field_type!r} ({nearest(field_type, ('text', *_KINDS))})")
        return _KINDS[field_type]
    if validation.startswith(("number", "integer")):
        return VariableKind.NUMERIC
    return VariableKind.DATE if validation.startswith("date") else VariableKind.TEXT


def _choices(text: str) -> tuple[Choice, ...]:
    pairs = [part.partition(",") for part in text.split("|") if part.strip()]
    bad = [code.strip() for code, comma, _ in pairs if not comma]
    if bad or not pairs:
        raise RowProblem(f"choices are written 'code, label | code, label', found {text!r}")
    return tuple(Choice(code.strip(), label.strip()) for code, _, label in pairs)


def _plausible(text: str) -> Range:
    if not text:
        return Range()
    low, dots, high = text.partition("..")
    if not dots:
        raise RowProblem(f"@PLAUSIBLE is written 'low..high' (either may be left out), found {text!r}")
    return Range(_number(low, "@PLAUSIBLE"), _number(high, "@PLAUSIBLE"))


def _number(text: str, where: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise RowProblem(f"{where} must be a number, found {text!r}") from None


def _word(kind: type[E], word: str, what: str) -> E:
    try:
        return kind(word)
    except ValueError:
        raise RowProblem(f"unknown {what} {word!r} ({nearest(word, [member.value for member in kind])})") from None


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _number_text(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"


def _range_text(limits: Range) -> str:
    return f"{_number_text(limits.low)}..{_number_text(limits.high)}" if limits else ""
